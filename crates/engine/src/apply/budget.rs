//! Budgets.

use tollhouse_core::entity::Budget;
use tollhouse_core::lifecycle::{BudgetEvent, BudgetState, IllegalTransition};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for Budget {
    type Event = BudgetEvent;

    fn apply(current: Option<Self>, event: &BudgetEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let mut budget = fold!(current, event, BudgetState, BudgetEvent::Created { budget } => budget);
        match event {
            BudgetEvent::Created { .. } => return Ok(budget),
            BudgetEvent::Reserve { attempt, amount, .. } => {
                budget.reserved.insert(*attempt, *amount);
            }
            BudgetEvent::Settle { attempt, cost, .. } => {
                budget.reserved.remove(attempt);
                budget.spent = budget.spent.saturating_add(*cost);
            }
            BudgetEvent::Correct { cost, .. } => budget.spent = budget.spent.saturating_add(*cost),
            BudgetEvent::Change { limit, .. } => budget.limit = *limit,
        }
        budget.changed_at = at;
        Ok(budget)
    }

    fn event_name(event: &BudgetEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &BudgetEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &BudgetEvent) -> Severity {
        match event {
            BudgetEvent::Settle { to, .. } | BudgetEvent::Correct { to, .. } if *to != BudgetState::Ok => {
                Severity::Warning
            }
            BudgetEvent::Change { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tollhouse_core::entity::BudgetScope;
    use tollhouse_core::spec::OnExhausted;
    use tollhouse_core::{AttemptId, BudgetId, Money};

    use super::*;

    fn dollars(dollars: i64) -> Money {
        Money::from_nanos(dollars * 1_000_000_000)
    }

    fn attempt(number: u128) -> AttemptId {
        AttemptId::from_parts(Timestamp::EPOCH, number)
    }

    fn budget(limit: Money) -> Budget {
        Budget {
            id: BudgetId::from_parts(Timestamp::EPOCH, 1),
            run: None,
            scope: BudgetScope::Day("1970-01-01".to_owned()),
            limit,
            on_exhausted: OnExhausted::Pause,
            reserved: BTreeMap::new(),
            spent: Money::default(),
            state: BudgetState::Ok,
            created_at: Timestamp::EPOCH,
            changed_at: Timestamp::EPOCH,
        }
    }

    fn after(mut budget: Budget, events: &[BudgetEvent]) -> Budget {
        for event in events {
            budget = Budget::apply(Some(budget), event, Timestamp::EPOCH).unwrap();
        }
        budget
    }

    #[test]
    fn what_was_set_aside_is_free_again_once_it_is_settled() {
        let to = BudgetState::Ok;
        let reserve = BudgetEvent::Reserve { attempt: attempt(1), amount: dollars(5), to };
        let budget = after(budget(dollars(20)), &[reserve]);
        assert_eq!((budget.reserved_total(), budget.room(), budget.spent), (dollars(5), dollars(15), dollars(0)));
        let budget = after(budget, &[BudgetEvent::Settle { attempt: attempt(1), cost: dollars(2), to }]);
        assert_eq!((budget.reserved_total(), budget.room(), budget.spent), (dollars(0), dollars(18), dollars(2)));
        let budget = after(budget, &[BudgetEvent::Correct { cost: dollars(-1), to }]);
        assert_eq!((budget.room(), budget.spent), (dollars(19), dollars(1)));
    }

    #[test]
    fn no_figure_overflows() {
        let to = BudgetState::Exhausted;
        let most = Money::from_nanos(i64::MAX);
        let events = [1, 2].map(|number| BudgetEvent::Settle { attempt: attempt(number), cost: most, to });
        let mut budget = after(budget(dollars(-1)), &events);
        assert_eq!((budget.spent, budget.room()), (most, Money::from_nanos(i64::MIN)));
        budget.limit = Money::from_nanos(i64::MIN);
        assert_eq!(budget.room(), Money::from_nanos(i64::MIN));
    }

    proptest! {
        #[test]
        fn a_budget_is_exhausted_when_it_is_spent_whatever_is_set_aside(spent: i64, limit: i64, next: i64, out: bool) {
            let reserved: BTreeMap<_, _> = out.then(|| (attempt(1), dollars(1))).into_iter().collect();
            let [spent, limit, next] = [spent, limit, next].map(Money::from_nanos);
            let level = Budget::level(spent, limit, next, &reserved);
            if spent >= limit {
                prop_assert_eq!(level, BudgetState::Exhausted);
            } else if out {
                prop_assert_ne!(level, BudgetState::Exhausted);
            }
        }

        #[test]
        fn more_spent_is_never_a_better_level(spent in 0_i64..2000, more in 0_i64..2000, limit in 0_i64..2000, next in 0_i64..500) {
            let level = |spent| Budget::level(Money::from_nanos(spent), Money::from_nanos(limit), Money::from_nanos(next), &BTreeMap::new());
            prop_assert!(level(spent) <= level(spent + more));
        }
    }
}
