//! Archives: runs that are over are copied to a file of their own, and then taken out of the ledger.
//!
//! An archive has the tables of a ledger, and rows of it as they are: positions, hashes and all. What tells it from a ledger is
//! that it says of which one it is. Nothing is ever added to it.

use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tollhouse_core::RunId;
use tollhouse_core::entity::ArchivedRun;

use super::error::failed;
use crate::store::StoreError;

/// How many rows are removed in one transaction, so that nobody who writes waits long.
const ROWS_MAX: u32 = 500;

/// How many pages are given back to the file system in one transaction.
const PAGES_MAX: u32 = 256;

/// The name of the ledger that an archive's runs are of; `None` in a ledger.
pub(super) fn origin(connection: &Connection) -> Result<Option<String>, StoreError> {
    connection
        .query_row("SELECT ledger FROM origin LIMIT 1", [], |row| row.get(0))
        .optional()
        .map_err(|error| failed("read where an archive is from", &error))
}

/// Makes a new ledger an archive, with these runs of another one.
pub(super) fn fill(connection: &mut Connection, from: &Path, ledger: &str, runs: &[RunId]) -> Result<(), StoreError> {
    // As bytes, because a path need not be UTF-8.
    let path = ToSqlOutput::Borrowed(ValueRef::Text(from.as_os_str().as_encoded_bytes()));
    connection.execute("ATTACH ?1 AS ledger", [path]).map_err(said)?;
    let transaction = connection.transaction().map_err(said)?;
    for run in runs {
        for sql in COPIES {
            transaction.execute(sql, [run.to_string()]).map_err(said)?;
        }
    }
    transaction.execute("INSERT INTO main.origin (ledger) VALUES (?1)", [ledger]).map_err(said)?;
    transaction.commit().map_err(said)?;
    connection.execute("DETACH ledger", []).map(drop).map_err(said)
}

/// Carries the log over into the file, and has it need none from now on.
pub(super) fn close(connection: &Connection) -> Result<(), StoreError> {
    let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    match connection.pragma_update_and_check(None, "journal_mode", "delete", mode).map_err(said)?.as_str() {
        "delete" => Ok(()),
        other => Err(StoreError::Failed { op: "archive", what: format!("its journal_mode is {other}, not delete") }),
    }
}

/// A run's stream is named as the run is.
const COPIES: [&str; 4] = [
    "INSERT INTO main.record (id, ulid_order, kind, run, parent, state, version, random, body, keys)
     SELECT id, ulid_order, kind, run, parent, state, version, random, body, keys FROM ledger.record WHERE run = ?1",
    "INSERT INTO main.record_key (name, value, record)
     SELECT name, value, record FROM ledger.record_key
     WHERE record IN (SELECT id FROM ledger.record WHERE run = ?1)",
    "INSERT INTO main.commit_log (id, first, last)
     SELECT id, first, last FROM ledger.commit_log
     WHERE id IN (SELECT commit_id FROM ledger.event WHERE stream = ?1) ON CONFLICT DO NOTHING",
    "INSERT INTO main.event (position, stream, seq, record, kind, version, state, name, severity, reason, actor, at, trace,
                             commit_id, body, body_digest, record_digest, previous_hash, hash)
     SELECT position, stream, seq, record, kind, version, state, name, severity, reason, actor, at, trace,
            commit_id, body, body_digest, record_digest, previous_hash, hash
     FROM ledger.event WHERE stream = ?1 ORDER BY position",
];

/// Whether a run is to be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// It is.
    Goes,
    /// It was.
    IsGone,
    /// Something happened in it since it was copied, or nothing in all of the ledger.
    Stays,
}

