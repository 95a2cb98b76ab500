//! Several threads, handles and processes on one file.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use tollhouse_core::{Kind, Record};
use tollhouse_state::conformance::{dump, make, rounds};
use tollhouse_state::{CommitError, Cursor, MemoryStore, Novelty, SqliteStore, Store};

/// Tells the copy of this program that a test starts which ledger to work on, and under which name.
const LEDGER: &str = "TOLLHOUSE_TEST_LEDGER";
const NAME: &str = "TOLLHOUSE_TEST_NAME";

/// Moves one record that all fight over, so many times.
fn count(store: &SqliteStore, name: &str, times: u64) {
    let id = make::id(Kind::Task, 0);
    for turn in 0..times {
        loop {
            let record: Record = store.get(&[id]).unwrap().remove(0).unwrap();
            match store.commit(&make::commit(format!("{name} {turn}"), [make::moved(&record)])) {
                Ok(committed) => {
                    assert_eq!(committed.novelty, Novelty::Fresh);
                    break;
                }
                Err(CommitError::Stale { .. }) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
}

/// Every move of a record is there once, and the chain is that of the model, which takes the same history and checks every
/// link of it. Each of the records was made and then moved so often.
fn counted(store: &SqliteStore, moves: &[(Record, u64)]) {
    let dump = dump(store);
    let versions: BTreeMap<_, _> = dump.records.iter().map(|record| (record.id, record.version)).collect();
    assert_eq!(versions, moves.iter().map(|(record, times)| (record.id, times + 1)).collect(), "no move was lost");
    assert_eq!(dump.events.len() as u64, moves.iter().map(|(_, times)| times + 1).sum::<u64>());

    let model = MemoryStore::new();
    let mut next: BTreeMap<_, _> = moves.iter().map(|(record, _)| (record.id, record.clone())).collect();
    for (event, position) in dump.events.iter().zip(1..) {
        let record = next.get_mut(&event.record).unwrap();
        assert_eq!((event.position, event.version), (position, record.version));
        make::put(&model, event.commit.clone(), [record.clone()]);
        *record = make::moved(record);
    }
    assert_eq!(hashes(&dump.events), hashes(&model.events(&Cursor::default()).unwrap()));
}

fn hashes(events: &[tollhouse_core::Event]) -> Vec<&str> {
    events.iter().map(|event| event.hash.as_str()).collect()
}

fn ledger(path: &Path) -> SqliteStore {
    let store = SqliteStore::open_or_create(path).unwrap();
    make::put(&store, "start", [make::new(Kind::Task, 0)]);
    store
}

#[test]
fn eight_threads_on_two_handles_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let handles = [ledger(&path), SqliteStore::open(&path).unwrap()];
    let times = rounds().div_ceil(4);
    thread::scope(|scope| {
        for number in 0..8 {
            let handle = &handles[number % 2];
            scope.spawn(move || count(handle, &format!("thread {number}"), times));
        }
    });
    counted(&handles[0], &[(make::new(Kind::Task, 0), 8 * times)]);
    assert_eq!(dump(&handles[0]), dump(&handles[1]));
}

#[test]
fn a_bad_commit_never_fails_those_it_waits_with() {
    const THREADS: u64 = 8;
    let folder = tempfile::tempdir().unwrap();
    let store = ledger(&folder.path().join("ledger.db"));
    for round in 0..rounds() {
        let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    let number = 1 + round * THREADS + thread;
                    let fresh = make::new(Kind::Effect, number);
                    let bad = thread % 2 == 0;
                    // The bad one is stale at its second change.
                    let second = if bad { make::new(Kind::Task, 0) } else { make::new(Kind::Patch, number) };
                    let commit = make::commit(format!("{number}"), [fresh, second]);
                    barrier.wait();
                    assert_eq!(store.commit(&commit).is_err(), bad);
                });
            }
        });
    }
    let expected = 1 + rounds() * THREADS;
    assert_eq!(dump(&store).events.len() as u64, expected, "two events for each of the good half");
    assert_eq!(store.wait_for(0, Duration::ZERO), Ok(expected));
}

