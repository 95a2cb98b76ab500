//! What was rewritten is in none of the files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tollhouse_core::{Kind, Record};
use tollhouse_state::conformance::{dump, make};
use tollhouse_state::{Cursor, EventContent, RecordContent, Rewrite, SqliteStore, Store, StoreError};

const SECRET: &str = "correct horse battery staple";

/// A record with several versions of a text, long ones among them, and others around it.
fn written(path: &Path) -> (SqliteStore, Record) {
    let store = SqliteStore::open_or_create(path).unwrap();
    let mut task = make::new(Kind::Task, 1);
    task.keys.insert("label:of".into(), SECRET.into());
    for (turn, repeat) in [1, 2000, 3, 500, 1].into_iter().enumerate() {
        task.body = format!("\"{}\"", SECRET.repeat(repeat));
        let mut commit = make::commit(format!("turn {turn}"), [task.clone()]);
        commit.changes[0].event.body.clone_from(&task.body);
        make::must(&store, &commit);
        make::put(&store, format!("other {turn}"), [make::new(Kind::Task, 10 + turn as u64)]);
        task = make::moved(&task);
    }
    task.version -= 1;
    (store, task)
}

fn rewrite(store: &SqliteStore, task: &Record) -> Rewrite {
    let events = store.events(&Cursor { record: Some(task.id), ..Cursor::default() }).unwrap();
    let body = "\"[purged]\"".to_owned();
    Rewrite {
        records: vec![RecordContent { id: task.id, version: task.version, keys: BTreeMap::new(), body: body.clone() }],
        events: events
            .iter()
            .map(|event| EventContent { position: event.position, record: task.id, body: body.clone() })
            .collect(),
    }
}

/// Whether any file in a folder has the text in it.
fn is_somewhere(folder: &Path) -> bool {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()))
}

#[test]
fn no_byte_of_what_was_rewritten_is_left_in_the_file_or_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = written(&folder.path().join("ledger.db"));
    assert!(is_somewhere(folder.path()));
    store.rewrite(&rewrite(&store, &task)).unwrap();
    assert!(!is_somewhere(folder.path()), "while it is open");
    store.check().unwrap();
    let before = dump(&store);
    drop(store);
    assert!(!is_somewhere(folder.path()), "once it is closed");
    let again = SqliteStore::open(folder.path().join("ledger.db")).unwrap();
    assert_eq!(dump(&again), before);
}

#[test]
fn events_cannot_be_changed_after_a_rewrite_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (store, task) = written(&path);
    store.rewrite(&rewrite(&store, &task)).unwrap();
    let mut bent = rewrite(&store, &task);
    bent.events[0].position = 9999;
    store.rewrite(&bent).unwrap_err();
    drop(store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let error = connection.execute("UPDATE event SET body = '{}'", []).unwrap_err();
    assert!(error.to_string().contains("events are never changed"), "{error}");
}

#[test]
fn who_may_only_read_rewrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (store, task) = written(&path);
    let rewrite = rewrite(&store, &task);
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(reader.rewrite(&rewrite), Err(StoreError::Denied { op: "rewrite" }));
    assert_eq!(store.snapshot().unwrap().rewrite(&rewrite), Err(StoreError::Denied { op: "rewrite" }));
    assert!(is_somewhere(folder.path()));
}
