//! What holds of money: of budgets and of what was written down as spent.
//!
//! It must never ask how much an attempt may set aside: only that all of it together was there.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Attempt, Budget, BudgetScope, CostEntry, Run};
use tollhouse_core::lifecycle::{AttemptState, BudgetEvent, BudgetState};
use tollhouse_core::spec::OnExhausted;
use tollhouse_core::{AttemptId, CostEntryId, Event, Kind, Money};

use super::invariants::{Broken, claim};
use crate::view::View;

/// Whether what must hold of a run's money at every moment does.
pub(super) fn hold(view: &View, run: &Run) -> Result<(), Broken> {
    let entries: Vec<&CostEntry> = view.all::<CostEntry>().filter(|entry| entry.run == Some(run.id)).collect();
    let corrected: BTreeSet<CostEntryId> = entries.iter().filter_map(|entry| entry.corrects).collect();
    let mut counted: BTreeMap<Option<AttemptId>, Money> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !corrected.contains(&entry.id)) {
        let other = counted.insert(entry.attempt, entry.settled_at);
        claim(other.is_none(), "what an attempt cost counts once", || entry.id.to_string())?;
    }
    let budgets = view.all::<Budget>().filter(|budget| budget.run == Some(run.id) && budget.scope == BudgetScope::Run);
    for budget in budgets {
        let told = || format!("{budget:?}");
        let attempts: Vec<&Attempt> = view.all::<Attempt>().filter(|attempt| attempt.run == run.id).collect();
        let is_alive = |attempt: &&&Attempt| attempt.state == AttemptState::Running;
        let alive = attempts.iter().filter(is_alive).map(|attempt| attempt.id);
        let set_aside: BTreeSet<AttemptId> = budget.reserved.keys().copied().collect();
        claim(set_aside == alive.collect(), "money is set aside exactly for what is alive", told)?;
        let over = attempts.iter().filter(|attempt| attempt.state.is_finished());
        let all = over.copied().all(|attempt| counted.contains_key(&Some(attempt.id)));
        claim(all, "what ended was settled", told)?;
        claim(!run.state.is_finished() || set_aside.is_empty(), "a finished run has nothing set aside", told)?;
        let spent = counted.values().fold(Money::default(), |sum, amount| sum.saturating_add(*amount));
        claim(spent == budget.spent, "what is spent is what was written down", told)?;
        let is_used_up = budget.spent >= budget.limit;
        claim(!is_used_up || budget.state == BudgetState::Exhausted, "a budget that is spent is exhausted", told)?;
        let warns = i128::from(budget.spent.as_nanos()) * 100 >= i128::from(budget.limit.as_nanos()) * 80;
        claim(!warns || budget.state != BudgetState::Ok, "a budget warns at 80 %", told)?;
    }
    Ok(())
}

/// What was set aside and spent, attempt by attempt.
#[derive(Debug, Default)]
pub(super) struct Purse {
    reserved: BTreeMap<AttemptId, Money>,
    /// The least that each attempt ever counted as.
    least: BTreeMap<AttemptId, Money>,
    /// The largest limit that each budget ever had.
    limits: BTreeMap<tollhouse_core::BudgetId, Money>,
}

impl Purse {
    /// Takes in a commit; `view` is as it left the records.
    pub(super) fn commit(&mut self, commit: &[Event], view: &View) -> Result<(), Broken> {
        for event in commit {
            match event.record.kind() {
                Kind::Budget => self.of_budget(event, view)?,
                Kind::CostEntry => self.of_entry(event, view),
                _ => {}
            }
        }
        Ok(())
    }

    fn of_entry(&mut self, event: &Event, view: &View) {
        let Some(entry) = view.get::<CostEntry>(event.record) else { return };
        let Some(attempt) = entry.attempt else { return };
        let least = self.least.entry(attempt).or_insert(entry.settled_at);
        *least = entry.settled_at.min(*least);
    }

    fn of_budget(&mut self, event: &Event, view: &View) -> Result<(), Broken> {
        let Some(budget) = view.get::<Budget>(event.record) else { return Ok(()) };
        let limit = self.limits.entry(budget.id).or_insert(budget.limit);
        *limit = budget.limit.max(*limit);
        let limit = i128::from(limit.as_nanos());
        if budget.on_exhausted == OnExhausted::Warn {
            return Ok(());
        }
        if let Ok(BudgetEvent::Reserve { attempt, amount, .. }) = serde_json::from_str(&event.event.body) {
            self.reserved.insert(attempt, amount);
            claim(budget.room() >= Money::default(), "nothing is set aside that is not there", || {
                format!("{budget:?}")
            })?;
        }
        let of_run = |id: &AttemptId| view.get::<Attempt>(*id).is_some_and(|attempt| Some(attempt.run) == budget.run);
        let within = |(id, least): (&AttemptId, &Money)| {
            let reserved = self.reserved.get(id).copied().unwrap_or_default();
            i128::from(reserved.min(*least).as_nanos())
        };
        let within: i128 = self.least.iter().filter(|(id, _)| of_run(id)).map(within).sum();
        claim(within <= limit, "what is overspent is what agents overran", || format!("{within} within, {budget:?}"))
    }
}
