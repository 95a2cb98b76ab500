//! Whether a queued task may begin beside what is under way, and what is in its way where it may not.

use tollhouse_core::entity::{Breaker, Budget, Patch, Run, Task};
use tollhouse_core::lifecycle::{BreakerState, TaskState};
use tollhouse_core::spec::OnExhausted;
use tollhouse_core::{Money, Timestamp, limits};

use crate::guard::{Guard, stops};
use crate::plan::{Clash, clash};

/// What a queued task waits for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Obstacle<'t> {
    /// As many attempts are alive as the run allows.
    Full {
        /// So many.
        most: u32,
    },
    /// Its agent, or each of those that it may go to, is at as many tasks as it may be.
    AgentBusy {
        /// So many.
        most: u32,
        /// At these.
        with: Vec<&'t Task>,
    },
    /// It may not be under way together with another task.
    Clash {
        /// Which one.
        with: &'t Task,
        /// Why.
        clash: Clash,
    },
    /// Its agent failed too often, or its provider asked to slow down.
    BreakerOpen {
        /// From when one trial may go; absent while one is out.
        until: Option<Timestamp>,
    },
    /// What its attempt may cost is not free in its run's budget.
    NoMoney {
        /// What would be set aside.
        needs: Money,
        /// What is free.
        left: Money,
    },
}

/// The states of tasks that may be under way.
pub(crate) const MAY_BE_UNDER_WAY: &[TaskState] = &[TaskState::Running, TaskState::Validating, TaskState::Waiting];

/// Whether what a task changes is not settled yet, so that nothing which clashes with it begins: it is worked on, its change is
/// judged, or its change is ready and waits for a person. `patch` is the task's own.
pub(crate) fn is_under_way(task: &Task, patch: Option<&Patch>) -> bool {
    match task.state {
        TaskState::Running => true,
        TaskState::Validating => stops(Guard::ValidatingClashes, true),
        TaskState::Waiting => stops(Guard::ValidatingClashes, patch.is_some_and(|patch| !patch.state.is_finished())),
        _ => false,
    }
}

/// Whether a run has as many attempts alive as it allows.
pub(crate) fn is_full(run: &Run, alive: usize) -> bool {
    stops(Guard::RoomInTheRun, alive >= limit(run.spec.max_parallel))
}

/// The limit of an agent that is at as many tasks of a run as it may be.
pub(crate) fn agent_is_full(run: &Run, agent: &str, others: &[&Task]) -> Option<u32> {
    let most = run.spec.agents.iter().find(|known| known.name == agent)?.max_parallel?;
    let at_work = others.iter().filter(|other| is_at_work(run, agent, other)).count();
    stops(Guard::RoomAtTheAgent, at_work >= limit(most)).then_some(most)
}

/// The limit of the first agent that a task may go to, where all of them are at as many as they may be.
fn agents_are_full(run: &Run, task: &Task, others: &[&Task]) -> Option<u32> {
    let mut full = task.candidates().map(|agent| agent_is_full(run, agent, others));
    let first = full.next()??;
    full.all(|most| most.is_some()).then_some(first)
}

fn is_at_work(run: &Run, agent: &str, task: &Task) -> bool {
    task.run == run.id && task.state == TaskState::Running && task.agent() == agent
}

fn limit(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// What is in the way of a queued task beside others, if anything is: those under way, or that are to be. `alive` counts the
/// attempts of the run whose processes may still be there: one whose task is already overdue occupies the machine until they are
/// gone.
pub(crate) fn obstacle<'t>(run: &Run, task: &Task, others: &[&'t Task], alive: usize) -> Option<Obstacle<'t>> {
    if is_full(run, alive) {
        return Some(Obstacle::Full { most: run.spec.max_parallel });
    }
    if let Some(most) = agents_are_full(run, task, others) {
        let is_theirs = |other: &&&Task| task.candidates().any(|agent| is_at_work(run, agent, other));
        return Some(Obstacle::AgentBusy { most, with: others.iter().filter(is_theirs).copied().collect() });
    }
    others.iter().filter(|other| other.id != task.id).find_map(|other| {
        let clash = clash(&task.spec, &other.spec).filter(|_| stops(Guard::NoClash, true))?;
        Some(Obstacle::Clash { with: other, clash })
    })
}

/// What an attempt at a task sets aside of its run's budget: what the task says, else what a task may spend, else an even share of the
/// limit for each attempt that may be alive, or what is left of it where that is less.
///
/// The share is of the limit and not of what is left, so that attempts whose cost nobody ever knows use a budget up.
pub(crate) fn reservation(run: &Run, budget: &Budget, task: &Task) -> Money {
    let per_task = run.spec.budget.as_ref().and_then(|spec| spec.per_task);
    let said = task.spec.reserve.or(per_task).map(|amount| amount.max(Money::default()));
    said.unwrap_or_else(|| {
        let share = Money::from_nanos(budget.limit.as_nanos() / i64::from(run.spec.max_parallel.max(1)));
        let least = Money::from_nanos(1);
        let most = if budget.on_exhausted == OnExhausted::Warn { share } else { share.min(budget.room()) };
        most.max(least)
    })
}

/// What is in the way of a queued task where its run has not enough money left.
pub(crate) fn money_obstacle(run: &Run, budget: Option<&Budget>, task: &Task) -> Option<Obstacle<'static>> {
    let budget = budget.filter(|budget| budget.on_exhausted != OnExhausted::Warn)?;
    let (needs, left) = (reservation(run, budget, task), budget.room());
    stops(Guard::LeaseNeedsMoney, needs > left).then_some(Obstacle::NoMoney { needs, left })
}

/// What is in the way of a task where its agent's circuit breaker is not closed.
pub(crate) fn breaker_obstacle(breaker: Option<&Breaker>, now: Timestamp) -> Option<Obstacle<'static>> {
    let breaker = breaker?;
    let too_early = trial_from(breaker).is_some_and(|from| now < from);
    let keeps_out = match breaker.state {
        BreakerState::Closed => false,
        BreakerState::Open => stops(Guard::OpenKeepsOut, too_early),
        BreakerState::HalfOpen => stops(Guard::TrialIsAlone, too_early),
    };
    keeps_out.then_some(Obstacle::BreakerOpen { until: breaker.until })
}

/// From when a trial of an agent may go: where one is out, from when it is forgotten. None while its breaker is closed.
pub(crate) fn trial_from(breaker: &Breaker) -> Option<Timestamp> {
    match breaker.state {
        BreakerState::Closed => None,
        BreakerState::Open => breaker.until,
        BreakerState::HalfOpen => Some(breaker.changed_at.after(limits::TRIAL_FORGOTTEN_AFTER)),
    }
}
