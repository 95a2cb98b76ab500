//! Worlds of tasks, patches and gates, whose work is done by who drives the run.

use tollhouse_core::entity::ErrorClass;
use tollhouse_core::spec::{AgentSpec, GateSpec, LandMode, OnDependencyFailure, OnFlaky, Requirement, RunSpec};

use super::{Allowance, Answer, Applying, NONE, Setting, Try, one_try, plan, tasks, three, unit};
use crate::world;

pub(in crate::explore) fn order() -> Setting {
    let mut three = three();
    three[1].attempts = 1;
    three[2].attempts = 1;
    Setting { tries: &[Try::Good, Try::ExitsWith3], ..Setting::of("order", plan(three, 2, unit())) }
}

pub(in crate::explore) fn bad_luck() -> Setting {
    Setting {
        tries: &[
            Try::Good,
            Try::ExitsWith3,
            Try::ChangesNothing,
            Try::Forbidden,
            Try::CannotBegin(ErrorClass::ToolFailure),
            Try::CannotBegin(ErrorClass::PlanInconsistent),
        ],
        applying: &[
            Applying::Fits,
            Applying::Conflicts,
            Applying::BadTree,
            Applying::Cannot(ErrorClass::ResourceLimit),
            Applying::Cannot(ErrorClass::Unknown),
        ],
        answers: &[Answer::Yes, Answer::No],
        allowance: Allowance { branch_moves: 1, patch_words: 1, ..NONE },
        ..Setting::of("bad luck", plan(tasks(&[("a", &[])]), 1, unit()))
    }
}

pub(in crate::explore) fn gates() -> Setting {
    let advisory = GateSpec { requirement: Requirement::Advisory, ..world::gate("style", &[]) };
    let gates = vec![world::gate("lint", &[]), world::gate("unit", &["lint", "style"]), advisory];
    Setting {
        answers: &[Answer::Yes, Answer::No, Answer::Broken],
        allowance: Allowance { branch_moves: 1, deaths: 1, ..NONE },
        ..Setting::of("gates", plan(one_try(tasks(&[("a", &[])])), 1, gates))
    }
}

/// One task; conductors die, people interfere.
pub(in crate::explore) fn death() -> Setting {
    Setting {
        tries: &[Try::Good, Try::CannotBegin(ErrorClass::ToolFailure)],
        allowance: Allowance { deaths: 2, steps_down: 1, pauses: 1, cancels: 1, ..NONE },
        ..Setting::of("death", plan(one_try(tasks(&[("a", &[])])), 1, unit()))
    }
}

/// Two tasks at once, of an agent that does one at a time; the conductor dies.
pub(in crate::explore) fn two_at_once() -> Setting {
    let two = one_try(tasks(&[("a", &[]), ("b", &[])]));
    let mut spec = plan(two, 2, unit());
    spec.agents = vec![AgentSpec { max_parallel: Some(1), ..spec.agents[0].clone() }];
    Setting { allowance: Allowance { deaths: 1, steps_down: 1, ..NONE }, ..Setting::of("two at once", spec) }
}

pub(in crate::explore) fn person() -> Setting {
    let mut two = tasks(&[("a", &[]), ("b", &["a"])]);
    two[1].attempts = 1;
    Setting {
        tries: &[Try::Good, Try::Forbidden],
        allowance: Allowance { pauses: 1, task_words: 1, ..NONE },
        ..Setting::of("person", plan(two, 2, unit()))
    }
}

pub(in crate::explore) fn cancellation() -> Setting {
    Setting {
        tries: &[Try::Good, Try::Forbidden],
        allowance: Allowance { cancels: 1, patch_words: 1, ..NONE },
        ..Setting::of("cancellation", plan(one_try(tasks(&[("a", &[]), ("b", &[])])), 2, unit()))
    }
}

pub(in crate::explore) fn hold() -> Setting {
    let two = one_try(tasks(&[("a", &[]), ("b", &[])]));
    Setting {
        tries: &[Try::Good, Try::ExitsWith3],
        allowance: Allowance { branch_moves: 1, task_words: 1, ..NONE },
        ..Setting::of("hold", RunSpec { land: LandMode::Hold, ..plan(two, 2, unit()) })
    }
    .weighing(&["b"])
}

pub(in crate::explore) fn critical() -> Setting {
    let mut three = three();
    three[1].on_dependency_failure = OnDependencyFailure::Fail;
    let mut three = one_try(three);
    // It is under way when the run begins to wind down, and would be tried again.
    three[2].attempts = 2;
    Setting {
        tries: &[Try::Good, Try::ExitsWith3],
        allowance: Allowance { task_words: 1, ..NONE },
        ..Setting::of("critical", plan(three, 1, unit()))
    }
    .weighing(&["b"])
}

pub(in crate::explore) fn release() -> Setting {
    Setting {
        tries: &[Try::Good, Try::Forbidden],
        allowance: Allowance { task_words: 1, patch_words: 1, ..NONE },
        ..Setting::of("release", plan(one_try(tasks(&[("a", &[]), ("b", &[])])), 2, unit()))
    }
}

/// A gate that says no is asked once more; where it says yes then, a person looks.
pub(in crate::explore) fn flaky() -> Setting {
    let gates = vec![GateSpec { retries: 1, flaky: OnFlaky::Hold, ..world::gate("unit", &[]) }];
    Setting {
        answers: &[Answer::Yes, Answer::No],
        allowance: Allowance { branch_moves: 1, ..NONE },
        ..Setting::of("flaky", plan(one_try(tasks(&[("a", &[]), ("b", &[])])), 2, gates))
    }
}
