//! What holds at each step, between a state and the next.

use tollhouse_core::entity::{Effect, Patch, Task, Work};
use tollhouse_core::lifecycle::{
    AttemptState, BudgetState, EffectState, PatchState, RunState, TaskState, WorkstreamState,
};
use tollhouse_core::{Change, EffectId, Kind, TaskId};
use tollhouse_engine::{Command, Outcome, PatchWish, TaskWish, Witness};

use super::moment::missed_criticals;
use super::scene::{Scene, is_begun, is_missed, is_settled, run_is_over, stream_is_over, task_is_over, worker_is_over};
use super::{OfStep, at_step};
use crate::explore::world::{By, Move};

/// A state, what was done in it, and the state after that.
pub(in crate::explore) struct Step<'w> {
    pub(in crate::explore) before: &'w Scene<'w>,
    pub(in crate::explore) done: &'w Move,
    pub(in crate::explore) changes: &'w [Change],
    pub(in crate::explore) after: &'w Scene<'w>,
}

/// What holds at each step.
pub(super) const AT_EACH_STEP: &[OfStep] = &[
    at_step(
        "what is over stays",
        "`*` marks a terminal state: it absorbs; a late report about something finished moves no state.",
        over_stays,
    ),
    at_step("epochs only grow", "Effect: an epoch; lease: epoch + 1.", epochs_grow),
    at_step(
        "what a patch says never changes",
        "The content never changes (its hash is its identity); `critical` never changes.",
        content_stays,
    ),
    at_step(
        "who claimed it says how it went",
        "Effect: one runner, an epoch; `unknown` is settled by looking at the world.",
        claimant_reports,
    ),
    at_step("a new conductor has begun nothing", "`lose`: started → unknown (runner dead).", taken_over_is_unknown),
    at_step(
        "nothing starts at rest",
        "Paused: no lease, apply, gate run or landing starts; what is alive ends.",
        nothing_starts_at_rest,
    ),
    at_step(
        "nothing is tried when winding down",
        "Winding down: nothing is leased, running and validating tasks end without another attempt.",
        winding_down_tries_nothing,
    ),
    at_step(
        "winding down lets end",
        "Winding down: running and validating tasks end, all others are canceled.",
        winding_down_lets_end,
    ),
    at_step(
        "nothing overtakes a landing",
        "Until its effect is settled, its patch and task take only its outcome.",
        nothing_overtakes,
    ),
    at_step(
        "a requeue gives up nobody",
        "requeue: by a person; run running or paused, nothing skipped or failed for it.",
        requeue_is_clean,
    ),
    at_step(
        "a release is a person's",
        "A quarantined patch never moves by itself; release: a person, once its task is finished, not completed.",
        release_is_a_persons,
    ),
    at_step("what is late moves no task", "A late report about something finished moves no state.", late_moves_no_task),
    at_step(
        "a run rests when nothing moves",
        "Only what holds no lease, money, process or lock may wait for a person.",
        rest_is_quiet,
    ),
    at_step(
        "a loss or interrupt uses no attempt",
        "interrupt: does not use up an attempt; lose: counted apart.",
        lost_uses_no_attempt,
    ),
    at_step(
        "a run fails for a reason",
        "fail: wound down: a critical workstream missed, budget exhausted and `stop`, the run's deadline, or stuck.",
        fails_for_a_reason,
    ),
    at_step(
        "nothing is leased when time is over",
        "Winding down (the run's deadline): nothing is leased.",
        late_leases_nothing,
    ),
    at_step(
        "a deadline moves what is due",
        "retrying: backoff over; overdue: past its deadline; expire: no answer in time.",
        deadline_moves,
    ),
];

