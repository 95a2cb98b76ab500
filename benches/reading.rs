//! What it costs to read a ledger: reading commands as whole processes, on ledgers of 10,000 to 1,000,000 events.
//!
//! Measures and prints; asserts no time. Of ten events one makes a task. Four of five events are of runs of ten tasks, each of which
//! landed; the rest and all other tasks are of the newest run, which is under way. The commands take turns; `toll --version` is
//! the reference: what the process takes alone. The files are in the system's cache. Memory is the most that was seen of a
//! process, on Linux.
//!
//! ```text
//! cargo bench -p tollhouse-cli --bench reading -- [--events N] [--rounds N] [--in FOLDER] [--keep]
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person at a terminal is what it is for")]

mod large_ledger;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use large_ledger::{Tape, began};
use tollhouse::lifecycle::PatchState;
use tollhouse::simulator::{Until, drive_smoothly};
use tollhouse::{Durability, Find, Kind, Order, SqliteStore, Store};

/// Of so many events, one makes a task.
const EVENTS_PER_TASK: usize = 10;

/// The ledger of a project.
const LEDGER: &str = ".git/tollhouse/ledger.db";

/// Tasks of each run but the newest.
const TASKS_OF_A_RUN: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if !words.contains(&"--bench") {
        // `cargo test --all-targets` runs it, too.
        eprintln!("measures only under `cargo bench`");
        return;
    }
    let (most, rounds) = (number(&words, "--events", 1_000_000), number(&words, "--rounds", 7));
    let folder = value(&words, "--in").map_or_else(std::env::temp_dir, PathBuf::from);
    let tape = Tape::of_a_run(TASKS_OF_A_RUN);
    let benches: Vec<Bench> =
        [most / 100, most / 10, most].into_iter().map(|events| Bench::make(&folder, events, &tape)).collect();
    print!("{}", report(&benches, rounds));
    if words.contains(&"--keep") {
        for bench in benches {
            println!("kept: {}", bench.scratch.keep().display());
        }
    }
}

/// The word after a flag.
fn value<'w>(words: &[&'w str], flag: &str) -> Option<&'w str> {
    let at = words.iter().position(|word| *word == flag)?;
    Some(words.get(at + 1).unwrap_or_else(|| panic!("{flag} needs a value")))
}

/// A number of the command line.
fn number(words: &[&str], flag: &str, default: usize) -> usize {
    value(words, flag)
        .map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{flag} needs a number, not {value:?}")))
}

/// A project with a ledger. All of it is gone afterwards.
struct Bench {
    scratch: tempfile::TempDir,
    project: PathBuf,
    /// How many events there are.
    events: u64,
    /// How many tasks there are, how many of them in the newest run, and how many of those landed.
    tasks: [u64; 3],
    /// A run of ten tasks, neither the first nor the last of them.
    older_run: String,
}

impl Bench {
    fn make(folder: &Path, events: usize, tape: &Tape) -> Self {
        eprintln!("making a ledger of {events} events");
        let scratch = tempfile::tempdir_in(folder).expect("the folder is writable");
        let project = scratch.path().join("project");
        let tasks = events / EVENTS_PER_TASK;
        let runs = events / 5 * 4 / tape.events;
        let newest = tasks - runs * TASKS_OF_A_RUN;
        let mut bench =
            Self { scratch, project, events: 0, tasks: [tasks as u64, newest as u64, 0], older_run: String::new() };
        output(bench.isolated("git", bench.scratch.path()).args([
            "init",
            "--quiet",
            "--initial-branch=main",
            "project",
        ]));
        output(bench.isolated("git", &bench.project).args(["commit", "--quiet", "--allow-empty", "--message=Begin"]));
        let ledger = bench.project.join(LEDGER);
        fs::create_dir_all(ledger.parent().expect("it is in a folder")).expect("the folder can be made");
        // It need not survive a loss of power.
        let store = SqliteStore::open_or_create_with(ledger, Durability::Normal);
        let store = store.expect("the folder is writable");
        let runs = runs as u64;
        tape.put(&store, 0..runs);
        drive_smoothly(&store, newest, Until::Events(events as u64), began(runs));
        bench.events = store.wait_for(0, Duration::ZERO).expect("the ledger can be read");
        let find = Find { kind: Some(Kind::Run), order: Order::Newest, limit: Some(20), ..Find::default() };
        let found = store.find(&find).expect("the ledger can be read");
        bench.older_run = found.last().expect("there are runs").id.to_string();
        let states = vec![PatchState::Committed.as_str().to_owned()];
        let landed = Find { kind: Some(Kind::Patch), run: found[0].run, states, ..Find::default() };
        bench.tasks[2] = store.tally(&landed).expect("the ledger can be read").first().map_or(0, |tally| tally.records);
        bench
    }

