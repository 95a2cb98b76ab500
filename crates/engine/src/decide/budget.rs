//! Money: set aside before an attempt, settled in the commit that ends it, and what happens once it is gone.
//!
//! Amounts are what the caller gives; prices are nobody's business here. What nobody knows counts as what was set aside for it.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Attempt, Budget, BudgetScope, CostEntry, Evidence, ExitStatus, Run, Task};
use tollhouse_core::lifecycle::{BudgetEvent, BudgetState, CostEntryEvent, CostEntryState, RunState, TaskState};
use tollhouse_core::spec::{Crew, OnExhausted, RunSpec};
use tollhouse_core::{AttemptId, BudgetId, CostEntryId, Money, RecordId, RunId, TaskId};

use super::draft::Draft;
use super::{run, winding};
use crate::guard::{Guard, lets, stops};
use crate::outcome::{AttemptFacts, Cost};
use crate::refusal::Refusal;
use crate::schedule::reservation;

const NOTHING: Money = Money::from_nanos(0);

/// What an attempt spent, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    amount: Option<Money>,
    evidence: Evidence,
    note: Option<&'static str>,
}

impl Spent {
    /// Of one that nobody began.
    pub(super) const NOTHING: Self =
        Self { amount: Some(NOTHING), evidence: Evidence::Computed, note: Some("nobody began it") };

    /// Whether somebody said what it cost.
    fn is_news(self) -> bool {
        self.amount.is_some() && self.note != Self::NOTHING.note
    }

    /// What the facts say. Of one that was cut off, more may come.
    pub(super) fn of(facts: Option<&AttemptFacts>, lost: bool) -> Self {
        let known = facts.and_then(|facts| facts.cost).filter(|cost| cost.amount.is_some_and(|known| known >= NOTHING));
        let is_killed = facts.is_some_and(|facts| matches!(facts.exit, Some(ExitStatus::Signal(_))));
        match known {
            None | Some(Cost { evidence: Evidence::Unknown, .. }) => {
                Self { amount: None, evidence: Evidence::Unknown, note: None }
            }
            Some(Cost { amount, evidence: Evidence::Reported | Evidence::Computed }) if lost || is_killed => {
                Self { amount, evidence: Evidence::LowerBound, note: Some("it was cut off: more may come") }
            }
            Some(Cost { amount, evidence }) => Self { amount, evidence, note: None },
        }
    }
}

/// The budget of a run, if it has one.
pub(super) fn of_run<'d>(draft: &'d Draft<'_>, run: RunId) -> Option<&'d Budget> {
    draft.any_order::<Budget>(run, BudgetState::ALL).find(|budget| budget.scope == BudgetScope::Run)
}

/// Makes the budget of a run that may not spend what it likes.
pub(super) fn create(draft: &mut Draft<'_>, run: RunId, spec: &RunSpec) -> Result<(), Refusal> {
    let Some((spec, limit)) = spec.budget.as_ref().and_then(|spec| Some((spec, spec.per_run?))) else { return Ok(()) };
    let id = BudgetId::from_parts(draft.now, draft.random_id_bits());
    let budget = Box::new(Budget {
        id,
        run: Some(run),
        scope: BudgetScope::Run,
        limit,
        on_exhausted: spec.on_exhausted,
        reserved: BTreeMap::new(),
        spent: NOTHING,
        state: Budget::level(NOTHING, limit, NOTHING, &BTreeMap::new()),
        created_at: draft.now,
        changed_at: draft.now,
    });
    draft.emit::<Budget>(id, &BudgetEvent::Created { budget })
}

/// Sets aside what an attempt may cost.
pub(super) fn reserve(draft: &mut Draft<'_>, task: &Task, attempt: AttemptId) -> Result<(), Refusal> {
    let run = draft.run(task.run)?;
    let Some(budget) = of_run(draft, run.id).cloned() else { return Ok(()) };
    let amount = reservation(&run, &budget, task);
    let mut after = budget;
    after.reserved.insert(attempt, amount);
    let to = level(draft, &after);
    draft.emit::<Budget>(after.id, &BudgetEvent::Reserve { attempt, amount, to })
}

/// Settles an attempt that ended: what it cost is written down, and the rest of what was set aside for it is free again.
pub(super) fn settle(draft: &mut Draft<'_>, attempt: &Attempt, spent: Spent) -> Result<(), Refusal> {
    let run = draft.run(attempt.run)?;
    if run.spec.budget.is_none() && !spent.is_news() {
        // Nobody asked what it may cost, and nobody knows what it did.
        return Ok(());
    }
    let budget = of_run(draft, attempt.run).cloned();
    let set_aside = budget.as_ref().and_then(|budget| budget.reserved.get(&attempt.id).copied());
    let settled_at = spent.amount.or(set_aside).or_else(|| at_most(draft, &run, attempt.task)).unwrap_or_default();
    let note = spent.note.map(str::to_owned).or_else(|| {
        let unknown = spent.amount.is_none();
        unknown.then(|| format!("what it cost is unknown: it counts as ${settled_at}, which was set aside for it"))
    });
    write(draft, attempt, spent, (settled_at, None, note))?;
    let Some(mut after) = budget.filter(|_| stops(Guard::EndSettlesReservation, true)) else { return Ok(()) };
    after.reserved.remove(&attempt.id);
    after.spent = after.spent.saturating_add(settled_at);
    let to = level(draft, &after);
    draft.emit::<Budget>(after.id, &BudgetEvent::Settle { attempt: attempt.id, cost: settled_at, to })
}

