//! What holds in each state.

use std::collections::BTreeSet;

use tollhouse_core::PatchId;
use tollhouse_core::entity::{Attempt, ErrorClass, ExitStatus, Patch, RuleOutcome, RunOutcome, Task, Work};
use tollhouse_core::lifecycle::{AttemptState, EffectState, GateRunState, PatchState, RunState, TaskState};

use super::scene::{
    Scene, attempt_is_over, clash, gate_run_is_over, is_begun, is_critical, is_done, is_missed, is_settled,
    patch_is_over, run_is_over, stream_is_missed, stream_is_over, task_is_over, worker_is_over,
};
use super::{OfState, in_state};
use crate::explore::world::Commit;

/// What holds in each state.
pub(super) const IN_EACH_STATE: &[OfState] = &[
    in_state("times are ordered", "Timestamps are ordered: created ≤ started ≤ finished.", times_are_ordered),
    in_state("the finished have an end", "`finished_at` is set exactly in finished states.", finished_have_an_end),
    in_state(
        "an end is drained",
        "Drained: every task finished; no attempt or gate run alive, no effect unsettled.",
        end_is_drained,
    ),
    in_state(
        "a critical miss fails the run",
        "tasks_done: drained, and no critical workstream missed.",
        critical_miss_fails,
    ),
    in_state(
        "the outcome says misses",
        "Only non-critical misses: its outcome says `with_failures`.",
        outcome_says_misses,
    ),
    in_state("a paused run has no lease", "Paused: no lease starts; what is alive ends.", paused_has_no_lease),
    in_state(
        "a run that winds down is idle",
        "Winding down: nothing is leased, running and validating tasks end, all others are canceled.",
        winding_down_is_idle,
    ),
    in_state("a lease is of a running task", "A lease exists exactly in `running`.", lease_is_of_running),
    in_state(
        "attempts have a limit",
        "attempts ≤ the limit; lost counted apart, with the same limit.",
        attempts_have_a_limit,
    ),
    in_state("what is queued needs nothing more", "A queued task's dependencies are done.", queued_needs_nothing),
    in_state("what is missed is not waited for", "dependency_failed: one was missed.", missed_is_not_waited_for),
    in_state(
        "tasks that clash are apart",
        "No two running tasks, nor in one run two running or validating ones, have overlapping declared write scopes or the same conflict group.",
        clashing_are_apart,
    ),
    in_state("the run has room", "No more attempts are alive than the run allows.", run_has_room),
    in_state("the agent has room", "lease: worker idle and capable.", agent_has_room),
    in_state("an attempt ends with its task's event", "Attempt: ended by its task's event.", attempt_follows_task),
    in_state("success has exit status 0", "report_success: attempt ended well.", success_has_exit_zero),
    in_state(
        "what validates has a patch",
        "report_success: its patch is in the ledger; refuse: none came.",
        validating_has_a_patch,
    ),
    in_state("what cannot help is not tried again", "`budget` and `plan_inconsistent` do not retry.", retried_may_help),
    in_state(
        "a patch moves with its task",
        "A task's patch moves beyond `created` only while the task is validating, and only the last attempt's; else it is dropped.",
        patch_moves_with_task,
    ),
    in_state(
        "what lands completes",
        "`land` and the task's `pass` are one commit; pass: the last attempt's patch is committed.",
        landed_completes,
    ),
    in_state(
        "one patch of a task lives",
        "release: once its task is finished, not completed: lands for itself.",
        one_patch_of_a_task,
    ),
    in_state("one patch is on its way", "Nothing overtakes a landing.", one_is_on_its_way),
    in_state(
        "the rules hold of what goes on",
        "validate: format, scope and the rules over the patch hold; verify: the rules over the tree hold.",
        rules_hold,
    ),
    in_state(
        "what is held was approved",
        "a hold before landing, a flaky gate: waiting, until decide, by a person.",
        held_was_approved,
    ),
    in_state(
        "the branch is what the ledger says",
        "committed: the landing branch moved to it by compare-and-swap.",
        branch_is_the_ledger,
    ),
    in_state("what is asked for is wanted", "withdraw: its cause is gone.", asked_is_wanted),
    in_state("nothing is asked for twice", "Effect: one runner.", asked_once),
    in_state(
        "what is stopped is killed",
        "cancel: its lease ends, its process is stopped; overdue: the engine has it killed.",
        stopped_is_killed,
    ),
];

