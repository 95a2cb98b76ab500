//! Rows of the list of workers.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::Worker;
use tollhouse_core::lifecycle::WorkerState;
use tollhouse_core::{AttemptId, RunId, TaskId, Timestamp, WorkerId};

use super::WorkerFigures;

/// One worker in a list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WorkerRow {
    /// Its id.
    pub id: WorkerId,
    /// What people call it.
    pub name: String,
    /// The run whose own worker it is; null: all runs share it.
    pub run: Option<RunId>,
    /// Where it is.
    pub state: WorkerState,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// The machine that it is on.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// What it can do.
    pub capabilities: BTreeSet<String>,
    /// What it has in hand; null where that is nothing.
    pub holds: Option<HeldRow>,
    /// What it did in all its life.
    #[serde(flatten)]
    pub figures: WorkerFigures,
    /// When it registered.
    pub registered_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

/// What a worker has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeldRow {
    /// The run that it works for.
    pub run: RunId,
    /// The task that it works on.
    pub task: TaskId,
    /// The attempt that it executes.
    pub attempt: AttemptId,
    /// Since when.
    pub since: Timestamp,
}

impl WorkerRow {
    /// A worker as of a time.
    pub fn of(worker: &Worker, now: Timestamp) -> Self {
        let host = worker.process.host.split_whitespace().next().unwrap_or_default().to_owned();
        let held = worker.holds.as_ref();
        Self {
            id: worker.id,
            name: worker.name.clone(),
            run: worker.run,
            state: worker.state,
            reason: worker.reason.clone(),
            host,
            pid: worker.process.pid,
            capabilities: worker.capabilities.clone(),
            holds: held.map(|held| HeldRow {
                run: held.run,
                task: held.task,
                attempt: held.attempt,
                since: held.since,
            }),
            figures: WorkerFigures::of(worker, now),
            registered_at: worker.registered_at,
            finished_at: worker.finished_at,
        }
    }
}
