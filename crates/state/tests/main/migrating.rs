//! Ledgers of earlier schemas: brought up to date with nothing lost, by one of however many open them at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use rusqlite::Connection;
use tempfile::TempDir;
use tollhouse_core::{Kind, RecordId, Timestamp, event_hash};
use tollhouse_state::conformance::{Dump, dump, make};
use tollhouse_state::{CommitError, Novelty, SqliteStore, Store, StoreError};

/// What `toll demo` left when the schema was 2.
const SCHEMA_2: &str = include_str!("../../../../tests/ledgers/schema-2.sql");

/// What turns it into one of schema 1: the views came later.
const TO_SCHEMA_1: &str = "DROP VIEW worker; DROP VIEW workstream; DROP VIEW breaker; DROP VIEW cost_entry;
                           DROP VIEW budget; PRAGMA user_version = 1";

const CURRENT: &str = "5";

fn ledgers() -> Vec<(TempDir, PathBuf)> {
    let make = |sql: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = wal").unwrap();
        connection.execute_batch(sql).unwrap();
        (folder, path)
    };
    vec![make(SCHEMA_2), make(&format!("{SCHEMA_2} {TO_SCHEMA_1}"))]
}

fn text(path: &Path, sql: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let values = (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column));
        Ok(format!("{:?}", values.collect::<rusqlite::Result<Vec<_>>>()?))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// All that people put in, as the tables of schema 2 have it.
fn content(path: &Path) -> [Vec<String>; 4] {
    [
        text(path, "SELECT id, ulid_order, kind, run, parent, state, version, random, body FROM record ORDER BY id"),
        text(path, "SELECT record, name, value FROM record_key ORDER BY 1, 2, 3"),
        text(path, "SELECT id, first, last FROM commit_log ORDER BY id"),
        text(
            path,
            "SELECT position, stream, seq, record, kind, version, state, name, severity, reason, actor, at, trace,
                    commit_id, body, previous_hash, hash FROM event ORDER BY position",
        ),
    ]
}

#[test]
fn an_older_ledger_is_brought_up_to_date_with_nothing_lost() {
    for (_folder, path) in ledgers() {
        let before = content(&path);
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(content(&path), before);
        assert_eq!(text(&path, "PRAGMA user_version"), [format!("[Integer({CURRENT})]")]);
        store.check().unwrap();
        let Dump { records, events, .. } = dump(&store);
        assert_eq!((records.len(), events.len()), (before[0].len(), before[3].len()));
        // Keys are read from the record now, and were written beside it.
        let keys: Vec<String> = records
            .iter()
            .flat_map(|record| record.keys.iter().map(move |(name, value)| (record.id, name, value)))
            .map(|(id, name, value)| format!("[Text({:?}), Text({name:?}), Text({value:?})]", id.to_string()))
            .collect();
        let mut keys = keys;
        keys.sort();
        assert_eq!(keys, before[1]);
    }
}

#[test]
fn old_events_keep_their_hashes_and_new_ones_follow_them() {
    for (_folder, path) in ledgers() {
        let store = SqliteStore::open(&path).unwrap();
        let run = dump(&store).records.into_iter().find(|record| record.kind() == Kind::Run).unwrap();
        make::put(&store, "another", [make::new_in(&run, Kind::Effect, 1), make::moved(&run)]);
        let mut heads = BTreeMap::new();
        let events = dump(&store).events;
        assert!(events.first().unwrap().digests.is_none() && events.last().unwrap().digests.is_some());
        for event in events {
            let (seq, previous) = heads.insert(event.stream, (event.seq, event.hash.clone())).unwrap_or_default();
            assert_eq!(event.seq, seq + 1);
            assert!(previous.is_empty() || event.previous_hash == previous, "{event:?}");
            assert_eq!(event.hash, event_hash(&event), "{event:?}");
        }
    }
}

/// A program that did not hear the answer before the update asks again after it.
#[test]
fn a_commit_of_before_is_known_after() {
    use tollhouse_core::{Change, Commit};
    for (_folder, path) in ledgers() {
        let store = SqliteStore::open(&path).unwrap();
        let Dump { records, events, .. } = dump(&store);
        let last = events.iter().rev().find(|event| event.version > 1).unwrap();
        let made: Vec<_> = events.iter().filter(|event| event.commit == last.commit).collect();
        let record = |id: RecordId| records.iter().find(|record| record.id == id).unwrap().clone();
        let change = |event: &&tollhouse_core::Event| Change {
            record: tollhouse_core::Record {
                version: event.version,
                state: event.state.clone(),
                ..record(event.record)
            },
            event: event.event.clone(),
        };
        let mut commit = Commit {
            id: last.commit.clone(),
            at: last.at,
            actor: last.actor.clone(),
            trace: last.trace.clone(),
            relies_on: vec![],
            follows: None,
            changes: made.iter().map(change).collect(),
        };
        assert_eq!(store.commit(&commit).unwrap().novelty, Novelty::Repeated);
        commit.at = Timestamp::from_micros(1);
        assert!(matches!(store.commit(&commit), Err(CommitError::IdReused { .. })));
    }
}

#[test]
fn who_may_only_read_leaves_an_older_ledger_as_it_is() {
    for (_folder, path) in ledgers() {
        let before = fs::read(&path).unwrap();
        match SqliteStore::open_read_only(&path) {
            Err(StoreError::NotOpenable { what, .. }) => {
                assert_eq!(what, "it has an older schema; opening it for writing updates it");
            }
            other => panic!("it must not open: {other:?}"),
        }
        assert!(fs::read(&path).unwrap() == before, "the file was changed");
    }
}

#[test]
fn of_several_that_open_an_older_ledger_at_once_one_updates_it() {
    for _ in 0..tollhouse_state::conformance::rounds().div_ceil(16) {
        for (_folder, path) in ledgers() {
            let before = content(&path);
            let barrier = Barrier::new(4);
            thread::scope(|scope| {
                for thread in 0..4 {
                    let (path, barrier) = (&path, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        let store = SqliteStore::open(path).unwrap();
                        make::put(&store, format!("after {thread}"), [make::new(Kind::Task, thread)]);
                    });
                }
            });
            assert_eq!(content(&path)[3].len(), before[3].len() + 4);
        }
    }
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(SqliteStore::open_or_create(&path).unwrap());
    for (version, complaint) in [
        ("6", "it has schema 6, and this program knows schemas up to 5"),
        ("-1", "it says that its schema is -1"),
        ("0", "it says that its schema is 0"),
    ] {
        Connection::open(&path).unwrap().execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
        let before = fs::read(&path).unwrap();
        for opened in [SqliteStore::open(&path), SqliteStore::open_or_create(&path), SqliteStore::open_read_only(&path)]
        {
            match opened {
                Err(StoreError::NotOpenable { what, .. }) => assert_eq!(what, complaint),
                other => panic!("it must not open: {other:?}"),
            }
        }
        assert!(fs::read(&path).unwrap() == before, "the file was changed");
    }
}
