//! Writing commits: the one place that inserts records and events.
//!
//! Whatever happens in here happens in the transaction of the caller; nothing in here decides when it is durable.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use tollhouse_core::{GENESIS, RecordId, Stream, Timestamp, Version, event_hash};

use super::codec;
use super::error::{damaged, failed};
use super::job::{PreparedCommit, PreparedEvent, Row};
use super::read;
use crate::check;
use crate::store::{CommitError, Committed, Cursor, Novelty, StoreError};

/// Where the next event goes, as this transaction leaves the ledger.
#[derive(Debug)]
pub(super) struct Ends {
    newest: u64,
    /// Of the streams that were looked at.
    heads: BTreeMap<Stream, Head>,
}

/// The newest event of a stream.
#[derive(Debug)]
struct Head {
    seq: u64,
    hash: String,
}

impl Ends {
    pub(super) fn of(connection: &Connection) -> Result<Self, StoreError> {
        Ok(Self { newest: read::newest(connection)?, heads: BTreeMap::new() })
    }

    fn head(&mut self, connection: &Connection, stream: Stream) -> Result<&mut Head, StoreError> {
        Ok(match self.heads.entry(stream) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(head(connection, stream)?),
        })
    }
}

/// What a commit finds.
pub(super) enum Found {
    /// It was made by an earlier call.
    Made(Committed),
    /// What stands where its rows go, if anything does.
    Standing(Vec<Option<Standing>>),
}

/// Nothing is written by looking, so a refusal takes nothing back.
///
/// A commit that was made before most often looks stale by now, so that is when it is looked for; the others show when they
/// are written.
pub(super) fn look(connection: &Connection, ends: &mut Ends, commit: &PreparedCommit) -> Result<Found, CommitError> {
    match compare(connection, ends, commit) {
        Ok(standing) => Ok(Found::Standing(standing)),
        Err(refusal @ CommitError::Backend(_)) => Err(refusal),
        Err(refusal) => made_before(connection, commit)?.map(Found::Made).ok_or(refusal),
    }
}

/// Compares what a commit relies on with what is true. The answer is what stands where its rows go, if anything does.
fn compare(
    connection: &Connection,
    ends: &mut Ends,
    commit: &PreparedCommit,
) -> Result<Vec<Option<Standing>>, CommitError> {
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
    Ok(all)
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
pub(super) struct Standing {
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

/// Writes a commit over what stands. The outer error is that of the ledger: what was written so far has to be taken back.
pub(super) fn write(
    connection: &Connection,
    ends: &mut Ends,
    commit: &mut PreparedCommit,
    standing: &[Option<Standing>],
) -> Result<Result<Committed, CommitError>, StoreError> {
    let first = ends.newest + 1;
    let last = ends.newest + (commit.events.len() as u64);
    let sql = "INSERT INTO commit_log (id, first, last) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    if statement(connection, sql)?.execute(params![commit.id, first, last]).map_err(commit_failed)? == 0 {
        let made = made_before(connection, commit).map(|made| made.expect("what stands in the way was made before"));
        return Ok(made);
    }
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
    Ok(Ok(Committed { first, last, novelty: Novelty::Fresh }))
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

/// Has a record found by other keys than before.
pub(super) fn write_keys(
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
pub(super) fn pulse(connection: &Connection, record: &RecordId, at: Timestamp) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| failed("note a pulse", &error);
    let sql = "INSERT INTO pulse (record, at) VALUES (?1, ?2) ON CONFLICT (record) DO UPDATE SET at = excluded.at";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.execute(params![record.to_string(), at.as_micros()]).map(drop).map_err(failed)
}

pub(super) fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    statement(connection, sql)?.execute([]).map(drop).map_err(commit_failed)
}

fn statement<'a>(connection: &'a Connection, sql: &str) -> Result<CachedStatement<'a>, StoreError> {
    connection.prepare_cached(sql).map_err(commit_failed)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn commit_failed(error: rusqlite::Error) -> StoreError {
    failed("commit", &error)
}
