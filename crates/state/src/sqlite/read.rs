//! Reading: the connections that do it, and the queries. A reader never waits for the writer, and each call sees one
//! state of the ledger from its first row to its last.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params_from_iter};
use tollhouse_core::{Event, Record, RecordId, Timestamp};

use super::codec::{self, EVENT_COLUMNS, RECORD_COLUMNS};
use super::error::{failed, opening};
use super::{STATEMENTS_MAX, pragma, schema};
use crate::store::{Cursor, Durability, Find, Order, StoreError};

/// How many connections are kept when nobody reads.
const IDLE_MAX: usize = 8;

/// Connections that can only read.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    durability: Durability,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, durability: Durability) -> Self {
        Self { path, durability, idle: Mutex::default() }
    }

    /// A connection of its own for somebody who keeps it.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        connect(&self.path, self.durability)
    }

    /// Does one call's reading on a connection that nobody else has meanwhile.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| connect(&self.path, self.durability), Ok)?;
        let answer = work(&connection)?;
        // One that failed is closed instead.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok(answer)
    }

    /// As [`Self::with`], in one snapshot.
    pub(super) fn snapshot<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with(|connection| {
            let transaction = connection.unchecked_transaction().map_err(|error| failed("read", &error))?;
            let answer = work(&transaction)?;
            transaction.commit().map_err(|error| failed("read", &error))?;
            Ok(answer)
        })
    }
}

fn connect(path: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| opening(path, &error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    pragma::set_connection(&connection, path, durability)?;
    schema::expect_current(&connection, path)?;
    pragma::verify(&connection, path, durability)?;
    Ok(connection)
}

/// The record with this id.
pub(super) fn record(connection: &Connection, id: &RecordId) -> Result<Option<Record>, StoreError> {
    let sql = format!("SELECT {RECORD_COLUMNS} FROM record WHERE id = ?1");
    Ok(records(connection, &sql, &[Value::from(id.to_string())])?.pop())
}

/// The records that match.
pub(super) fn find(connection: &Connection, find: &Find) -> Result<Vec<Record>, StoreError> {
    let Find { kind, run, parent, states, key, key_prefix, random_prefix, order, after, limit } = find;
    let mut filter = Filter::default();
    if let Some(kind) = kind {
        filter.and("kind = ?", [kind.to_string()]);
    }
    if let Some(run) = run {
        filter.and("run = ?", [run.to_string()]);
    }
    if let Some(parent) = parent {
        filter.and("parent = ?", [parent.to_string()]);
    }
    if !states.is_empty() {
        let marks = vec!["?"; states.len()].join(", ");
        filter.and(&format!("state IN ({marks})"), states.iter().cloned());
    }
    if let Some((name, value)) = key {
        let keyed = "id IN (SELECT record FROM record_key WHERE name = ? AND value = ?)";
        filter.and(keyed, [name.clone(), value.clone()]);
    }
    if let Some((name, prefix)) = key_prefix {
        let (range, bounds) = starts_with("value", prefix);
        let values = std::iter::once(name.clone()).chain(bounds);
        filter.and(&format!("id IN (SELECT record FROM record_key WHERE name = ? AND {range})"), values);
    }
    if let Some(prefix) = random_prefix {
        let (range, bounds) = starts_with("random", prefix);
        filter.and(&range, bounds);
    }
    let (beyond, direction) = match order {
        Order::Oldest => (">", "ASC"),
        Order::Newest => ("<", "DESC"),
    };
    if let Some(after) = after {
        filter.and(&format!("ulid_order {beyond} ?"), [codec::ulid_order(after)]);
    }
    let Filter { clauses, mut values } = filter;
    let size = size(&mut values, *limit);
    let sql = format!("SELECT {RECORD_COLUMNS} FROM record WHERE true{clauses} ORDER BY ulid_order {direction}{size}");
    records(connection, &sql, &values)
}

/// The events that match.
pub(super) fn events(connection: &Connection, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    events_into(connection, cursor, &mut events)?;
    Ok(events)
}

/// The events that match, in the place of others.
pub(super) fn events_into(connection: &Connection, cursor: &Cursor, page: &mut Vec<Event>) -> Result<(), StoreError> {
    let Cursor { after, stream, record, kind, limit, order } = cursor;
    let mut filter = Filter::default();
    // No position is beyond what SQLite can count to.
    filter.and("position > ?", [i64::try_from(*after).unwrap_or(i64::MAX)]);
    if let Some(stream) = stream {
        filter.and("stream = ?", [stream.to_string()]);
    }
    if let Some(record) = record {
        filter.and("record = ?", [record.to_string()]);
    }
    if let Some(kind) = kind {
        // A stream or a record narrows more than a kind; the plus keeps SQLite from choosing the index of the kind.
        let clause = if stream.is_some() || record.is_some() { "+kind = ?" } else { "kind = ?" };
        filter.and(clause, [kind.to_string()]);
    }
    let direction = match order {
        Order::Oldest => "ASC",
        Order::Newest => "DESC",
    };
    let Filter { clauses, mut values } = filter;
    let size = size(&mut values, *limit);
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event WHERE true{clauses} ORDER BY position {direction}{size}");
    let failed = |error: rusqlite::Error| failed("read events", &error);
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        match page.get_mut(count) {
            Some(event) => codec::event_over(row, event)?,
            None => page.push(codec::event(row)?),
        }
        count += 1;
    }
    page.truncate(count);
    if *order == Order::Newest {
        page.reverse();
    }
    Ok(())
}

