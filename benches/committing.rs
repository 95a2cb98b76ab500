//! What a durable transition costs: `Store::commit` on a SQLite ledger, beside the same statements written by hand.
//!
//! Measures and prints; asserts no time. A transition moves one record (state, version, body) and adds its chained event.
//! One caller: each waits for its own sync of the disk. 64 callers on one handle share syncs; their reference is one thread
//! that writes 64 transitions in each transaction. The references make no check that a commit needs (is it well formed, was it
//! made before by this id, is the record where it says); they read the record's version and the head of its stream, hash, and
//! write the same rows into the same tables and indexes, with the same settings. All take turns; a round of each counts, the
//! median is told.
//!
//! ```text
//! cargo bench -p tollhouse-state -- [--rounds N] [--transitions N] [--in FOLDER] [--callers N]
//! ```
//!
//! With `--callers` it measures nothing: so many callers make the transitions once, for whoever counts what they cost from outside,
//! as `strace` does.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person at a terminal is what it is for")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use tollhouse_core::{
    Actor, Change, Commit, Event, GENESIS, Happening, Kind, Record, RecordId, RunId, Severity, Timestamp, event_hash,
};
use tollhouse_state::{SqliteStore, Store};

const CALLERS: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if !words.contains(&"--bench") {
        // `cargo test --all-targets` runs it, too.
        eprintln!("measures only under `cargo bench`");
        return;
    }
    let rounds = number(&words, "--rounds", 7);
    let transitions = number(&words, "--transitions", 2_000);
    let folder = words.iter().position(|word| *word == "--in").and_then(|at| words.get(at + 1)).copied();
    let folder = tempfile::tempdir_in(folder.unwrap_or(env!("CARGO_TARGET_TMPDIR")))
        .expect("a folder can be made below the given one");
    if words.contains(&"--callers") {
        let taken = callers(&folder.path().join("ledger.db"), number(&words, "--callers", 1), transitions);
        println!("{} transitions", taken.transitions);
        return;
    }
    let mut taken: [Vec<Taken>; 4] = Default::default();
    let mut syncs = Vec::new();
    for round in 0..=rounds {
        let place = |name: &str| folder.path().join(format!("{round}-{name}.db"));
        syncs.push(syncs_a_second(&folder.path().join("syncs"), 500));
        let mut turn = [
            callers(&place("store"), 1, transitions),
            by_hand(&place("hand"), transitions, 1),
            callers(&place("callers"), CALLERS, transitions * 8),
            by_hand(&place("batches"), transitions * 8, CALLERS),
        ];
        // The first is a warm-up.
        if round > 0 {
            taken.iter_mut().zip(turn.iter_mut()).for_each(|(all, one)| all.push(std::mem::take(one)));
        }
    }
    report(&taken, median(syncs));
}

fn report(taken: &[Vec<Taken>; 4], syncs: f64) {
    let rates = taken.each_ref().map(|rounds| median(rounds.iter().map(Taken::rate).collect()));
    let names = ["one caller", "  by hand", "64 callers", "  by hand, batches of 64"];
    println!("{:<26} {:>12} {:>10} {:>10}", "", "a second", "p50", "p99");
    for ((name, rounds), rate) in names.iter().zip(taken).zip(rates) {
        let mut times: Vec<Duration> = rounds.iter().flat_map(|round| round.times.iter().copied()).collect();
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        println!("{name:<26} {rate:>12.0} {:>10.1?} {:>10.1?}", at(50), at(99));
    }
    println!("the disk alone: 4 KiB appended and synced {syncs:.0} times a second");
    println!("one caller / by hand {:.2}", paired(&taken[0], &taken[1]));
    println!("64 callers / by hand {:.2}", paired(&taken[2], &taken[3]));
    println!("64 callers / one caller {:.1}", paired(&taken[2], &taken[0]));
}

/// The median of the ratios within each round: what slows a round slows both.
fn paired(one: &[Taken], other: &[Taken]) -> f64 {
    median(one.iter().zip(other).map(|(one, other)| one.rate() / other.rate()).collect())
}

/// One round of one contestant.
#[derive(Default)]
struct Taken {
    /// What each caller waited for each of its transitions.
    times: Vec<Duration>,
    transitions: usize,
    whole: Duration,
}

impl Taken {
    #[expect(clippy::cast_precision_loss, reason = "a number of transitions is small")]
    fn rate(&self) -> f64 {
        self.transitions as f64 / self.whole.as_secs_f64()
    }
}

/// So many callers on one handle, each with its share of the transitions.
fn callers(path: &Path, callers: usize, transitions: usize) -> Taken {
    let store = ledger(path, callers);
    let barrier = Barrier::new(callers + 1);
    thread::scope(|scope| {
        let each: Vec<_> = (0..callers)
            .map(|caller| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    call(store, caller, transitions / callers)
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        let times: Vec<Duration> =
            each.into_iter().flat_map(|caller| caller.join().expect("a caller does not panic")).collect();
        Taken { transitions: times.len(), times, whole: start.elapsed() }
    })
}

fn call(store: &SqliteStore, caller: usize, transitions: usize) -> Vec<Duration> {
    let mut record = record(caller);
    (0..transitions)
        .map(|turn| {
            let start = Instant::now();
            record = moved(&record);
            let commit = commit(format!("{turn:021}-{caller:04}"), record.clone());
            store.commit(&commit).expect("the commit is sound");
            start.elapsed()
        })
        .collect()
}

/// The same rows, statement by statement, so many in each transaction.
fn by_hand(path: &Path, transitions: usize, batch: usize) -> Taken {
    drop(ledger(path, CALLERS.min(batch)));
    let connection = Connection::open(path).expect("the ledger was just made");
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).expect("SQLite knows the setting");
    for (name, value) in [
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("trusted_schema", "0"),
        ("cell_size_check", "1"),
        ("wal_autocheckpoint", "4000"),
        ("cache_size", "-16384"),
    ] {
        connection.pragma(None, name, value, |_| Ok(())).expect("SQLite knows the setting");
    }
    let mut records: Vec<Record> = (0..batch).map(record).collect();
    let mut times = Vec::new();
    let start = Instant::now();
    for turn in 0..transitions / batch {
        let began = Instant::now();
        transaction(&connection, &mut records, turn).expect("the statements are sound");
        times.push(began.elapsed());
    }
    Taken { transitions: transitions / batch * batch, times, whole: start.elapsed() }
}

