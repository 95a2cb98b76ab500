//! The lifecycle of a budget. Its state follows its figures, back too; the events that change them carry it.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::Budget;
use crate::id::{AttemptId, Kind};
use crate::money::Money;
use crate::tagged::tagged;

states! {
    /// Where a budget is.
    BudgetState of Kind::Budget, {
        /// Enough is left.
        Ok = "ok",
        /// Most of it is spent.
        Warning = "warning",
        /// Nothing is left, or too little for the next attempt.
        Exhausted = "exhausted",
    }
    finished {} terminal {}
}

/// What can happen to a budget. Each event says where the figures put it: [`Budget::level`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum BudgetEvent {
    /// It was made.
    Created {
        /// As it was made.
        budget: Box<Budget>,
    },
    /// Money was set aside for an attempt.
    Reserve {
        /// Which one.
        attempt: AttemptId,
        /// How much.
        amount: Money,
        /// Where that puts it.
        to: BudgetState,
    },
    /// An attempt ended: what it cost was spent, and the rest of what was set aside for it is free again.
    Settle {
        /// Which one.
        attempt: AttemptId,
        /// What it cost.
        cost: Money,
        /// Where that puts it.
        to: BudgetState,
    },
    /// What was settled was not what it cost.
    Correct {
        /// The difference: negative where it was less.
        cost: Money,
        /// Where that puts it.
        to: BudgetState,
    },
    /// A person changes the limit.
    Change {
        /// The new one.
        limit: Money,
        /// Where that puts it.
        to: BudgetState,
        /// Why.
        reason: String,
    },
}

tagged!(BudgetEvent, "event");

impl BudgetEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Reserve { .. } => "reserve",
            Self::Settle { .. } => "settle",
            Self::Correct { .. } => "correct",
            Self::Change { .. } => "change",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Change { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

impl BudgetState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &BudgetEvent) -> Result<Self, IllegalTransition> {
        use BudgetEvent as E;
        Ok(match (state, event) {
            (None, E::Created { budget }) => budget.state,
            (Some(_), E::Reserve { to, .. } | E::Settle { to, .. } | E::Correct { to, .. } | E::Change { to, .. }) => {
                *to
            }
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
