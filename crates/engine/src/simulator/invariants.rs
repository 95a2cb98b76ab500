//! What holds of the records at every moment: the invariants of the lifecycles, written from their description.
//!
//! It must never ask a lifecycle's table: what would be wrong there would be wrong here.

use std::collections::BTreeMap;

use thiserror::Error;
use tollhouse_core::entity::{Attempt, Effect, GateRun, Patch, Run, Task, Work};
use tollhouse_core::lifecycle::{AttemptState, PatchState, RunState, TaskState};
use tollhouse_core::spec::LandMode;
use tollhouse_core::{PatchId, RecordId, Timestamp};

use super::branch::Branch;
use super::{money, streams, workers};
use crate::view::View;

/// A promise that is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{claim}: {what}")]
pub struct Broken {
    /// The promise.
    pub claim: &'static str,
    /// What was found instead.
    pub what: String,
}

/// Breaks off with a claim, unless it holds.
pub(super) fn claim(holds: bool, claim: &'static str, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { claim, what: what() }) }
}

/// Whether all that must hold of a run's records and of the branch does.
///
/// # Errors
/// The first promise that is not kept.
pub fn hold(view: &View, branch: &Branch) -> Result<(), Broken> {
    for run in view.all::<Run>() {
        ends(run.id.into(), run.state.is_finished(), [Some(run.created_at), run.started_at, run.finished_at])?;
        let tasks: Vec<&Task> = view.all::<Task>().filter(|task| task.run == run.id).collect();
        for task in &tasks {
            task_holds(view, run, task, &tasks)?;
        }
        no_more_than_may_run_at_once(view, run)?;
        one_at_a_time(view, run)?;
        streams::hold(view, run)?;
        money::hold(view, run)?;
    }
    for attempt in view.all::<Attempt>() {
        attempt_holds(view, attempt)?;
    }
    for patch in view.all::<Patch>() {
        patch_holds(view, patch, branch)?;
    }
    for gate_run in view.all::<GateRun>() {
        let times = [Some(gate_run.created_at), gate_run.started_at, gate_run.finished_at];
        ends(gate_run.id.into(), gate_run.state.is_finished(), times)?;
    }
    workers::hold(view)?;
    effects_hold(view)
}

/// Timestamps are ordered, and `finished_at` is set exactly in finished states.
fn ends(id: RecordId, finished: bool, times: [Option<Timestamp>; 3]) -> Result<(), Broken> {
    claim(finished == times[2].is_some(), "finished_at is set exactly in finished states", || id.to_string())?;
    let told: Vec<Timestamp> = times.into_iter().flatten().collect();
    claim(told.is_sorted(), "created ≤ started ≤ finished", || format!("{id}: {told:?}"))
}

fn task_holds(view: &View, run: &Run, task: &Task, tasks: &[&Task]) -> Result<(), Broken> {
    let name = || task.spec.name.clone();
    ends(task.id.into(), task.state.is_finished(), [Some(task.created_at), task.started_at, task.finished_at])?;
    let leased = task.lease.is_some();
    claim(leased == (task.state == TaskState::Running), "a lease exists exactly in running", name)?;
    claim(task.attempts_used <= task.attempts_limit(), "attempts ≤ the limit", name)?;
    // One that is stopped for safety is over at once; what lands right then is the last.
    let lands = run.state == RunState::Quarantined && task.patch.is_some_and(|patch| is_landing(view, patch));
    let all_over = !run.state.is_finished() || task.state.is_finished() || lands;
    claim(all_over, "a finished run has no unfinished task", name)?;
    if matches!(task.state, TaskState::Queued | TaskState::Running) {
        let needs = |other: &&&Task| task.needs().any(|need| need == other.spec.name);
        let all = tasks.iter().filter(needs).all(|needed| needed.is_done());
        claim(all, "a queued task's dependencies are done", name)?;
    }
    if task.state == TaskState::Completed && task.source.is_none() {
        let patch = task.patch.and_then(|patch| view.get::<Patch>(patch)).map(|patch| patch.state);
        let landed = matches!(patch, Some(PatchState::Committed | PatchState::RolledBack));
        claim(landed, "a completed task's patch is committed, or was and is taken back", name)?;
    }
    Ok(())
}

fn attempt_holds(view: &View, attempt: &Attempt) -> Result<(), Broken> {
    let finished = attempt.state.is_finished();
    ends(attempt.id.into(), finished, [Some(attempt.started_at), None, attempt.finished_at])?;
    let lease = view.get::<Task>(attempt.task).and_then(|task| task.lease.as_ref());
    let holds_it = lease.is_some_and(|lease| lease.attempt == attempt.id && lease.epoch == attempt.epoch);
    let running = attempt.state == AttemptState::Running;
    claim(holds_it == running, "an attempt runs exactly while its task is leased to it", || attempt.id.to_string())
}

