//! Since when nothing in a run is alive, and what it waits for.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::{Effect, GateRun, Task};
use tollhouse_core::lifecycle::{RunState, TaskState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{Span, Timestamp};

use super::scene::Scene;
use crate::decide::{next_trial, standstill};

/// Nothing in a run is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Quiet {
    /// Since when, as far as the ledger says.
    pub since: Timestamp,
    /// For how long, in seconds.
    pub time: Span,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// Until when: for a worker, then the run counts as stuck; for a person, then the first question has its default; null: for as
    /// long as it takes.
    pub until: Option<Timestamp>,
    /// Whether that is over: the run is stuck, and ends at the next look at the clock.
    pub is_stuck: bool,
}

/// What a run waits for in which nothing is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A person: it is paused, or what is left in it waits for one.
    Person,
    /// A program that drives it.
    Conductor,
    /// A worker: none that is there can do what is queued.
    Worker,
    /// A time: the end of a backoff, or the trial of an agent that failed.
    Time,
    /// Nothing: it goes on at once.
    Nothing,
    /// Nobody here knows its workers.
    Unknown,
}

pub(super) fn quiet(scene: &Scene<'_>) -> Option<Quiet> {
    if scene.run.state.is_finished() || is_alive(scene) {
        return None;
    }
    let stands = standstill(scene.view, scene.run).filter(|_| scene.run.state == RunState::Running);
    let (waits_for, until) = match stands {
        _ if scene.run.state == RunState::Paused => (WaitsFor::Person, next_of(scene, TaskState::Waiting)),
        _ if !scene.is_driven => (WaitsFor::Conductor, None),
        Some(stands) => (WaitsFor::Worker, Some(stands.stuck_at)),
        None => in_motion(scene),
    };
    // The rule by which a run ends as stuck has a measure of its own.
    let since = match (waits_for, stands) {
        (WaitsFor::Worker, Some(stands)) => stands.since,
        _ => last_sign(scene),
    };
    let is_stuck = waits_for == WaitsFor::Worker && until.is_some_and(|until| until <= scene.at);
    Some(Quiet { since, time: scene.at.since(since), waits_for, until, is_stuck })
}

/// Whether something in it is done now. Where nothing drives a run, nobody does what was begun; only shared workers go on.
fn is_alive(scene: &Scene<'_>) -> bool {
    let id = scene.run.id;
    let is_begun = scene.view.has_unfinished::<Effect>(id) || scene.view.has_unfinished::<GateRun>(id);
    let by_shared = scene.run.spec.crew == Crew::Shared && scene.tasks.iter().any(|task| task.lease.is_some());
    is_begun && (scene.is_driven || by_shared)
}

/// What a run waits for that is driven.
fn in_motion(scene: &Scene<'_>) -> (WaitsFor, Option<Timestamp>) {
    let trial = next_trial(scene.view, scene.run.id);
    if let Some(at) = next_of(scene, TaskState::Retrying).into_iter().chain(trial).min() {
        return (WaitsFor::Time, Some(at));
    }
    let is_in = |state: TaskState| scene.view.ids_in_state::<Task>(scene.run.id, state).next().is_some();
    if is_in(TaskState::Queued) && !scene.knows_workers() {
        return (WaitsFor::Unknown, None);
    }
    if is_in(TaskState::Waiting) {
        return (WaitsFor::Person, next_of(scene, TaskState::Waiting));
    }
    (WaitsFor::Nothing, None)
}

/// The next time that one of the tasks in a state waits for.
fn next_of(scene: &Scene<'_>, state: TaskState) -> Option<Timestamp> {
    scene.tasks.iter().filter(|task| task.state == state).filter_map(|task| task.due_at).min()
}

/// When something in it last began or ended.
fn last_sign(scene: &Scene<'_>) -> Timestamp {
    let run = scene.run;
    let conductor = run.conductor.as_ref().map(|conductor| conductor.since);
    let of_run = [Some(run.created_at), run.started_at, run.resumed_at, conductor];
    let attempts = scene.attempts.iter().flat_map(|attempt| [Some(attempt.started_at), attempt.finished_at]);
    let effects = scene.all::<Effect>().into_iter().flat_map(|effect| [effect.started_at, effect.finished_at]);
    let gate_runs = scene.all::<GateRun>().into_iter().flat_map(|gate_run| [gate_run.started_at, gate_run.finished_at]);
    let signs = of_run.into_iter().chain(attempts).chain(effects).chain(gate_runs);
    signs.flatten().max().unwrap_or(run.created_at).min(scene.at)
}
