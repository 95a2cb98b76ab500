//! The lifecycle of an attempt. Its task's events end it.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::{Attempt, AttemptEnd};
use crate::id::Kind;
use crate::tagged::tagged;

states! {
    /// Where an attempt is.
    AttemptState of Kind::Attempt, {
        /// Its agent is at work, or about to be.
        Running = "running",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended badly.
        Failed = "failed",
        /// Past its deadline, or stalled.
        TimedOut = "timed_out",
        /// Stopped; it does not count.
        Interrupted = "interrupted",
        /// Its worker is gone.
        Lost = "lost",
        /// Ended with its task.
        Canceled = "canceled",
    }
    finished { Succeeded, Failed, TimedOut, Interrupted, Lost, Canceled }
    terminal { Succeeded, Failed, TimedOut, Interrupted, Lost, Canceled }
}

/// What can happen to an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum AttemptEvent {
    /// Its task was leased.
    Created {
        /// As it was made.
        attempt: Box<Attempt>,
    },
    /// Its task got `report_success`.
    Succeed {
        /// What is known of it.
        end: Box<AttemptEnd>,
    },
    /// Its task got `report_failure`.
    Fail {
        /// What is known of it.
        end: Box<AttemptEnd>,
    },
    /// Its task got `overdue`.
    TimeOut {
        /// What is known of it.
        end: Box<AttemptEnd>,
    },
    /// Its task got `interrupt` or `ask`.
    Interrupt {
        /// What is known of it.
        end: Box<AttemptEnd>,
    },
    /// Its task got `lose`.
    Lose {
        /// What is known of it.
        end: Box<AttemptEnd>,
    },
    /// What came to be known of it after its end: it moves no state.
    Record {
        /// What is known of it.
        end: Box<AttemptEnd>,
    },
    /// Its task got `cancel`.
    Cancel {
        /// What is known of it.
        end: Box<AttemptEnd>,
    },
}

tagged!(AttemptEvent, "event");

impl AttemptEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Succeed { .. } => "succeed",
            Self::Fail { .. } => "fail",
            Self::TimeOut { .. } => "time_out",
            Self::Interrupt { .. } => "interrupt",
            Self::Lose { .. } => "lose",
            Self::Cancel { .. } => "cancel",
            Self::Record { .. } => "record",
        }
    }

    /// What is known of its end.
    pub const fn end(&self) -> Option<&AttemptEnd> {
        match self {
            Self::Created { .. } => None,
            Self::Succeed { end }
            | Self::Fail { end }
            | Self::TimeOut { end }
            | Self::Interrupt { end }
            | Self::Lose { end }
            | Self::Record { end }
            | Self::Cancel { end } => Some(end),
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        self.end().and_then(|end| end.reason.as_deref())
    }
}

impl AttemptState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &AttemptEvent) -> Result<Self, IllegalTransition> {
        use AttemptEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Running,
            (Some(Self::Running), E::Succeed { .. }) => Self::Succeeded,
            (Some(Self::Running), E::Fail { .. }) => Self::Failed,
            (Some(Self::Running), E::TimeOut { .. }) => Self::TimedOut,
            (Some(Self::Running), E::Interrupt { .. }) => Self::Interrupted,
            (Some(Self::Running), E::Lose { .. }) => Self::Lost,
            (Some(Self::Running), E::Cancel { .. }) => Self::Canceled,
            (Some(finished), E::Record { .. }) if finished.is_finished() => finished,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