fn patch_holds(view: &View, patch: &Patch, branch: &Branch) -> Result<(), Broken> {
    let name = || format!("{} is {}", patch.id, patch.state);
    ends(patch.id.into(), patch.state.is_finished(), [Some(patch.created_at), None, patch.finished_at])?;
    let copies = branch.iter().filter(|landed| **landed == patch.id.to_string()).count();
    claim(copies <= 1, "a patch lands once", name)?;
    if patch.state == PatchState::RolledBack {
        let revert = branch.revert_of(patch.id);
        let told = revert.is_some_and(|commit| patch.reason.as_ref().is_some_and(|reason| reason.contains(&commit)));
        claim(told, "what is taken back says by which commit", name)?;
    }
    if matches!(patch.state, PatchState::Committed | PatchState::RolledBack) {
        claim(patch.commit == branch.commit_of(patch.id), "what is committed is on the branch, as that commit", name)?;
        let tree = patch.candidate.as_ref().map(|candidate| candidate.tree.as_str());
        claim(branch.tree_of(patch.id) == tree, "what landed is the tree that the gates judged", name)?;
    } else if copies == 1 {
        let in_flight = patch.state == PatchState::Verified && is_landing(view, patch.id);
        claim(in_flight, "what is on the branch is committed, or its landing is not settled yet", name)?;
    }
    let Some(task) = patch.task.and_then(|task| view.get::<Task>(task)) else { return Ok(()) };
    if !patch.state.is_finished() {
        let waits = matches!(task.state, TaskState::Validating | TaskState::Waiting) && task.patch == Some(patch.id);
        let let_in_again = task.state.is_finished() && task.state != TaskState::Completed;
        claim(waits || let_in_again, "a patch moves while its task waits for it, or after its end", name)?;
    }
    Ok(())
}

/// Whether a patch is being landed, or about to be.
fn is_landing(view: &View, patch: PatchId) -> bool {
    view.all::<Effect>().any(|effect| effect.work == Work::Land { patch } && !effect.state.is_finished())
}

/// As many agents as the run allows, and those that are still being ended count.
fn no_more_than_may_run_at_once(view: &View, run: &Run) -> Result<(), Broken> {
    let alive = alive(view, run);
    let most = usize::try_from(run.spec.max_parallel).unwrap_or(usize::MAX);
    claim(alive <= most, "no more agents are alive than may be", || format!("{alive}, not {most}"))
}

/// How many agents of a run are alive, or about to be.
pub(super) fn alive(view: &View, run: &Run) -> usize {
    let agents = |effect: &&Effect| effect.run == Some(run.id) && matches!(effect.work, Work::Spawn { .. });
    view.all::<Effect>().filter(agents).filter(|effect| !effect.state.is_finished()).count()
}

/// Nothing overtakes a landing: of a run, one patch is judged or landed at a time; those that wait for a person stand aside.
fn one_at_a_time(view: &View, run: &Run) -> Result<(), Broken> {
    let held = |patch: &Patch| match patch.state {
        PatchState::Applied => patch.doubt.is_some(),
        // One that waited may find another on its way when a person has spoken, and lets it pass.
        PatchState::Verified => patch.doubt.is_some() || run.spec.land == LandMode::Hold,
        _ => false,
    };
    let on_its_way = |patch: &&Patch| matches!(patch.state, PatchState::Applied | PatchState::Verified);
    let of_run = view.all::<Patch>().filter(|patch| patch.run == Some(run.id));
    let count = of_run.filter(on_its_way).filter(|patch| !held(patch)).count();
    claim(count <= 1, "nothing overtakes a landing", || format!("{count} patches are on their way"))
}

fn effects_hold(view: &View) -> Result<(), Broken> {
    let mut open: BTreeMap<(&str, RecordId), RecordId> = BTreeMap::new();
    for effect in view.all::<Effect>() {
        let finished = effect.state.is_finished();
        ends(effect.id.into(), finished, [Some(effect.created_at), effect.started_at, effect.finished_at])?;
        if !finished {
            let other = open.insert((effect.work.name(), effect.work.subject()), effect.id.into());
            claim(other.is_none(), "nothing is asked for twice at once", || format!("{other:?} and {}", effect.id))?;
        }
    }
    Ok(())
}
