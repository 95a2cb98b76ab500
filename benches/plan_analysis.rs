//! How long the analysis of a plan takes as the plan grows, and with which power of its size: `toll check` without reading files.
//!
//! Measures and prints; asserts no time. Plans are layers of tasks, each needing a few of the layer before; their scopes meet
//! here and there. The exponent is the slope of the logarithm of the time over that of the edges, by least squares: 1 is linear.
//!
//! ```text
//! cargo bench -p tollhouse --no-default-features --bench plan_analysis -- [--edges N] [--rounds N]
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person at a terminal is what it is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use tollhouse::Span;
use tollhouse::analysis::{Clashes, Rehearsal, TaskGraph, overlaps};
use tollhouse::plan::{Defaults, PromptTexts, Source, read_plan, read_project, resolve};
use tollhouse::report::{CheckFacts, check_report};
use tollhouse::spec::{PolicySpec, RunSpec};

/// The largest plan, where nobody says.
const EDGES: usize = 1_000_000;

/// The smallest plan.
const EDGES_MIN: usize = 1_000;

const ROUNDS: usize = 5;

/// How many tasks of the layer before each task needs.
const NEEDS: usize = 4;

/// How many tasks a layer has.
const WIDTH: usize = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if words.contains(&"--bench") {
        measure(number(&words, "--edges", EDGES), number(&words, "--rounds", ROUNDS));
    } else {
        // `cargo test --all-targets` runs it, too.
        eprintln!("measures only under `cargo bench`");
    }
}

/// A number of the command line.
fn number(words: &[&str], flag: &str, default: usize) -> usize {
    let value = words.iter().position(|word| *word == flag).map(|at| words.get(at + 1).copied().unwrap_or_default());
    value.map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{flag} needs a number, not {value:?}")))
}

fn measure(edges_max: usize, rounds: usize) {
    assert!(rounds > 0, "no rounds would measure nothing");
    let mut sizes: Vec<usize> = std::iter::successors(Some(EDGES_MIN), |edges| Some(edges * 10)).take(9).collect();
    sizes.retain(|edges| *edges <= edges_max);
    println!("\nanalysis of a plan, median of {rounds} rounds, milliseconds");
    println!("{:>10}{:>10}{:>12}{:>12}{:>12}{:>14}", "edges", "tasks", "graph", "clashes", "one play", "whole report");
    let mut rows: Vec<(usize, [Duration; 4])> = Vec::new();
    for edges in sizes {
        let spec = plan(edges.div_ceil(NEEDS) + WIDTH);
        let counted = spec.tasks.iter().map(|task| task.needs.len()).sum();
        let times = [graph, clashes, play, report].map(|step| median(rounds, || step(&spec)));
        let [graph, clashes, play, report] = times.map(|time| time.as_secs_f64() * 1e3);
        println!("{counted:>10}{:>10}{graph:>12.2}{clashes:>12.2}{play:>12.2}{report:>14.2}", spec.tasks.len());
        rows.push((counted, times));
    }
    let exponent = |at: usize| exponent(&rows.iter().map(|(edges, times)| (*edges, times[at])).collect::<Vec<_>>());
    let [graph, clashes, play, report] = [0, 1, 2, 3].map(exponent);
    println!("{:>20}{graph:>12.2}{clashes:>12.2}{play:>12.2}{report:>14.2}\n", "growth exponent");
}

fn median(rounds: usize, step: impl Fn() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..rounds).map(|_| step()).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// Order, longest chain, what remains behind each task.
fn graph(spec: &RunSpec) -> Duration {
    let lengths = vec![Span::from_secs(60); spec.tasks.len()];
    let named = TaskGraph::of(&spec.tasks);
    let needs: Vec<Vec<usize>> = (0..named.len()).map(|task| named.needs(task).to_vec()).collect();
    let began = Instant::now();
    black_box(TaskGraph::new(black_box(&needs)).longest(&lengths));
    began.elapsed()
}

/// Who never runs together, and who of those waits.
fn clashes(spec: &RunSpec) -> Duration {
    let graph = TaskGraph::of(&spec.tasks);
    let began = Instant::now();
    black_box(overlaps(spec, &graph, &Clashes::new(black_box(spec)), 1000));
    began.elapsed()
}

/// What begins when, with four at once.
fn play(spec: &RunSpec) -> Duration {
    let (graph, clashes) = (TaskGraph::of(&spec.tasks), Clashes::new(spec));
    let lengths: Vec<Span> = (0..spec.tasks.len()).map(|at| Span::from_secs(60 + at as u64 * 7919 % 600)).collect();
    let began = Instant::now();
    black_box(Rehearsal::new(spec, &graph, &clashes, &lengths).play());
    began.elapsed()
}

/// All that `toll check` says.
fn report(spec: &RunSpec) -> Duration {
    let began = Instant::now();
    black_box(check_report(black_box(spec), &CheckFacts::default()));
    began.elapsed()
}

/// So many tasks in layers.
fn plan(tasks: usize) -> RunSpec {
    let project = Source::new("tollhouse.toml", "[agents.a]\ncommand = [\"a\"]\n[[gate]]\nname = \"g\"\nrun = \"g\"\n");
    let project = read_project(&project).expect("a good configuration");
    let plan = read_plan(&Source::new("plan.toml", "[[task]]\nid = \"t\"\nprompt = \"x\"\n"));
    let mut spec = resolve(&project, &plan, &PromptTexts::new(), &Defaults::default()).expect("a good plan");
    let task = spec.tasks.remove(0);
    let mut draw = Numbers(7);
    spec.tasks = (0..tasks)
        .map(|at| {
            let mut task = task.clone();
            task.name = format!("t{at}");
            let layer = at / WIDTH * WIDTH;
            let mut needs = std::collections::BTreeSet::new();
            while layer >= WIDTH && needs.len() < NEEDS {
                needs.insert(layer - WIDTH + draw.next(WIDTH));
            }
            task.needs = needs.into_iter().map(|need| format!("t{need}")).collect();
            // A folder of its own for most; for one in ten a common one, which about ten have in common.
            let common = draw.next(tasks.div_ceil(100));
            let folder = if draw.next(10) == 0 { format!("common/c{common}") } else { format!("src/m{at}") };
            task.policy = Some(PolicySpec {
                source: "task".to_owned(),
                write: Some(vec![format!("{folder}/**")]),
                forbid: Vec::new(),
                max_files_changed: None,
                max_lines_changed: None,
            });
            task
        })
        .collect();
    spec
}

/// The same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        // Knuth's numbers; the high bits are good enough.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % below
    }
}

/// The slope of the logarithms, by least squares; not a number where there is one point.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn exponent(points: &[(usize, Duration)]) -> f64 {
    let points: Vec<(f64, f64)> =
        points.iter().map(|(edges, time)| ((*edges as f64).ln(), time.as_secs_f64().max(1e-9).ln())).collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    over / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}
