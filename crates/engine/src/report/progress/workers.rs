//! What each worker did.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::Worker;
use tollhouse_core::lifecycle::WorkerState;
use tollhouse_core::{Span, Timestamp, WorkerId};

use super::plus;
use super::scene::Scene;

/// What a worker did in all its life, for whichever run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct WorkerFigures {
    /// How many attempts it was given.
    pub attempts: u64,
    /// How many of them failed or were overdue.
    pub failures: u64,
    /// How many of them were lost with it.
    pub lost: u64,
    /// How long it held something, in seconds.
    pub busy: Span,
    /// Which part of its life that is, from 0 to 1.
    pub utilisation: f64,
}

/// What a worker did, and how much of that in a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WorkerProgress {
    /// Its id.
    pub id: WorkerId,
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub state: WorkerState,
    /// Whether all runs share it.
    pub shared: bool,
    /// How many attempts of this run it was given.
    pub attempts_here: u64,
    /// What it did in all its life, for whichever run.
    pub life: WorkerFigures,
}

impl WorkerFigures {
    /// As of a time, or of its end where that was before.
    pub(crate) fn of(worker: &Worker, now: Timestamp) -> Self {
        let end = worker.finished_at.unwrap_or(now);
        let held = worker.holds.as_ref().map_or(Span::default(), |holding| end.since(holding.since));
        Self {
            attempts: worker.attempts,
            failures: worker.failures,
            lost: worker.lost,
            busy: plus(worker.busy, held),
            utilisation: (worker.utilisation(now) * 10_000.0).round() / 10_000.0,
        }
    }
}

pub(super) fn of(scene: &Scene<'_>) -> Vec<WorkerProgress> {
    let mut given: BTreeMap<WorkerId, u64> = scene.all::<Worker>().into_iter().map(|worker| (worker.id, 0)).collect();
    for worker in scene.attempts.iter().filter_map(|attempt| attempt.by) {
        *given.entry(worker).or_default() += 1;
    }
    let known = given.into_iter().filter_map(|(id, given)| Some((scene.view.get::<Worker>(id)?, given)));
    let mut workers: Vec<(&Worker, u64)> = known.collect();
    workers.sort_by_key(|(worker, _)| (worker.registered_at, worker.id));
    let progress = |(worker, attempts_here): (&Worker, u64)| WorkerProgress {
        id: worker.id,
        name: worker.name.clone(),
        state: worker.state,
        shared: worker.run.is_none(),
        attempts_here,
        life: WorkerFigures::of(worker, scene.at),
    };
    workers.into_iter().map(progress).collect()
}
