//! Why a budget is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::{Budget, BudgetScope};
use tollhouse_core::lifecycle::BudgetState;
use tollhouse_core::spec::OnExhausted;

use super::{Explanation, Scene};

pub(super) fn explain(scene: Scene<'_>, budget: &Budget) -> Explanation {
    let mut because = vec![format!("${} of ${} were spent", budget.spent, budget.limit)];
    if !budget.reserved.is_empty() {
        let (set_aside, attempts) = (budget.reserved_total(), budget.reserved.len());
        because.push(format!("${set_aside} are set aside for what is at work: {attempts}"));
    }
    if budget.state == BudgetState::Exhausted {
        let what = match budget.on_exhausted {
            OnExhausted::Pause => "once it is used up, its run pauses until a person raises it",
            OnExhausted::Stop => "once it is used up, its run winds down and fails",
            OnExhausted::Warn => "it is used up; work goes on all the same",
        };
        because.push(what.to_owned());
    }
    let held_up = budget.run.and_then(|run| scene.held_up(run)).map(|held_up| held_up.next);
    let next = match (&budget.scope, budget.run) {
        (BudgetScope::Task(task), _) => Some(format!("toll explain {}", task.random_part())),
        (BudgetScope::Run | BudgetScope::Day(_), run) => run.map(|run| format!("toll status {}", run.random_part())),
    };
    let next = held_up.or(next);
    let name = match &budget.scope {
        BudgetScope::Run => "run".to_owned(),
        BudgetScope::Task(task) => task.to_string(),
        BudgetScope::Day(day) => day.clone(),
    };
    Explanation { id: budget.id.into(), kind: Kind::Budget, name, state: budget.state.to_string(), because, next }
}