/// Notes that a run is being taken out, if its history ends where that in the archive does. From here on it is not found as a
/// run, and nothing can happen in it.
pub(super) fn leave(connection: &mut Connection, archived: &ArchivedRun) -> Result<Leaving, StoreError> {
    let run = archived.run.to_string();
    within(connection, |transaction| {
        let sql = "SELECT position, hash FROM event WHERE stream = ?1 ORDER BY position DESC LIMIT 1";
        let head = transaction.query_row(sql, [&run], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some(head) = head else { return Ok(Leaving::IsGone) };
        let is_begun = "SELECT EXISTS (SELECT 1 FROM archived WHERE stream = ?1)";
        if transaction.query_row(is_begun, [&run], |row| row.get(0))? {
            return Ok(Leaving::Goes);
        }
        // What comes next gets the place after the newest event, and no place is given twice.
        let newest: u64 = transaction.query_row("SELECT max(position) FROM event", [], |row| row.get(0))?;
        if head != (archived.last, archived.head.clone()) || archived.last == newest {
            return Ok(Leaving::Stays);
        }
        transaction.execute("INSERT INTO archived (stream) VALUES (?1)", [&run])?;
        remove_records(transaction, "SELECT id FROM record WHERE id = ?1 LIMIT ?2", &run)?;
        Ok(Leaving::Goes)
    })
}

/// Takes a few more rows of a run out; breaks once none is left.
pub(super) fn take_out(connection: &mut Connection, run: RunId) -> Result<ControlFlow<()>, StoreError> {
    let run = run.to_string();
    within(connection, |transaction| {
        let records = remove_records(transaction, "SELECT id FROM record WHERE run = ?1 LIMIT ?2", &run)?;
        let events = if records == 0 { remove_events(transaction, &run)? } else { 0 };
        let is_left = "SELECT EXISTS (SELECT 1 FROM event WHERE stream = ?1)";
        if records + events > 0 && transaction.query_row(is_left, [&run], |row| row.get(0))? {
            return Ok(ControlFlow::Continue(()));
        }
        transaction.execute("DELETE FROM record_tally WHERE run = ?1", [&run])?;
        Ok(ControlFlow::Break(()))
    })
}

/// Removes the records that a question names, with all that they are found by. The answer is how many.
fn remove_records(transaction: &Transaction<'_>, which: &str, run: &str) -> rusqlite::Result<usize> {
    let mut statement = transaction.prepare_cached(which)?;
    let ids =
        statement.query_map(params![run, ROWS_MAX], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    for id in &ids {
        for sql in [
            "DELETE FROM record_key WHERE (name, value) IN
               (SELECT own.key, own.value FROM record, json_each(record.keys) AS own WHERE record.id = ?1) AND record = ?1",
            "DELETE FROM pulse WHERE record = ?1",
            "DELETE FROM record WHERE id = ?1",
        ] {
            transaction.prepare_cached(sql)?.execute([id])?;
        }
    }
    Ok(ids.len())
}

/// Removes the first events of a stream, and the commits that made nothing else. The answer is how many events.
fn remove_events(transaction: &Transaction<'_>, stream: &str) -> rusqlite::Result<usize> {
    let sql = "SELECT position, commit_id FROM event WHERE stream = ?1 ORDER BY position LIMIT ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let events = statement
        .query_map(params![stream, ROWS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    for (position, _) in &events {
        transaction.prepare_cached("DELETE FROM event WHERE position = ?1")?.execute([position])?;
    }
    let sql = "DELETE FROM commit_log WHERE id = ?1 AND NOT EXISTS
                 (SELECT 1 FROM event WHERE position BETWEEN first AND last AND commit_id = commit_log.id)";
    for (_, commit) in &events {
        transaction.prepare_cached(sql)?.execute([commit])?;
    }
    Ok(events.len())
}

/// Whether the file can give pages back in slices. One of an older program cannot yet.
pub(super) fn gives_back_in_slices(connection: &Connection) -> Result<bool, StoreError> {
    connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0)).map(|mode| mode == 2).map_err(said)
}

/// Writes the file anew, so that from now on it can give pages back in slices.
pub(super) fn rearrange(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "auto_vacuum", 2).and_then(|()| connection.execute_batch("VACUUM")).map_err(said)
}

/// How large the file is, as far as it is used.
pub(super) fn bytes(connection: &Connection) -> Result<u64, StoreError> {
    let pages: u64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).map_err(said)?;
    let size: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(said)?;
    Ok(pages * size)
}

/// Gives a few pages that are free back to the file system; breaks once there is none.
pub(super) fn give_back(connection: &Connection) -> Result<ControlFlow<()>, StoreError> {
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0)).map_err(said)?;
    if free == 0 {
        return Ok(ControlFlow::Break(()));
    }
    connection.pragma(None, "incremental_vacuum", PAGES_MAX, |_| Ok(())).map_err(said)?;
    Ok(ControlFlow::Continue(()))
}

/// In a transaction in which nobody looks for what still names a record that goes: without an index, that would be looked for in
/// all that there is.
fn within<T>(
    connection: &mut Connection,
    act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    set_foreign_keys(connection, false)?;
    let done = transact(connection, act);
    set_foreign_keys(connection, true)?;
    done
}

fn transact<T>(
    connection: &mut Connection,
    act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
    let done = act(&transaction).map_err(said)?;
    transaction.commit().map_err(said)?;
    Ok(done)
}

