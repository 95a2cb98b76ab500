//! Reading: the connections that do it, and the queries. A reader never waits for the writer, and each call sees one
//! state of the ledger from its first row to its last.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params_from_iter};
use tollhouse_core::{Event, Kind, Record, RecordId, RunId, Timestamp};

use super::codec::{self, EVENT_COLUMNS, RECORD_COLUMNS};
use super::error::{failed, opening};
use super::{STATEMENTS_MAX, pragma, schema};
use crate::store::{Cursor, Durability, Find, Order, StoreError, Tally};

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
    let (sql, values) = question(connection, RECORD_COLUMNS, find);
    records(connection, &sql, &values)
}

/// How many records match, by kind and state.
pub(super) fn tally(connection: &Connection, find: &Find) -> Result<Vec<Tally>, StoreError> {
    let (sql, values) = question_of_tally(connection, find);
    let failed = |error: rusqlite::Error| failed("count records", &error);
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
    let mut tallies = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        tallies.push(codec::tally(row)?);
    }
    Ok(tallies)
}

/// What asks for these columns of the records that match, and the values of its question marks.
fn question(connection: &Connection, columns: &str, find: &Find) -> (String, Vec<Value>) {
    let (mut selects, mut values) = (Vec::new(), Vec::new());
    for part in parts(connection, find) {
        let Filter { clauses, values: own } = filter(&part);
        selects.push(format!("SELECT {columns} FROM record WHERE true{clauses}"));
        values.extend(own);
    }
    let direction = match find.order {
        Order::Oldest => "ASC",
        Order::Newest => "DESC",
    };
    let size = size(&mut values, find.limit);
    (format!("{} ORDER BY ulid_order {direction}{size}", selects.join(" UNION ALL ")), values)
}

/// What counts the records that match, by kind and state. Those of a run are counted already.
fn question_of_tally(connection: &Connection, find: &Find) -> (String, Vec<Value>) {
    let Find { kind: _, run: _, parent, states: _, key, key_prefix, random_prefix, order: _, after, limit } = find;
    let is_narrowed = parent.is_some()
        || key.is_some()
        || key_prefix.is_some()
        || random_prefix.is_some()
        || after.is_some()
        || limit.is_some();
    if find.run.is_some() && !is_narrowed {
        let Filter { clauses, values } = filter(find);
        let sql = "SELECT kind, state, records FROM record_tally WHERE records > 0";
        return (format!("{sql}{clauses} ORDER BY kind, state"), values);
    }
    let (found, values) = question(connection, "kind, state, ulid_order", find);
    (format!("SELECT kind, state, count(*) FROM ({found}) GROUP BY kind, state ORDER BY kind, state"), values)
}

/// The questions that make up this one, so that an index has the answer to each in order. The indexes of kinds have that of the
/// records in one state: a page of several is merged from them, and nothing beyond it is read.
fn parts(connection: &Connection, find: &Find) -> Vec<Find> {
    let whole = vec![find.clone()];
    let has_index = find.parent.is_some()
        || find.key.is_some()
        || find.key_prefix.is_some()
        || find.random_prefix.is_some()
        || find.states.len() == 1;
    let Some(kind) = find.kind.filter(|_| find.limit.is_some() && !has_index) else { return whole };
    // Whatever is wrong with the ledger, who reads records says it.
    let Ok(mut states) = states(connection, kind, find.run) else { return whole };
    states.retain(|state| find.states.is_empty() || find.states.contains(state));
    if states.is_empty() || states.len() > kind.states().len() {
        return whole;
    }
    states.into_iter().map(|state| Find { states: vec![state], ..find.clone() }).collect()
}

/// The states in which there are records of a kind: one step in the index for each.
fn states(connection: &Connection, kind: Kind, run: Option<RunId>) -> rusqlite::Result<Vec<String>> {
    let of_run = if run.is_some() { " AND run = ?2" } else { "" };
    let sql = format!(
        "WITH RECURSIVE held(state) AS (
           SELECT min(state) FROM record WHERE kind = ?1{of_run}
           UNION ALL
           SELECT (SELECT min(state) FROM record WHERE kind = ?1{of_run} AND state > held.state) FROM held
           WHERE held.state IS NOT NULL)
         SELECT state FROM held WHERE state IS NOT NULL"
    );
    let values = std::iter::once(kind.to_string()).chain(run.map(|run| run.to_string()));
    let mut statement = connection.prepare_cached(&sql)?;
    let states = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    states.collect()
}

/// Which records match.
fn filter(find: &Find) -> Filter {
    let Find { kind, run, parent, states, key, key_prefix, random_prefix, order, after, limit: _ } = find;
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
    if let Some(after) = after {
        let beyond = match order {
            Order::Oldest => ">",
            Order::Newest => "<",
        };
        filter.and(&format!("ulid_order {beyond} ?"), [codec::ulid_order(after)]);
    }
    filter
}

/// The events that match.
pub(super) fn events(connection: &Connection, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    events_into(connection, cursor, &mut events)?;
    Ok(events)
}