fn over_stays(s: &Step<'_>) -> bool {
    s.changes.iter().all(|change| {
        let id = change.record.id;
        match id.kind() {
            Kind::Run => match s.before.run.state {
                RunState::Succeeded | RunState::Canceled | RunState::Failed => s.after.run.state == s.before.run.state,
                _ => true,
            },
            Kind::Task => {
                let before = s.before.tasks.iter().find(|one| one.id == id.try_into().expect("a task"));
                let after = s.after.tasks.iter().find(|one| one.id == id.try_into().expect("a task"));
                before.is_none_or(|one| match one.state {
                    TaskState::Completed | TaskState::Canceled | TaskState::Skipped => Some(one) == after,
                    _ => true,
                })
            }
            Kind::Attempt => {
                let is = |one: &&&tollhouse_core::entity::Attempt| one.id == id.try_into().expect("an attempt");
                let (before, after) = (s.before.attempts.iter().find(is), s.after.attempts.iter().find(is));
                // Its costs, and what came to be known, are recorded all the same.
                before.is_none_or(|one| {
                    one.state == AttemptState::Running
                        || after.is_some_and(|after| after.state == one.state && after.finished_at == one.finished_at)
                })
            }
            Kind::Patch => {
                let is = |one: &&&Patch| one.id == id.try_into().expect("a patch");
                let (before, after) = (s.before.patches.iter().find(is), s.after.patches.iter().find(is));
                before.is_none_or(|one| {
                    !matches!(one.state, PatchState::Committed | PatchState::Dropped) || Some(one) == after
                })
            }
            Kind::GateRun => {
                let is = |one: &&&tollhouse_core::entity::GateRun| one.id == id.try_into().expect("a gate run");
                let before = s.before.gate_runs.iter().find(is);
                before.is_none_or(|one| !super::scene::gate_run_is_over(one.state))
            }
            Kind::Effect => {
                let before = effect(s.before, id.try_into().expect("an effect"));
                before.is_none_or(|one| !is_settled(one.state))
            }
            Kind::Worker => {
                let before = s.before.worker(id.try_into().expect("a worker"));
                before.is_none_or(|one| !worker_is_over(one.state))
            }
            Kind::Workstream => {
                let is = |one: &&&tollhouse_core::entity::Workstream| one.id == id.try_into().expect("a workstream");
                let before = s.before.streams.iter().find(is);
                before.is_none_or(|one| !stream_is_over(one.state))
            }
            Kind::Breaker | Kind::CostEntry | Kind::Budget => true,
        }
    })
}

fn effect<'s>(scene: &Scene<'s>, id: EffectId) -> Option<&'s Effect> {
    scene.effects.iter().find(|one| one.id == id).copied()
}

fn task<'s>(scene: &Scene<'s>, id: TaskId) -> &'s Task {
    scene.tasks.iter().find(|one| one.id == id).expect("tasks stay")
}

fn epochs_grow(s: &Step<'_>) -> bool {
    let effects = s.before.effects.iter().all(|one| effect(s.after, one.id).is_some_and(|now| now.epoch >= one.epoch));
    let leased =
        s.changes.iter().filter(|change| change.record.kind() == Kind::Task && change.event.name == "lease").count();
    let granted = s.after.run.epoch - s.before.run.epoch;
    effects && s.after.run.conductors >= s.before.run.conductors && usize::try_from(granted) == Ok(leased)
}

fn content_stays(s: &Step<'_>) -> bool {
    let same = |one: &Patch, now: &Patch| {
        (&one.content, &one.blob, &one.patch_id, &one.base, &one.description, one.task, one.attempt)
            == (&now.content, &now.blob, &now.patch_id, &now.base, &now.description, now.task, now.attempt)
    };
    s.before.tasks.iter().all(|one| task(s.after, one.id).spec == one.spec)
        && s.before.patches.iter().all(|one| s.after.patches.iter().any(|now| now.id == one.id && same(one, now)))
}

fn claimant_reports(s: &Step<'_>) -> bool {
    s.before.effects.iter().all(|before| {
        let after = effect(s.after, before.id).map(|after| after.state);
        let Some(after) = after.filter(|after| *after != before.state) else { return true };
        match (before.state, after, &s.done.command) {
            (EffectState::Requested, EffectState::Started, Command::Claim { effect, by, .. })
                if by.worker.is_some() =>
            {
                let worker = by.worker.and_then(|worker| s.before.worker(worker));
                let held = worker.and_then(|worker| worker.holds.as_ref());
                *effect == before.id && held.is_some_and(|held| before.work.subject() == held.attempt.into())
            }
            (EffectState::Requested, EffectState::Started, Command::Claim { effect, by, .. }) => {
                let drives = s.before.run.conductor.as_ref().is_some_and(|present| present.epoch == by.conductor);
                *effect == before.id && drives
            }
            (EffectState::Requested, EffectState::Failed, _) => true,
            (EffectState::Started, EffectState::Unknown, Command::Drive { .. }) => {
                !s.before.world.is_for_worker(before)
            }
            (EffectState::Started, EffectState::Unknown, Command::LookAtWorker { worker, .. }) => {
                let held = s.before.worker(*worker).and_then(|worker| worker.holds.as_ref());
                held.is_some_and(|held| before.work.subject() == held.attempt.into())
            }
            (EffectState::Started, _, Command::Report { effect, epoch, .. }) => {
                *effect == before.id && *epoch == before.epoch
            }
            (EffectState::Unknown, _, Command::Settle { effect, by: Witness::Conductor(epoch), .. }) => {
                let drives = s.before.run.conductor.as_ref().is_some_and(|present| present.epoch == *epoch);
                *effect == before.id && drives
            }
            _ => false,
        }
    })
}

