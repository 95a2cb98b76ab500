//! The loop that every embedding shares: catch up, decide, commit; again when somebody was faster.

use thiserror::Error;
use tollhouse_core::{Actor, Commit, Kind, RecordId, RunId, Stream, Timestamp};
use tollhouse_state::{CommitError, Cursor, Order, Store, StoreError};

use crate::command::{At, Command};
use crate::decide::decide;
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

/// The engine over a store: one run's view, kept up to date.
#[derive(Debug)]
pub struct Engine<S> {
    store: S,
    stream: Stream,
    view: View,
    position: u64,
    /// The place of the newest event of the stream that the view has.
    seq: u64,
    /// The position up to which the breakers of the run's agents are up to date; absent while the run is not known.
    breakers: Option<u64>,
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
        let newest = store.events(&Cursor { limit: Some(1), order: Order::Newest, ..Cursor::default() })?;
        let position = newest.last().map_or(0, |event| event.position);
        let stream = Stream::Run(run);
        let own = Cursor { stream: Some(stream), limit: Some(1), order: Order::Newest, ..Cursor::default() };
        let seq = store.events(&own)?.last().filter(|event| event.position <= position).map_or(0, |event| event.seq);
        let view = View::load(&store, run)?;
        let newest_at = newest.last().map_or(Timestamp::EPOCH, |event| event.at);
        let breakers = view.knows(run.into()).then_some(position);
        Ok(Self { store, stream, view, position, seq, breakers, newest_at })
    }

    /// Opens the engine for what belongs to no run. Its view begins empty and holds what this engine makes.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn open_project(store: S) -> Result<Self, EngineError> {
        let newest = store.events(&Cursor { limit: Some(1), order: Order::Newest, ..Cursor::default() })?;
        let position = newest.last().map_or(0, |event| event.position);
        let newest_at = newest.last().map_or(Timestamp::EPOCH, |event| event.at);
        Ok(Self { store, stream: Stream::Project, view: View::default(), position, seq: 0, breakers: None, newest_at })
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

    /// Brings the view up to date; the answer is the events that did it. Where one of them is of a circuit breaker, which other runs
    /// move, too, something may be free to begin: [`Command::Tick`] has it begun.
    ///
    /// # Errors
    /// The ledger cannot be read, or an event does not follow from what is known.
    pub fn catch_up(&mut self) -> Result<Vec<tollhouse_core::Event>, EngineError> {
        let stream = Some(self.stream);
        let events = self.store.events(&Cursor { after: self.position, stream, ..Cursor::default() })?;
        for event in &events {
            // Of what belongs to no run, only what this engine saw from its beginning is in its view.
            if self.stream != Stream::Project || event.version == 1 || self.view.knows(event.record) {
                self.view.apply(event)?;
            }
            self.position = event.position;
            self.seq = event.seq;
            self.newest_at = self.newest_at.max(event.at);
        }
        let of_breakers = self.follow_breakers()?;
        Ok(events.into_iter().chain(of_breakers).collect())
    }

    /// Brings the breakers of the run's agents up to date.
    fn follow_breakers(&mut self) -> Result<Vec<tollhouse_core::Event>, EngineError> {
        let Stream::Run(run) = self.stream else { return Ok(Vec::new()) };
        let Some(after) = self.breakers else {
            if self.view.knows(run.into()) {
                // The run was just made: its agents may have been at work for others.
                self.view.load_breakers(&self.store, run)?;
                self.breakers = Some(self.position);
            }
            return Ok(Vec::new());
        };
        let (stream, kind) = (Some(Stream::Project), Some(Kind::Breaker));
        let mut events = self.store.events(&Cursor { after, stream, kind, ..Cursor::default() })?;
        let newest = events.last().map_or(after, |event| event.position);
        // Whatever came before the newest event of the run's own, which was read first, was read here.
        self.breakers = Some(newest.max(self.position));
        if events.is_empty() {
            return Ok(events);
        }
        let own = self.view.breaker_ids(run);
        events.retain(|event| own.contains(&event.record));
        for event in &events {
            self.view.apply(event)?;
            self.newest_at = self.newest_at.max(event.at);
        }
        Ok(events)
    }

    /// What a decision on this view rests on as a whole. A run is decided on as a set; what belongs to no run stands alone,
    /// and each decision names the records that it read.
    fn follows(&self) -> Option<(Stream, u64)> {
        matches!(self.stream, Stream::Run(_)).then_some((self.stream, self.seq))
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
                trace: Some(trace_of(self.stream)),
                relies_on: decision.relies_on,
                follows: self.follows(),
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

/// The W3C trace id of a stream: made from its name, so that whoever knows the run knows the trace.
pub fn trace_of(stream: Stream) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(stream.to_string().as_bytes());
    digest[..16].iter().fold(String::with_capacity(32), |text, byte| format!("{text}{byte:02x}"))
}

/// The next time at which a run wants to be looked at, if nothing else happens: a deadline or the end of a backoff.
pub fn next_deadline(view: &View, run: RunId) -> Option<Timestamp> {
    view.next_deadline(run)
}