/// The events that match, in the place of others.
pub(super) fn events_into(connection: &Connection, cursor: &Cursor, page: &mut Vec<Event>) -> Result<(), StoreError> {
    let (sql, values) = question_of_events(cursor);
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
    if cursor.order == Order::Newest {
        page.reverse();
    }
    Ok(())
}

/// What asks for the events that match, and the values of its question marks.
fn question_of_events(cursor: &Cursor) -> (String, Vec<Value>) {
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
    (format!("SELECT {EVENT_COLUMNS} FROM event WHERE true{clauses} ORDER BY position {direction}{size}"), values)
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
    use tollhouse_core::Stream;

    use super::*;
    use crate::SqliteStore;

    /// A ledger with records of a run, in two states of each kind.
    fn ledger() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        drop(SqliteStore::open_or_create(&path).unwrap());
        let connection = Connection::open(path).unwrap();
        for (at, kind) in Kind::ALL.iter().enumerate() {
            for (which, state) in kind.states().iter().take(2).enumerate() {
                let values =
                    (format!("{kind}{which}"), format!("{at}{which}"), kind.as_str(), run().to_string(), state);
                let sql = "INSERT INTO record (id, ulid_order, kind, run, state, version, random, body)
                           VALUES (?1, ?2, ?3, ?4, ?5, 1, '0123456789ABCDEF', '{}')";
                connection.execute(sql, values).unwrap();
            }
        }
        (folder, connection)
    }

    fn run() -> RunId {
        RunId::from_parts(Timestamp::EPOCH, 7)
    }

    fn plan(connection: &Connection, (sql, values): (String, Vec<Value>)) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map(params_from_iter(values), |row| row.get("detail")).unwrap();
        steps.map(Result::unwrap).collect()
    }

    /// Whether what comes first is told before all that matches was read.
    fn is_in_order(plan: &[String]) -> bool {
        !plan.iter().any(|step| step.contains("TEMP B-TREE"))
    }

    #[test]
    fn a_page_of_records_is_read_in_order_from_an_index() {
        let (_folder, connection) = ledger();
        let states = |kind: Kind| kind.states().iter().map(|state| (*state).to_owned()).collect::<Vec<_>>();
        let finds = Kind::ALL.iter().flat_map(|kind| {
            let of_kind = Find { kind: Some(*kind), limit: Some(20), ..Find::default() };
            let of_run = Find { run: Some(run()), ..of_kind.clone() };
            let in_states = |find: &Find| Find { states: states(*kind), ..find.clone() };
            let in_one = |find: &Find| Find { states: states(*kind)[..1].to_vec(), ..find.clone() };
            [in_states(&of_kind), in_states(&of_run), in_one(&of_kind), in_one(&of_run), of_kind, of_run]
        });
        let parent = Some(RecordId::from(run()));
        let others = [
            Find::default(),
            Find { parent, ..Find::default() },
            Find { parent, kind: Some(Kind::Task), ..Find::default() },
        ];
        for find in finds.chain(others) {
            for (order, after) in [(Order::Oldest, None), (Order::Newest, None), (Order::Newest, parent)] {
                let find = Find { order, after, ..find.clone() };
                let plan = plan(&connection, question(&connection, RECORD_COLUMNS, &find));
                assert!(is_in_order(&plan), "{find:?}: {plan:#?}");
            }
        }
    }

    #[test]
    fn a_page_of_events_is_read_in_order_from_an_index() {
        let (_folder, connection) = ledger();
        let (stream, record, kind) = (Some(Stream::Run(run())), Some(RecordId::from(run())), Some(Kind::Task));
        let cursor = Cursor { limit: Some(20), ..Cursor::default() };
        let of_stream = Cursor { stream, ..cursor.clone() };
        let of_record = Cursor { record, ..cursor.clone() };
        let both = Cursor { record, ..of_stream.clone() };
        let of_kinds = [&cursor, &of_stream, &of_record].map(|cursor| Cursor { kind, ..cursor.clone() });
        for cursor in [cursor, of_stream, of_record, both].into_iter().chain(of_kinds) {
            for order in [Order::Oldest, Order::Newest] {
                let cursor = Cursor { order, ..cursor.clone() };
                let plan = plan(&connection, question_of_events(&cursor));
                assert!(
                    is_in_order(&plan) && plan.iter().all(|step| step.starts_with("SEARCH")),
                    "{cursor:?}: {plan:#?}"
                );
            }
        }
    }

    #[test]
    fn records_of_a_run_are_counted_already() {
        let (_folder, connection) = ledger();
        let find = Find { kind: Some(Kind::Task), run: Some(run()), ..Find::default() };
        for states in [vec![], vec!["queued".to_owned(), "running".to_owned()]] {
            let plan = plan(&connection, question_of_tally(&connection, &Find { states, ..find.clone() }));
            assert!(
                plan.len() == 1 && plan[0].starts_with("SEARCH record_tally USING PRIMARY KEY (run=?"),
                "{plan:#?}"
            );
        }
    }

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
