//! The loop that every embedding shares: catch up, decide, commit; again when somebody was faster.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use tollhouse_core::entity::Run;
use tollhouse_core::{Actor, Commit, Event, RecordId, RunId, Stream, Timestamp, body_digest};
use tollhouse_state::{CommitError, Cursor, Order, Store, StoreError};

use crate::command::{At, Command};
use crate::decide::{self, Decision, decide};
use crate::fleet;
use crate::refusal::Refusal;
use crate::view::{View, ViewError};

/// How often a decision is made anew because somebody was faster. More is no bad luck any more but a mistake.
const STALE_RETRIES_MAX: u32 = 64;

/// A command that was not carried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// It was turned down.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store did not take the commit.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The ledger cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl EngineError {
    /// The stable code, the same in the command line, in Python and in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Commit(error) => error.code(),
            Self::View(error) => error.code(),
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.hint(),
            Self::Commit(error) => error.hint(),
            Self::View(error) => error.hint(),
        }
    }

    /// What the store said, where it was the store.
    pub const fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Commit(CommitError::Backend(error)) | Self::View(ViewError::Store(error)) => Some(error),
            _ => None,
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::View(error.into())
    }
}

/// What the view of an engine holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// One run.
    Run(RunId),
    /// Some of what belongs to no run.
    Project,
    /// The shared workers and the runs that share them.
    Fleet,
}

/// The engine over a store: one run's view, or that of all shared workers, kept up to date.
#[derive(Debug)]
pub struct Engine<S> {
    store: S,
    scope: Scope,
    view: View,
    position: u64,
    /// The place of the newest event of each stream that the view has.
    seqs: BTreeMap<Stream, u64>,
    /// The position up to which the breakers of the run's agents are up to date; absent while the run is not known.
    breakers: Option<u64>,
    /// When the newest event was: no decision is made before it, whatever a clock that was set back says.
    newest_at: Timestamp,
    /// What came and was not told yet, because a call ended with an error.
    untold: Vec<Event>,
    /// The commits of which the store did not say whether they were made, by id.
    unsure: BTreeMap<String, Came>,
}

/// Whether the events of a commit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    NotYet,
    Already,
}

