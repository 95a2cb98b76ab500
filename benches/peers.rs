//! How our ledger compares with the SQLite back ends of durare, effectum and apalis-sqlite on the same work.
//!
//! Measures and prints; asserts no time. The work is one durable, acknowledged transition of one piece of work, with a payload of
//! 100 bytes, asked for by one caller after the other and by 64 at once: for us a commit of a record's change with its
//! chained event, for durare a step of a workflow, for effectum a job added, for apalis-sqlite a job pushed. What each of them
//! is set to, and why that is fair, stands at the top of its own program below `benches/peers/`. Those that can add many jobs in
//! one call do not use it: a caller has one transition and waits for it.
//!
//! All are processes that include the same `contestant.rs`. They take turns, first to last and back, each with a new file on the
//! disk of the target folder; each checks at the end that everything is there, and says what its writing connections
//! are set to. Each peer has the SQLite that its users get, of which the file's header tells the version.
//!
//! ```text
//! cargo bench -p tollhouse --bench peers -- [--rounds N] [--syncs]
//! ```
//!
//! `--syncs` counts what reaches the disk instead (with strace): a ledger that syncs less than once for a commit of a
//! lone caller forgets what it acknowledged.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person at a terminal is what it is for")]

#[path = "peers/contestant.rs"]
mod contestant;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use contestant::{Lap, Task, WARM_UP, payload};
use serde_json::Value;
use tollhouse::{Actor, Change, Commit, Happening, Kind, Record, RecordId, Severity, SqliteStore, Store, Timestamp};

/// The peers, by the names of their folders.
const PEERS: [&str; 3] = ["durare", "effectum", "apalis-sqlite"];

/// How many callers there are, and how many operations they do together.
const CLASSES: [(usize, usize); 2] = [(1, 2_000), (64, 12_800)];

/// How many operations are done under strace.
const SYNCED: usize = 200;

/// How often the raw disk is asked to sync, before each round.
const APPENDS: u32 = 500;

const ROUNDS: usize = 5;

/// The first word of the command line of the process that stands for us.
const AS_OURS: &str = "--as-ours";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if words.first() == Some(&AS_OURS) {
        compete();
    } else if !words.contains(&"--bench") {
        // `cargo test --all-targets` runs it, too.
        eprintln!("measures only under `cargo bench`");
    } else if words.contains(&"--syncs") {
        count_syncs(&contestants());
    } else {
        measure(&contestants(), number(&words, "--rounds", ROUNDS));
    }
}

/// A number of the command line.
fn number(words: &[&str], flag: &str, default: usize) -> usize {
    let value = words.iter().position(|word| *word == flag).map(|at| words.get(at + 1).copied().unwrap_or_default());
    value.map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{flag} needs a number, not {value:?}")))
}

/// Who takes part.
struct Contestant {
    name: &'static str,
    program: PathBuf,
    /// What its command line begins with.
    words: &'static [&'static str],
}

/// We, and every peer that can be built.
fn contestants() -> Vec<Contestant> {
    let ours = std::env::current_exe().expect("this program has a path");
    let mut contestants = vec![Contestant { name: "tollhouse", program: ours, words: &[AS_OURS] }];
    for name in PEERS {
        match build(name) {
            Some(program) => contestants.push(Contestant { name, program, words: &[] }),
            None => eprintln!("{name} cannot be built, and takes no part"),
        }
    }
    contestants
}

/// Builds a peer, in a target folder that is not ours.
fn build(folder: &str) -> Option<PathBuf> {
    eprintln!("building {folder}");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(folder).join("Cargo.toml");
    let target = scratch().with_file_name("peers");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo told this program of its own package is none of the peer's, and would have it built anew each time.
    let told = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("CARGO_"));
    for name in told.filter(|name| name != "CARGO_HOME") {
        cargo.env_remove(name);
    }
    cargo.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    let done = cargo.arg("--target-dir").arg(&target).status().expect("cargo can be run");
    done.success().then(|| target.join("release").join(format!("peer-{folder}")))
}

/// A folder below the target folder: the system's own for temporary files may be no disk.
fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

