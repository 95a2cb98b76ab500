//! Between rows and records or events. A row that no commit could have written is reported as damaged, never mended.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::FromSql;
use tollhouse_core::{Event, Happening, Kind, Record, RecordId, Severity, Timestamp};

use super::error::damaged;
use crate::check;
use crate::store::StoreError;

/// What [`record`] reads, in this order.
pub(super) const RECORD_COLUMNS: &str = "id, ulid_order, kind, run, parent, state, version, random, body";

/// What [`event`] reads, in this order.
pub(super) const EVENT_COLUMNS: &str = "position, stream, seq, record, kind, version, state, name, severity, reason, \
                                        actor, at, trace, commit_id, body, previous_hash, hash";

/// What records are ordered by: the text of the ULID, then the name of the kind.
pub(super) fn ulid_order(id: &RecordId) -> String {
    let text = id.to_string();
    let (_, ulid) = text.split_once('_').expect("an id has a prefix and an underscore");
    format!("{ulid}.{}", id.kind())
}

/// The record of a row. Its keys are kept in a table of their own.
pub(super) fn record(row: &Row<'_>, keys: BTreeMap<String, String>) -> Result<Record, StoreError> {
    let columns = Columns { row, place: place(row, "record", "id")? };
    let record = Record {
        id: columns.parsed("id")?,
        run: columns.parsed_option("run")?,
        parent: columns.parsed_option("parent")?,
        state: columns.value("state")?,
        version: columns.value("version")?,
        keys,
        body: columns.value("body")?,
    };
    columns.same("kind", record.kind())?;
    columns.same("ulid_order", ulid_order(&record.id))?;
    columns.same("random", record.id.random_part())?;
    columns.state(record.kind(), &record.state)?;
    Ok(record)
}

/// The event of a row.
pub(super) fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    let columns = Columns { row, place: place(row, "event", "position")? };
    let severity: String = columns.value("severity")?;
    let event = Event {
        position: columns.value("position")?,
        stream: columns.parsed("stream")?,
        seq: columns.value("seq")?,
        record: columns.parsed("record")?,
        version: columns.value("version")?,
        state: columns.value("state")?,
        event: Happening {
            name: columns.value("name")?,
            severity: Severity::from_name(&severity)
                .ok_or_else(|| damaged(&columns.place, format!("{severity:?} is no severity")))?,
            reason: columns.value("reason")?,
            body: columns.value("body")?,
        },
        actor: columns.parsed("actor")?,
        at: Timestamp::from_micros(columns.value("at")?),
        trace: columns.value("trace")?,
        commit: columns.value("commit_id")?,
        previous_hash: columns.value("previous_hash")?,
        hash: columns.value("hash")?,
    };
    columns.same("kind", event.record.kind())?;
    columns.state(event.record.kind(), &event.state)?;
    Ok(event)
}

/// The name of a row in messages.
fn place(row: &Row<'_>, what: &str, column: &str) -> Result<String, StoreError> {
    let name = row.get_ref(column).map_err(|error| damaged(what, error))?;
    Ok(match name.as_str() {
        Ok(text) => format!("{what} {text}"),
        Err(_) => format!("{what} {}", name.as_i64().map_err(|error| damaged(what, error))?),
    })
}

struct Columns<'a> {
    row: &'a Row<'a>,
    place: String,
}

impl Columns<'_> {
    fn value<T: FromSql>(&self, column: &str) -> Result<T, StoreError> {
        self.row.get(column).map_err(|error| damaged(&self.place, format!("{column}: {error}")))
    }

    fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        let text: String = self.value(column)?;
        text.parse().map_err(|error| damaged(&self.place, format!("{column}: {error}")))
    }

    fn parsed_option<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.value(column)?;
        text.map(|text| text.parse()).transpose().map_err(|error| damaged(&self.place, format!("{column}: {error}")))
    }

    /// A column that only repeats what another one says, so that it can be searched for.
    fn same(&self, column: &str, expected: impl Display) -> Result<(), StoreError> {
        let actual: String = self.value(column)?;
        let expected = expected.to_string();
        if actual == expected {
            return Ok(());
        }
        Err(damaged(&self.place, format!("its {column} is {actual:?}, not {expected:?}")))
    }

    fn state(&self, kind: Kind, state: &str) -> Result<(), StoreError> {
        if check::known_state(kind, state) {
            return Ok(());
        }
        Err(damaged(&self.place, format!("{state:?} is no state of a {kind}")))
    }
}
