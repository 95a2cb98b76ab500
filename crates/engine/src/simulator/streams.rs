//! What holds at every moment of workstreams, and of what is judged as a whole.
//!
//! As of the invariants: it must never ask a lifecycle's table.

use tollhouse_core::entity::{GateRun, Run, Task, Workstream};
use tollhouse_core::lifecycle::{GateRunState, RunState, TaskState, WorkstreamState};
use tollhouse_core::spec::{GateSpec, OnDependencyFailure, Requirement, Weight};

use super::invariants::{Broken, claim};
use crate::view::View;

/// Whether what must hold of a run's workstreams and of its own gates does.
pub(super) fn hold(view: &View, run: &Run) -> Result<(), Broken> {
    let workstreams: Vec<&Workstream> = view.all::<Workstream>().filter(|one| one.run == run.id).collect();
    for workstream in &workstreams {
        workstream_holds(view, run, workstream)?;
        is_where_it_follows(view, run, workstream, &workstreams)?;
    }
    if run.state.is_finished() {
        let all = workstreams.iter().all(|one| one.state.is_finished());
        claim(all, "a finished run has no unfinished workstream", || run.id.to_string())?;
    }
    if run.state == RunState::Succeeded {
        let missed = |one: &&Workstream| one.spec.weight == Weight::Critical && one.is_missed();
        claim(!workstreams.iter().any(missed), "a run that succeeded missed nothing critical", || run.id.to_string())?;
        own_gates_passed(view, run)?;
    }
    Ok(())
}

fn workstream_holds(view: &View, run: &Run, workstream: &Workstream) -> Result<(), Broken> {
    let name = || workstream.spec.name.clone();
    let finished = workstream.state.is_finished();
    claim(workstream.finished_at.is_some() == finished, "finished_at is set exactly in finished states", name)?;
    let goes_on = matches!(run.state, RunState::Pending | RunState::Running | RunState::Paused);
    let left = |task: &Task| {
        let of_it = task.run == run.id && task.spec.workstream.as_ref() == Some(&workstream.spec.name);
        of_it && matches!(task.state, TaskState::Pending | TaskState::Blocked | TaskState::Queued | TaskState::Retrying)
    };
    claim(!(finished && goes_on && view.all::<Task>().any(left)), "nothing of a finished workstream waits", name)?;
    let passed = |gate: &String| {
        let own = |gate_run: &GateRun| gate_run.workstream == Some(workstream.id) && gate_run.gate.name == *gate;
        view.all::<GateRun>().any(|gate_run| own(gate_run) && gate_run.state == GateRunState::Passed)
    };
    let all_passed = workstream.state != WorkstreamState::Completed || workstream.spec.gates.iter().all(passed);
    claim(all_passed, "a completed workstream's gates passed", name)
}

/// Its state is derived from its tasks, its gates, its run and what it needs, whoever looks at them and in whatever order: here
/// each is looked for by itself.
fn is_where_it_follows(view: &View, run: &Run, own: &Workstream, all: &[&Workstream]) -> Result<(), Broken> {
    if own.state.is_finished() {
        return Ok(());
    }
    let tasks = || {
        let of_it = |task: &&Task| task.run == run.id && task.spec.workstream.as_ref() == Some(&own.spec.name);
        view.all::<Task>().filter(of_it)
    };
    let mut needs = all.iter().filter(|other| own.spec.needs.contains(&other.spec.name));
    let critical = |task: &Task| task.spec.weight == Weight::Critical && task.is_missed();
    let state = if matches!(run.state, RunState::Canceling | RunState::Canceled | RunState::Quarantined) {
        WorkstreamState::Canceled
    } else if own.spec.skip || tasks().next().is_none() {
        WorkstreamState::Skipped
    } else if needs.clone().any(|need| need.is_missed()) {
        match own.spec.on_dependency_failure {
            OnDependencyFailure::Skip => WorkstreamState::Skipped,
            OnDependencyFailure::Fail => WorkstreamState::Failed,
        }
    } else if run.state == RunState::Pending {
        WorkstreamState::Planned
    } else if tasks().any(critical) {
        WorkstreamState::Failed
    } else if tasks().all(|task| task.state.is_finished()) {
        // It is over by now, unless its gates have yet to answer.
        WorkstreamState::Validating
    } else if tasks().any(|task| task.attempt.is_some()) {
        WorkstreamState::Executing
    } else if needs.any(|need| !need.state.is_finished()) {
        WorkstreamState::Blocked
    } else {
        WorkstreamState::Ready
    };
    let told = || format!("{} is {}, not {state}", own.spec.name, own.state);
    claim(own.state == state, "a workstream is where its tasks, gates, run and needs put it", told)?;
    let judges = |gate_run: &GateRun| gate_run.workstream == Some(own.id) && !gate_run.state.is_finished();
    let waits = state != WorkstreamState::Validating || view.all::<GateRun>().any(judges);
    claim(waits, "a workstream that validates waits for a gate", told)
}

/// The run's own gates passed on the commit that was noted; an advisory one may say what it will.
fn own_gates_passed(view: &View, run: &Run) -> Result<(), Broken> {
    let is_advisory = |gate: &&String| {
        let advisory = |known: &GateSpec| known.name == **gate && known.requirement == Requirement::Advisory;
        run.spec.gates.iter().any(advisory)
    };
    let passed = |gate: &String| {
        view.all::<GateRun>().any(|gate_run| {
            let own = gate_run.run == Some(run.id) && gate_run.patch.is_none() && gate_run.workstream.is_none();
            let here = Some(&gate_run.parent) == run.verified_commit.as_ref() && gate_run.gate.name == *gate;
            own && here && gate_run.state == GateRunState::Passed
        })
    };
    let all = run.spec.acceptance.iter().filter(|gate| !is_advisory(gate)).all(passed);
    claim(all, "a run that succeeded passed its own gates", || run.id.to_string())
}
