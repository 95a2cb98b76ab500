//! The lifecycle of an effect: intent, then act, then outcome.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::{Effect, Process};
use crate::id::Kind;
use crate::tagged::tagged;
use crate::time::Timestamp;

states! {
    /// Where an effect is.
    EffectState of Kind::Effect, {
        /// The engine wants it; nobody began.
        Requested = "requested",
        /// A runner is at it.
        Started = "started",
        /// It is done, and its outcome is recorded.
        Done = "done",
        /// It could not be done, or its cause is gone.
        Failed = "failed",
        /// Its runner is gone: somebody has to look at the world.
        Unknown = "unknown",
    }
    finished { Done, Failed } terminal { Done, Failed }
}

/// What can happen to an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum EffectEvent {
    /// The engine wants it.
    Created {
        /// As it was made.
        effect: Box<Effect>,
    },
    /// A runner begins.
    Start {
        /// Which runner.
        owner: String,
        /// The epoch that it was given: only it may finish.
        epoch: u64,
        /// By when it must have ended or been renewed.
        until: Timestamp,
        /// The program that does it, where no conductor answers for it.
        #[serde(default)]
        process: Option<Process>,
    },
    /// Its cause is gone.
    Withdraw {
        /// Why.
        reason: String,
    },
    /// It is done.
    Finish {
        /// Of what was forgotten, the digest of what is left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<String>,
    },
    /// It could not be done.
    Fail {
        /// Why.
        reason: String,
    },
    /// Its runner is dead, or its time is over.
    Lose {
        /// Why.
        reason: String,
    },
    /// The world shows that it was not done.
    Retry {
        /// What was seen.
        reason: String,
    },
}

tagged!(EffectEvent, "event");

impl EffectEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Start { .. } => "start",
            Self::Withdraw { .. } => "withdraw",
            Self::Finish { .. } => "finish",
            Self::Fail { .. } => "fail",
            Self::Lose { .. } => "lose",
            Self::Retry { .. } => "retry",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Withdraw { reason } | Self::Fail { reason } | Self::Lose { reason } | Self::Retry { reason } => {
                Some(reason)
            }
            Self::Created { effect } => effect.work.reason(),
            _ => None,
        }
    }
}

impl EffectState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &EffectEvent) -> Result<Self, IllegalTransition> {
        use EffectEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Requested,
            (Some(Self::Requested), E::Start { .. }) => Self::Started,
            (Some(Self::Requested), E::Withdraw { .. }) => Self::Failed,
            (Some(Self::Started | Self::Unknown), E::Finish { .. }) => Self::Done,
            (Some(Self::Started | Self::Unknown), E::Fail { .. }) => Self::Failed,
            (Some(Self::Started), E::Lose { .. }) => Self::Unknown,
            (Some(Self::Unknown), E::Retry { .. }) => Self::Requested,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