fn taken_over_is_unknown(s: &Step<'_>) -> bool {
    !matches!(s.done.command, Command::Drive { .. })
        || s.after
            .effects
            .iter()
            .all(|effect| effect.state != EffectState::Started || s.after.world.is_for_worker(effect))
}

fn nothing_starts_at_rest(s: &Step<'_>) -> bool {
    let rests = |state| matches!(state, RunState::Paused | RunState::Canceling);
    if !rests(s.before.run.state) || !(rests(s.after.run.state) || run_is_over(s.after.run.state)) {
        return true;
    }
    let began = |one: &Effect| {
        one.state == EffectState::Started
            && effect(s.before, one.id).is_none_or(|before| before.state != EffectState::Started)
    };
    let leased = s.changes.iter().any(|change| change.record.kind() == Kind::Task && change.event.name == "lease");
    !leased && s.after.effects.iter().all(|one| matches!(one.work, Work::Kill { .. }) || !began(one))
}

/// Walks through the changes in their order: from the first critical miss on, nothing is leased or tried again.
fn winding_down_tries_nothing(s: &Step<'_>) -> bool {
    if s.after.run.state == RunState::Paused || s.before.run.state == RunState::Canceling {
        return true;
    }
    let (mut missed, missed_after) = (missed_criticals(s.before), missed_criticals(s.after));
    for change in s.changes.iter().filter(|change| change.record.kind() == Kind::Task) {
        let id: TaskId = change.record.id.try_into().expect("a task");
        let state = change.record.state.as_str();
        if state == "queued" {
            missed.remove(&id);
        } else if missed_after.contains(&id) && matches!(state, "failed" | "canceled" | "skipped") {
            missed.insert(id);
        } else if !missed.is_empty() && matches!(state, "running" | "retrying") {
            return false;
        }
    }
    true
}

fn winding_down_lets_end(s: &Step<'_>) -> bool {
    let end_of_run = matches!(s.after.run.state, RunState::Canceling | RunState::Canceled);
    let goes_on = |task: &&&Task| matches!(task.state, TaskState::Running | TaskState::Validating | TaskState::Waiting);
    s.before.tasks.iter().filter(goes_on).all(|before| {
        let meant = matches!(&s.done.command, Command::OverrideTask { task, .. } if *task == before.id);
        // Held, and sent back by a person while the run winds down: that ends it, too.
        let sent_back = matches!(&s.done.command, Command::OverridePatch { patch, .. } if before.patch == Some(*patch));
        // A person ended its workstream.
        let stream_ended =
            matches!(s.done.command, Command::OverrideWorkstream { .. }) && before.spec.workstream.is_some();
        end_of_run || meant || sent_back || stream_ended || task(s.after, before.id).state != TaskState::Canceled
    })
}

fn nothing_overtakes(s: &Step<'_>) -> bool {
    let is_begun = |effect: &&&Effect| is_begun(effect.state);
    s.before.effects.iter().filter(is_begun).all(|landing| {
        let Work::Land { patch: id } = landing.work else { return true };
        let is_outcome = match &s.done.command {
            Command::Report { effect, .. } | Command::Settle { effect, .. } => *effect == landing.id,
            _ => false,
        };
        let state = |scene: &Scene<'_>| scene.patches.iter().find(|one| one.id == id).map(|one| one.state);
        let tasks = s.before.tasks.iter().filter(|task| task.patch == Some(id));
        let same_tasks = tasks.into_iter().all(|before| task(s.after, before.id).state == before.state);
        is_outcome || (state(s.before) == state(s.after) && same_tasks)
    })
}

fn requeue_is_clean(s: &Step<'_>) -> bool {
    let requeued =
        s.changes.iter().filter(|change| change.record.kind() == Kind::Task && change.event.name == "requeue");
    requeued.into_iter().all(|change| {
        let id: TaskId = change.record.id.try_into().expect("a task");
        let asked =
            matches!(&s.done.command, Command::OverrideTask { task, wish: TaskWish::Retry { .. }, .. } if *task == id);
        let name = &task(s.before, id).spec.name;
        let given_up = s.before.tasks.iter().any(|other| other.spec.needs.contains(name) && is_missed(other));
        let own =
            s.before.streams.iter().find(|own| task(s.before, id).spec.workstream.as_ref() == Some(&own.spec.name));
        let goes_on = own.is_none_or(|own| own.state == WorkstreamState::Executing);
        asked && !given_up && goes_on && matches!(s.before.run.state, RunState::Running | RunState::Paused)
    })
}