fn times_are_ordered(s: &Scene<'_>) -> bool {
    let run = (Some(s.run.created_at), s.run.started_at, s.run.finished_at);
    let tasks = s.tasks.iter().map(|one| (Some(one.created_at), one.started_at, one.finished_at));
    let attempts = s.attempts.iter().map(|one| (None, Some(one.started_at), one.finished_at));
    let patches = s.patches.iter().map(|one| (Some(one.created_at), None, one.finished_at));
    let streams = s.streams.iter().map(|one| (Some(one.created_at), one.started_at, one.finished_at));
    let workers = s.workers.iter().map(|one| (Some(one.registered_at), None, one.finished_at));
    let gate_runs = s.gate_runs.iter().map(|one| (Some(one.created_at), one.started_at, one.finished_at));
    let effects = s.effects.iter().map(|one| (Some(one.created_at), one.started_at, one.finished_at));
    let all = tasks.chain(attempts).chain(patches).chain(gate_runs).chain(effects);
    let all = all.chain(streams).chain(workers).chain([run]);
    let mut all = all.map(|(created, started, finished)| [created, started, finished]);
    all.all(|times| times.into_iter().flatten().is_sorted())
}

fn finished_have_an_end(s: &Scene<'_>) -> bool {
    s.run.finished_at.is_some() == run_is_over(s.run.state)
        && s.tasks.iter().all(|one| one.finished_at.is_some() == task_is_over(one.state))
        && s.attempts.iter().all(|one| one.finished_at.is_some() == attempt_is_over(one.state))
        && s.patches.iter().all(|one| one.finished_at.is_some() == patch_is_over(one.state))
        && s.gate_runs.iter().all(|one| one.finished_at.is_some() == gate_run_is_over(one.state))
        && s.effects.iter().all(|one| one.finished_at.is_some() == is_settled(one.state))
        && s.workers.iter().all(|one| one.finished_at.is_some() == worker_is_over(one.state))
        && s.streams.iter().all(|one| one.finished_at.is_some() == stream_is_over(one.state))
}

fn end_is_drained(s: &Scene<'_>) -> bool {
    let lands_for_itself = |patch: Option<&Patch>| patch.is_some_and(|patch| s.is_released(patch));
    !run_is_over(s.run.state)
        || (s.tasks.iter().all(|task| task_is_over(task.state))
            && s.streams.iter().all(|stream| stream_is_over(stream.state))
            && s.attempts.iter().all(|attempt| attempt_is_over(attempt.state))
            && s.patches.iter().all(|patch| patch_is_over(patch.state) || s.is_released(patch))
            && s.unsettled().all(|effect| lands_for_itself(s.patch_behind(&effect.work)))
            && s.gate_runs
                .iter()
                .filter(|one| !gate_run_is_over(one.state))
                .all(|one| lands_for_itself(s.patches.iter().find(|patch| one.patch == Some(patch.id)).copied())))
}

fn critical_miss_fails(s: &Scene<'_>) -> bool {
    s.run.state != RunState::Succeeded || !s.critical_missed()
}

fn outcome_says_misses(s: &Scene<'_>) -> bool {
    let missed = s.tasks.iter().any(|task| is_missed(task)) || s.streams.iter().any(|stream| stream_is_missed(stream));
    let said = if missed { RunOutcome::WithFailures } else { RunOutcome::Clean };
    s.run.state != RunState::Succeeded || s.run.outcome == Some(said)
}

fn paused_has_no_lease(s: &Scene<'_>) -> bool {
    s.run.state != RunState::Paused || s.tasks.iter().all(|task| task.state != TaskState::Running)
}

fn winding_down_is_idle(s: &Scene<'_>) -> bool {
    let may_be = |task: &Task| match task.state {
        TaskState::Running | TaskState::Validating => true,
        // What is ready and held was paid for: a person says what becomes of it.
        TaskState::Waiting => s.patch_of(task).is_some_and(|patch| s.is_held(patch)),
        state => task_is_over(state),
    };
    s.run.state != RunState::Running || !s.critical_missed() || s.tasks.iter().all(|task| may_be(task))
}

fn lease_is_of_running(s: &Scene<'_>) -> bool {
    s.tasks.iter().all(|task| task.lease.is_some() == (task.state == TaskState::Running))
}

fn attempts_have_a_limit(s: &Scene<'_>) -> bool {
    s.tasks.iter().all(|task| {
        let limit = task.spec.attempts + task.attempts_granted;
        task.attempts_used <= limit && task.attempts_lost <= limit
    })
}

fn queued_needs_nothing(s: &Scene<'_>) -> bool {
    let began = |task: &&&Task| matches!(task.state, TaskState::Queued | TaskState::Running);
    s.tasks.iter().filter(began).all(|task| s.needed_by(task).all(is_done))
}

