//! Worlds in which money runs out. Amounts are nano-dollars, for who counts.

use tollhouse_core::Money;
use tollhouse_core::spec::{BudgetSpec, OnExhausted, RunSpec, TaskSpec};

use super::{Allowance, NONE, Setting, Try, plan, tasks};

/// A run that may spend so much.
fn limited(tasks: Vec<TaskSpec>, per_run: Option<i64>, per_task: Option<i64>, on_exhausted: OnExhausted) -> RunSpec {
    let [per_run, per_task] = [per_run, per_task].map(|amount| amount.map(Money::from_nanos));
    RunSpec { budget: Some(BudgetSpec { per_run, per_task, on_exhausted }), ..plan(tasks, 2, Vec::new()) }
}

/// Two tasks, and money for one and a half.
fn two() -> Vec<TaskSpec> {
    let mut two = tasks(&[("a", &[]), ("b", &[])]);
    two[1].attempts = 1;
    for task in &mut two {
        task.reserve = Some(Money::from_nanos(6));
    }
    two
}

/// The run pauses without money; a person raises its limit.
pub(in crate::explore) fn money() -> Setting {
    Setting {
        tries: &[Try::Costs(4), Try::Costs(7), Try::FailsAfter(5)],
        ..Setting::of("money", limited(two(), Some(9), None, OnExhausted::Pause))
    }
}

/// The run ends without money.
pub(in crate::explore) fn last_money() -> Setting {
    Setting {
        tries: &[Try::Good, Try::Costs(4), Try::FailsAfter(5)],
        allowance: Allowance { pauses: 1, ..NONE },
        ..Setting::of("last money", limited(two(), Some(9), None, OnExhausted::Stop))
    }
}

/// A task may spend so much, and no more.
pub(in crate::explore) fn dear_task() -> Setting {
    let mut one = tasks(&[("a", &[])]);
    one[0].attempts = 3;
    Setting {
        tries: &[Try::Costs(6), Try::FailsAfter(3), Try::FailsAfter(5), Try::ExitsWith3],
        ..Setting::of("dear task", limited(one, None, Some(5), OnExhausted::Pause))
    }
}
