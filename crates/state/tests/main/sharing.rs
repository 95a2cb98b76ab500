//! Several threads, handles and processes on one file.

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

fn counted(store: &SqliteStore, times: u64) {
    let dump = dump(store);
    assert_eq!(dump.records[0].version, times + 1, "no move was lost");
    // The model takes the same history, and checks every link of it.
    let model = MemoryStore::new();
    let mut record = make::new(Kind::Task, 0);
    for (index, event) in dump.events.iter().enumerate() {
        assert_eq!((event.position, event.version), (index as u64 + 1, index as u64 + 1));
        make::put(&model, event.commit.clone(), [record.clone()]);
        record = make::moved(&record);
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
    counted(&handles[0], 8 * times);
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

#[test]
fn three_processes_that_start_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let children: Vec<_> = (0..3)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "sharing::what_a_child_process_does", "--nocapture"])
                .env(LEDGER, &path)
                .env(NAME, format!("process {number}"))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    counted(&SqliteStore::open(&path).unwrap(), 3 * rounds());
}

/// Does something only where [`three_processes_that_start_at_once_lose_nothing`] starts it.
#[test]
fn what_a_child_process_does() {
    let (Some(path), Ok(name)) = (std::env::var_os(LEDGER), std::env::var(NAME)) else { return };
    // Each of them makes the ledger and its first record: the same commit, made once.
    count(&ledger(Path::new(&path)), &name, rounds());
}
