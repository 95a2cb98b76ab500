//! Worlds in which an agent fails again and again, or its provider asks to slow down.

use tollhouse_core::entity::ErrorClass;

use super::{Setting, Try, plan, tasks};

/// An agent that failed four times in a row fails once more: what is under way by then, and what is the trial.
pub(in crate::explore) fn breaker() -> Setting {
    let two = tasks(&[("a", &[]), ("b", &[])]);
    Setting {
        tries: &[Try::Good, Try::ExitsWith3, Try::CannotBegin(ErrorClass::ResourceLimit)],
        failures_before: 4,
        ..Setting::of("breaker", plan(two, 2, Vec::new()))
    }
}

/// A provider asks to slow down.
pub(in crate::explore) fn slow_down() -> Setting {
    let mut two = tasks(&[("a", &[]), ("b", &[])]);
    two[1].attempts = 1;
    Setting { tries: &[Try::Good, Try::SlowDown], ..Setting::of("slow down", plan(two, 2, Vec::new())) }
}

/// One task ends in the same way again and again, or by a rule that refused no patch.
pub(in crate::explore) fn same_ends() -> Setting {
    let mut one = tasks(&[("a", &[])]);
    one[0].attempts = 4;
    Setting {
        tries: &[Try::ExitsWith3, Try::CannotBegin(ErrorClass::ToolFailure), Try::CannotBegin(ErrorClass::Policy)],
        ..Setting::of("same ends", plan(one, 1, Vec::new()))
    }
}
