//! The lifecycle of a cost entry: it is written, and never changed.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::CostEntry;
use crate::id::Kind;
use crate::tagged::tagged;

states! {
    /// Where a cost entry is.
    CostEntryState of Kind::CostEntry, {
        /// Written.
        Recorded = "recorded",
    }
    finished { Recorded } terminal { Recorded }
}

/// What can happen to a cost entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum CostEntryEvent {
    /// It was written.
    Created {
        /// As it was written.
        entry: Box<CostEntry>,
    },
}

tagged!(CostEntryEvent, "event");

impl CostEntryEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Created { entry } => entry.note.as_deref(),
        }
    }
}

impl CostEntryState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &CostEntryEvent) -> Result<Self, IllegalTransition> {
        use CostEntryEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Recorded,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
