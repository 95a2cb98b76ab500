//! What it costs to choose the next task in plans of a thousand to a million tasks, beside looking for the best queued one by
//! one; and what the decision costs that does so.
//!
//! Measures and prints; asserts no time. Half of the tasks are queued at once, the others need two of them each. `next` chooses
//! the task that begins. `decision` is the whole of it: the report of an agent that failed, its task sent back, the next task
//! leased, all records and events as JSON. `following` brings the view up to date with that.
//!
//! ```text
//! cargo bench -p tollhouse-engine -- [--least N] [--most N] [--rounds N]
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person at a terminal is what it is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tollhouse_core::entity::{Effect, ErrorClass, Process, Task, Work};
use tollhouse_core::lifecycle::{EffectState, TaskState};
use tollhouse_core::spec::{AgentSpec, PolicySpec, RunSpec, TaskSpec};
use tollhouse_core::{Change, RunId, Span, Timestamp};
use tollhouse_engine::{At, Claimant, Command, Outcome, View, decide, next_task};

const LEAST: usize = 1_000;
const MOST: usize = 1_000_000;
const ROUNDS: usize = 201;
const PARALLEL: u32 = 8;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if !words.contains(&"--bench") {
        // `cargo test --all-targets` runs it, too.
        eprintln!("measures only under `cargo bench`");
        return;
    }
    let (least, most) = (number(&words, "--least", LEAST), number(&words, "--most", MOST));
    let rounds = number(&words, "--rounds", ROUNDS);
    let head = ["next", "one by one", "ratio", "decision", "following"];
    println!("{:>9} {:>12} {:>12} {:>8} {:>12} {:>12}", "tasks", head[0], head[1], head[2], head[3], head[4]);
    let mut points = Vec::new();
    let sizes = std::iter::successors(Some(least), |size| size.checked_mul(10));
    for size in sizes.take_while(|size| *size <= most) {
        let times = measure(size, rounds);
        let Times { next, scan, decision, following } = times;
        let ratio = scan.as_secs_f64() / next.as_secs_f64();
        println!("{size:>9} {next:>12.2?} {scan:>12.2?} {ratio:>8.2} {decision:>12.2?} {following:>12.2?}");
        points.push((size, times));
    }
    println!("median of {rounds}; ratio: one by one / next");
    let exponent = |of: fn(&Times) -> Duration| growth(points.iter().map(|(size, times)| (*size, of(times))));
    println!(
        "growth exponent: next {:.2}, one by one {:.2}, decision {:.2}, following {:.2} (0: does not grow; 1: linear)",
        exponent(|times| times.next),
        exponent(|times| times.scan),
        exponent(|times| times.decision),
        exponent(|times| times.following)
    );
}

/// A number of the command line.
fn number(words: &[&str], flag: &str, default: usize) -> usize {
    let value = words.iter().position(|word| *word == flag).map(|at| words.get(at + 1).copied().unwrap_or_default());
    value.map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{flag} needs a number, not {value:?}")))
}

/// Medians.
#[derive(Clone, Copy)]
struct Times {
    next: Duration,
    scan: Duration,
    decision: Duration,
    following: Duration,
}

/// The slope of log time over log size, by least squares.
fn growth(points: impl Iterator<Item = (usize, Duration)>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a size of a plan is small")]
    let logs: Vec<(f64, f64)> = points.map(|(size, time)| ((size as f64).ln(), time.as_secs_f64().ln())).collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let count = logs.len() as f64;
    let (x, y) = logs.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (over, under) = logs
        .iter()
        .fold((0.0, 0.0), |(over, under), point| (over + (point.0 - x) * (point.1 - y), under + (point.0 - x).powi(2)));
    over / under
}

/// A run on its way, and the clock of its world.
struct World {
    view: View,
    run: RunId,
    at: At,
}

impl World {
    fn execute(&mut self, command: &Command) {
        let changes = self.decided(command);
        self.follow(&changes);
    }

    fn decided(&mut self, command: &Command) -> Vec<Change> {
        self.at = At { now: self.at.now.after(Span::from_millis(1)), seed: self.at.seed + 1 };
        decide(&self.view, command, self.at).expect("nothing here is refused").changes
    }

