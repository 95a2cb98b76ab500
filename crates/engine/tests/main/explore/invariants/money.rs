//! What holds of money.

use std::collections::BTreeSet;

use tollhouse_core::AttemptId;
use tollhouse_core::entity::{Budget, Task};
use tollhouse_core::lifecycle::{AttemptState, BudgetState, RunState, TaskState};
use tollhouse_core::spec::OnExhausted;

use super::scene::Scene;
use super::{OfState, in_state};

/// What holds of it in each state.
pub(super) const IN_EACH_STATE: &[OfState] = &[
    in_state(
        "what may be spent is not overspent",
        "Attempts in parallel cannot overspend together by more than what agents overrun their own reservation.",
        not_overspent,
    ),
    in_state(
        "money is set aside for what runs",
        "Money is reserved before an attempt and settled in the commit that ends it.",
        reserved_for_running,
    ),
    in_state(
        "what was spent is what was written",
        "An entry is written once; settled: what is known so far.",
        spent_is_written,
    ),
    in_state(
        "a budget is where its figures are",
        "exhausted at 100 %; it follows the figures back, too.",
        exhausted_is_said,
    ),
    in_state(
        "over its task's limit an attempt fails",
        "Over its task's limit an attempt fails (`budget`).",
        task_limit_holds,
    ),
    in_state("what is spent is not tried again", "`budget` does not retry.", spent_is_not_retried),
    in_state(
        "without money a run rests",
        "pause: budget exhausted and `on_exhausted = \"pause\"`.",
        rests_without_money,
    ),
    in_state(
        "without money a run winds down",
        "Winding down (budget exhausted and `\"stop\"`): nothing is leased, all others are canceled.",
        winds_down_without_money,
    ),
];

fn budget<'s>(s: &'s Scene<'_>) -> Option<&'s Budget> {
    s.world.budget()
}

fn reserve(task: &Task) -> i64 {
    task.spec.reserve.unwrap_or_default().as_nanos()
}

fn not_overspent(s: &Scene<'_>) -> bool {
    let Some(budget) = budget(s) else { return true };
    let overrun = |attempt: &tollhouse_core::entity::Attempt| {
        let task = s.tasks.iter().find(|task| task.id == attempt.task);
        let cost = s.world.cost_of(attempt.id).unwrap_or_default();
        (cost - task.map_or(0, |task| reserve(task))).max(0)
    };
    let overrun: i64 = s.attempts.iter().map(|attempt| overrun(attempt)).sum();
    let taken = budget.spent.as_nanos() + budget.reserved_total().as_nanos();
    taken <= budget.limit.as_nanos() + overrun
}

fn reserved_for_running(s: &Scene<'_>) -> bool {
    let Some(budget) = budget(s) else { return true };
    let running = s.attempts.iter().filter(|attempt| attempt.state == AttemptState::Running);
    let running: BTreeSet<AttemptId> = running.map(|attempt| attempt.id).collect();
    let reserved: BTreeSet<AttemptId> = budget.reserved.keys().copied().collect();
    running == reserved
}

fn spent_is_written(s: &Scene<'_>) -> bool {
    let Some(budget) = budget(s) else { return true };
    let written: i64 = s.attempts.iter().filter_map(|attempt| s.world.cost_of(attempt.id)).sum();
    written == budget.spent.as_nanos()
}

fn exhausted_is_said(s: &Scene<'_>) -> bool {
    budget(s).is_none_or(|budget| budget.spent < budget.limit || budget.state == BudgetState::Exhausted)
}

fn task_limit(s: &Scene<'_>) -> Option<i64> {
    s.run.spec.budget.as_ref()?.per_task.map(tollhouse_core::Money::as_nanos)
}

/// Of what is known to have cost so much: the last attempt did not end well.
fn task_limit_holds(s: &Scene<'_>) -> bool {
    let Some(limit) = task_limit(s) else { return true };
    s.tasks.iter().filter(|task| s.world.spent_on(task.id) > limit).all(|task| {
        let last = s.attempt_of(task);
        last.is_none_or(|last| last.state != AttemptState::Succeeded)
    })
}

fn spent_is_not_retried(s: &Scene<'_>) -> bool {
    let Some(limit) = task_limit(s) else { return true };
    s.tasks.iter().filter(|task| task.state == TaskState::Retrying).all(|task| s.world.spent_on(task.id) < limit)
}

/// Whether a run has spent what it may, or cannot pay what is next while nothing is set aside.
fn is_spent(s: &Scene<'_>, budget: &Budget) -> bool {
    let waits = |task: &&&Task| matches!(task.state, TaskState::Queued | TaskState::Retrying);
    let next = s.tasks.iter().filter(waits).map(|task| reserve(task)).min();
    let left = budget.limit.as_nanos() - budget.spent.as_nanos();
    left <= 0 || (budget.reserved.is_empty() && next.is_some_and(|next| left < next))
}

fn rests_without_money(s: &Scene<'_>) -> bool {
    let Some(budget) = budget(s).filter(|budget| budget.on_exhausted == OnExhausted::Pause) else { return true };
    let costs = |state| matches!(state, TaskState::Queued | TaskState::Retrying | TaskState::Running);
    let busy = s.tasks.iter().any(|task| costs(task.state));
    s.run.state != RunState::Running || !busy || !is_spent(s, budget)
}

fn winds_down_without_money(s: &Scene<'_>) -> bool {
    let Some(budget) = budget(s).filter(|budget| budget.on_exhausted == OnExhausted::Stop) else { return true };
    let idle = |state| {
        use TaskState as S;
        !matches!(state, S::Pending | S::Blocked | S::Queued | S::Retrying)
    };
    s.run.state != RunState::Running || !is_spent(s, budget) || s.tasks.iter().all(|task| idle(task.state))
}