fn missed_is_not_waited_for(s: &Scene<'_>) -> bool {
    let waits = |task: &&&Task| matches!(task.state, TaskState::Pending | TaskState::Blocked);
    s.run.state != RunState::Running || s.tasks.iter().filter(waits).all(|task| !s.needed_by(task).any(is_missed))
}

fn clashing_are_apart(s: &Scene<'_>) -> bool {
    let under_way = |task: &&&Task| matches!(task.state, TaskState::Running | TaskState::Validating);
    let under_way: Vec<&Task> = s.tasks.iter().filter(under_way).copied().collect();
    under_way.iter().all(|one| !under_way.iter().any(|other| clash(one, other)))
}

fn run_has_room(s: &Scene<'_>) -> bool {
    let alive = s.unsettled().filter(|effect| matches!(effect.work, Work::Spawn { .. })).count();
    alive <= usize::try_from(s.run.spec.max_parallel).expect("a small number")
}

fn agent_has_room(s: &Scene<'_>) -> bool {
    s.run.spec.agents.iter().all(|agent| {
        let is_at_work = |task: &&&Task| {
            let asked = s.attempt_of(task).map(|attempt| attempt.agent.as_str());
            task.state == TaskState::Running && asked == Some(agent.name.as_str())
        };
        let running = s.tasks.iter().filter(is_at_work);
        agent.max_parallel.is_none_or(|most| running.count() <= usize::try_from(most).expect("a small number"))
    })
}

fn attempt_follows_task(s: &Scene<'_>) -> bool {
    let is_of = |attempt: &Attempt, task: &&Task| task.lease.as_ref().is_some_and(|lease| lease.attempt == attempt.id);
    let leased = s.attempts.iter().all(|attempt| {
        let leased = s.tasks.iter().any(|task| is_of(attempt, task));
        leased == (attempt.state == AttemptState::Running)
    });
    let newest = |task: &&Task| task.lease.as_ref().is_none_or(|lease| task.attempt == Some(lease.attempt));
    leased && s.tasks.iter().all(newest)
}

fn success_has_exit_zero(s: &Scene<'_>) -> bool {
    s.attempts
        .iter()
        .filter(|attempt| attempt.state == AttemptState::Succeeded)
        .all(|attempt| attempt.end.as_ref().is_some_and(|end| end.exit == Some(ExitStatus::Code(0))))
}

fn validating_has_a_patch(s: &Scene<'_>) -> bool {
    s.tasks.iter().filter(|task| task.state == TaskState::Validating).all(|task| {
        let ended_well = s.attempt_of(task).is_some_and(|attempt| attempt.state == AttemptState::Succeeded);
        ended_well && s.patch_of(task).is_some_and(|patch| patch.attempt == task.attempt && !patch_is_over(patch.state))
    })
}

fn retried_may_help(s: &Scene<'_>) -> bool {
    let hopeless = [Some(ErrorClass::Budget), Some(ErrorClass::PlanInconsistent)];
    s.tasks.iter().filter(|task| task.state == TaskState::Retrying).all(|task| !hopeless.contains(&task.error_class))
}

fn patch_moves_with_task(s: &Scene<'_>) -> bool {
    s.patches.iter().filter(|patch| !patch_is_over(patch.state) && !s.is_released(patch)).all(|patch| {
        s.task_of(patch).is_some_and(|task| {
            let validates = matches!(task.state, TaskState::Validating | TaskState::Waiting);
            validates && task.patch == Some(patch.id) && patch.attempt == task.attempt
        })
    })
}

fn landed_completes(s: &Scene<'_>) -> bool {
    let committed = |patch: &Patch| patch.state == PatchState::Committed;
    let completed = |task: &Task| task.state == TaskState::Completed;
    let by_task = s.tasks.iter().filter(|task| completed(task)).all(|task| s.patch_of(task).is_some_and(committed));
    let landed = s.patches.iter().filter(|patch| committed(patch) && !s.is_released(patch));
    by_task && landed.into_iter().all(|patch| s.task_of(patch).is_some_and(completed))
}

fn one_patch_of_a_task(s: &Scene<'_>) -> bool {
    let lives = |patch: &&&Patch| patch.state == PatchState::Committed || !patch_is_over(patch.state);
    let is_one = |task: &&Task| s.patches.iter().filter(lives).filter(|patch| patch.task == Some(task.id)).count() <= 1;
    let released = s.patches.iter().filter(lives).filter(|patch| s.is_released(patch));
    let is_over = |task: &Task| task_is_over(task.state) && task.state != TaskState::Completed;
    s.tasks.iter().all(is_one) && released.into_iter().all(|patch| s.task_of(patch).is_none_or(is_over))
}

