//! Why a budget is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::{Budget, BudgetScope};

use super::Explanation;

pub(super) fn explain(budget: &Budget) -> Explanation {
    let mut because = vec![format!("${} of ${} were spent", budget.spent, budget.limit)];
    if !budget.reserved.is_empty() {
        let (set_aside, attempts) = (budget.reserved_total(), budget.reserved.len());
        because.push(format!("${set_aside} are set aside for what is at work: {attempts}"));
    }
    let next = match (&budget.scope, budget.run) {
        (BudgetScope::Task(task), _) => Some(format!("toll explain {}", task.random_part())),
        (BudgetScope::Run | BudgetScope::Day(_), run) => run.map(|run| format!("toll status {}", run.random_part())),
    };
    let name = match &budget.scope {
        BudgetScope::Run => "run".to_owned(),
        BudgetScope::Task(task) => task.to_string(),
        BudgetScope::Day(day) => day.clone(),
    };
    Explanation { id: budget.id.into(), kind: Kind::Budget, name, state: budget.state.to_string(), because, next }
}