fn release_is_a_persons(s: &Step<'_>) -> bool {
    let quarantined = |patch: &&&Patch| patch.state == PatchState::Quarantined;
    s.before.patches.iter().filter(quarantined).all(|before| {
        let after = s.after.patches.iter().find(|one| one.id == before.id).expect("patches stay");
        let moved = s.changes.iter().any(|change| change.record.id == before.id.into());
        match &s.done.command {
            Command::OverridePatch { patch, wish: PatchWish::Release { .. }, .. } if *patch == before.id => {
                let is_over = |task: &Task| task_is_over(task.state) && task.state != TaskState::Completed;
                let ends = matches!(s.before.run.state, RunState::Canceling | RunState::Pending | RunState::Verifying);
                s.before.task_of(before).is_none_or(is_over) && !ends
            }
            Command::OverridePatch { patch, wish: PatchWish::Drop, .. } if *patch == before.id => {
                after.state == PatchState::Dropped
            }
            _ => !moved,
        }
    })
}

/// A report about an attempt that is over: its task takes nothing from it, and its patch is evidence.
fn late_moves_no_task(s: &Step<'_>) -> bool {
    let (Command::Report { effect: id, .. } | Command::Settle { effect: id, .. }) = &s.done.command else {
        return true;
    };
    let Some(Work::Spawn { attempt }) = effect(s.before, *id).map(|effect| effect.work.clone()) else { return true };
    let of = s.before.attempts.iter().find(|one| one.id == attempt).expect("attempts stay");
    if of.state == AttemptState::Running {
        return true;
    }
    let moved = |change: &&Change| {
        change.record.id == of.task.into() && !["lease", "cancel"].contains(&change.event.name.as_str())
    };
    let of_it = s.after.patches.iter().filter(|patch| patch.attempt == Some(attempt));
    let new = of_it.filter(|patch| !s.before.patches.iter().any(|one| one.id == patch.id));
    !s.changes.iter().any(|change| moved(&change)) && new.into_iter().all(|patch| patch.state == PatchState::Dropped)
}

/// A run that pauses by itself has nothing alive, unless there is trouble that passes.
fn rest_is_quiet(s: &Step<'_>) -> bool {
    let pauses = s.before.run.state == RunState::Running && s.after.run.state == RunState::Paused;
    let trouble =
        matches!(&s.done.command, Command::Report { outcome, .. } if matches!(**outcome, Outcome::Failed { .. }));
    // Without money, what is alive is stopped.
    let spent = s.after.world.budget().is_some_and(|budget| budget.state == BudgetState::Exhausted);
    if !pauses || trouble || spent || matches!(s.done.command, Command::PauseRun { .. }) {
        return true;
    }
    let rests =
        |task: &&Task| task_is_over(task.state) || matches!(task.state, TaskState::Waiting | TaskState::Blocked);
    s.after.unsettled().next().is_none() && s.after.tasks.iter().all(rests)
}

fn lost_uses_no_attempt(s: &Step<'_>) -> bool {
    let free = s.changes.iter().filter(|change| {
        change.record.kind() == Kind::Task && ["lose", "interrupt"].contains(&change.event.name.as_str())
    });
    free.into_iter().all(|change| {
        let id: TaskId = change.record.id.try_into().expect("a task");
        let leased = s.changes.iter().any(|one| one.record.id == change.record.id && one.event.name == "lease");
        leased || task(s.after, id).attempts_used + 1 == task(s.before, id).attempts_used
    })
}

fn deadline_moves(s: &Step<'_>) -> bool {
    s.done.by != By::Clock || !s.changes.is_empty()
}

fn is_late(s: &Step<'_>) -> bool {
    let run = s.before.run;
    let deadline = run.started_at.and_then(|started| Some(started.after(run.spec.deadline?)));
    deadline.is_some_and(|deadline| deadline <= s.done.at)
}

fn late_leases_nothing(s: &Step<'_>) -> bool {
    let leased = s.changes.iter().any(|change| change.record.kind() == Kind::Task && change.event.name == "lease");
    !leased || !is_late(s)
}

fn fails_for_a_reason(s: &Step<'_>) -> bool {
    use tollhouse_core::spec::OnExhausted;
    if s.before.run.state != RunState::Running || s.after.run.state != RunState::Failed {
        return true;
    }
    let budget = s.after.world.budget();
    let spent = budget.is_some_and(|one| one.on_exhausted == OnExhausted::Stop && one.state == BudgetState::Exhausted);
    s.after.critical_missed() || spent || is_late(s) || is_stuck(s.before)
}

/// Nothing is alive, and no worker that is left can do what is queued.
fn is_stuck(s: &Scene<'_>) -> bool {
    let queued = || s.tasks.iter().filter(|task| task.state == TaskState::Queued);
    let living = || s.workers.iter().filter(|worker| !worker_is_over(worker.state));
    let can = |task: &Task| living().any(|worker| task.spec.capabilities.is_subset(&worker.capabilities));
    queued().count() > 0 && s.unsettled().next().is_none() && !queued().any(|task| can(task))
}
