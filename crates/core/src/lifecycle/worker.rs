//! The lifecycle of a worker.

use serde::{Deserialize, Serialize};

use super::{AttemptState, IllegalTransition, states};
use crate::entity::{Holding, Worker};
use crate::id::Kind;
use crate::tagged::tagged;

states! {
    /// Where a worker is.
    WorkerState of Kind::Worker, {
        /// Its program was started; it has not registered yet.
        Spawning = "spawning",
        /// Holds nothing, and takes what fits.
        Idle = "idle",
        /// Executes an attempt.
        Busy = "busy",
        /// Takes nothing new; what it holds goes on.
        Paused = "paused",
        /// Finishes what it holds, and ends.
        Draining = "draining",
        /// Its heartbeats are missed.
        Unresponsive = "unresponsive",
        /// Ended, holding nothing.
        Terminated = "terminated",
        /// Its program is gone; what it held is lost.
        Crashed = "crashed",
    }
    finished { Terminated, Crashed } terminal { Terminated, Crashed }
}

/// Where a paused worker goes on: busy if it still holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeTo {
    /// It still holds something.
    Busy,
    /// It holds nothing.
    Idle,
}

/// Where a worker that speaks again goes on: where it was, but idle where its lease is no longer its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WokenTo {
    /// It was idle, or busy with what is no longer its own.
    Idle,
    /// It was paused.
    Paused,
    /// It was draining.
    Draining,
    /// It was busy, and its lease holds.
    Busy,
}

/// What can happen to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// It is to be.
    Created {
        /// As it was made.
        worker: Box<Worker>,
    },
    /// It registered.
    Ready,
    /// It was given an attempt.
    Assign {
        /// Which one.
        holding: Holding,
        /// The workstream of its task.
        workstream: Option<String>,
    },
    /// What it held has ended.
    Release {
        /// How the attempt ended.
        ended: AttemptState,
    },
    /// It takes nothing new.
    Pause {
        /// Why.
        reason: String,
    },
    /// A person has it go on.
    Resume {
        /// Where it goes on.
        to: ResumeTo,
        /// Why.
        reason: String,
    },
    /// It finishes what it holds, and ends.
    Drain {
        /// Why.
        reason: String,
    },
    /// It holds nothing any more.
    Drained,
    /// It ends, holding nothing.
    Terminate {
        /// Why.
        reason: String,
    },
    /// Its heartbeats are missed.
    Silent {
        /// Since when, in words.
        reason: String,
    },
    /// It speaks again.
    Heartbeat {
        /// Where it goes on.
        to: WokenTo,
    },
    /// Its program is gone, or was silent past the limit.
    Crash {
        /// What was seen.
        reason: String,
    },
}

tagged!(WorkerEvent, "event");

impl WorkerEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Ready => "ready",
            Self::Assign { .. } => "assign",
            Self::Release { .. } => "release",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::Drain { .. } => "drain",
            Self::Drained => "drained",
            Self::Terminate { .. } => "terminate",
            Self::Silent { .. } => "silent",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Crash { .. } => "crash",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Pause { reason }
            | Self::Resume { reason, .. }
            | Self::Drain { reason }
            | Self::Terminate { reason }
            | Self::Silent { reason }
            | Self::Crash { reason } => Some(reason),
            _ => None,
        }
    }
}

impl WorkerState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &WorkerEvent) -> Result<Self, IllegalTransition> {
        use WorkerEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Spawning,
            (Some(Self::Spawning), E::Ready) => Self::Idle,
            (Some(Self::Idle), E::Assign { .. }) => Self::Busy,
            (Some(Self::Busy), E::Release { .. }) => Self::Idle,
            (Some(state @ (Self::Paused | Self::Draining)), E::Release { .. }) => state,
            (Some(Self::Idle | Self::Busy), E::Pause { .. }) => Self::Paused,
            (Some(Self::Paused), E::Resume { to: ResumeTo::Busy, .. }) => Self::Busy,
            (Some(Self::Paused), E::Resume { to: ResumeTo::Idle, .. }) => Self::Idle,
            (Some(Self::Idle | Self::Busy | Self::Paused), E::Drain { .. }) => Self::Draining,
            (Some(Self::Draining), E::Drained) => Self::Terminated,
            (Some(Self::Spawning | Self::Idle | Self::Paused), E::Terminate { .. }) => Self::Terminated,
            (Some(Self::Idle | Self::Busy | Self::Paused | Self::Draining), E::Silent { .. }) => Self::Unresponsive,
            (Some(Self::Unresponsive), E::Heartbeat { to }) => match to {
                WokenTo::Idle => Self::Idle,
                WokenTo::Paused => Self::Paused,
                WokenTo::Draining => Self::Draining,
                WokenTo::Busy => Self::Busy,
            },
            (Some(unfinished), E::Crash { .. }) if !unfinished.is_finished() => Self::Crashed,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