/// What an attempt at a task counts as where it is unknown and nothing could be set aside, for its run may spend what it likes.
fn at_most(draft: &Draft<'_>, run: &Run, task: TaskId) -> Option<Money> {
    let per_task = run.spec.budget.as_ref()?.per_task?;
    let reserve = draft.peek::<Task>(task).and_then(|task| task.spec.reserve);
    Some(reserve.unwrap_or(per_task).max(NOTHING))
}

/// Takes in what came to be known of an attempt's cost after its end: it moves figures, and nothing else.
pub(super) fn correct(draft: &mut Draft<'_>, attempt: &Attempt, facts: &AttemptFacts) -> Result<(), Refusal> {
    let spent = Spent::of(Some(facts), false);
    let Some(amount) = spent.amount else { return Ok(()) };
    let before = counted(draft, attempt.id).into_iter().next_back().map(|entry| (entry.id, entry.settled_at));
    let note = spent.note.map(str::to_owned).or_else(|| Some("it came after the end of the attempt".to_owned()));
    write(draft, attempt, spent, (amount, before.map(|(id, _)| id), note))?;
    let Some(mut after) = of_run(draft, attempt.run).cloned() else { return Ok(()) };
    let cost = amount.checked_sub(before.map_or(NOTHING, |(_, settled_at)| settled_at)).unwrap_or(amount);
    if cost == NOTHING {
        return Ok(());
    }
    after.spent = after.spent.saturating_add(cost);
    let to = level(draft, &after);
    draft.emit::<Budget>(after.id, &BudgetEvent::Correct { cost, to })
}

fn write(
    draft: &mut Draft<'_>,
    attempt: &Attempt,
    spent: Spent,
    (settled_at, corrects, note): (Money, Option<CostEntryId>, Option<String>),
) -> Result<(), Refusal> {
    let id = CostEntryId::from_parts(draft.now, draft.random_id_bits());
    let entry = Box::new(CostEntry {
        id,
        run: Some(attempt.run),
        task: Some(attempt.task),
        attempt: Some(attempt.id),
        agent: Some(attempt.agent.clone()),
        amount: spent.amount,
        evidence: spent.evidence,
        settled_at,
        corrects,
        note,
        state: CostEntryState::Recorded,
        at: draft.now,
    });
    draft.emit::<CostEntry>(id, &CostEntryEvent::Created { entry })
}

/// The entries of an attempt that no other stands in for.
fn counted<'d>(draft: &'d Draft<'_>, attempt: AttemptId) -> Vec<&'d CostEntry> {
    let mut entries = draft.under::<CostEntry>(attempt);
    let corrected: BTreeSet<CostEntryId> = entries.iter().filter_map(|entry| entry.corrects).collect();
    entries.retain(|entry| !corrected.contains(&entry.id));
    entries
}

/// What was spent on a task so far.
fn spent_on(draft: &Draft<'_>, task: TaskId) -> Money {
    let attempts = draft.under::<Attempt>(task);
    let entries = attempts.into_iter().flat_map(|attempt| counted(draft, attempt.id));
    entries.fold(NOTHING, |total, entry| total.saturating_add(entry.settled_at))
}

fn task_limit(draft: &Draft<'_>, run: RunId) -> Option<Money> {
    draft.peek::<Run>(run)?.spec.budget.as_ref()?.per_task
}

/// Why an attempt has failed whatever it did, where with what it is known to have cost its task is over its limit.
pub(super) fn over_task_limit(draft: &Draft<'_>, attempt: &Attempt, facts: &AttemptFacts) -> Option<String> {
    let limit = task_limit(draft, attempt.run)?;
    let amount = Spent::of(Some(facts), false).amount?;
    let spent = spent_on(draft, attempt.task).saturating_add(amount);
    let over = stops(Guard::TaskLimitHolds, spent > limit);
    over.then(|| format!("${spent} were spent on it, and a task may spend ${limit}"))
}

/// Whether a task may spend more.
pub(super) fn may_try_again(draft: &Draft<'_>, task: &Task) -> bool {
    let Some(limit) = task_limit(draft, task.run) else { return true };
    lets(Guard::RetryNeedsMoney, spent_on(draft, task.id) < limit)
}

/// Where figures put a budget. What is next is the least that is set aside for one of those that wait for their turn: dearer ones
/// wait until only they are left. With `warn` nothing is too dear; with `stop` what was used up stays so until a person raises it,
/// for the run winds down.
fn level(draft: &Draft<'_>, budget: &Budget) -> BudgetState {
    if budget.on_exhausted == OnExhausted::Stop && budget.state == BudgetState::Exhausted {
        return BudgetState::Exhausted;
    }
    fresh_level(draft, budget)
}

