//! The small worlds that are explored: what there is to do in each, and how much may go wrong.

use tollhouse_core::entity::ErrorClass;
use tollhouse_core::spec::{
    AgentSpec, GateSpec, LandMode, OnDependencyFailure, PolicySpec, Requirement, RunSpec, TaskSpec, Weight,
};
use tollhouse_core::{Span, TreeFacts};

use crate::world;

/// How an agent's try may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    Good,
    ExitsWith3,
    ChangesNothing,
    Forbidden,
    /// It could not be begun.
    CannotBegin(ErrorClass),
}

/// How applying a patch may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applying {
    Fits,
    Conflicts,
    BadTree,
    Cannot(ErrorClass),
}

/// How a gate may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    Broken,
}

/// How much may happen that would go on for ever, or that makes the world large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Allowance {
    /// A conductor dies, or is taken for dead, and another takes over.
    pub(super) deaths: u8,
    /// A conductor gives the run back.
    pub(super) steps_down: u8,
    /// Somebody else moves the branch.
    pub(super) branch_moves: u8,
    pub(super) pauses: u8,
    pub(super) cancels: u8,
    /// A person's words on tasks.
    pub(super) task_words: u8,
    /// A person's words on patches, but for those that land what is held.
    pub(super) patch_words: u8,
}

/// A world to explore.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) spec: RunSpec,
    pub(super) tries: &'static [Try],
    pub(super) applying: &'static [Applying],
    pub(super) answers: &'static [Answer],
    pub(super) allowance: Allowance,
    /// More states than this are a world that is not small.
    pub(super) states_max: usize,
}

/// Of a world that is explored every time.
const STATES_MAX: usize = 30_000;

const NONE: Allowance =
    Allowance { deaths: 0, steps_down: 0, branch_moves: 0, pauses: 0, cancels: 0, task_words: 0, patch_words: 0 };

/// What is left of its world is explored, too, where this is more than 64: `TOLLHOUSE_TEST_ROUNDS`.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask` says how thorough it wants to be")]
pub(super) fn rounds() -> u32 {
    std::env::var("TOLLHOUSE_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(64)
}

/// Every world of the quick exploration, the quickest to find something first.
pub(super) fn all() -> Vec<Setting> {
    vec![bad_luck(), order(), release(), cancellation(), two_at_once(), death(), gates(), critical(), hold(), person()]
}

fn tasks(wanted: &[(&str, &[&str])]) -> Vec<TaskSpec> {
    // Their deadlines differ, so that one passes before the other.
    (0_u64..)
        .zip(wanted)
        .map(|(n, (name, needs))| TaskSpec { timeout: Span::from_secs(60 + n), ..world::task(name, needs) })
        .collect()
}

/// Has tasks write to the same place.
fn clash(tasks: &mut [TaskSpec], names: &[&str]) {
    for task in tasks.iter_mut().filter(|task| names.contains(&task.name.as_str())) {
        task.policy = Some(PolicySpec {
            source: "plan".to_owned(),
            write: Some(vec!["src/**".to_owned(), "secrets/**".to_owned()]),
            forbid: Vec::new(),
            max_files_changed: None,
            max_lines_changed: None,
        });
    }
}

fn plan(tasks: Vec<TaskSpec>, max_parallel: u32, gates: Vec<GateSpec>) -> RunSpec {
    RunSpec { gates, ..world::spec(tasks, max_parallel) }
}

fn unit() -> Vec<GateSpec> {
    vec![world::gate("unit", &[])]
}

/// `b` needs `a`; `c` writes where `a` does.
fn three() -> Vec<TaskSpec> {
    let mut tasks = tasks(&[("a", &[]), ("b", &["a"]), ("c", &[])]);
    clash(&mut tasks, &["a", "c"]);
    tasks
}

pub(super) fn order() -> Setting {
    let mut three = three();
    three[1].attempts = 1;
    three[2].attempts = 1;
    Setting {
        name: "order",
        spec: plan(three, 2, unit()),
        tries: &[Try::Good, Try::ExitsWith3],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: NONE,
        states_max: STATES_MAX,
    }
}

pub(super) fn bad_luck() -> Setting {
    Setting {
        name: "bad luck",
        spec: plan(tasks(&[("a", &[])]), 1, unit()),
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
        states_max: STATES_MAX,
    }
}

pub(super) fn gates() -> Setting {
    let advisory = GateSpec { requirement: Requirement::Advisory, ..world::gate("style", &[]) };
    let gates = vec![world::gate("lint", &[]), world::gate("unit", &["lint", "style"]), advisory];
    Setting {
        name: "gates",
        spec: plan(one_try(tasks(&[("a", &[])])), 1, gates),
        tries: &[Try::Good],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes, Answer::No, Answer::Broken],
        allowance: Allowance { branch_moves: 1, deaths: 1, ..NONE },
        states_max: STATES_MAX,
    }
}