impl Contestant {
    /// Has it do its work in a new file, under `wrapper` if that is not empty.
    fn run(&self, wrapper: &[&str], callers: usize, operations: usize) -> Value {
        let folder = tempfile::tempdir_in(scratch()).expect("a temporary folder");
        let mut command = match wrapper {
            [] => Command::new(&self.program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.program);
                command
            }
        };
        command.args(self.words).arg("--file").arg(folder.path().join("ledger.db"));
        command.args(["--callers", &callers.to_string(), "--operations", &operations.to_string()]);
        let done = command.output().expect("the contestant can be run");
        assert!(done.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).expect("a contestant prints JSON")
    }
}

fn measure(contestants: &[Contestant], rounds: usize) {
    assert!(rounds > 0, "no rounds would measure nothing");
    let mut reports: Vec<Vec<Vec<Value>>> = vec![vec![Vec::new(); contestants.len()]; CLASSES.len()];
    for round in 1..=rounds {
        println!("round {round}: the disk takes {:.0} appends of 4 KiB a second, each synced", disk_per_second());
        for ((callers, operations), reports) in CLASSES.into_iter().zip(&mut reports) {
            let mut turns: Vec<_> = contestants.iter().zip(reports).collect();
            // Nobody is always the one who comes after the same other.
            if round % 2 == 0 {
                turns.reverse();
            }
            for (contestant, reports) in turns {
                reports.push(contestant.run(&[], callers, operations));
            }
        }
    }
    println!("\none durable transition, {rounds} rounds");
    show(contestants, &reports);
    println!();
    for (contestant, reports) in contestants.iter().zip(&reports[0]) {
        println!("{:<18}{}", contestant.name, reports[0]["settings"]);
    }
    println!();
    for ((callers, _), reports) in CLASSES.iter().zip(&reports) {
        let ours = per_second(&reports[0]).median;
        println!("callers {callers:>2}: {}", against_best(ours, contestants.iter().zip(reports).skip(1)));
    }
    println!();
}

/// The table.
fn show(contestants: &[Contestant], reports: &[Vec<Vec<Value>>]) {
    println!(
        "{:<18}{:>8}{:>10}{:>20}{:>10}{:>10}{:>12}",
        "", "callers", "a second", "min to max", "p50 µs", "p99 µs", "ours / it"
    );
    for ((callers, _), reports) in CLASSES.iter().zip(reports) {
        let ours = per_second(&reports[0]).median;
        for (contestant, reports) in contestants.iter().zip(reports) {
            let Spread { median, min, max } = per_second(reports);
            let [p50, p99] = ["p50_us", "p99_us"].map(|name| Spread::of(reports, |it| float(it, name)).median);
            let range = format!("{min:.0} to {max:.0}");
            let ratio = ours / median;
            println!("{:<18}{callers:>8}{median:>10.0}{range:>20}{p50:>10.0}{p99:>10.0}{ratio:>12.2}", contestant.name);
        }
    }
}

fn against_best<'a>(ours: f64, peers: impl Iterator<Item = (&'a Contestant, &'a Vec<Value>)>) -> String {
    let peers = peers.map(|(peer, reports)| (per_second(reports).median, peer.name));
    match peers.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((best, name)) => format!("{:.2} times the best peer ({name})", ours / best),
        None => "no peer".to_owned(),
    }
}

/// How often a second the disk takes what any of them must at least write for a commit.
fn disk_per_second() -> f64 {
    let mut file = tempfile::tempfile_in(scratch()).expect("a temporary file");
    let began = Instant::now();
    for _ in 0..APPENDS {
        file.write_all(&[7; 4096]).expect("it can be written");
        file.sync_data().expect("it can be synced");
    }
    f64::from(APPENDS) / began.elapsed().as_secs_f64()
}

fn float(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("{name} is missing in {report}"))
}

fn per_second(reports: &[Value]) -> Spread {
    Spread::of(reports, |report| float(report, "operations") / float(report, "seconds"))
}

struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(reports: &[Value], figure: impl Fn(&Value) -> f64) -> Self {
        let mut figures: Vec<f64> = reports.iter().map(figure).collect();
        figures.sort_unstable_by(f64::total_cmp);
        Self { median: figures[figures.len() / 2], min: figures[0], max: figures[figures.len() - 1] }
    }
}

