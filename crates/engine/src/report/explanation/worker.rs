//! Why a worker is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::Worker;
use tollhouse_core::lifecycle::WorkerState;

use super::Explanation;

pub(super) fn explain(worker: &Worker) -> Explanation {
    let mut because = vec![
        match worker.state {
            WorkerState::Spawning => "it was started, and has not registered yet",
            WorkerState::Idle => "it holds nothing, and takes what fits",
            WorkerState::Busy => "it executes an attempt",
            WorkerState::Paused => "it takes nothing new; what it holds goes on",
            WorkerState::Draining => "it finishes what it holds, and ends",
            WorkerState::Unresponsive => "its heartbeats are missed",
            WorkerState::Terminated => "it ended, holding nothing",
            WorkerState::Crashed => "its program is gone",
        }
        .to_owned(),
    ];
    because.extend(worker.holds.iter().map(|held| format!("it has {} in hand since {}", held.attempt, held.since)));
    because.extend(worker.reason.clone());
    let held = worker.holds.as_ref().map(|held| format!("toll explain {}", held.attempt.random_part()));
    let resume = || format!("toll worker resume {} --reason TEXT", worker.id.random_part());
    let paused = (worker.state == WorkerState::Paused).then(resume);
    let run = worker.run.map(|run| format!("toll status {}", run.random_part()));
    let next = paused.or(held).or(run).or_else(|| Some("toll worker list".to_owned()));
    let (name, state) = (worker.name.clone(), worker.state.to_string());
    Explanation { id: worker.id.into(), kind: Kind::Worker, name, state, because, next }
}