fn fresh_level(draft: &Draft<'_>, budget: &Budget) -> BudgetState {
    let next = if budget.reserved.is_empty() && budget.on_exhausted != OnExhausted::Warn {
        next_reservation(draft, budget)
    } else {
        NOTHING
    };
    Budget::level(budget.spent, budget.limit, next, &budget.reserved)
}

/// What is set aside next: for the first that can be paid, else for the cheapest that cannot.
fn next_reservation(draft: &Draft<'_>, budget: &Budget) -> Money {
    let Some(run) = budget.run.and_then(|run| draft.peek::<Run>(run)) else { return NOTHING };
    let room = budget.room();
    let mut least = None;
    // What no agent can do by itself hides nothing where a run has workers of its own: it never begins.
    let alone = BTreeSet::new();
    let can_begin = |task: &&Task| run.spec.crew == Crew::Shared || winding::can_do(run, &alone, task);
    for task in draft.any_order::<Task>(run.id, &[TaskState::Queued, TaskState::Retrying]).filter(can_begin) {
        let needs = reservation(run, budget, task);
        if needs <= room {
            return needs;
        }
        least = Some(least.map_or(needs, |least: Money| least.min(needs)));
    }
    least.unwrap_or(NOTHING)
}

/// Keeps the state of a run's budget where its figures are, and pauses the run once it is used up, where that was asked for. What
/// was paid for is let through the gate first: a run in which nothing costs money any more goes on.
pub(super) fn watch(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    let Some(budget) = of_run(draft, id).cloned() else { return Ok(false) };
    let to = level(draft, &budget);
    let moved = to != budget.state;
    if moved {
        draft.emit::<Budget>(budget.id, &BudgetEvent::Correct { cost: NOTHING, to })?;
    }
    let pauses = to == BudgetState::Exhausted && budget.on_exhausted == OnExhausted::Pause && costs_money(draft, id);
    if stops(Guard::SpentBudgetPauses, pauses) {
        let raise = "`toll resume --budget USD --reason TEXT` lets it go on with a larger one";
        run::pause(draft, id, &format!("{}: {raise}", used_up(&budget)))?;
        return Ok(true);
    }
    Ok(moved)
}

/// Whether something in a run is at work, or about to be.
fn costs_money(draft: &Draft<'_>, run: RunId) -> bool {
    let states = [TaskState::Running, TaskState::Queued, TaskState::Retrying];
    draft.any_order::<Task>(run, &states).next().is_some()
}

fn used_up(budget: &Budget) -> String {
    let Budget { spent, limit, .. } = budget;
    if spent >= limit {
        format!("its budget is used up, ${spent} of ${limit} were spent")
    } else {
        format!("its budget is too small for another attempt, ${spent} of ${limit} were spent")
    }
}

/// Why a run winds down, where its budget is used up and that ends it.
pub(super) fn is_spent(draft: &Draft<'_>, run: RunId) -> Option<String> {
    let budget = of_run(draft, run)?;
    let ends = budget.on_exhausted == OnExhausted::Stop && budget.state == BudgetState::Exhausted;
    stops(Guard::SpentBudgetEnds, ends).then(|| used_up(budget))
}

/// Refuses to begin a run that may spend nothing.
pub(super) fn lets_begin(draft: &Draft<'_>, run: RunId) -> Result<(), Refusal> {
    match of_run(draft, run) {
        Some(budget) if stops(Guard::GoingOnNeedsMoney, budget.limit <= NOTHING) => Err(refusal(run, budget)),
        _ => Ok(()),
    }
}

/// Refuses to let a run go on that would pause at once: its money is gone.
pub(super) fn lets_go_on(draft: &Draft<'_>, run: RunId) -> Result<(), Refusal> {
    let Some(budget) = of_run(draft, run).filter(|budget| budget.on_exhausted == OnExhausted::Pause) else {
        return Ok(());
    };
    let is_spent = fresh_level(draft, budget) == BudgetState::Exhausted && costs_money(draft, run);
    if stops(Guard::GoingOnNeedsMoney, is_spent) { Err(refusal(run, budget)) } else { Ok(()) }
}

fn refusal(run: RunId, budget: &Budget) -> Refusal {
    Refusal::BudgetSpent { id: run.into(), spent: budget.spent, limit: budget.limit }
}

/// A person sets how much may be spent; the answer is the run in which something may follow.
pub(super) fn change(
    draft: &mut Draft<'_>,
    id: BudgetId,
    limit: Money,
    reason: &str,
) -> Result<Option<RunId>, Refusal> {
    let budget = draft.get::<Budget>(id)?;
    if let Some(run) = budget.run {
        let state = draft.run(run)?.state;
        if state.is_finished() || state == RunState::Canceling {
            return Err(Refusal::RunOver { id: RecordId::from(id), state: state.as_str() });
        }
    }
    if limit != budget.limit {
        let to = fresh_level(draft, &Budget { limit, ..budget.clone() });
        draft.emit::<Budget>(id, &BudgetEvent::Change { limit, to, reason: reason.to_owned() })?;
    }
    Ok(budget.run)
}
