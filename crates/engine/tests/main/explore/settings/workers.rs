//! Worlds whose tasks are done by workers that any run may use.

use std::collections::BTreeSet;

use tollhouse_core::Span;
use tollhouse_core::spec::{RunSpec, TaskSpec};

use super::{Allowance, Hand, NONE, Setting, Try, one_try, plan, shared, tasks, three};

const TWO: &[Hand] = &[("one", &["gpu"]), ("two", &[])];
const ONE: &[Hand] = &[("one", &["gpu"])];

/// Their work, which no deadline ends before a worker is given up for its silence.
fn patient(mut tasks: Vec<TaskSpec>) -> Vec<TaskSpec> {
    for (n, task) in (0_u64..).zip(&mut tasks) {
        task.timeout = Span::from_secs(3600 + n);
    }
    tasks
}

fn able(mut tasks: Vec<TaskSpec>, name: &str) -> Vec<TaskSpec> {
    for task in tasks.iter_mut().filter(|task| task.name == name) {
        task.capabilities = BTreeSet::from(["gpu".to_owned()]);
    }
    tasks
}

/// Without gates: what is judged is the same whoever did it.
fn of_workers(tasks: Vec<TaskSpec>) -> RunSpec {
    shared(plan(patient(tasks), 2, Vec::new()))
}

/// Two workers, three tasks with a dependency and a clash, one of which only one worker can do; a worker crashes.
pub(in crate::explore) fn crew() -> Setting {
    Setting {
        allowance: Allowance { crashes: 1, newcomers: 1, ..NONE },
        crew: TWO,
        ..Setting::of("crew", of_workers(one_try(able(three(), "b"))))
    }
}

/// One worker crashes time and again.
pub(in crate::explore) fn crashes() -> Setting {
    Setting {
        allowance: Allowance { crashes: 4, newcomers: 4, ..NONE },
        crew: ONE,
        ..Setting::of("crashes", of_workers(one_try(tasks(&[("a", &[])]))))
    }
}

/// Nothing is heard of workers, for shorter or longer; nothing comes from what they run; the run's conductor dies.
pub(in crate::explore) fn silence() -> Setting {
    Setting {
        allowance: Allowance { silences: 2, stalls: 1, deaths: 1, ..NONE },
        crew: ONE,
        tries: &[Try::Good, Try::ExitsWith3],
        ..Setting::of("silence", of_workers(tasks(&[("a", &[])])))
    }
}

/// A person pauses, drains and ends workers, pauses the run, cancels it.
pub(in crate::explore) fn words_on_workers() -> Setting {
    Setting {
        allowance: Allowance { worker_words: 2, silences: 1, pauses: 1, cancels: 1, ..NONE },
        crew: ONE,
        ..Setting::of("words on workers", of_workers(one_try(tasks(&[("a", &[])]))))
    }
}

/// A worker asks for work when the run's time is over, before anybody looked at the clock.
pub(in crate::explore) fn late() -> Setting {
    let spec = of_workers(one_try(tasks(&[("a", &[]), ("b", &[])])));
    Setting {
        allowance: Allowance { late: 1, ..NONE },
        crew: ONE,
        ..Setting::of("late", RunSpec { deadline: Some(Span::from_secs(1800)), ..spec })
    }
}
