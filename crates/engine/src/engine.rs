//! The loop that every embedding shares: catch up, decide, commit; again when somebody was faster.

use std::collections::BTreeMap;

use thiserror::Error;
use tollhouse_core::entity::Run;
use tollhouse_core::{Actor, Commit, RecordId, RunId, Stream, Timestamp};
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
    /// When the newest event was: no decision is made before it, whatever a clock that was set back says.
    newest_at: Timestamp,
}

impl<S: Store> Engine<S> {
    /// Opens the engine for one run, which may not be there yet.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn open(store: S, run: RunId) -> Result<Self, EngineError> {
        // The position first: an event that comes between the two reads is seen twice, and passed over.
        let (position, newest_at) = newest(&store)?;
        let stream = Stream::Run(run);
        let seqs = BTreeMap::from([(stream, newest_seq(&store, stream, position)?)]);
        let view = View::load(&store, run)?;
        Ok(Self { store, scope: Scope::Run(run), view, position, seqs, newest_at })
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
        let view = fleet::load(&store, newest_at)?;
        let streams = view.all::<Run>().map(|run| Stream::Run(run.id)).chain([Stream::Project]);
        let seqs = streams.map(|stream| Ok((stream, newest_seq(&store, stream, position)?)));
        let seqs = seqs.collect::<Result<_, StoreError>>()?;
        Ok(Self { store, scope: Scope::Fleet, view, position, seqs, newest_at })
    }

    /// Opens the engine for what belongs to no run. Its view begins empty and holds what this engine makes.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn open_project(store: S) -> Result<Self, EngineError> {
        let (position, newest_at) = newest(&store)?;
        let (view, seqs) = (View::default(), BTreeMap::new());
        Ok(Self { store, scope: Scope::Project, view, position, seqs, newest_at })
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

    /// Brings the view up to date; the answer is the events that did it.
    ///
    /// # Errors
    /// The ledger cannot be read, or an event does not follow from what is known.
    pub fn catch_up(&mut self) -> Result<Vec<tollhouse_core::Event>, EngineError> {
        let stream = match self.scope {
            Scope::Run(run) => Some(Stream::Run(run)),
            Scope::Project => Some(Stream::Project),
            Scope::Fleet => None,
        };
        let events = self.store.events(&Cursor { after: self.position, stream, ..Cursor::default() })?;
        for event in &events {
            let is_of_view = match self.scope {
                Scope::Run(_) => true,
                // Of what belongs to no run, only what this engine saw from its beginning is in its view.
                Scope::Project => event.version == 1 || self.view.knows(event.record),
                Scope::Fleet => fleet::takes_in(&self.view, event),
            };
            if is_of_view {
                self.view.apply(event)?;
            }
            self.position = event.position;
            self.seqs.insert(event.stream, event.seq);
            self.newest_at = self.newest_at.max(event.at);
        }
        Ok(events)
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

    /// Carries out a command: all that follows from it is on the ledger when this returns. The answer is the events
    /// that came since the last call, its own included.
    ///
    /// # Errors
    /// The command is refused, or the store fails; then nothing changed.
    pub fn execute(
        &mut self,
        command: &Command,
        actor: &Actor,
        at: At,
    ) -> Result<Vec<tollhouse_core::Event>, EngineError> {
        let mut seen = Vec::new();
        for _ in 0..STALE_RETRIES_MAX {
            seen.append(&mut self.catch_up()?);
            let at = At { now: at.now.max(self.newest_at), ..at };
            let decision = decide(&self.view, command, at)?;
            if decision.changes.is_empty() {
                return Ok(seen);
            }
            let commit = Commit {
                id: format!("{}-{:016x}", at.now.as_micros(), at.seed),
                at: at.now,
                actor: actor.clone(),
                trace: Some(trace_of(self.stream(&decision))),
                follows: self.follows(&decision),
                relies_on: decision.relies_on,
                changes: decision.changes,
            };
            match self.store.commit(&commit) {
                Ok(_) => {
                    seen.append(&mut self.catch_up()?);
                    return Ok(seen);
                }
                Err(CommitError::Stale { .. } | CommitError::Overtaken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommitError::Backend(StoreError::Busy { op: "commit" }).into())
    }
}

/// The newest position of a ledger, and when that was.
fn newest(store: &impl Store) -> Result<(u64, Timestamp), StoreError> {
    let newest = store.events(&Cursor { limit: Some(1), order: Order::Newest, ..Cursor::default() })?;
    Ok(newest.last().map_or((0, Timestamp::EPOCH), |event| (event.position, event.at)))
}

/// The place of the newest event of a stream that does not lie behind a position.
fn newest_seq(store: &impl Store, stream: Stream, position: u64) -> Result<u64, StoreError> {
    let own = Cursor { stream: Some(stream), limit: Some(1), order: Order::Newest, ..Cursor::default() };
    // One that lies behind it comes when the view catches up.
    Ok(store.events(&own)?.last().filter(|event| event.position <= position).map_or(0, |event| event.seq))
}

/// The W3C trace id of a stream: made from its name, so that whoever knows the run knows the trace.
pub fn trace_of(stream: Stream) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(stream.to_string().as_bytes());
    digest[..16].iter().fold(String::with_capacity(32), |text, byte| format!("{text}{byte:02x}"))
}

/// The next time at which a run wants to be looked at, if nothing else happens: a deadline, its own included, the end of a
/// backoff, or when it counts as stuck.
pub fn next_deadline(view: &View, run: RunId) -> Option<Timestamp> {
    view.next_task_deadline(run).into_iter().chain(decide::next_deadline(view, run)).min()
}
