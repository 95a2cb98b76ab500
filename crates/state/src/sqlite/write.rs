//! Writing: what one transaction does with the jobs that wait together, and the one place that inserts records and events.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tollhouse_core::{GENESIS, RecordId, Stream, Timestamp, Version, event_hash};

use super::codec;
use super::error::{damaged, failed};
use super::job::{Job, PreparedCommit, PreparedEvent, Row};
use super::read;
use crate::check;
use crate::store::{CommitError, Committed, Cursor, Novelty, StoreError};

/// What became of a job.
pub(super) type Answer = Result<Done, CommitError>;

/// A job that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Commit(Committed),
    Pulse,
}

/// Writes jobs in one transaction, each of them all or nothing. If the transaction fails, it fails for all: nothing is
/// said to be written that is not on disk.
pub(super) fn batch(connection: &mut Connection, jobs: &mut [Job]) -> Vec<Answer> {
    try_batch(connection, jobs).unwrap_or_else(|error| jobs.iter().map(|_| Err(error.clone().into())).collect())
}

fn try_batch(connection: &mut Connection, jobs: &mut [Job]) -> Result<Vec<Answer>, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(commit_failed)?;
    let mut ends = Ends::of(&transaction)?;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        answers.push(match job {
            Job::Commit(commit) => member(&transaction, &mut ends, commit)?.map(Done::Commit),
            Job::Pulse { record, at } => pulse(&transaction, record, *at).map(|()| Ok(Done::Pulse))?,
        });
    }
    transaction.commit().map_err(commit_failed)?;
    Ok(answers)
}

/// Where the next event goes, as this transaction leaves the ledger.
#[derive(Debug)]
struct Ends {
    newest: u64,
    /// Of the streams that were looked at.
    heads: BTreeMap<Stream, Head>,
}

/// The newest event of a stream.
#[derive(Debug, Clone)]
struct Head {
    seq: u64,
    hash: String,
}

impl Ends {
    fn of(connection: &Connection) -> Result<Self, StoreError> {
        Ok(Self { newest: read::newest(connection)?, heads: BTreeMap::new() })
    }

    fn head(&mut self, connection: &Connection, stream: Stream) -> Result<&mut Head, StoreError> {
        Ok(match self.heads.entry(stream) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(head(connection, stream)?),
        })
    }
}

/// The inner error is the job's own; the outer one means that the transaction is lost.
fn member(
    transaction: &Transaction<'_>,
    ends: &mut Ends,
    commit: &mut PreparedCommit,
) -> Result<Result<Committed, CommitError>, StoreError> {
    match look(transaction, ends, commit) {
        Err(refusal) => Ok(Err(refusal)),
        Ok(Found::Made(made)) => Ok(Ok(made)),
        Ok(Found::Standing(standing)) => write_within_savepoint(transaction, ends, commit, &standing),
    }
}

/// What a commit finds.
enum Found {
    /// It was made by an earlier call.
    Made(Committed),
    /// What stands where its rows go, if anything does.
    Standing(Vec<Option<Standing>>),
}

/// Nothing is written by looking, so a refusal takes nothing back.
fn look(connection: &Connection, ends: &mut Ends, commit: &PreparedCommit) -> Result<Found, CommitError> {
    if let Some(made) = made_before(connection, commit)? {
        return Ok(Found::Made(made));
    }
    if let Some((stream, expected)) = commit.follows {
        let actual = ends.head(connection, stream)?.seq;
        if actual != expected {
            return Err(CommitError::Overtaken { stream, expected, actual });
        }
    }
    for (id, expected) in &commit.relies_on {
        expect_version(*id, *expected, standing(connection, &id.to_string())?.as_ref())?;
    }
    let mut all = Vec::with_capacity(commit.rows.len());
    for row in &commit.rows {
        let stored = standing(connection, &row.id)?;
        expect_version(row.record, row.before, stored.as_ref())?;
        all.push(stored);
    }
    for (row, stored) in commit.rows.iter().zip(&all) {
        if let Some(stored) = stored {
            check::stays(&row.record, (&stored.run, &row.run), (&stored.parent, &row.parent))?;
        }
    }
    Ok(Found::Standing(all))
}