    fn follow(&mut self, changes: &[Change]) {
        for change in changes {
            self.view.take(&change.record).expect("what was just written is readable");
        }
    }

    /// The end of an attempt that is claimed first.
    fn next_report(&mut self) -> Command {
        let requested = self.view.all::<Effect>().find(|effect| effect.state == EffectState::Requested).cloned();
        let effect = requested.expect("as many attempts are asked for as may be");
        assert!(matches!(effect.work, Work::Spawn { .. }), "a try that failed asks for nothing else");
        let by = Claimant { owner: "local".to_owned(), conductor: 1, process: None, worker: None };
        self.execute(&Command::Claim { effect: effect.id, by, until: self.at.now.after(Span::from_secs(60)) });
        let outcome = Box::new(Outcome::Failed { class: ErrorClass::GateFailure, reason: "exit status 1".to_owned() });
        Command::Report { effect: effect.id, epoch: 1, outcome }
    }
}

/// How long something takes, and what comes of it.
#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let result = std::hint::black_box(act());
    (begun.elapsed(), result)
}

fn measure(size: usize, rounds: usize) -> Times {
    let mut world = begun(size);
    let (mut decisions, mut followings, mut nexts, mut scans) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let report = world.next_report();
        let (took, changes) = timed(|| world.decided(&report));
        decisions.push(took);
        // As it was between the end of the one attempt and the lease of the next.
        let lease = changes.iter().position(|change| change.event.name == "grant").expect("the next task begins");
        let (before, after) = changes.split_at(lease);
        let (first, ()) = timed(|| world.follow(before));
        let (took, chosen) = timed(|| next_task(&world.view, world.run, world.at));
        nexts.push(took);
        assert!(chosen.is_some(), "there are more tasks than rounds");
        let (second, ()) = timed(|| world.follow(after));
        followings.push(first + second);
    }
    // Apart, for a scan leaves nothing of what a decision needs in the caches.
    for _ in 0..rounds {
        let (took, best) = timed(|| one_by_one(&world.view));
        scans.push(took);
        assert!(best.is_some(), "there are more tasks than rounds");
    }
    Times { next: median(nexts), scan: median(scans), decision: median(decisions), following: median(followings) }
}

fn one_by_one(view: &View) -> Option<u32> {
    view.all::<Task>().filter(|task| task.state == TaskState::Queued).map(|task| task.place).min()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn begun(size: usize) -> World {
    let at = At { now: Timestamp::from_micros(1_700_000_000_000_000), seed: 1 };
    let run = RunId::from_parts(at.now, 1);
    let mut world = World { view: View::default(), run, at };
    let spec = Box::new(plan(size));
    world.execute(&Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None });
    let process = Process { host: "here".to_owned(), boot: "1".to_owned(), pid: 1, started: "1".to_owned() };
    world.execute(&Command::Drive { run, process, seen: None });
    world.execute(&Command::StartRun { run: world.run, base: "base".to_owned() });
    world
}

fn plan(size: usize) -> RunSpec {
    let roots = size / 2;
    let task = |at: usize| {
        let needs = if at < roots { vec![] } else { vec![(at * 7) % roots, (at * 13 + 1) % roots] };
        let mut needs: Vec<String> = needs.into_iter().map(name).collect();
        needs.dedup();
        let policy = PolicySpec {
            source: "task (plan.toml)".to_owned(),
            write: Some(vec![format!("src/part{at}/**")]),
            forbid: Vec::new(),
            max_files_changed: None,
            max_lines_changed: None,
        };
        TaskSpec {
            name: name(at),
            prompt: format!("Do part {at}"),
            agent: "script".to_owned(),
            policy: Some(policy),
            needs,
            timeout: Span::from_secs(60),
            attempts: 3,
            ..TaskSpec::default()
        }
    };
    let agent = AgentSpec {
        name: "script".to_owned(),
        command: vec!["agent".to_owned()],
        max_parallel: None,
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        capabilities: BTreeSet::new(),
    };
    RunSpec {
        plan: "plan".to_owned(),
        agents: vec![agent],
        max_parallel: PARALLEL,
        tasks: (0..size).map(task).collect(),
        ..RunSpec::default()
    }
}

fn name(at: usize) -> String {
    format!("task-{at}")
}