fn transaction(connection: &Connection, records: &mut [Record], turn: usize) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for (caller, record) in records.iter_mut().enumerate() {
        *record = moved(record);
        by_hand_once(connection, &commit(format!("{turn:021}-{caller:04}"), record.clone()))?;
    }
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

fn by_hand_once(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    let change = &commit.changes[0];
    let Change { record, event } = change;
    let id = record.id.to_string();
    let stream = record.stream().to_string();
    let (row, _version): (i64, u64) = connection
        .prepare_cached("SELECT rowid, version FROM record WHERE id = ?1")?
        .query_row([&id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let position: u64 = connection
        .prepare_cached("SELECT coalesce(max(position), 0) + 1 FROM event")?
        .query_row([], |row| row.get(0))?;
    let (seq, previous_hash) = connection
        .prepare_cached("SELECT seq, hash FROM event WHERE stream = ?1 ORDER BY position DESC LIMIT 1")?
        .query_row([&stream], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap_or((0_u64, GENESIS.to_owned()));
    connection
        .prepare_cached("INSERT INTO commit_log (id, first, last) VALUES (?1, ?2, ?2)")?
        .execute(params![commit.id, position])?;
    connection
        .prepare_cached("UPDATE record SET state = ?1, version = ?2, body = ?3, keys = ?4 WHERE rowid = ?5")?
        .execute(params![record.state, record.version, record.body, "{}", row])?;
    let mut chained = Event { position, seq: seq + 1, previous_hash, ..Event::of(commit, change) };
    chained.hash = event_hash(&chained);
    let digests = chained.digests.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO event (position, stream, seq, record, kind, version, state, name, severity, reason, actor, at,
                                trace, commit_id, body, body_digest, record_digest, previous_hash, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        )?
        .execute(params![
            position,
            stream,
            chained.seq,
            id,
            record.kind().as_str(),
            record.version,
            record.state,
            event.name,
            event.severity.as_str(),
            event.reason,
            commit.actor.to_string(),
            commit.at.as_micros(),
            commit.trace,
            commit.id,
            event.body,
            digests.map(|digests| &digests.body),
            digests.map(|digests| &digests.record),
            chained.previous_hash,
            chained.hash,
        ])?;
    Ok(())
}

/// A ledger of one run with so many tasks.
fn ledger(path: &Path, tasks: usize) -> SqliteStore {
    let store = SqliteStore::open_or_create(path).expect("the folder is writable");
    for task in 0..tasks {
        store.commit(&commit(format!("made {task}"), record(task))).expect("the commit is sound");
    }
    store
}

fn id(kind: Kind, number: usize) -> RecordId {
    let at = Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(number).expect("a small number") * 1000);
    RecordId::from_parts(kind, at, (number as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

fn record(number: usize) -> Record {
    Record {
        id: id(Kind::Task, number),
        run: RunId::try_from(id(Kind::Run, 0)).ok(),
        parent: None,
        state: Kind::Task.states()[0].to_owned(),
        version: 1,
        keys: [].into(),
        body: body(600),
    }
}

fn moved(record: &Record) -> Record {
    let states = Kind::Task.states();
    let turn = usize::try_from(record.version).expect("a small number") % states.len();
    Record { state: states[turn].to_owned(), version: record.version + 1, ..record.clone() }
}

fn commit(id: String, record: Record) -> Commit {
    let event = Happening { name: "moved".into(), severity: Severity::Info, reason: None, body: body(150) };
    Commit {
        id,
        at: Timestamp::from_micros(1_700_000_000_000_000),
        actor: Actor::Engine,
        trace: None,
        relies_on: vec![],
        follows: None,
        changes: vec![Change { record, event }],
    }
}

/// JSON of about so many bytes, in the shape of a body.
fn body(bytes: usize) -> String {
    let fields: Vec<String> = (0..bytes / 30).map(|field| format!("\"field_{field:03}\":\"twelve more\"")).collect();
    format!("{{{}}}", fields.join(","))
}

fn syncs_a_second(path: &PathBuf, times: u32) -> f64 {
    let mut file = File::create(path).expect("the folder is writable");
    let start = Instant::now();
    for _ in 0..times {
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("the file can be written");
    }
    f64::from(times) / start.elapsed().as_secs_f64()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// A number of the command line.
fn number(words: &[&str], flag: &str, default: usize) -> usize {
    let value = words.iter().position(|word| *word == flag).map(|at| words.get(at + 1).copied().unwrap_or_default());
    value.map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{flag} needs a number, not {value:?}")))
}
