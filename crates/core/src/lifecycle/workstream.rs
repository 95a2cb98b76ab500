//! The lifecycle of a workstream. Its state is derived from its tasks, its gates, its run and what it needs; the events
//! record each change.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::{ErrorClass, Workstream};
use crate::id::Kind;
use crate::tagged::tagged;

states! {
    /// Where a workstream is.
    WorkstreamState of Kind::Workstream, {
        /// Its run has not begun.
        Planned = "planned",
        /// A workstream that it needs is unfinished.
        Blocked = "blocked",
        /// Nothing holds it up; no attempt was made yet.
        Ready = "ready",
        /// An attempt at one of its tasks was made.
        Executing = "executing",
        /// Every task is finished; its own gates decide.
        Validating = "validating",
        /// A task was completed, and its own gates passed.
        Completed = "completed",
        /// A critical task was missed, or its own gates did not pass.
        Failed = "failed",
        /// Ended by a person, or with its run.
        Canceled = "canceled",
        /// Never done: left out, or something it needs was missed.
        Skipped = "skipped",
    }
    finished { Completed, Failed, Canceled, Skipped } terminal { Completed, Failed, Canceled, Skipped }
}

/// What can happen to a workstream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum WorkstreamEvent {
    /// It was made.
    Created {
        /// As it was made.
        workstream: Box<Workstream>,
    },
    /// What it is derived from puts it somewhere else.
    Derive {
        /// Where.
        to: WorkstreamState,
        /// Why, where that needs words.
        reason: Option<String>,
        /// What kind of miss put it there, where one did.
        #[serde(default)]
        class: Option<ErrorClass>,
    },
    /// A person ends it.
    Cancel {
        /// Why.
        reason: String,
    },
    /// A person leaves it out.
    Skip {
        /// Why.
        reason: String,
    },
}

tagged!(WorkstreamEvent, "event");

impl WorkstreamEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Derive { .. } => "derive",
            Self::Cancel { .. } => "cancel",
            Self::Skip { .. } => "skip",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Created { .. } => None,
            Self::Derive { reason, .. } => reason.as_deref(),
            Self::Cancel { reason } | Self::Skip { reason } => Some(reason),
        }
    }
}

impl WorkstreamState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &WorkstreamEvent) -> Result<Self, IllegalTransition> {
        use WorkstreamEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Planned,
            (Some(from), E::Derive { to, .. }) if !from.is_finished() && from != *to && *to != Self::Planned => *to,
            (Some(unfinished), E::Cancel { .. }) if !unfinished.is_finished() => Self::Canceled,
            (Some(unfinished), E::Skip { .. }) if !unfinished.is_finished() => Self::Skipped,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
