//! What executes attempts, one at a time.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entity, Process};
use crate::id::{AttemptId, Kind, RecordId, RunId, TaskId, WorkerId};
use crate::lifecycle::WorkerState;
use crate::time::{Span, Timestamp};

/// What a worker has in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holding {
    /// The run that it works for.
    pub run: RunId,
    /// The task that it works on.
    pub task: TaskId,
    /// The attempt that it executes.
    pub attempt: AttemptId,
    /// The epoch of the lease.
    pub epoch: u64,
    /// Since when.
    pub since: Timestamp,
}

/// What executes attempts, one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// The run whose own worker it is; absent: all runs share it.
    pub run: Option<RunId>,
    /// What people call it.
    pub name: String,
    /// The program that it is.
    pub process: Process,
    /// What it can do.
    pub capabilities: BTreeSet<String>,
    /// Where it is.
    pub state: WorkerState,
    /// The state that it left when it went silent; there exactly while it is unresponsive.
    pub was: Option<WorkerState>,
    /// What it has in hand: always while it is busy, never while it is idle or finished.
    pub holds: Option<Holding>,
    /// The workstream whose task it took last: it knows the place already.
    pub workstream: Option<String>,
    /// How many attempts it was given.
    pub attempts: u64,
    /// How many of them failed or were overdue.
    pub failures: u64,
    /// How many of them were lost with it.
    pub lost: u64,
    /// How long it held something, all in all.
    pub busy: Span,
    /// Why it is where it is, where that needs words.
    pub reason: Option<String>,
    /// When it registered.
    pub registered_at: Timestamp,
    /// When a person last had it go on.
    pub resumed_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl Worker {
    /// Which part of its life it held something: from 0 to 1. Until `now`, or until its end where that was before.
    pub fn utilisation(&self, now: Timestamp) -> f64 {
        let end = self.finished_at.unwrap_or(now);
        let life = end.since(self.registered_at).as_duration();
        let holding = self.holds.as_ref().map_or(Span::default(), |holding| end.since(holding.since)).as_duration();
        if life.is_zero() {
            0.0
        } else {
            ((self.busy.as_duration() + holding).as_secs_f64() / life.as_secs_f64()).min(1.0)
        }
    }
}

impl Entity for Worker {
    const KIND: Kind = Kind::Worker;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        self.run
    }

    fn parent_id(&self) -> Option<RecordId> {
        self.run.map(RecordId::from)
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("name".to_owned(), self.name.clone())])
    }
}