fn set_foreign_keys(connection: &Connection, on: bool) -> Result<(), StoreError> {
    connection.pragma(None, "foreign_keys", on, |_| Ok(())).map_err(said)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn said(error: rusqlite::Error) -> StoreError {
    failed("archive", &error)
}

#[cfg(test)]
mod tests {
    use tollhouse_core::{Actor, Change, Commit, Happening, Kind, Record, RecordId, Severity, Timestamp};

    use super::*;
    use crate::{Cursor, Order, SqliteStore, Store};

    fn record(run: RunId, version: u64) -> Record {
        let (id, state) = (RecordId::from(run), Kind::Run.states()[1].to_owned());
        Record { id, run: Some(run), parent: None, state, version, keys: [].into(), body: "{}".to_owned() }
    }

    fn commit(
        store: &SqliteStore,
        run: RunId,
        versions: std::ops::RangeInclusive<u64>,
    ) -> Result<(), crate::CommitError> {
        let event =
            Happening { name: "went".to_owned(), severity: Severity::Info, reason: None, body: "{}".to_owned() };
        let first = *versions.start();
        let changes = versions.map(|version| Change { record: record(run, version), event: event.clone() }).collect();
        let (id, at, actor) = (format!("{run} {first}"), Timestamp::EPOCH, Actor::Engine);
        store.commit(&Commit { id, at, actor, trace: None, relies_on: vec![], follows: None, changes }).map(drop)
    }

    /// Others read, write and look at the file between any two slices, and the ledger holds what it is to hold.
    #[test]
    fn a_run_is_taken_out_in_slices_and_may_be_cut_off_after_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let store = SqliteStore::open_or_create(&path).unwrap();
        let (run, other) = (RunId::from_parts(Timestamp::EPOCH, 1), RunId::from_parts(Timestamp::EPOCH, 2));
        let count = u64::from(ROWS_MAX) * 2 + 7;
        commit(&store, other, 1..=1).unwrap();
        for first in (1..=count).step_by(100) {
            commit(&store, run, first..=(first + 99).min(count)).unwrap();
        }
        let newest = Cursor {
            stream: Some(tollhouse_core::Stream::Run(run)),
            limit: Some(1),
            order: Order::Newest,
            ..Cursor::default()
        };
        let last = store.events(&newest).unwrap().remove(0);
        let archived = ArchivedRun { run, events: last.seq, last: last.position, head: last.hash };
        store.archive_to(folder.path().join("archive.db"), "0123456789abcdef", &[run]).unwrap();
        let mut version = 2;
        commit(&store, other, version..=version).unwrap();

        let mut connection = Connection::open(&path).unwrap();
        assert_eq!(leave(&mut connection, &archived).unwrap(), Leaving::Goes);
        let mut slices = 0;
        loop {
            // Whoever was killed here goes on like this.
            assert_eq!(leave(&mut connection, &archived).unwrap(), Leaving::Goes);
            version += 1;
            commit(&store, other, version..=version).unwrap();
            let refused = commit(&store, run, count + 1..=count + 1).unwrap_err();
            assert!(matches!(refused, crate::CommitError::Stale { actual: 0, .. }), "{refused}");
            let refused = commit(&store, run, 1..=1).unwrap_err().to_string();
            assert!(refused.contains("in an archive") || refused.contains("other content"), "{refused}");
            store.check().unwrap();
            slices += 1;
            if take_out(&mut connection, run).unwrap().is_break() {
                break;
            }
        }
        assert!(slices > 2, "{slices}");
        assert_eq!(leave(&mut connection, &archived).unwrap(), Leaving::IsGone);
        assert_eq!(store.events(&Cursor::default()).unwrap().len() as u64, version);
    }

    #[test]
    fn room_is_given_back_in_slices() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let store = SqliteStore::open_or_create(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        assert!(gives_back_in_slices(&connection).unwrap());
        connection
            .execute_batch(
                "CREATE TABLE much (body BLOB); INSERT INTO much VALUES (zeroblob(4000000)); DROP TABLE much",
            )
            .unwrap();
        let before = bytes(&connection).unwrap();
        let mut slices = 0;
        while give_back(&connection).unwrap().is_continue() {
            let smaller = bytes(&connection).unwrap();
            assert!(
                before - smaller <= (slices + 1) * u64::from(PAGES_MAX + 2) * 4096,
                "{slices}: {before} to {smaller}"
            );
            slices += 1;
        }
        assert!(slices > 2 && bytes(&connection).unwrap() < before - 3_900_000, "{slices}");
        // One of an older program is written anew once.
        connection.pragma_update(None, "auto_vacuum", 0).unwrap();
        connection.execute_batch("VACUUM").unwrap();
        assert!(!gives_back_in_slices(&connection).unwrap());
        rearrange(&connection).unwrap();
        assert!(gives_back_in_slices(&connection).unwrap());
        store.check().unwrap();
    }
}
