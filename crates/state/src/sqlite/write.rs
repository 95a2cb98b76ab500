//! Writing commits: the one place that inserts records and events.
//!
//! Whatever happens in here happens in the transaction of the caller's batch; nothing in here decides when it is durable.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params, params};
use tollhouse_core::{
    Change, Commit, Event, GENESIS, Record, RecordId, RunId, Stream, Timestamp, Version, commit_digest, event_hash,
};

use super::codec::ulid_order;
use super::error::{damaged, failed};
use super::read;
use crate::check;
use crate::store::{CommitError, Committed, Novelty, StoreError};

/// A commit that is well formed by itself, ready to be written.
#[derive(Debug)]
pub(super) struct Job {
    commit: Commit,
    digest: String,
}

impl Job {
    /// Does all that needs no ledger.
    pub(super) fn new(commit: &Commit) -> Result<Self, CommitError> {
        check::shape(commit)?;
        Ok(Self { digest: commit_digest(commit), commit: commit.clone() })
    }
}

/// What became of a job.
pub(super) type Answer = Result<Committed, CommitError>;

/// Writes jobs in one transaction, each of them all or nothing. If the transaction fails, it fails for all: nothing is
/// said to be written that is not on disk.
pub(super) fn batch(connection: &mut Connection, jobs: &[Job]) -> Vec<Answer> {
    try_batch(connection, jobs).unwrap_or_else(|error| jobs.iter().map(|_| Err(error.clone().into())).collect())
}

/// Notes that something was alive.
pub(super) fn pulse(connection: &mut Connection, id: &RecordId, at: Timestamp) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| failed("note a pulse", &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    transaction
        .prepare_cached(
            "INSERT INTO pulse (record, at) VALUES (?1, ?2) ON CONFLICT (record) DO UPDATE SET at = excluded.at",
        )
        .and_then(|mut statement| statement.execute(params![id.to_string(), at.as_micros()]))
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn try_batch(connection: &mut Connection, jobs: &[Job]) -> Result<Vec<Answer>, StoreError> {
    let mut transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(commit_failed)?;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        answers.push(member(&mut transaction, job)?);
    }
    transaction.commit().map_err(commit_failed)?;
    Ok(answers)
}

/// The inner error is the job's own; the outer one means that the transaction is lost.
fn member(transaction: &mut Transaction<'_>, job: &Job) -> Result<Answer, StoreError> {
    let savepoint = transaction.savepoint().map_err(commit_failed)?;
    let answer = apply(&savepoint, job);
    match &answer {
        Ok(_) => savepoint.commit().map_err(commit_failed)?,
        // A full disk, for one, makes SQLite roll back all of it.
        Err(CommitError::Backend(error)) if savepoint.is_autocommit() => return Err(error.clone()),
        Err(_) => savepoint.finish().map_err(commit_failed)?,
    }
    Ok(answer)
}

