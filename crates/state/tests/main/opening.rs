//! Files that are not as they should be: refused or reported, and never changed.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;
use tollhouse_core::{Kind, Timestamp};
use tollhouse_state::conformance::{dump, make};
use tollhouse_state::{CommitError, Cursor, Find, SqliteStore, Store, StoreError};

/// A ledger with a task in it, closed.
fn ledger() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let store = SqliteStore::open_or_create(&path).unwrap();
    let task = make::new(Kind::Task, 1);
    let mut commit = make::commit("made", [task.clone(), make::new(Kind::GateRun, 2)]);
    commit.changes[0].record.keys.insert("name".to_owned(), "parser".to_owned());
    make::must(&store, &commit);
    drop(store);
    (folder, path)
}

/// Changes a ledger behind its back.
fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn not_openable(opened: Result<SqliteStore, StoreError>) -> String {
    match opened {
        Err(StoreError::NotOpenable { what, .. }) => what,
        other => panic!("it must not open: {other:?}"),
    }
}

/// What each way of opening says, which must be the same; and the file stays as it was.
fn refusal(path: &Path) -> String {
    let before = fs::read(path).unwrap();
    let what = not_openable(SqliteStore::open(path));
    assert_eq!(not_openable(SqliteStore::open_or_create(path)), what);
    assert_eq!(not_openable(SqliteStore::open_read_only(path)), what);
    assert!(fs::read(path).unwrap() == before, "the file was changed");
    what
}

#[test]
fn a_missing_file_is_not_made_by_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    assert_eq!(not_openable(SqliteStore::open_read_only(&path)), "there is no such file");
    assert_eq!(not_openable(SqliteStore::open(&path)), "there is no such file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = folder.path().join("nowhere").join("ledger.db");
    assert_eq!(not_openable(SqliteStore::open_or_create(nowhere)), "its folder does not exist");
    assert_eq!(not_openable(SqliteStore::open_or_create(folder.path())), "it is a folder");
}

#[test]
fn an_empty_file_becomes_a_ledger_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    fs::write(&path, "").unwrap();
    assert_eq!(not_openable(SqliteStore::open(&path)), "it is empty");
    assert_eq!(not_openable(SqliteStore::open_read_only(&path)), "it is empty");
    SqliteStore::open_or_create(&path).unwrap();
    SqliteStore::open(&path).unwrap();
}

#[test]
fn what_is_not_a_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    for content in ["no", &"this is not a database\n".repeat(1000)] {
        fs::write(&path, content).unwrap();
        assert_eq!(refusal(&path), "it is not a database");
    }
}

#[test]
fn the_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    tamper(&path, "CREATE TABLE theirs (a); PRAGMA user_version = 1");
    assert_eq!(refusal(&path), "it is a database of another program");
    let (_folder, path) = ledger();
    tamper(&path, "PRAGMA application_id = 7; PRAGMA journal_mode = delete");
    assert_eq!(refusal(&path), "it is a database of another program");
}

