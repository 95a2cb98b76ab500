//! How much may be spent on something.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Entity;
use crate::id::{AttemptId, BudgetId, Kind, RecordId, RunId, TaskId};
use crate::lifecycle::BudgetState;
use crate::limits::BUDGET_WARNS_AT_PERCENT;
use crate::money::Money;
use crate::spec::OnExhausted;
use crate::time::Timestamp;

/// What a budget is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetScope {
    /// All of its run.
    Run,
    /// One task.
    Task(TaskId),
    /// One day of the project, as in `2025-06-30`, UTC.
    Day(String),
}

/// How much may be spent on something. Money is reserved before an attempt and settled when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// Its id.
    pub id: BudgetId,
    /// The run that it belongs to; absent for one of the project.
    pub run: Option<RunId>,
    /// What it is for.
    pub scope: BudgetScope,
    /// How much may be spent.
    pub limit: Money,
    /// What happens when it is used up.
    pub on_exhausted: OnExhausted,
    /// What is set aside for each attempt that is alive.
    pub reserved: BTreeMap<AttemptId, Money>,
    /// What was spent, as far as it is settled.
    pub spent: Money,
    /// Where it is.
    pub state: BudgetState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a figure of it last changed.
    pub changed_at: Timestamp,
}

impl Budget {
    /// Where a budget with these figures is. It warns at 80 % spent; it is exhausted at 100 %, and already when what is
    /// left is less than the next reservation and nothing is reserved that could give some back.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use tollhouse_core::{Money, entity::Budget, lifecycle::BudgetState};
    /// let dollars = |dollars: i64| Money::from_nanos(dollars * 1_000_000_000);
    /// let nothing = BTreeMap::new();
    /// assert_eq!(Budget::level(dollars(7), dollars(10), dollars(1), &nothing), BudgetState::Ok);
    /// assert_eq!(Budget::level(dollars(8), dollars(10), dollars(1), &nothing), BudgetState::Warning);
    /// assert_eq!(Budget::level(dollars(8), dollars(10), dollars(3), &nothing), BudgetState::Exhausted);
    /// ```
    pub fn level(spent: Money, limit: Money, next: Money, reserved: &BTreeMap<AttemptId, Money>) -> BudgetState {
        // Wide enough that no difference or product of two amounts overflows.
        let [spent, limit, next] = [spent, limit, next].map(|amount| i128::from(amount.as_nanos()));
        if spent >= limit || reserved.is_empty() && limit - spent < next {
            BudgetState::Exhausted
        } else if spent * 100 >= limit * i128::from(BUDGET_WARNS_AT_PERCENT) {
            BudgetState::Warning
        } else {
            BudgetState::Ok
        }
    }

    /// What is set aside, all in all.
    pub fn reserved_total(&self) -> Money {
        self.reserved.values().fold(Money::default(), |total, amount| total.saturating_add(*amount))
    }

    /// What may still be reserved: the limit without what was spent and what is set aside. Negative where that is more.
    pub fn room(&self) -> Money {
        let taken = self.spent.saturating_add(self.reserved_total());
        self.limit.checked_sub(taken).unwrap_or(Money::from_nanos(i64::MIN))
    }
}

impl Entity for Budget {
    const KIND: Kind = Kind::Budget;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        self.run
    }

    fn parent_id(&self) -> Option<RecordId> {
        match self.scope {
            BudgetScope::Task(task) => Some(task.into()),
            BudgetScope::Run | BudgetScope::Day(_) => self.run.map(RecordId::from),
        }
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        match &self.scope {
            BudgetScope::Run | BudgetScope::Task(_) => BTreeMap::new(),
            BudgetScope::Day(day) => BTreeMap::from([("day".to_owned(), day.clone())]),
        }
    }
}