/// What a commit with this id made before. One that says something else is refused.
fn made_before(connection: &Connection, commit: &PreparedCommit) -> Result<Option<Committed>, CommitError> {
    let made: Option<(u64, u64)> = statement(connection, "SELECT first, last FROM commit_log WHERE id = ?1")?
        .query_row([&commit.id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(commit_failed)?;
    let Some((first, last)) = made else { return Ok(None) };
    let limit = last.checked_sub(first).and_then(|more| u32::try_from(more.saturating_add(1)).ok());
    let made = read::events(connection, &Cursor { after: first.saturating_sub(1), limit, ..Cursor::default() })?;
    check::same(&commit.id, commit.events.iter().map(|prepared| &prepared.event), &made)?;
    Ok(Some(Committed { first, last, novelty: Novelty::Repeated }))
}

fn expect_version(id: RecordId, expected: Version, stored: Option<&Standing>) -> Result<(), CommitError> {
    let actual = stored.map_or(0, |stored| stored.version);
    if actual == expected { Ok(()) } else { Err(CommitError::Stale { id, expected, actual }) }
}

/// What a commit is compared with, and written over.
struct Standing {
    place: i64,
    version: Version,
    run: Option<String>,
    parent: Option<String>,
    keys_json: String,
}

fn standing(connection: &Connection, id: &str) -> Result<Option<Standing>, StoreError> {
    statement(connection, "SELECT rowid, version, run, parent, keys FROM record WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(Standing {
                place: row.get(0)?,
                version: row.get(1)?,
                run: row.get(2)?,
                parent: row.get(3)?,
                keys_json: row.get(4)?,
            })
        })
        .optional()
        .map_err(|error| match failed("commit", &error) {
            StoreError::Damaged { what, .. } => damaged(format!("record {id}"), what),
            other => other,
        })
}

/// From here on, what fails halfway takes back its own.
fn write_within_savepoint(
    transaction: &Transaction<'_>,
    ends: &mut Ends,
    commit: &mut PreparedCommit,
    standing: &[Option<Standing>],
) -> Result<Result<Committed, CommitError>, StoreError> {
    let run = |sql| statement(transaction, sql).and_then(|mut sql| sql.execute([]).map(drop).map_err(commit_failed));
    run("SAVEPOINT job")?;
    match write(transaction, ends, commit, standing) {
        Ok(committed) => {
            run("RELEASE job")?;
            Ok(Ok(committed))
        }
        // A full disk, for one, makes SQLite roll back all of it.
        Err(error) if transaction.is_autocommit() => Err(error),
        Err(error) => {
            run("ROLLBACK TO job")?;
            run("RELEASE job")?;
            *ends = Ends::of(transaction)?;
            Ok(Err(error.into()))
        }
    }
}

fn write(
    connection: &Connection,
    ends: &mut Ends,
    commit: &mut PreparedCommit,
    standing: &[Option<Standing>],
) -> Result<Committed, StoreError> {
    let first = ends.newest + 1;
    let last = ends.newest + (commit.events.len() as u64);
    statement(connection, "INSERT INTO commit_log (id, first, last) VALUES (?1, ?2, ?3)")?
        .execute(params![commit.id, first, last])
        .map_err(commit_failed)?;
    for (row, stored) in commit.rows.iter().zip(standing) {
        write_record(connection, row, stored.as_ref())?;
    }
    for (position, prepared) in (first..).zip(&mut commit.events) {
        let head = ends.head(connection, prepared.event.stream)?;
        let event = &mut prepared.event;
        event.position = position;
        event.seq = head.seq + 1;
        event.previous_hash.clone_from(&head.hash);
        event.hash = event_hash(event);
        *head = Head { seq: event.seq, hash: event.hash.clone() };
        write_event(connection, prepared, &commit.actor)?;
    }
    ends.newest = last;
    Ok(Committed { first, last, novelty: Novelty::Fresh })
}

fn write_record(connection: &Connection, row: &Row, stored: Option<&Standing>) -> Result<(), StoreError> {
    let Row { id, run, parent, state, version, keys, keys_json, body, ulid_order, random, .. } = row;
    if let Some(stored) = stored {
        let sql = "UPDATE record SET state = ?1, version = ?2, body = ?3, keys = ?4 WHERE rowid = ?5";
        let values = params![state, version, body, keys_json, stored.place];
        statement(connection, sql)?.execute(values).map_err(commit_failed)?;
    } else {
        let sql = "INSERT INTO record (id, ulid_order, kind, run, parent, state, version, random, body, keys)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let kind = row.record.kind().as_str();
        let values = params![id, ulid_order, kind, run, parent, state, version, random, body, keys_json];
        statement(connection, sql)?.execute(values).map_err(commit_failed)?;
    }
    // Most changes touch no key, and then nothing is written.
    let before = stored.map_or("{}", |stored| stored.keys_json.as_str());
    if before == keys_json { Ok(()) } else { write_keys(connection, id, before, keys) }
}