#[test]
fn a_truncated_ledger_is_refused() {
    let (_folder, path) = ledger();
    let whole = fs::read(&path).unwrap();
    for length in [2, 50, 100, 512, 4096, whole.len() / 2, whole.len() - 4096] {
        fs::write(&path, &whole[..length]).unwrap();
        let what = refusal(&path);
        assert!(["it is truncated or damaged", "it is not a database"].contains(&what.as_str()), "{length}: {what}");
    }
    fs::write(&path, &whole).unwrap();
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_pragma_that_does_not_hold_is_refused() {
    // What is only in memory cannot have a write-ahead log.
    let what = not_openable(SqliteStore::open_or_create(":memory:"));
    assert_eq!(what, "its journal_mode is memory, not wal");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    tamper(&path, "PRAGMA encoding = 'UTF-16le'; PRAGMA journal_mode = wal; CREATE TABLE t (a); DROP TABLE t");
    assert_eq!(not_openable(SqliteStore::open_or_create(&path)), "its encoding is UTF-16le, not UTF-8");
}

#[test]
fn a_ledger_without_its_write_ahead_log_gets_it_back() {
    let (_folder, path) = ledger();
    tamper(&path, "PRAGMA journal_mode = delete");
    assert_eq!(not_openable(SqliteStore::open_read_only(&path)), "its journal_mode is delete, not wal");
    SqliteStore::open(&path).unwrap();
    SqliteStore::open_read_only(&path).unwrap();
}

#[test]
fn who_may_only_read_reads_all_and_writes_nothing() {
    let (_folder, path) = ledger();
    let before = dump(&SqliteStore::open(&path).unwrap());
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(dump(&reader), before);
    let refused = reader.commit(&make::commit("late", [make::new(Kind::Task, 9)]));
    assert_eq!(refused, Err(CommitError::Backend(StoreError::Denied { op: "commit" })));
    let refused = reader.pulse(&make::id(Kind::Task, 1), Timestamp::from_micros(1));
    assert!(matches!(refused, Err(StoreError::Denied { .. })));
    assert_eq!(dump(&reader), before);
}

#[test]
fn a_row_that_nobody_wrote_is_reported_as_damaged() {
    let cases = [
        ("UPDATE record SET state = 'nonsense' WHERE kind = 'task'", "\"nonsense\" is no state of a task"),
        ("UPDATE record SET kind = 'patch' WHERE kind = 'task'", "its kind is \"patch\", not \"task\""),
        ("UPDATE record SET ulid_order = 'x' WHERE kind = 'task'", "its ulid_order is \"x\""),
        ("UPDATE record SET random = 'AAAAAAAAAAAAAAAA' WHERE kind = 'task'", "its random is"),
        ("UPDATE record SET run = 'somewhere' WHERE kind = 'task'", "run: \"somewhere\" is not an id"),
        ("UPDATE record SET parent = '' WHERE kind = 'task'", "parent: \"\" is not an id"),
        ("PRAGMA ignore_check_constraints = 1; UPDATE record SET version = -1 WHERE kind = 'task'", "version: "),
    ];
    for (sql, complaint) in cases {
        let (_folder, path) = ledger();
        tamper(&path, sql);
        let store = SqliteStore::open(&path).unwrap();
        for damage in [store.get(&[make::id(Kind::Task, 1)]).map(drop), store.find(&Find::default()).map(drop)] {
            match damage {
                Err(StoreError::Damaged { place, what }) => {
                    assert!(what.contains(complaint), "{what}");
                    assert_eq!(place, format!("record {}", make::id(Kind::Task, 1)));
                }
                other => panic!("{sql}: {other:?}"),
            }
        }
        // What is not damaged can still be read.
        assert!(store.get(&[make::id(Kind::GateRun, 2)]).unwrap()[0].is_some(), "{sql}");
    }
}

#[test]
fn an_event_that_nobody_wrote_is_reported_as_damaged() {
    let cases = [
        ("state = 'nonsense'", "\"nonsense\" is no state of a task"),
        ("kind = 'patch'", "its kind is \"patch\", not \"task\""),
        ("actor = 'nobody'", "actor: \"nobody\" is not an actor"),
        ("stream = 'elsewhere'", "stream: "),
    ];
    for (change, complaint) in cases {
        let (_folder, path) = ledger();
        tamper(&path, &format!("DROP TRIGGER event_is_never_changed; UPDATE event SET {change} WHERE position = 1"));
        let store = SqliteStore::open(&path).unwrap();
        match store.events(&Cursor::default()) {
            Err(StoreError::Damaged { place, what }) => {
                assert!(what.contains(complaint), "{what}");
                assert_eq!(place, "event 1");
            }
            other => panic!("{change}: {other:?}"),
        }
    }
}

#[test]
fn a_damaged_page_is_reported_and_not_taken_for_absence() {
    let (_folder, path) = ledger();
    let store = SqliteStore::open(&path).unwrap();
    let records = (10..400).map(|number| make::new(Kind::Task, number));
    make::put(&store, "many", records);
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    // All but the header and the tables of what is where.
    bytes[4096 * 2..].fill(0xAA);
    fs::write(&path, bytes).unwrap();

    let answers = SqliteStore::open(&path).map(|store| store.find(&Find::default()));
    assert!(
        matches!(answers, Err(StoreError::NotOpenable { .. }) | Ok(Err(StoreError::Damaged { .. }))),
        "{answers:?}"
    );
}

#[test]
fn history_cannot_be_changed_by_a_slip_of_sql() {
    let (_folder, path) = ledger();
    let connection = Connection::open(&path).unwrap();
    for slip in ["UPDATE event SET reason = 'x'", "DELETE FROM event", "DELETE FROM commit_log"] {
        let error = connection.execute_batch(slip).unwrap_err().to_string();
        assert!(error.contains("never"), "{error}");
    }
}

#[test]
fn anyone_with_sql_can_read_each_kind() {
    let (_folder, path) = ledger();
    let connection = Connection::open(&path).unwrap();
    for kind in Kind::ALL {
        let sql = format!("SELECT id, run, parent, state, version, body FROM {kind}");
        let mut statement = connection.prepare(&sql).unwrap();
        let ids: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let expected = match kind {
            Kind::Task => vec![make::id(Kind::Task, 1).to_string()],
            Kind::GateRun => vec![make::id(Kind::GateRun, 2).to_string()],
            _ => vec![],
        };
        assert_eq!(ids, expected, "{kind}");
    }
    let number: i64 = connection.query_row("SELECT body ->> 'number' FROM task", [], |row| row.get(0)).unwrap();
    assert_eq!(number, 1);
}
