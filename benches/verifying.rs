//! What it takes to verify a ledger: events a second, and whether memory grows with the ledger. `taskset -c 0` before the command
//! shows what one core does: a thread reads ahead of the one that folds.
//!
//! Measures and prints; asserts no time. The ledger is that of real runs of ten tasks, each of which lands; `reading` is the
//! reference: the same events and records read from the store, and nothing done with them.
//!
//! ```text
//! cargo bench -p tollhouse --bench verifying -- [--events N] [--rounds N] [--ledger FILE]
//! ```
//!
//! With `--ledger`, this ledger is verified as often as the rounds say; where it is not there, it is made and kept.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person at a terminal is what it is for")]

mod large_ledger;

use std::path::Path;
use std::time::{Duration, Instant};

use tollhouse::verify::verify;
use tollhouse::{Cursor, Find, SqliteStore, Store};

use large_ledger::Tape;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if !words.contains(&"--bench") {
        // `cargo test --all-targets` runs it, too.
        eprintln!("measures only under `cargo bench`");
        return;
    }
    let (most, rounds) = (number(&words, "--events", 1_000_000), number(&words, "--rounds", 5));
    if let Some(at) = words.iter().position(|word| *word == "--ledger") {
        let path = Path::new(words.get(at + 1).expect("--ledger names a file"));
        if !path.exists() {
            let tape = Tape::of_a_run(10);
            let store = SqliteStore::open_or_create(path).expect("the folder is writable");
            tape.put(&store, 0..(most / tape.events) as u64);
        }
        let store = SqliteStore::open(path).expect("it is a ledger");
        for _ in 0..rounds {
            let start = Instant::now();
            let verified = verify(&store, 0).expect("the ledger can be read");
            println!("{} events in {:.2?}, {} findings", verified.events, start.elapsed(), verified.findings_count);
        }
        return;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder is writable");
    let store = SqliteStore::open_or_create(folder.path().join("ledger.db")).expect("the folder is writable");
    let tape = Tape::of_a_run(10);
    println!(
        "{:>10} {:>12} {:>12} {:>12} {:>8} {:>12}",
        "events", "verify", "a second", "reading", "ratio", "most memory"
    );
    let (mut events, mut runs) = (0, 0_u64);
    for size in [most / 10, most] {
        let more = ((size - events) / tape.events) as u64;
        tape.put(&store, runs..runs + more);
        (events, runs) = (usize::try_from(runs + more).expect("a small number") * tape.events, runs + more);
        let mut times: [Vec<Duration>; 2] = Default::default();
        for _ in 0..rounds {
            let start = Instant::now();
            let verified = verify(&store, 0).expect("the ledger can be read");
            times[0].push(start.elapsed());
            assert!(verified.is_sound() && verified.events == events as u64, "{verified:?}");
            let start = Instant::now();
            read(&store);
            times[1].push(start.elapsed());
        }
        let [verify, reading] = times.map(median);
        #[expect(clippy::cast_precision_loss, reason = "a number of events is small")]
        let rate = events as f64 / verify.as_secs_f64();
        let ratio = verify.as_secs_f64() / reading.as_secs_f64();
        println!("{events:>10} {verify:>12.2?} {rate:>12.0} {reading:>12.2?} {ratio:>8.2} {:>9} MiB", memory_mib());
    }
    println!("median of {rounds}; ratio: verify / reading, which has one thread");
}

fn read(store: &SqliteStore) {
    let mut cursor = Cursor { limit: Some(1024), ..Cursor::default() };
    while let Some(last) = store.events(&cursor).expect("the ledger can be read").last() {
        cursor.after = last.position;
    }
    let mut find = Find { limit: Some(256), ..Find::default() };
    while let Some(last) = store.find(&find).expect("the ledger can be read").last() {
        find.after = Some(last.id);
    }
}

/// The most memory that this process ever had, as Linux says it.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A number of the command line.
fn number(words: &[&str], flag: &str, default: usize) -> usize {
    let value = words.iter().position(|word| *word == flag).map(|at| words.get(at + 1).copied().unwrap_or_default());
    value.map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{flag} needs a number, not {value:?}")))
}