impl<S: Store> Engine<S> {
    /// Opens the engine for one run, which may not be there yet.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn open(store: S, run: RunId) -> Result<Self, EngineError> {
        // The position first: an event that comes between the two reads is seen twice, and passed over.
        let (position, newest_at) = newest(&store)?;
        let mut engine = Self::at(store, Scope::Run(run), position, newest_at);
        engine.know(Stream::Run(run))?;
        engine.view = View::load(&engine.store, run)?;
        engine.breakers = engine.view.knows(run.into()).then_some(position);
        Ok(engine)
    }

    /// Opens the engine for all shared workers and the runs that share them: for [`Command::RegisterWorker`],
    /// [`Command::LookAtWorker`], [`Command::OverrideWorker`] and [`Command::Work`], for what shared workers claim and report, and
    /// for a [`Command::Tick`] that may find a run stuck. Its view takes in runs that are made later; it keeps what is finished
    /// until it is opened anew.
    ///
    /// Each commit follows only what its decision rests on as a set: a registration the project's stream, for the name has to be
    /// free; what is settled in a run the stream of that run. A lease follows none. It relies on the worker, the task and every run
    /// that shares workers, and that is enough: under way in a run is only ever more after another lease, which moves the run, and
    /// what takes a task out of the queue moves the task. So workers in several programs get work without waiting for what
    /// else goes on in their runs.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn open_fleet(store: S) -> Result<Self, EngineError> {
        let (position, newest_at) = newest(&store)?;
        let mut engine = Self::at(store, Scope::Fleet, position, newest_at);
        engine.view = fleet::load(&engine.store, newest_at)?;
        let runs: Vec<RunId> = engine.view.all::<Run>().map(|run| run.id).collect();
        for stream in runs.into_iter().map(Stream::Run).chain([Stream::Project]) {
            engine.know(stream)?;
        }
        Ok(engine)
    }

    /// Opens the engine for what belongs to no run. Its view begins empty and holds what this engine makes.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn open_project(store: S) -> Result<Self, EngineError> {
        let (position, newest_at) = newest(&store)?;
        let mut engine = Self::at(store, Scope::Project, position, newest_at);
        engine.know(Stream::Project)?;
        Ok(engine)
    }

    fn at(store: S, scope: Scope, position: u64, newest_at: Timestamp) -> Self {
        let (view, seqs, breakers) = (View::default(), BTreeMap::new(), None);
        Self { store, scope, view, position, seqs, breakers, newest_at, untold: Vec::new(), unsure: BTreeMap::new() }
    }

    /// Notes where a stream stands, of what does not lie behind the position, and when its newest event was: that may be later
    /// than the newest of all where a clock was set back meanwhile.
    fn know(&mut self, stream: Stream) -> Result<(), EngineError> {
        let own = Cursor { stream: Some(stream), limit: Some(1), order: Order::Newest, ..Cursor::default() };
        let newest = self.store.events(&own)?.pop();
        self.newest_at = newest.as_ref().map_or(self.newest_at, |event| self.newest_at.max(event.at));
        // One that lies behind it comes when the view catches up.
        let seq = newest.filter(|event| event.position <= self.position).map_or(0, |event| event.seq);
        self.seqs.insert(stream, seq);
        Ok(())
    }

    /// Opens the engine for some records that belong to no run.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn open_project_with(store: S, ids: &[RecordId]) -> Result<Self, EngineError> {
        let mut engine = Self::open_project(store)?;
        engine.view = View::of(&engine.store, ids)?;
        Ok(engine)
    }

    /// The records as of the last command or [`catch_up`](Self::catch_up).
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// The store below.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The position in the ledger up to which the view is up to date.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// When the newest event was that is known here. No decision is made for an earlier time.
    pub const fn newest_at(&self) -> Timestamp {
        self.newest_at
    }

    /// Brings the view up to date; the answer is the events that came since a call last told any. What came before a call ended
    /// with an error is told by the next one. Where one of them is of a circuit breaker, which other runs move, too, something may
    /// be free to begin: [`Command::Tick`] has it begun.
    ///
    /// # Errors
    /// The ledger cannot be read, or an event does not follow from what is known.
    pub fn catch_up(&mut self) -> Result<Vec<Event>, EngineError> {
        self.read_on()?;
        Ok(std::mem::take(&mut self.untold))
    }

    fn read_on(&mut self) -> Result<(), EngineError> {
        let stream = match self.scope {
            Scope::Run(run) => Some(Stream::Run(run)),
            Scope::Project => Some(Stream::Project),
            Scope::Fleet => None,
        };
        for event in self.store.events(&Cursor { after: self.position, stream, ..Cursor::default() })? {
            let is_of_view = match self.scope {
                Scope::Run(_) => true,
                // Of what belongs to no run, only what this engine saw from its beginning is in its view.
                Scope::Project => event.version == 1 || self.view.knows(event.record),
                Scope::Fleet => fleet::takes_in(&self.view, &event),
            };
            if is_of_view {
                self.view.apply(&event)?;
            }
            self.position = event.position;
            self.seqs.insert(event.stream, event.seq);
            self.newest_at = self.newest_at.max(event.at);
            if let Some(came) = self.unsure.get_mut(&event.commit) {
                *came = Came::Already;
            }
            self.untold.push(event);
        }
        self.follow_breakers()
    }

    /// Brings the breakers of the run's agents up to date.
    fn follow_breakers(&mut self) -> Result<(), EngineError> {
        let Scope::Run(run) = self.scope else { return Ok(()) };
        let Some(after) = self.breakers else {
            if self.view.knows(run.into()) {
                // The run was just made: its agents may have been at work for others.
                self.view.load_breakers(&self.store, run)?;
                let newest =
                    Cursor { stream: Some(Stream::Project), limit: Some(1), order: Order::Newest, ..Cursor::default() };
                let newest = self.store.events(&newest)?;
                self.newest_at = newest.last().map_or(self.newest_at, |event| self.newest_at.max(event.at));
                self.breakers = Some(self.position);
            }
            return Ok(());
        };
        // Also of what is none: a decision that moves a breaker comes after all that the project's stream holds.
        let events = self.store.events(&Cursor { after, stream: Some(Stream::Project), ..Cursor::default() })?;
        self.newest_at = events.iter().map(|event| event.at).fold(self.newest_at, Timestamp::max);
        let own = if events.is_empty() { BTreeSet::new() } else { self.view.breaker_ids(run) };
        // Whatever came before the newest event of the run's own, which was read first, was read here.
        self.breakers = Some(events.last().map_or(after, |event| event.position).max(self.position));
        for event in events.into_iter().filter(|event| own.contains(&event.record)) {
            self.view.apply(&event)?;
            self.untold.push(event);
        }
        Ok(())
    }

    /// What a decision on this view rests on as a whole. A run is decided on as a set; what belongs to no run stands alone,
    /// and each decision names the records that it read. Over the fleet, the decision says it.
    fn follows(&self, decision: &Decision) -> Option<(Stream, u64)> {
        let stream = match self.scope {
            Scope::Run(run) => Some(Stream::Run(run)),
            Scope::Project => None,
            Scope::Fleet => decision.follows,
        };
        stream.map(|stream| (stream, self.seqs.get(&stream).copied().unwrap_or(0)))
    }

    /// The run that a decision is about, if it is about one.
    fn stream(&self, decision: &Decision) -> Stream {
        let run = decision.changes.iter().find_map(|change| change.record.run);
        match self.scope {
            Scope::Run(run) => Stream::Run(run),
            Scope::Project => Stream::Project,
            Scope::Fleet => run.map_or(Stream::Project, Stream::Run),
        }
    }

    /// Carries out a command: all that follows from it is on the ledger when this returns. The answer is the events that came
    /// since a call last told any, its own included.
    ///
    /// An `At` is carried out at most once: it is the name of what was asked for. After an error of the store, nobody knows
    /// whether the ledger has it. Then either
    ///
    /// - give the same command with the same `At` to the same engine again: where it was carried out, that is found, and
    ///   nothing is done a second time; where it was not, it is carried out now; or
    /// - call [`catch_up`](Self::catch_up), look at the [`view`](Self::view), and decide anew what to ask for, with an `At`
    ///   of its own. This is also for a program that began anew: to an engine that did not see the error, what was carried
    ///   out already is refused, does nothing, or is [`CommitError::IdReused`].
    ///
    /// ```
    /// use tollhouse_core::{Actor, RunId, Timestamp};
    /// use tollhouse_engine::simulator::{spec, task};
    /// use tollhouse_engine::{At, Command, Engine};
    /// use tollhouse_state::{Call, Fault, FaultStore, MemoryStore, Moment, Told};
    ///
    /// let at = At { now: Timestamp::from_micros(1_700_000_000_000_000), seed: 7 };
    /// let run = RunId::from_parts(at.now, 1);
    /// let mut engine = Engine::open(FaultStore::new(MemoryStore::new()), run)?;
    /// engine.store().fail_nth(Call::Commit, 1, Fault { moment: Moment::After, error: Told::Busy });
    ///
    /// let (spec, started_by) = (Box::new(spec(vec![task("a", &[])], 1)), "ada".to_owned());
    /// let create = Command::CreateRun { run, spec, started_by, legacy: None };
    /// let error = engine.execute(&create, &Actor::Engine, at).unwrap_err();
    /// assert_eq!(error.code(), "busy");
    /// let events = engine.execute(&create, &Actor::Engine, at)?;
    /// assert_eq!(events[0].event.name, "created");
    /// # Ok::<(), tollhouse_engine::EngineError>(())
    /// ```
    ///
    /// # Errors
    /// The command is refused, and nothing changed; or the store fails, and then see above.
    pub fn execute(&mut self, command: &Command, actor: &Actor, at: At) -> Result<Vec<Event>, EngineError> {
        // Of what the caller gave, not of the time that the decision is made for: given again, it is the same.
        // A run with a key is made by the one commit that the key names, so that of two who make it at once one does.
        let id = match command.key() {
            Some(key) => format!("run-key-{}", body_digest(key)),
            None => format!("{}-{:016x}", at.now.as_micros(), at.seed),
        };
        for _ in 0..STALE_RETRIES_MAX {
            self.read_on()?;
            if self.unsure.get(&id) == Some(&Came::Already) {
                return Ok(self.tell(&id));
            }
            let at = At { now: at.now.max(self.newest_at), ..at };
            let decision = decide(&self.view, command, at)?;
            if decision.changes.is_empty() {
                return Ok(self.tell(&id));
            }
            let commit = Commit {
                id: id.clone(),
                at: at.now,
                actor: actor.clone(),
                trace: Some(trace_of(self.stream(&decision))),
                follows: self.follows(&decision),
                relies_on: decision.relies_on,
                changes: decision.changes,
            };
            let came_before = self.unsure.insert(id.clone(), Came::NotYet).is_some();
            match self.store.commit(&commit) {
                Ok(_) => {
                    self.read_on()?;
                    return Ok(self.tell(&id));
                }
                // A store answers a known id before it compares anything: this one is not known.
                Err(CommitError::Stale { .. } | CommitError::Overtaken { .. }) => drop(self.unsure.remove(&id)),
                // What was asked for before got through after all, since the ledger was read.
                Err(CommitError::IdReused { .. }) if came_before => {}
                Err(error @ CommitError::Backend(_)) => return Err(error.into()),
                Err(error) => {
                    self.unsure.remove(&id);
                    return Err(error.into());
                }
            }
        }
        Err(CommitError::Backend(StoreError::Busy { op: "commit" }).into())
    }

    /// The end of a command that was carried out.
    fn tell(&mut self, id: &str) -> Vec<Event> {
        self.unsure.remove(id);
        std::mem::take(&mut self.untold)
    }
}

/// The newest position of a ledger, and when that was.
fn newest(store: &impl Store) -> Result<(u64, Timestamp), StoreError> {
    let newest = store.events(&Cursor { limit: Some(1), order: Order::Newest, ..Cursor::default() })?;
    Ok(newest.last().map_or((0, Timestamp::EPOCH), |event| (event.position, event.at)))
}

/// The W3C trace id of a stream: made from its name, so that whoever knows the run knows the trace.
pub fn trace_of(stream: Stream) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(stream.to_string().as_bytes());
    digest[..16].iter().fold(String::with_capacity(32), |text, byte| format!("{text}{byte:02x}"))
}

/// The next time at which a run wants to be looked at, if nothing else happens: a deadline, its own included, the end of a
/// backoff, that from which a trial of an agent may go, or when it counts as stuck.
pub fn next_deadline(view: &View, run: RunId) -> Option<Timestamp> {
    let of_tasks = view.next_task_deadline(run).into_iter();
    of_tasks.chain(decide::next_trial(view, run)).chain(decide::next_deadline(view, run)).min()
}
