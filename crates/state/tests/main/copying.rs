//! Copies of a ledger, and whether its pages hold together.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rusqlite::Connection;
use tollhouse_core::{Kind, Record};
use tollhouse_state::conformance::{dump, make};
use tollhouse_state::{SqliteStore, StoreError};

#[test]
fn a_copy_says_what_the_ledger_says_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("ledger.db"), folder.path().join("copy.db"));
    let store = SqliteStore::open_or_create(&path).unwrap();
    make::put(&store, "made", [make::new(Kind::Task, 1), make::new(Kind::GateRun, 2)]);
    SqliteStore::open_read_only(&path).unwrap().copy_to(&copy).unwrap();
    // Without what SQLite may leave beside it.
    let alone = folder.path().join("alone.db");
    fs::rename(&copy, &alone).unwrap();
    assert_eq!(dump(&SqliteStore::open_read_only(&alone).unwrap()), dump(&store));
}

#[test]
fn a_copy_taken_while_others_write_is_what_one_commit_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let store = SqliteStore::open_or_create(&path).unwrap();
    let mut record: Record = make::new(Kind::Task, 0);
    make::put(&store, "start", [record.clone()]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..100 {
                record = make::moved(&record);
                make::put(&store, format!("turn {turn}"), [record.clone()]);
            }
            done.store(true, Ordering::Release);
        });
        let reader = SqliteStore::open_read_only(&path).unwrap();
        for number in 0.. {
            let last = done.load(Ordering::Acquire);
            let copy = folder.path().join(format!("{number}.db"));
            reader.copy_to(&copy).unwrap();
            let dump = dump(&SqliteStore::open(&copy).unwrap());
            assert_eq!(dump.records[0].version, dump.events.len() as u64);
            if last {
                assert_eq!(dump.events.len(), 101);
                break;
            }
        }
    });
}

#[test]
fn a_copy_goes_over_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::open_or_create(folder.path().join("ledger.db")).unwrap();
    fs::write(&copy, "mine").unwrap();
    store.copy_to(&copy).unwrap_err();
    assert_eq!(fs::read(&copy).unwrap(), b"mine");
}

#[test]
fn a_copy_has_a_name_of_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9 'x' ?.db");
    // Not every file system takes such a name.
    if fs::write(folder.path().join(name), "").is_err() {
        return;
    }
    fs::remove_file(folder.path().join(name)).unwrap();
    let store = SqliteStore::open_or_create(folder.path().join("ledger.db")).unwrap();
    store.copy_to(folder.path().join(name)).unwrap();
    SqliteStore::open(folder.path().join(name)).unwrap();
}

#[test]
fn pages_that_do_not_hold_together_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    make::put(&SqliteStore::open_or_create(&path).unwrap(), "made", [make::new(Kind::Task, 1)]);
    SqliteStore::open_read_only(&path).unwrap().check().unwrap();
    // An index that nothing reads here.
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'event_by_kind'";
    let page: usize = Connection::open(&path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    let mut content = fs::read(&path).unwrap();
    content[(page - 1) * 4096..][..64].fill(0xff);
    fs::write(&path, content).unwrap();
    let checked = SqliteStore::open_read_only(&path).unwrap().check();
    assert!(matches!(checked, Err(StoreError::Damaged { .. })), "{checked:?}");
}

#[test]
fn settings_are_read_back_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_or_create(folder.path().join("ledger.db")).unwrap();
    let settings = store.settings().unwrap();
    for (name, value) in [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"), ("user_version", "5")] {
        assert!(settings.contains(&(name, value.to_owned())), "{settings:?}");
    }
}