fn apply(connection: &Connection, Job { commit, digest }: &Job) -> Answer {
    if let Some((known, first, last)) = earlier(connection, &commit.id)? {
        if known != *digest {
            return Err(CommitError::IdReused { id: commit.id.clone() });
        }
        return Ok(Committed { first, last, novelty: Novelty::Repeated });
    }
    compare(connection, commit)?;
    let first = read::newest(connection)? + 1;
    let last = first + (commit.changes.len() as u64) - 1;
    connection
        .prepare_cached("INSERT INTO commit_log (id, digest, first, last) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| statement.execute(params![commit.id, digest, first, last]))
        .map_err(commit_failed)?;
    let final_records: BTreeMap<RecordId, &Record> =
        commit.changes.iter().map(|change| (change.record.id, &change.record)).collect();
    for record in final_records.into_values() {
        write_record(connection, record)?;
    }
    write_events(connection, commit, first)?;
    Ok(Committed { first, last, novelty: Novelty::Fresh })
}

fn earlier(connection: &Connection, id: &str) -> Result<Option<(String, u64, u64)>, StoreError> {
    connection
        .prepare_cached("SELECT digest, first, last FROM commit_log WHERE id = ?1")
        .and_then(|mut statement| {
            statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })
        .map_err(commit_failed)
}

/// Compares what the commit relied on with what is true.
fn compare(connection: &Connection, commit: &Commit) -> Result<(), CommitError> {
    if let Some((stream, expected)) = commit.follows {
        let (actual, _) = head(connection, stream)?;
        if actual != expected {
            return Err(CommitError::Overtaken { stream, expected, actual });
        }
    }
    for (id, expected) in &commit.relies_on {
        let actual = standing(connection, id)?.map_or(0, |stored| stored.version);
        expect_version(*id, *expected, actual)?;
    }
    let mut moved: BTreeMap<RecordId, Option<Standing>> = BTreeMap::new();
    for Change { record, .. } in &commit.changes {
        if let Entry::Vacant(entry) = moved.entry(record.id) {
            let stored = entry.insert(standing(connection, &record.id)?);
            let actual = stored.as_ref().map_or(0, |stored| stored.version);
            expect_version(record.id, record.version - 1, actual)?;
        }
    }
    for Change { record, .. } in &commit.changes {
        if let Some(stored) = &moved[&record.id] {
            check::stays(stored.run, stored.parent, record)?;
        }
    }
    Ok(())
}

fn expect_version(id: RecordId, expected: Version, actual: Version) -> Result<(), CommitError> {
    if actual == expected { Ok(()) } else { Err(CommitError::Stale { id, expected, actual }) }
}

/// What a commit is compared with.
struct Standing {
    version: Version,
    run: Option<RunId>,
    parent: Option<RecordId>,
}

fn standing(connection: &Connection, id: &RecordId) -> Result<Option<Standing>, StoreError> {
    let row: Option<(Version, Option<String>, Option<String>)> = connection
        .prepare_cached("SELECT version, run, parent FROM record WHERE id = ?1")
        .and_then(|mut statement| {
            statement.query_row([id.to_string()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })
        .map_err(commit_failed)?;
    let Some((version, run, parent)) = row else { return Ok(None) };
    let broken = |error| damaged(format!("record {id}"), error);
    let run = run.map(|text| text.parse()).transpose().map_err(broken)?;
    let parent = parent.map(|text| text.parse()).transpose().map_err(broken)?;
    Ok(Some(Standing { version, run, parent }))
}

fn write_record(connection: &Connection, record: &Record) -> Result<(), StoreError> {
    let id = record.id.to_string();
    connection
        .prepare_cached(
            "INSERT INTO record (id, ulid_order, kind, run, parent, state, version, random, body)
             VALUES (:id, :ulid_order, :kind, :run, :parent, :state, :version, :random, :body)
             ON CONFLICT (id) DO UPDATE
             SET state = excluded.state, version = excluded.version, body = excluded.body",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": id,
                ":ulid_order": ulid_order(&record.id),
                ":kind": record.kind().as_str(),
                ":run": record.run.map(|run| run.to_string()),
                ":parent": record.parent.map(|parent| parent.to_string()),
                ":state": record.state,
                ":version": record.version,
                ":random": record.id.random_part(),
                ":body": record.body,
            })
        })
        .map_err(commit_failed)?;
    write_keys(connection, record, &id)
}

/// Most changes touch no key, and then nothing is written.
fn write_keys(connection: &Connection, record: &Record, id: &str) -> Result<(), StoreError> {
    if read::keys(connection, id)? == record.keys {
        return Ok(());
    }
    connection
        .prepare_cached("DELETE FROM record_key WHERE record = ?1")
        .and_then(|mut statement| statement.execute([id]))
        .map_err(commit_failed)?;
    let mut insert = connection
        .prepare_cached("INSERT INTO record_key (name, value, record) VALUES (?1, ?2, ?3)")
        .map_err(commit_failed)?;
    for (name, value) in &record.keys {
        insert.execute(params![name, value, id]).map_err(commit_failed)?;
    }
    Ok(())
}

fn write_events(connection: &Connection, commit: &Commit, first: u64) -> Result<(), StoreError> {
    let mut heads: BTreeMap<Stream, (u64, String)> = BTreeMap::new();
    for (position, Change { record, event }) in (first..).zip(&commit.changes) {
        let stream = record.stream();
        let (seq, previous_hash) = match heads.remove(&stream) {
            Some(head) => head,
            None => head(connection, stream)?,
        };
        let mut event = Event {
            position,
            stream,
            seq: seq + 1,
            record: record.id,
            version: record.version,
            state: record.state.clone(),
            event: event.clone(),
            actor: commit.actor.clone(),
            at: commit.at,
            trace: commit.trace.clone(),
            commit: commit.id.clone(),
            previous_hash,
            hash: String::new(),
        };
        event.hash = event_hash(&event);
        write_event(connection, &event)?;
        heads.insert(stream, (event.seq, event.hash));
    }
    Ok(())
}