/// Prints how many syncs a run has, less those of one that only opens, warms up and closes.
fn count_syncs(contestants: &[Contestant]) {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("strace is not there, so syncs cannot be counted");
        return;
    }
    println!("\nfsync and fdatasync of {SYNCED} transitions");
    println!("{:<18}{:>8}{:>8}", "", "callers", "syncs");
    for (callers, _) in CLASSES {
        for contestant in contestants {
            let syncs = syncs(contestant, callers, SYNCED).saturating_sub(syncs(contestant, callers, 0));
            println!("{:<18}{callers:>8}{syncs:>8}", contestant.name);
        }
    }
    println!();
}

fn syncs(contestant: &Contestant, callers: usize, operations: usize) -> usize {
    let counts = tempfile::NamedTempFile::new_in(scratch()).expect("a temporary file");
    let path = counts.path().to_str().expect("a path in UTF-8");
    contestant.run(&["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", path], callers, operations);
    let table = fs::read_to_string(path).expect("strace wrote its table");
    let rows = table.lines().filter(|row| row.ends_with("fsync") || row.ends_with("fdatasync"));
    // Share of the time, seconds, microseconds a call, calls.
    rows.map(|row| row.split_whitespace().nth(3).and_then(|calls| calls.parse().ok()).unwrap_or(0_usize)).sum()
}

/// What the process does that stands for us: all callers share a handle, and each moves a record of its own. The payload is
/// written twice, in the record and in its event.
///
/// The connection that writes does not open unless it reads back what `SqliteStore::settings` then says of one that reads.
fn compete() {
    let task = Task::from_arguments();
    let store = SqliteStore::open_or_create(&task.file).expect("a new ledger");
    let start = Barrier::new(task.callers);
    let laps = thread::scope(|scope| {
        let (task, store, start) = (&task, &store, &start);
        let callers = (0..task.callers).map(|caller| scope.spawn(move || call(task, store, start, caller)));
        let callers: Vec<_> = callers.collect();
        callers.into_iter().map(|caller| caller.join().expect("every commit is made")).collect()
    });
    let events = store.events(&tollhouse::Cursor::default()).expect("they can be read");
    assert_eq!(events.len(), task.total(), "every event is there");
    let ids: Vec<RecordId> = (0..task.callers).map(id).collect();
    let records = store.get(&ids).expect("they can be read").into_iter().flatten();
    assert_eq!(
        records.map(|record| record.version).sum::<u64>(),
        task.total() as u64,
        "every record is as its last event"
    );
    let mut settings = store.settings().expect("they can be read");
    settings.retain(|(name, _)| ["journal_mode", "synchronous"].contains(name));
    drop(store);
    task.report(laps, &settings);
}

fn call(task: &Task, store: &SqliteStore, start: &Barrier, caller: usize) -> Lap {
    let mut commits = (1..).map(|version| commit(caller, version));
    for commit in commits.by_ref().take(WARM_UP) {
        store.commit(&commit).expect("the commit is made");
    }
    start.wait();
    let mut lap = Lap::begin();
    for commit in commits.take(task.share(caller)) {
        store.commit(&commit).expect("the commit is made");
        lap.acknowledged();
    }
    lap
}

fn id(caller: usize) -> RecordId {
    RecordId::from_parts(Kind::Task, at(0), caller as u128)
}

fn at(version: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(version).expect("few versions"))
}

/// The caller's task begins, or is interrupted.
fn commit(caller: usize, version: u64) -> Commit {
    let (state, name) = if version.is_multiple_of(2) { ("running", "lease") } else { ("queued", "interrupt") };
    let body = format!("{{\"payload\":\"{}\"}}", payload());
    let record = Record {
        id: id(caller),
        run: None,
        parent: None,
        state: state.to_owned(),
        version,
        keys: [("name".to_owned(), format!("task-{caller}"))].into(),
        body: body.clone(),
    };
    let event = Happening { name: name.to_owned(), severity: Severity::Info, reason: None, body };
    Commit {
        id: format!("{caller}-{version}"),
        at: at(version),
        actor: Actor::Engine,
        trace: None,
        relies_on: Vec::new(),
        follows: None,
        changes: vec![Change { record, event }],
    }
}
