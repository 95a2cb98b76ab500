//! What holds at every moment of workstreams, and of what is judged as a whole.
//!
//! As of the invariants: it must never ask a lifecycle's table.

use tollhouse_core::entity::{GateRun, Run, Task, Workstream};
use tollhouse_core::lifecycle::{GateRunState, RunState, TaskState, WorkstreamState};
use tollhouse_core::spec::{GateSpec, Requirement, Weight};

use super::invariants::{Broken, claim};
use crate::view::View;

/// Whether what must hold of a run's workstreams and of its own gates does.
pub(super) fn hold(view: &View, run: &Run) -> Result<(), Broken> {
    let workstreams: Vec<&Workstream> = view.all::<Workstream>().filter(|one| one.run == run.id).collect();
    for workstream in &workstreams {
        workstream_holds(view, run, workstream)?;
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