/// The place and the hash of the newest event of a stream.
fn head(connection: &Connection, stream: Stream) -> Result<(u64, String), StoreError> {
    connection
        .prepare_cached("SELECT seq, hash FROM event WHERE stream = ?1 ORDER BY seq DESC LIMIT 1")
        .and_then(|mut statement| {
            statement.query_row([stream.to_string()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map(|head| head.unwrap_or_else(|| (0, GENESIS.to_owned())))
        .map_err(commit_failed)
}

fn write_event(connection: &Connection, event: &Event) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO event (position, stream, seq, record, kind, version, state, name, severity, reason, actor, at,
                                trace, commit_id, body, previous_hash, hash)
             VALUES (:position, :stream, :seq, :record, :kind, :version, :state, :name, :severity, :reason, :actor, :at,
                     :trace, :commit_id, :body, :previous_hash, :hash)",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":position": event.position,
                ":stream": event.stream.to_string(),
                ":seq": event.seq,
                ":record": event.record.to_string(),
                ":kind": event.record.kind().as_str(),
                ":version": event.version,
                ":state": event.state,
                ":name": event.event.name,
                ":severity": event.event.severity.as_str(),
                ":reason": event.event.reason,
                ":actor": event.actor.to_string(),
                ":at": event.at.as_micros(),
                ":trace": event.trace,
                ":commit_id": event.commit,
                ":body": event.event.body,
                ":previous_hash": event.previous_hash,
                ":hash": event.hash,
            })
        })
        .map(drop)
        .map_err(commit_failed)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn commit_failed(error: rusqlite::Error) -> StoreError {
    failed("commit", &error)
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use tollhouse_core::Kind;

    use super::*;
    use crate::conformance::make;
    use crate::sqlite::schema;
    use crate::store::{Cursor, Find};

    fn ledger() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::create_or_update(&mut connection, "in memory".as_ref()).unwrap();
        connection
    }

    fn jobs() -> Vec<Job> {
        let body = format!("\"{}\"", "x".repeat(500_000));
        let large = Record { body, ..make::new(Kind::Task, 2) };
        let records = [make::new(Kind::Task, 1), large, make::new(Kind::Task, 3)];
        records.map(|record| Job::new(&make::commit(record.id.to_string(), [record])).unwrap()).into()
    }

    fn ids(connection: &Connection) -> Vec<RecordId> {
        let events = read::events(connection, &Cursor::default()).unwrap();
        events.into_iter().map(|event| event.record).collect()
    }

    #[test]
    fn where_the_transaction_cannot_be_committed_nobody_is_told_that_it_was() {
        let mut connection = ledger();
        // Only at the end of the transaction does SQLite notice that there is no such parent.
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE parent (id INTEGER PRIMARY KEY);
                 CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
                 CREATE TRIGGER late AFTER INSERT ON event WHEN new.position = 2
                 BEGIN INSERT INTO child VALUES (7); END;",
            )
            .unwrap();
        let answers = batch(&mut connection, &jobs());
        assert!(
            answers.iter().all(|a| matches!(a, Err(CommitError::Backend(StoreError::Failed { .. })))),
            "{answers:?}"
        );
        assert_eq!(ids(&connection), []);
        assert!(connection.is_autocommit(), "the next batch can begin");
    }

    #[test]
    fn a_job_that_fails_halfway_takes_back_its_own_and_no_other() {
        let mut connection = ledger();
        connection
            .execute_batch(
                "CREATE TRIGGER halfway AFTER INSERT ON event WHEN length(new.body) > 2 AND new.position = 2
                 BEGIN SELECT raise(ABORT, 'halfway'); END;",
            )
            .unwrap();
        let records = [make::new(Kind::Task, 1), make::new(Kind::Task, 2), make::new(Kind::Task, 3)];
        let mut commits = records.map(|record| make::commit(record.id.to_string(), [record]));
        commits[0].changes[0].event.body = "{}".into();
        commits[2].changes[0].event.body = "{}".into();
        let jobs: Vec<_> = commits.iter().map(|commit| Job::new(commit).unwrap()).collect();

        let answers = batch(&mut connection, &jobs);
        assert!(matches!(answers[1], Err(CommitError::Backend(StoreError::Failed { .. }))), "{answers:?}");
        let made = |first| Ok(Committed { first, last: first, novelty: Novelty::Fresh });
        assert_eq!((&answers[0], &answers[2]), (&made(1), &made(2)));
        let expected = [&commits[0], &commits[2]].map(|commit| commit.changes[0].record.clone());
        assert_eq!(read::find(&connection, &Find::default()).unwrap(), expected);
        assert_eq!(ids(&connection), expected.map(|record| record.id));
    }

    #[test]
    fn what_a_full_disk_leaves_is_what_was_claimed() {
        let mut connection = ledger();
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        connection.pragma_update(None, "max_page_count", pages + 40).unwrap();
        let jobs = jobs();
        let answers = batch(&mut connection, &jobs);
        assert_eq!(answers[1], Err(StoreError::DiskFull { op: "commit" }.into()));
        let claimed: Vec<_> = jobs
            .iter()
            .zip(&answers)
            .filter(|(_, a)| a.is_ok())
            .map(|(job, _)| job.commit.changes[0].record.id)
            .collect();
        assert_eq!(ids(&connection), claimed);
        assert!(batch(&mut connection, &jobs[..1])[0].is_ok(), "there is room for the first");
    }
}