/// The position of the newest event; 0 where there is none.
pub(super) fn newest(connection: &Connection) -> Result<u64, StoreError> {
    connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM event")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(|error| failed("read the newest position", &error))
}

/// When something was last noted alive.
pub(super) fn pulse(connection: &Connection, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
    connection
        .prepare_cached("SELECT at FROM pulse WHERE record = ?1")
        .and_then(|mut statement| statement.query_row([id.to_string()], |row| row.get(0)).optional())
        .map(|at| at.map(Timestamp::from_micros))
        .map_err(|error| failed("read a pulse", &error))
}

fn records(connection: &Connection, sql: &str, values: &[Value]) -> Result<Vec<Record>, StoreError> {
    let failed = |error: rusqlite::Error| failed("read records", &error);
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        records.push(codec::record(row)?);
    }
    Ok(records)
}

/// What follows WHERE, and the values of its question marks in their order.
#[derive(Default)]
struct Filter {
    clauses: String,
    values: Vec<Value>,
}

impl Filter {
    fn and<V: Into<Value>>(&mut self, clause: &str, values: impl IntoIterator<Item = V>) {
        self.clauses.push_str(" AND ");
        self.clauses.push_str(clause);
        self.values.extend(values.into_iter().map(Into::into));
    }
}

fn size(values: &mut Vec<Value>, limit: Option<u32>) -> &'static str {
    let Some(limit) = limit else { return "" };
    values.push(limit.into());
    " LIMIT ?"
}

/// The clause for texts that start like this, as a range, so that an index serves it; and its values.
fn starts_with(column: &str, prefix: &str) -> (String, Vec<String>) {
    match successor(prefix) {
        Some(end) => (format!("{column} >= ? AND {column} < ?"), vec![prefix.to_owned(), end]),
        None => (format!("{column} >= ?"), vec![prefix.to_owned()]),
    }
}

/// The least text above all that start like this, by the bytes of UTF-8; `None` where there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut start = prefix.to_owned();
    while let Some(last) = start.pop() {
        // A range of characters steps over the gap of the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            start.push(next);
            return Some(start);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_is_the_end_of_a_prefix() {
        let cases = [
            ("", None),
            ("a", Some("b")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("\u{d7ff}", Some("\u{e000}")),
            ("~", Some("\u{7f}")),
            ("\u{7f}", Some("\u{80}")),
        ];
        for (prefix, end) in cases {
            assert_eq!(successor(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
