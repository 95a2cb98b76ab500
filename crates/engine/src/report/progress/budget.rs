//! What a run may spend, and has spent.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::lifecycle::BudgetState;
use tollhouse_core::spec::OnExhausted;
use tollhouse_core::{BudgetId, Money};

use super::scene::Scene;

/// What a run may spend, and has spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BudgetProgress {
    /// Its id.
    pub id: BudgetId,
    /// Where it is.
    pub state: BudgetState,
    /// What all amounts are in.
    pub currency: String,
    /// What may be spent, all in all.
    pub limit: Money,
    /// What was spent, as far as it is settled. What nobody knows counts as what was set aside for it.
    pub spent: Money,
    /// What is set aside for what is at work.
    pub reserved: Money,
    /// What may still be set aside; negative where more was spent.
    pub left: Money,
    /// What happens when it is used up.
    pub on_exhausted: OnExhausted,
}

pub(super) fn of(scene: &Scene<'_>) -> Option<BudgetProgress> {
    let budget = scene.view.budget(scene.run.id)?;
    Some(BudgetProgress {
        id: budget.id,
        state: budget.state,
        currency: "USD".to_owned(),
        limit: budget.limit,
        spent: budget.spent,
        reserved: budget.reserved_total(),
        left: budget.room(),
        on_exhausted: budget.on_exhausted,
    })
}