#[test]
fn a_waiter_hears_of_commits_by_another_handle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (writer, reader) = (ledger(&path), SqliteStore::open_read_only(&path).unwrap());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| reader.wait_for(1, Duration::from_secs(30)).unwrap());
        make::put(&writer, "news", [make::new(Kind::Task, 1)]);
        assert_eq!(waiter.join().unwrap(), 2);
    });
}

#[test]
fn handles_that_start_at_once_make_one_ledger() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..rounds() / 4 {
        let path = folder.path().join(format!("{round}.db"));
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (path, barrier) = (&path, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let store = SqliteStore::open_or_create(path).unwrap();
                    make::put(&store, format!("{thread}"), [make::new(Kind::Task, thread)]);
                });
            }
        });
        assert_eq!(dump(&SqliteStore::open(&path).unwrap()).events.len(), 4);
    }
}

/// How many processes write at once.
const PROCESSES: u64 = 8;

/// Each of them writes as often as there are rounds: half of it to a record that all fight over, and half to its own.
#[test]
fn eight_processes_that_start_at_once_lose_nothing_and_are_never_told_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "sharing::what_a_child_process_does", "--nocapture"])
                .env(LEDGER, &path)
                .env(NAME, number.to_string())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let ended: Vec<bool> = children.into_iter().map(|mut child| child.wait().unwrap().success()).collect();
    assert_eq!(ended, [true; 8]);

    let times = rounds().div_ceil(2);
    let own = (0..PROCESSES).map(|number| (own_record(number), times - 1));
    let moves: Vec<_> = own.chain([(make::new(Kind::Task, 0), PROCESSES * times)]).collect();
    let store = SqliteStore::open(&path).unwrap();
    counted(&store, &moves);
    store.check().unwrap();
}

/// Does something only where [`eight_processes_that_start_at_once_lose_nothing_and_are_never_told_to_come_again`] starts it.
#[test]
fn what_a_child_process_does() {
    let (Some(path), Ok(number)) = (std::env::var_os(LEDGER), std::env::var(NAME)) else { return };
    // Each of them makes the ledger and its first record: the same commit, made once.
    let store = ledger(Path::new(&path));
    let mut own = own_record(number.parse().unwrap());
    for turn in 0..rounds().div_ceil(2) {
        count(&store, &format!("process {number}, turn {turn}"), 1);
        // Nothing stands against this one: it is made at the first try, however many write.
        make::put(&store, format!("process {number}, its own, turn {turn}"), [own.clone()]);
        own = make::moved(&own);
    }
}

/// The record that only the process with this number writes.
fn own_record(process: u64) -> Record {
    make::new(Kind::Effect, process + 1)
}

/// Each reads through a handle of its own what others write through theirs, and goes on from what it was told.
#[test]
fn readers_on_handles_of_their_own_see_every_position_once() {
    const WRITERS: u64 = 2;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(ledger(&path));
    let total = 1 + WRITERS * rounds();
    let follow = |reader: &SqliteStore| {
        let (mut told, mut seen) = (0, Vec::new());
        while told < total {
            let newest = reader.wait_for(told, Duration::from_secs(30)).unwrap();
            assert!(newest > told, "no news of the writers: {told} of {total}");
            let events = reader.events(&Cursor { after: told, ..Cursor::default() }).unwrap();
            seen.extend(events.into_iter().filter(|event| event.position <= newest));
            told = newest;
        }
        seen
    };
    let seen: Vec<_> = thread::scope(|scope| {
        let readers = [SqliteStore::open_read_only(&path).unwrap(), SqliteStore::open(&path).unwrap()];
        let readers = readers.map(|reader| scope.spawn(move || follow(&reader)));
        for writer in 0..WRITERS {
            let store = SqliteStore::open(&path).unwrap();
            scope.spawn(move || count(&store, &format!("writer {writer}"), rounds()));
        }
        readers.map(|reader| reader.join().unwrap()).into()
    });
    let all = SqliteStore::open(&path).unwrap().events(&Cursor::default()).unwrap();
    assert_eq!(all.len() as u64, total);
    assert!(seen.iter().all(|seen| *seen == all), "each event once, as it is for ever");
}