fn write_keys(
    connection: &Connection,
    id: &str,
    before: &str,
    keys: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let mut remove = statement(connection, "DELETE FROM record_key WHERE name = ?1 AND value = ?2 AND record = ?3")?;
    for (name, value) in &codec::keys(before, format!("record {id}"))? {
        remove.execute(params![name, value, id]).map_err(commit_failed)?;
    }
    let mut insert = statement(connection, "INSERT INTO record_key (name, value, record) VALUES (?1, ?2, ?3)")?;
    for (name, value) in keys {
        insert.execute(params![name, value, id]).map_err(commit_failed)?;
    }
    Ok(())
}

/// The newest event of a stream.
fn head(connection: &Connection, stream: Stream) -> Result<Head, StoreError> {
    statement(connection, "SELECT seq, hash FROM event WHERE stream = ?1 ORDER BY position DESC LIMIT 1")?
        .query_row([stream.to_string()], |row| Ok(Head { seq: row.get(0)?, hash: row.get(1)? }))
        .optional()
        .map(|head| head.unwrap_or_else(|| Head { seq: 0, hash: GENESIS.to_owned() }))
        .map_err(commit_failed)
}

fn write_event(connection: &Connection, prepared: &PreparedEvent, actor: &str) -> Result<(), StoreError> {
    let PreparedEvent { event, stream, record } = prepared;
    let sql = "INSERT INTO event (position, stream, seq, record, kind, version, state, name, severity, reason, actor,
                                  at, trace, commit_id, body, body_digest, record_digest, previous_hash, hash)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
    let values = params![
        event.position,
        stream,
        event.seq,
        record,
        event.record.kind().as_str(),
        event.version,
        event.state,
        event.event.name,
        event.event.severity.as_str(),
        event.event.reason,
        actor,
        event.at.as_micros(),
        event.trace,
        event.commit,
        event.event.body,
        event.digests.as_ref().map(|digests| &digests.body),
        event.digests.as_ref().map(|digests| &digests.record),
        event.previous_hash,
        event.hash,
    ];
    statement(connection, sql)?.execute(values).map(drop).map_err(commit_failed)
}

/// Notes that something was alive.
fn pulse(connection: &Connection, record: &RecordId, at: Timestamp) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| failed("note a pulse", &error);
    let sql = "INSERT INTO pulse (record, at) VALUES (?1, ?2) ON CONFLICT (record) DO UPDATE SET at = excluded.at";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.execute(params![record.to_string(), at.as_micros()]).map(drop).map_err(failed)
}

fn statement<'a>(connection: &'a Connection, sql: &str) -> Result<CachedStatement<'a>, StoreError> {
    connection.prepare_cached(sql).map_err(commit_failed)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn commit_failed(error: rusqlite::Error) -> StoreError {
    failed("commit", &error)
}
#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use tollhouse_core::{Kind, Record};

    use super::*;
    use crate::conformance::make;
    use crate::sqlite::schema;
    use crate::store::{Cursor, Find};

    fn ledger() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::create_or_update(&mut connection, "in memory".as_ref()).unwrap();
        connection
    }

    fn job(commit: &tollhouse_core::Commit) -> Job {
        Job::Commit(PreparedCommit::new(commit).unwrap())
    }

    fn id(job: &Job) -> RecordId {
        let Job::Commit(commit) = job else { panic!("{job:?}") };
        commit.rows[0].record
    }

    fn jobs() -> Vec<Job> {
        let body = format!("\"{}\"", "x".repeat(500_000));
        let large = Record { body, ..make::new(Kind::Task, 2) };
        let records = [make::new(Kind::Task, 1), large, make::new(Kind::Task, 3)];
        records.map(|record| job(&make::commit(record.id.to_string(), [record]))).into()
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
        let answers = batch(&mut connection, &mut jobs());
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
        let mut jobs: Vec<_> = commits.iter().map(job).collect();

        let answers = batch(&mut connection, &mut jobs);
        assert!(matches!(answers[1], Err(CommitError::Backend(StoreError::Failed { .. }))), "{answers:?}");
        let made = |first| Ok(Done::Commit(Committed { first, last: first, novelty: Novelty::Fresh }));
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
        let mut jobs = jobs();
        let answers = batch(&mut connection, &mut jobs);
        assert_eq!(answers[1], Err(StoreError::DiskFull { op: "commit" }.into()));
        let claimed: Vec<_> = jobs
            .iter()
            .zip(&answers)
            .filter(|(_, a)| a.is_ok())
            .map(|(job, _)| id(job))
            .collect();
        assert_eq!(ids(&connection), claimed);
        assert!(batch(&mut connection, &mut jobs[..1])[0].is_ok(), "there is room for the first");
    }
}
