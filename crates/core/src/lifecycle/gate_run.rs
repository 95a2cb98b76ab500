//! The lifecycle of a gate run: one execution of a gate on one tree.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::{GateEnd, GateRun};
use crate::id::Kind;
use crate::tagged::tagged;

states! {
    /// Where a gate run is.
    GateRunState of Kind::GateRun, {
        /// To be run.
        Pending = "pending",
        /// A gate it needs has not passed yet.
        Blocked = "blocked",
        /// Its program runs, or is about to.
        Running = "running",
        /// Exit status as expected and every criterion met.
        Passed = "passed",
        /// It ran, and the answer is no.
        Failed = "failed",
        /// It could not be judged.
        Error = "error",
        /// It was not run. Never counts as passed.
        Skipped = "skipped",
    }
    finished { Passed, Failed, Error, Skipped } terminal { Passed, Failed, Error, Skipped }
}

/// What can happen to a gate run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum GateRunEvent {
    /// It was asked for.
    Created {
        /// As it was made.
        gate_run: Box<GateRun>,
    },
    /// Its program begins.
    Start,
    /// A gate it needs has not passed.
    Hold {
        /// The names of the gates.
        blocked_by: Vec<String>,
    },
    /// They have.
    Release,
    /// It is not run.
    Skip {
        /// Why.
        reason: String,
    },
    /// The answer is yes.
    Pass {
        /// What is known of it.
        end: Box<GateEnd>,
    },
    /// The answer is no.
    Fail {
        /// What is known of it.
        end: Box<GateEnd>,
    },
    /// There is no answer.
    Break {
        /// What is known of it.
        end: Box<GateEnd>,
    },
}

tagged!(GateRunEvent, "event");

impl GateRunEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Start => "start",
            Self::Hold { .. } => "hold",
            Self::Release => "release",
            Self::Skip { .. } => "skip",
            Self::Pass { .. } => "pass",
            Self::Fail { .. } => "fail",
            Self::Break { .. } => "break",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Skip { reason } => Some(reason),
            Self::Fail { end } | Self::Break { end } => end.reason.as_deref(),
            _ => None,
        }
    }
}

impl GateRunState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &GateRunEvent) -> Result<Self, IllegalTransition> {
        use GateRunEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Pending,
            (Some(Self::Pending), E::Start) => Self::Running,
            (Some(Self::Pending), E::Hold { .. }) => Self::Blocked,
            (Some(Self::Blocked), E::Release) => Self::Pending,
            (Some(Self::Pending | Self::Blocked), E::Skip { .. }) => Self::Skipped,
            (Some(Self::Running), E::Pass { .. }) => Self::Passed,
            (Some(Self::Running), E::Fail { .. }) => Self::Failed,
            (Some(Self::Running), E::Break { .. }) => Self::Error,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
