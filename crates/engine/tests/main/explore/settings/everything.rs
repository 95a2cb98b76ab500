//! The worlds of the long exploration.

use super::{Allowance, Hand, NONE, Setting, Walk, plan, shared, three, unit};

/// So many are a world that is gone through in minutes.
const STATES_MAX: usize = 3_000_000;

const TWO: &[Hand] = &[("one", &[]), ("two", &[])];

/// Two conductors, one of them stale, two shared workers, three tasks with a dependency and a clash, two attempts; crash, late
/// report, cancel and pause anywhere, any two of them together.
pub(in crate::explore) fn promised() -> Setting {
    Setting {
        allowance: Allowance { deaths: 1, crashes: 1, pauses: 1, cancels: 1, troubles: 2, ..NONE },
        crew: TWO,
        walk: Walk::DepthFirst,
        states_max: STATES_MAX,
        ..Setting::of("promised", shared(plan(three(), 2, Vec::new())))
    }
}

/// The same with a gate, where who drives the run does its tasks: death, pause and cancellation anywhere, all three of them in one
/// history, too.
pub(in crate::explore) fn everything() -> Setting {
    let mut three = three();
    three[1].attempts = 1;
    three[2].attempts = 1;
    Setting {
        allowance: Allowance { deaths: 1, pauses: 1, cancels: 1, ..NONE },
        walk: Walk::DepthFirst,
        states_max: STATES_MAX,
        ..Setting::of("everything", plan(three, 2, unit()))
    }
}