/// One task; conductors die, people interfere.
pub(super) fn death() -> Setting {
    Setting {
        name: "death",
        spec: plan(one_try(tasks(&[("a", &[])])), 1, unit()),
        tries: &[Try::Good, Try::CannotBegin(ErrorClass::ToolFailure)],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: Allowance { deaths: 2, steps_down: 1, pauses: 1, cancels: 1, ..NONE },
        states_max: STATES_MAX,
    }
}

/// Two tasks at once, of an agent that does one at a time; the conductor dies.
pub(super) fn two_at_once() -> Setting {
    let two = one_try(tasks(&[("a", &[]), ("b", &[])]));
    let mut spec = plan(two, 2, unit());
    spec.agents = vec![AgentSpec { max_parallel: Some(1), ..spec.agents[0].clone() }];
    Setting {
        name: "two at once",
        spec,
        tries: &[Try::Good],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: Allowance { deaths: 1, steps_down: 1, ..NONE },
        states_max: STATES_MAX,
    }
}

pub(super) fn person() -> Setting {
    let mut two = tasks(&[("a", &[]), ("b", &["a"])]);
    two[1].attempts = 1;
    Setting {
        name: "person",
        spec: plan(two, 2, unit()),
        tries: &[Try::Good, Try::Forbidden],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: Allowance { pauses: 1, task_words: 1, ..NONE },
        states_max: STATES_MAX,
    }
}

pub(super) fn cancellation() -> Setting {
    Setting {
        name: "cancellation",
        spec: plan(one_try(tasks(&[("a", &[]), ("b", &[])])), 2, unit()),
        tries: &[Try::Good, Try::Forbidden],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: Allowance { cancels: 1, patch_words: 1, ..NONE },
        states_max: STATES_MAX,
    }
}

pub(super) fn hold() -> Setting {
    let two = one_try(tasks(&[("a", &[]), ("b", &[])]));
    Setting {
        name: "hold",
        spec: RunSpec { land: LandMode::Hold, ..plan(two, 2, unit()) },
        tries: &[Try::Good, Try::ExitsWith3],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: Allowance { branch_moves: 1, task_words: 1, ..NONE },
        states_max: STATES_MAX,
    }
    .weighing(&["b"])
}

pub(super) fn critical() -> Setting {
    let mut three = three();
    three[1].on_dependency_failure = OnDependencyFailure::Fail;
    let mut three = one_try(three);
    // It is under way when the run begins to wind down, and would be tried again.
    three[2].attempts = 2;
    Setting {
        name: "critical",
        spec: plan(three, 1, unit()),
        tries: &[Try::Good, Try::ExitsWith3],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: Allowance { task_words: 1, ..NONE },
        states_max: STATES_MAX,
    }
    .weighing(&["b"])
}

pub(super) fn release() -> Setting {
    Setting {
        name: "release",
        spec: plan(one_try(tasks(&[("a", &[]), ("b", &[])])), 2, unit()),
        tries: &[Try::Good, Try::Forbidden],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: Allowance { task_words: 1, patch_words: 1, ..NONE },
        states_max: STATES_MAX,
    }
}

/// All of it together: the world of the long exploration.
pub(super) fn everything() -> Setting {
    let mut three = three();
    three[1].attempts = 1;
    three[2].attempts = 1;
    Setting {
        name: "everything",
        spec: plan(three, 2, unit()),
        tries: &[Try::Good],
        applying: &[Applying::Fits],
        answers: &[Answer::Yes],
        allowance: Allowance { deaths: 1, pauses: 1, cancels: 1, ..NONE },
        states_max: 1_000_000,
    }
}

fn one_try(mut tasks: Vec<TaskSpec>) -> Vec<TaskSpec> {
    for task in &mut tasks {
        task.attempts = 1;
    }
    tasks
}

/// What a candidate tree shows.
pub(super) fn tree_facts(applying: Applying) -> TreeFacts {
    match applying {
        Applying::BadTree => TreeFacts { not_conserved: vec!["src/lib.rs".into()], ..TreeFacts::default() },
        _ => TreeFacts::default(),
    }
}

impl Setting {
    /// With these tasks critical.
    fn weighing(mut self, critical: &[&str]) -> Self {
        for task in self.spec.tasks.iter_mut().filter(|task| critical.contains(&task.name.as_str())) {
            task.weight = Weight::Critical;
        }
        self
    }
}
