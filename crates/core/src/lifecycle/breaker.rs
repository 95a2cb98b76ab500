//! The lifecycle of an agent's circuit breaker.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::Breaker;
use crate::id::{AttemptId, Kind};
use crate::tagged::tagged;
use crate::time::Timestamp;

states! {
    /// Where a circuit breaker is.
    BreakerState of Kind::Breaker, {
        /// Its agent is asked.
        Closed = "closed",
        /// Its agent is not asked.
        Open = "open",
        /// One trial is out, and decides alone.
        HalfOpen = "half_open",
    }
    finished {} terminal {}
}

/// What can happen to a circuit breaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum BreakerEvent {
    /// It was made.
    Created {
        /// As it was made.
        breaker: Box<Breaker>,
    },
    /// An attempt of the agent failed. Moves no state.
    Fail {
        /// Why.
        reason: String,
    },
    /// An attempt of the agent ended well. Moves no state.
    Succeed,
    /// Too many failed in a row, or the agent's provider asks to slow down.
    Trip {
        /// When a trial may go.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// One trial goes.
    Probe {
        /// The trial.
        attempt: AttemptId,
    },
    /// The trial ended well.
    Close,
    /// The trial ended in any other way.
    Reopen {
        /// When the next one may go.
        until: Timestamp,
        /// How it ended.
        reason: String,
    },
    /// The agent's provider asks for longer. Moves no state.
    Extend {
        /// When a trial may go.
        until: Timestamp,
        /// What it said.
        reason: String,
    },
}

tagged!(BreakerEvent, "event");

impl BreakerEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Fail { .. } => "fail",
            Self::Succeed => "succeed",
            Self::Trip { .. } => "trip",
            Self::Probe { .. } => "probe",
            Self::Close => "close",
            Self::Reopen { .. } => "reopen",
            Self::Extend { .. } => "extend",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Fail { reason }
            | Self::Trip { reason, .. }
            | Self::Reopen { reason, .. }
            | Self::Extend { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

impl BreakerState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &BreakerEvent) -> Result<Self, IllegalTransition> {
        use BreakerEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Closed,
            (Some(Self::Closed), E::Fail { .. } | E::Succeed) => Self::Closed,
            (Some(Self::Closed), E::Trip { .. }) => Self::Open,
            (Some(Self::Open), E::Extend { .. }) => Self::Open,
            (Some(Self::Open), E::Probe { .. }) => Self::HalfOpen,
            (Some(Self::HalfOpen), E::Close) => Self::Closed,
            (Some(Self::HalfOpen), E::Reopen { .. }) => Self::Open,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
