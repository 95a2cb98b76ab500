//! What holds of workstreams, and of runs that are judged as a whole.

use tollhouse_core::entity::{Task, Workstream};
use tollhouse_core::lifecycle::{GateRunState, RunState, TaskState, WorkstreamState};
use tollhouse_core::{Kind, TaskId};

use super::scene::{Scene, is_critical, is_missed, stream_is_over, task_is_over};
use super::{OfState, OfStep, Step, at_step, in_state};

/// What holds of them in each state.
pub(super) const IN_EACH_STATE: &[OfState] = &[
    in_state(
        "a workstream is where its tasks are",
        "Its state is derived from its tasks, its gates, its run.",
        is_derived,
    ),
    in_state(
        "a critical miss fails its workstream",
        "a critical task missed: failed, no task of it is leased any more.",
        critical_miss_fails_it,
    ),
    in_state(
        "a completed workstream passed its gates",
        "validating until its own gates end, then completed or failed.",
        completed_passed_gates,
    ),
    in_state(
        "a workstream takes its tasks with it",
        "canceled by a person: its tasks with it; a finished workstream takes no new tasks.",
        takes_its_tasks,
    ),
    in_state(
        "a workstream waits for those that it needs",
        "every dependency done, those of its workstream included.",
        waits_for_needed,
    ),
    in_state(
        "an accepted run passed its gates",
        "accept: the run's own gates passed on that commit.",
        accepted_passed_gates,
    ),
];

/// What holds of them at each step.
pub(super) const AT_EACH_STEP: &[OfStep] = &[
    at_step(
        "nothing is tried again in what is over",
        "failed: no task of it is leased any more; requeue: workstream executing.",
        over_tries_nothing,
    ),
    at_step("a landing holds its workstream", "Nothing overtakes a landing.", landing_holds),
    at_step("a run is rejected by its gates", "reject: they did not pass.", rejected_by_gates),
];

fn tasks_of<'s>(s: &'s Scene<'_>, stream: &'s Workstream) -> impl Iterator<Item = &'s Task> {
    s.tasks.iter().copied().filter(|task| task.spec.workstream.as_ref() == Some(&stream.spec.name))
}

fn needed_by<'s>(s: &'s Scene<'_>, stream: &'s Workstream) -> impl Iterator<Item = &'s Workstream> {
    s.streams.iter().copied().filter(|other| stream.spec.needs.contains(&other.spec.name))
}

fn is_derived(s: &Scene<'_>) -> bool {
    s.streams.iter().all(|stream| {
        let begun = tasks_of(s, stream).any(|task| task.attempt.is_some());
        let open = tasks_of(s, stream).any(|task| !task_is_over(task.state));
        let done = tasks_of(s, stream).any(|task| task.state == TaskState::Completed);
        let waits = needed_by(s, stream).any(|other| !stream_is_over(other.state));
        match stream.state {
            WorkstreamState::Planned => s.run.state == RunState::Pending,
            WorkstreamState::Blocked => !begun && open && waits,
            WorkstreamState::Ready => !begun && open && !waits,
            WorkstreamState::Executing => begun && open,
            WorkstreamState::Validating | WorkstreamState::Completed => done && !open,
            WorkstreamState::Failed | WorkstreamState::Canceled | WorkstreamState::Skipped => true,
        }
    })
}

fn critical_miss_fails_it(s: &Scene<'_>) -> bool {
    s.streams.iter().all(|stream| {
        let missed = tasks_of(s, stream).any(|task| is_critical(task) && is_missed(task));
        // Before its run begins, none fails.
        let failed = stream_is_over(stream.state) && stream.state != WorkstreamState::Completed;
        !missed || failed || s.run.state == RunState::Pending
    })
}

/// Whether each of these gates passed on what is judged.
fn all_passed(s: &Scene<'_>, names: &[String], of: Option<&Workstream>, commit: Option<&str>) -> bool {
    names.iter().all(|name| {
        s.gate_runs.iter().any(|one| {
            let is_own = one.patch.is_none() && one.workstream == of.map(|stream| stream.id);
            let on_it = commit.is_none_or(|commit| one.parent == commit);
            is_own && on_it && one.gate.name == *name && one.state == GateRunState::Passed
        })
    })
}

fn completed_passed_gates(s: &Scene<'_>) -> bool {
    let completed = s.streams.iter().filter(|stream| stream.state == WorkstreamState::Completed);
    completed.into_iter().all(|stream| all_passed(s, &stream.spec.gates, Some(stream), None))
}

fn takes_its_tasks(s: &Scene<'_>) -> bool {
    s.streams.iter().filter(|stream| stream_is_over(stream.state)).all(|stream| {
        let ends_by_itself = stream.state == WorkstreamState::Failed || stream.state == WorkstreamState::Skipped;
        tasks_of(s, stream).all(|task| match task.state {
            TaskState::Running | TaskState::Validating => ends_by_itself,
            TaskState::Waiting => s.patch_of(task).is_some_and(|patch| s.is_held(patch)),
            state => task_is_over(state),
        })
    })
}

fn waits_for_needed(s: &Scene<'_>) -> bool {
    let is_done = |stream: &Workstream| match stream.state {
        WorkstreamState::Completed => true,
        WorkstreamState::Skipped => stream.error_class.is_none(),
        _ => false,
    };
    s.streams.iter().all(|stream| {
        let began = |task: &Task| matches!(task.state, TaskState::Queued | TaskState::Running | TaskState::Validating);
        !tasks_of(s, stream).any(began) || needed_by(s, stream).all(is_done)
    })
}

fn accepted_passed_gates(s: &Scene<'_>) -> bool {
    let commit = s.run.verified_commit.as_deref();
    s.run.state != RunState::Succeeded || all_passed(s, &s.run.spec.acceptance, None, commit)
}

fn over_tries_nothing(s: &Step<'_>) -> bool {
    let is_over = |task: &Task| {
        let own = s.before.streams.iter().find(|stream| task.spec.workstream.as_ref() == Some(&stream.spec.name));
        own.is_some_and(|own| stream_is_over(own.state))
    };
    s.changes.iter().filter(|change| change.record.kind() == Kind::Task).all(|change| {
        let id: TaskId = change.record.id.try_into().expect("a task");
        let task = s.before.tasks.iter().find(|task| task.id == id);
        let again = ["retrying", "running"].contains(&change.record.state.as_str()) || change.event.name == "requeue";
        !(again && task.is_some_and(|task| is_over(task)))
    })
}

fn landing_holds(s: &Step<'_>) -> bool {
    s.before.streams.iter().all(|before| {
        let lands = |task: &Task| task.patch.is_some_and(|patch| s.before.is_landing(patch));
        let landing = tasks_of(s.before, before).any(lands);
        let after = s.after.streams.iter().find(|stream| stream.id == before.id);
        let word = matches!(s.done.command, tollhouse_engine::Command::OverrideWorkstream { .. });
        !(landing && word) || after.is_some_and(|after| after.state == before.state)
    })
}

fn rejected_by_gates(s: &Step<'_>) -> bool {
    let rejected = s.before.run.state == RunState::Verifying && s.after.run.state == RunState::Failed;
    let said = |one: &&&tollhouse_core::entity::GateRun| {
        let over = matches!(one.state, GateRunState::Failed | GateRunState::Error | GateRunState::Skipped);
        one.patch.is_none() && one.workstream.is_none() && over
    };
    !rejected || s.after.gate_runs.iter().filter(said).count() > 0
}
