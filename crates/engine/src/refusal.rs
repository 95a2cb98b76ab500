//! A command turned down: nothing changed, and here is why.

use thiserror::Error;
use tollhouse_core::RecordId;
use tollhouse_core::lifecycle::IllegalTransition;

/// A command turned down.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is over; a late report moves nothing.
    #[error("{id} is finished: it is {state}")]
    AlreadyFinished {
        /// What is finished.
        id: RecordId,
        /// How it ended.
        state: &'static str,
    },
    /// Somebody else has the right to it now.
    #[error("epoch {given} of {id} is over: {current} is the newest")]
    StaleLease {
        /// What was worked on.
        id: RecordId,
        /// The epoch that was brought.
        given: u64,
        /// The newest epoch.
        current: u64,
    },
    /// The lifecycle has no such transition.
    #[error(transparent)]
    NotInTable(#[from] IllegalTransition),
    /// There is no such record.
    #[error("there is no {id}")]
    NotFound {
        /// What was asked for.
        id: RecordId,
    },
    /// The id names something else.
    #[error("{id} was used before, for other content")]
    IdReused {
        /// The id.
        id: RecordId,
    },
    /// The outcome is not one that the effect can have.
    #[error("effect {id} is a {work}; it cannot end as {outcome}")]
    WrongOutcome {
        /// Which effect.
        id: RecordId,
        /// What it does.
        work: &'static str,
        /// What was reported.
        outcome: &'static str,
    },
}

impl Refusal {
    /// The stable code, the same in the command line, in Python and in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlreadyFinished { .. } => "already_finished",
            Self::StaleLease { .. } => "stale_lease",
            Self::NotInTable(_) => "not_in_table",
            Self::NotFound { .. } => "not_found",
            Self::IdReused { .. } => "id_reused",
            Self::WrongOutcome { .. } => "wrong_outcome",
        }
    }

    /// What the reader can do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::AlreadyFinished { .. } => "nothing is to be done; `toll log` shows how it ended",
            Self::StaleLease { .. } => "stop the work: it was given to somebody else",
            Self::NotInTable(_) => "`toll explain` says what it waits for",
            Self::NotFound { .. } => "`toll runs` and `toll task list` show what there is",
            Self::IdReused { .. } => "use another id",
            Self::WrongOutcome { .. } => "report the outcome of the effect that was claimed",
        }
    }
}
