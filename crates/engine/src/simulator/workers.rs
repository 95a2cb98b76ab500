//! What holds of workers at every moment.
//!
//! As of the invariants: it must never ask a lifecycle's table.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Attempt, Run, Worker};
use tollhouse_core::lifecycle::{AttemptState, WorkerState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{AttemptId, WorkerId};

use super::invariants::{Broken, claim};
use crate::view::View;

/// Whether what must hold of all workers does.
pub(super) fn hold(view: &View) -> Result<(), Broken> {
    let mut holders: BTreeMap<AttemptId, WorkerId> = BTreeMap::new();
    let mut names: BTreeMap<&str, WorkerId> = BTreeMap::new();
    for worker in view.all::<Worker>() {
        let told = || format!("{} {} is {}", worker.name, worker.id, worker.state);
        let over = worker.state.is_finished();
        claim(over == worker.finished_at.is_some(), "finished_at is set exactly in finished states", told)?;
        let (must, may) = match worker.state {
            WorkerState::Busy => (true, true),
            WorkerState::Paused | WorkerState::Draining => (false, true),
            WorkerState::Unresponsive => (worker.was == Some(WorkerState::Busy), worker.was != Some(WorkerState::Idle)),
            _ => (false, false),
        };
        let holds = worker.holds.is_some();
        claim((holds || !must) && (may || !holds), "a worker holds something exactly while it is at work", told)?;
        let silent = worker.state == WorkerState::Unresponsive;
        claim(worker.was.is_some() == silent, "what a worker was is known exactly while it is silent", told)?;
        if let Some(holding) = &worker.holds {
            let attempt = view.get::<Attempt>(holding.attempt);
            let fits = attempt.is_some_and(|attempt| attempt.by == Some(worker.id) && attempt.task == holding.task);
            claim(fits, "a worker holds what was given to it", told)?;
            let other = holders.insert(holding.attempt, worker.id);
            claim(other.is_none(), "an attempt has one worker", told)?;
        }
        if worker.run.is_none() && !over {
            let other = names.insert(&worker.name, worker.id);
            claim(other.is_none(), "no two workers go by one name", told)?;
        }
    }
    for attempt in view.all::<Attempt>().filter(|attempt| attempt.state == AttemptState::Running) {
        let shares = view.get::<Run>(attempt.run).is_some_and(|run| run.spec.crew == Crew::Shared);
        let held = holders.get(&attempt.id) == attempt.by.as_ref();
        claim(held || !shares, "what runs in a shared crew has a worker that holds it", || attempt.id.to_string())?;
    }
    Ok(())
}