    /// A program that sees nobody's configuration.
    fn isolated(&self, program: &str, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(dir);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.scratch.path()).env("XDG_STATE_HOME", self.scratch.path().join("state"));
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Bench").env(format!("GIT_{who}_EMAIL"), "bench@localhost");
        }
        command
    }

    fn toll(&self, words: &[&str]) -> Command {
        let mut command = self.isolated(env!("CARGO_BIN_EXE_toll"), &self.project);
        command.args(words.iter().map(|word| if *word == OLDER_RUN { self.older_run.as_str() } else { word }));
        command
    }
}

/// Stands for the id of a run.
const OLDER_RUN: &str = "OLDER_RUN";

/// What is measured. The first is the reference.
const COMMANDS: [&[&str]; 9] = [
    &["--version"],
    &["status"],
    &["status", OLDER_RUN],
    &["status", "--json"],
    &["log"],
    &["log", "--json"],
    &["runs"],
    &["task", "list"],
    &["explain"],
];

/// All events there are; measured once, for it takes its time.
const EXPORT: &[&str] = &["log", "--json", "--limit", "0"];

/// What one process took.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    memory_kib: u64,
    bytes: u64,
}

fn report(benches: &[Bench], rounds: usize) -> String {
    let mut costs = vec![vec![Vec::new(); benches.len()]; COMMANDS.len()];
    // The first round warms up.
    for round in 0..=rounds {
        for (command, costs) in COMMANDS.iter().zip(&mut costs) {
            for (bench, costs) in benches.iter().zip(costs) {
                let cost = run(&mut bench.toll(command));
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
    }
    let mut lines = vec![String::new()];
    for bench in benches {
        let Bench { events, tasks: [tasks, newest, landed], .. } = bench;
        let size = bench.project.join(LEDGER).metadata().map_or(0, |file| file.len()) >> 20;
        lines.push(format!(
            "{events:>9} events, {tasks:>7} tasks, {newest:>6} of them in the newest run, where {landed:>6} landed; {size:>5} MiB"
        ));
    }
    lines.push(format!("\nmedian of {rounds}, milliseconds (and MiB of memory at most, KiB printed)"));
    let row = |name: &str, costs: Vec<Cost>| {
        let cells: Vec<String> = costs.into_iter().map(cell).collect();
        format!("{name:<24}{}", cells.concat())
    };
    for (command, costs) in COMMANDS.iter().zip(costs) {
        lines.push(row(&command.join(" "), costs.into_iter().map(median).collect()));
    }
    let exports = benches.iter().map(|bench| run(&mut bench.toll(EXPORT))).collect();
    lines.push(row(&EXPORT.join(" "), exports));
    lines.join("\n") + "\n"
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is kept of it")]
fn cell(cost: Cost) -> String {
    let (millis, memory_mib) = (cost.time.as_secs_f64() * 1e3, cost.memory_kib as f64 / 1024.0);
    format!("{millis:>10.1} ({memory_mib:>6.1}, {:>7})", cost.bytes.div_ceil(1024))
}

/// The cost in the middle by time, with the most memory.
fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_unstable_by_key(|cost| cost.time);
    let memory_kib = costs.iter().map(|cost| cost.memory_kib).max().unwrap_or_default();
    Cost { memory_kib, ..costs[costs.len() / 2] }
}

/// From the start of a process until it has ended and all that it printed was read.
fn run(command: &mut Command) -> Cost {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program can be run");
    let mut printed = child.stdout.take().expect("it is piped");
    let reader = thread::spawn(move || io::copy(&mut printed, &mut io::sink()));
    let memory_kib = watched(&mut child);
    let bytes = reader.join().expect("nobody panicked").expect("a pipe can be read");
    let time = began.elapsed();
    let status = child.wait().expect("it has ended");
    assert!(status.success(), "{command:?}: {status}");
    Cost { time, memory_kib, bytes }
}

/// The most memory that was seen of a process until it ended; 0 where the system does not say it.
fn watched(child: &mut Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let (mut most, mut text) = (0, String::new());
    while child.try_wait().expect("a child can be asked").is_none() {
        text.clear();
        let said = fs::File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).filter(|_| said.is_ok());
        let seen = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(seen.unwrap_or_default());
        thread::sleep(Duration::from_micros(200));
    }
    most
}

fn output(command: &mut Command) {
    let done = command.output().expect("the program can be run");
    assert!(done.status.success(), "{command:?}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr));
}
