//! The small worlds that are explored: what there is to do in each, and how much may go wrong.

mod agents;
mod everything;
mod money;
mod streams;
mod tasks;
mod workers;

use tollhouse_core::entity::ErrorClass;
use tollhouse_core::spec::{Crew, GateSpec, PolicySpec, RunSpec, TaskSpec, Weight};
use tollhouse_core::{Span, TreeFacts};

use crate::world;

pub(super) use agents::{breaker, fallback, handed_on, same_ends, slow_down};
pub(super) use everything::{everything, promised};
pub(super) use money::{dear_task, last_money, money};
pub(super) use streams::{acceptance, critical_stream, failed_stream, streams};
pub(super) use tasks::{
    bad_luck, cancellation, critical, death, flaky, gates, hold, order, person, release, two_at_once,
};
pub(super) use workers::{crashes, crew, late, silence, words_on_workers};

/// How an agent's try may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    Good,
    ExitsWith3,
    ChangesNothing,
    Forbidden,
    /// It could not be begun.
    CannotBegin(ErrorClass),
    /// It ends well, and costs so many nano-dollars.
    Costs(i64),
    /// It ends with exit status 3, and costs so many nano-dollars.
    FailsAfter(i64),
    /// Its provider asks to slow down.
    SlowDown,
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
    /// A shared worker is seen to be gone.
    pub(super) crashes: u8,
    /// Nothing is heard of a shared worker for a while.
    pub(super) silences: u8,
    /// Nothing comes from what a shared worker runs.
    pub(super) stalls: u8,
    /// A shared worker registers in the place of one that is over.
    pub(super) newcomers: u8,
    /// A person's words on shared workers, but for those that let a paused one go on.
    pub(super) worker_words: u8,
    /// A person's words on workstreams.
    pub(super) stream_words: u8,
    /// A shared worker asks for work when the run's time is over, before anybody looked at the clock.
    pub(super) late: u8,
    /// How many of deaths, crashes, pauses and cancellations there are, all in all.
    pub(super) troubles: u8,
}

impl Allowance {
    /// Whether there may be one more of a kind of trouble.
    pub(super) const fn has(self, left: u8) -> bool {
        left > 0 && self.troubles > 0
    }

    /// One less of a kind of trouble.
    pub(super) fn trouble(&mut self, kind: fn(&mut Self) -> &mut u8) {
        *kind(self) -= 1;
        self.troubles -= 1;
    }

    /// What is left of each, in one order.
    pub(super) const fn counts(self) -> [u8; 15] {
        let Self { deaths, steps_down, branch_moves, pauses, cancels, task_words, patch_words, .. } = self;
        let Self { crashes, silences, stalls, newcomers, worker_words, stream_words, late, troubles, .. } = self;
        [
            deaths,
            steps_down,
            branch_moves,
            pauses,
            cancels,
            task_words,
            patch_words,
            crashes,
            silences,
            stalls,
            newcomers,
            worker_words,
            stream_words,
            late,
            troubles,
        ]
    }
}

/// A shared worker: its name, and what it can do.
pub(super) type Hand = (&'static str, &'static [&'static str]);

/// In which order a world is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// What breaks comes with a shortest way there.
    BreadthFirst,
    /// What is remembered is little: a large world fits into memory.
    DepthFirst,
}

/// A world to explore.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) spec: RunSpec,
    pub(super) tries: &'static [Try],
    pub(super) applying: &'static [Applying],
    pub(super) answers: &'static [Answer],
    pub(super) allowance: Allowance,
    /// The shared workers that are there from the beginning, and that may register again.
    pub(super) crew: &'static [Hand],
    /// How often its agent failed in a row in earlier runs.
    pub(super) failures_before: u32,
    pub(super) walk: Walk,
    /// More states than this are a world that is not small.
    pub(super) states_max: usize,
}

/// Of a world that is explored every time.
const STATES_MAX: usize = 30_000;

const NONE: Allowance = Allowance {
    deaths: 0,
    steps_down: 0,
    branch_moves: 0,
    pauses: 0,
    cancels: 0,
    task_words: 0,
    patch_words: 0,
    crashes: 0,
    silences: 0,
    stalls: 0,
    newcomers: 0,
    worker_words: 0,
    stream_words: 0,
    late: 0,
    troubles: u8::MAX,
};

/// What is left of its world is explored, too, where this is more than 64: `TOLLHOUSE_TEST_ROUNDS`.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask` says how thorough it wants to be")]
pub(super) fn rounds() -> u32 {
    std::env::var("TOLLHOUSE_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(64)
}

/// Every world of the quick exploration, the quickest to find something first.
pub(super) fn all() -> Vec<Setting> {
    vec![
        bad_luck(),
        order(),
        release(),
        cancellation(),
        two_at_once(),
        death(),
        gates(),
        critical(),
        hold(),
        person(),
        crew(),
        crashes(),
        silence(),
        words_on_workers(),
        late(),
        streams(),
        failed_stream(),
        critical_stream(),
        acceptance(),
        money(),
        last_money(),
        dear_task(),
        breaker(),
        slow_down(),
        same_ends(),
        fallback(),
        handed_on(),
        flaky(),
    ]
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

/// Has shared workers do it.
fn shared(spec: RunSpec) -> RunSpec {
    RunSpec { crew: Crew::Shared, ..spec }
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
    /// A world in which all goes well, and nothing happens beside.
    fn of(name: &'static str, spec: RunSpec) -> Self {
        Self {
            name,
            spec,
            tries: &[Try::Good],
            applying: &[Applying::Fits],
            answers: &[Answer::Yes],
            allowance: NONE,
            crew: &[],
            failures_before: 0,
            walk: Walk::BreadthFirst,
            states_max: STATES_MAX,
        }
    }

    /// With these tasks critical.
    fn weighing(mut self, critical: &[&str]) -> Self {
        for task in self.spec.tasks.iter_mut().filter(|task| critical.contains(&task.name.as_str())) {
            task.weight = Weight::Critical;
        }
        self
    }
}