fn one_is_on_its_way(s: &Scene<'_>) -> bool {
    let has_effect = |patch: &Patch| {
        s.unsettled().any(|effect| {
            effect.work == Work::Apply { patch: patch.id } || effect.work == Work::Land { patch: patch.id }
        })
    };
    let on_its_way = s.patches.iter().filter(|patch| match patch.state {
        // One whose gates contradict themselves stands aside.
        PatchState::Applied => patch.doubt.is_none(),
        PatchState::Queued | PatchState::Verified => has_effect(patch),
        _ => false,
    });
    on_its_way.count() <= 1
}

fn rules_hold(s: &Scene<'_>) -> bool {
    let goes_on =
        |patch: &&&Patch| !matches!(patch.state, PatchState::Created | PatchState::Quarantined | PatchState::Dropped);
    let broken = |outcome| matches!(outcome, RuleOutcome::Broken | RuleOutcome::BrokenAlways);
    s.patches.iter().filter(goes_on).all(|patch| !patch.verdicts.iter().any(|verdict| broken(verdict.outcome)))
}

fn held_was_approved(s: &Scene<'_>) -> bool {
    use tollhouse_core::spec::LandMode;
    let goes_on = |patch: &Patch| matches!(patch.state, PatchState::Verified | PatchState::Committed);
    let lands = |patch: &Patch| {
        let landing = s.unsettled().any(|effect| effect.work == Work::Land { patch: patch.id });
        landing || patch.state == PatchState::Committed
    };
    // Where a gate said no and then yes of one tree, and a person is to look.
    let is_in_doubt = |patch: &Patch| patch.doubt.is_some() && !matches!(patch.state, PatchState::Applied);
    let waits =
        |patch: &Patch| s.run.spec.land == LandMode::Hold && lands(patch) || is_in_doubt(patch) && goes_on(patch);
    s.patches.iter().all(|patch| patch.approved || !waits(patch))
}

fn branch_is_the_ledger(s: &Scene<'_>) -> bool {
    let ours = s.world.branch.iter().filter_map(|commit| match commit {
        Commit::Ours(patch) => Some(*patch),
        Commit::Foreign => None,
    });
    let ours: Vec<PatchId> = ours.collect();
    let once: BTreeSet<PatchId> = ours.iter().copied().collect();
    let committed = s.patches.iter().filter(|patch| patch.state == PatchState::Committed).map(|patch| patch.id);
    once.len() == ours.len() && once == committed.collect()
}

fn asked_is_wanted(s: &Scene<'_>) -> bool {
    let patch_is = |id, state| s.patches.iter().any(|patch| patch.id == id && patch.state == state);
    s.effects.iter().filter(|effect| effect.state == EffectState::Requested).all(|effect| match effect.work {
        Work::Spawn { attempt } => s.attempts.iter().any(|one| one.id == attempt && one.state == AttemptState::Running),
        Work::Kill { attempt } => s.attempts.iter().any(|one| one.id == attempt && attempt_is_over(one.state)),
        Work::Apply { patch } => patch_is(patch, PatchState::Queued),
        Work::Land { patch } => patch_is(patch, PatchState::Verified),
        Work::Gate { gate_run } => {
            s.gate_runs.iter().any(|one| one.id == gate_run && one.state == GateRunState::Pending)
        }
        Work::Purge { .. } | Work::Archive { .. } => true,
    })
}

fn asked_once(s: &Scene<'_>) -> bool {
    let open: Vec<_> = s.unsettled().collect();
    open.iter().all(|one| open.iter().filter(|other| other.work == one.work).count() == 1)
}

fn stopped_is_killed(s: &Scene<'_>) -> bool {
    let stopped = |attempt: &&&Attempt| {
        use AttemptState as S;
        matches!(attempt.state, S::TimedOut | S::Interrupted | S::Canceled)
    };
    s.attempts.iter().filter(stopped).all(|attempt| {
        let lives = s.effects.iter().any(|one| one.work == Work::Spawn { attempt: attempt.id } && is_begun(one.state));
        let killed = s.effects.iter().any(|one| one.work == Work::Kill { attempt: attempt.id });
        !lives || killed
    })
}

/// Critical tasks of the run's own that were missed.
pub(super) fn missed_criticals(s: &Scene<'_>) -> BTreeSet<tollhouse_core::TaskId> {
    let of_run = |task: &&&Task| task.spec.workstream.is_none() && is_critical(task) && is_missed(task);
    s.tasks.iter().filter(of_run).map(|task| task.id).collect()
}
