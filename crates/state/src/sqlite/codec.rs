//! Between rows and records or events. A row that no commit could have written is reported as damaged, never mended.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::{FromSql, ValueRef};
use tollhouse_core::{Digests, Event, Happening, Kind, Record, RecordId, Severity, Timestamp};

use super::error::damaged;
use crate::check;
use crate::store::{StoreError, Tally};

/// What [`record`] reads, in this order.
pub(super) const RECORD_COLUMNS: &str = "id, run, parent, state, version, keys, body, kind, ulid_order, random";

/// What [`event`] reads, in this order.
pub(super) const EVENT_COLUMNS: &str = "position, stream, seq, record, kind, version, state, name, severity, reason, \
                                        actor, at, trace, commit_id, body, body_digest, record_digest, previous_hash, \
                                        hash";

/// How many characters of an id are random.
const RANDOM_CHARS: usize = 16;

/// What records are ordered by: the text of the ULID, then the name of the kind.
pub(super) fn ulid_order(id: &RecordId) -> String {
    let text = id.text();
    let (_, ulid) = text.split_once('_').expect("an id has a prefix and an underscore");
    format!("{ulid}.{}", id.kind())
}

/// The record of a row.
pub(super) fn record(row: &Row<'_>) -> Result<Record, StoreError> {
    let mut columns = Columns::of(row, "record");
    let record = Record {
        id: columns.parsed()?,
        run: columns.parsed_option()?,
        parent: columns.parsed_option()?,
        state: columns.value()?,
        version: columns.value()?,
        keys: keys(columns.text()?, &columns)?,
        body: columns.value()?,
    };
    columns.same("kind", record.kind().as_str())?;
    columns.same_order(&record.id)?;
    columns.state(record.kind(), &record.state)?;
    Ok(record)
}

/// The kind, the state and how many, of a row that counts records.
pub(super) fn tally(row: &Row<'_>) -> Result<Tally, StoreError> {
    let mut columns = Columns::of(row, "records of kind");
    let name = columns.text()?;
    let kind = Kind::from_name(name).ok_or_else(|| columns.damaged(format!("{name:?} is no kind")))?;
    let tally = Tally { kind, state: columns.value()?, records: columns.value()? };
    columns.state(kind, &tally.state)?;
    Ok(tally)
}

/// The declared keys of a record, as its row keeps them.
pub(super) fn keys(json: &str, place: impl fmt::Display) -> Result<BTreeMap<String, String>, StoreError> {
    serde_json::from_str(json).map_err(|error| damaged(place, format!("keys: {error}")))
}

/// The event of a row.
pub(super) fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    let mut columns = Columns::of(row, "event");
    let position = columns.value()?;
    let stream = columns.parsed()?;
    let seq = columns.value()?;
    let record: RecordId = columns.parsed()?;
    columns.same("kind", record.kind().as_str())?;
    let mut event = Event {
        position,
        stream,
        seq,
        record,
        version: columns.value()?,
        state: columns.value()?,
        event: Happening {
            name: columns.value()?,
            severity: columns.severity()?,
            reason: columns.value()?,
            body: String::new(),
        },
        actor: columns.parsed()?,
        at: Timestamp::from_micros(columns.value()?),
        trace: columns.value()?,
        commit: columns.value()?,
        digests: None,
        previous_hash: String::new(),
        hash: String::new(),
    };
    columns.contents(&mut event)?;
    Ok(event)
}

/// The event of a row, in the place of another, whose room it takes.
pub(super) fn event_over(row: &Row<'_>, event: &mut Event) -> Result<(), StoreError> {
    let mut columns = Columns::of(row, "event");
    event.position = columns.value()?;
    event.stream = columns.parsed()?;
    event.seq = columns.value()?;
    event.record = columns.parsed()?;
    columns.same("kind", event.record.kind().as_str())?;
    event.version = columns.value()?;
    columns.text_over(&mut event.state)?;
    columns.text_over(&mut event.event.name)?;
    event.event.severity = columns.severity()?;
    columns.optional_text_over(&mut event.event.reason)?;
    event.actor = columns.parsed()?;
    event.at = Timestamp::from_micros(columns.value()?);
    columns.optional_text_over(&mut event.trace)?;
    columns.text_over(&mut event.commit)?;
    columns.contents(event)
}

/// The columns of a row, one after the other.
struct Columns<'a> {
    row: &'a Row<'a>,
    what: &'static str,
    next: usize,
}

/// The name of a row in messages: its first column says which it is.
impl fmt::Display for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row.get_ref(0) {
            Ok(ValueRef::Text(text)) => write!(f, "{} {}", self.what, String::from_utf8_lossy(text)),
            Ok(ValueRef::Integer(number)) => write!(f, "{} {number}", self.what),
            _ => write!(f, "{} without a name", self.what),
        }
    }
}

impl<'a> Columns<'a> {
    fn of(row: &'a Row<'a>, what: &'static str) -> Self {
        Self { row, what, next: 0 }
    }

    fn value<T: FromSql>(&mut self) -> Result<T, StoreError> {
        self.next += 1;
        self.row.get(self.next - 1).map_err(|error| self.damaged(error))
    }

    fn text(&mut self) -> Result<&'a str, StoreError> {
        self.next += 1;
        let value = self.row.get_ref(self.next - 1).map_err(|error| self.damaged(error))?;
        value.as_str().map_err(|error| self.damaged(error))
    }

    fn optional_text(&mut self) -> Result<Option<&'a str>, StoreError> {
        self.next += 1;
        let value = self.row.get_ref(self.next - 1).map_err(|error| self.damaged(error))?;
        value.as_str_or_null().map_err(|error| self.damaged(error))
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&mut self) -> Result<T, StoreError> {
        self.text()?.parse().map_err(|error| self.damaged(error))
    }

    fn parsed_option<T: FromStr<Err: fmt::Display>>(&mut self) -> Result<Option<T>, StoreError> {
        let text = self.optional_text()?;
        text.map(str::parse).transpose().map_err(|error| self.damaged(error))
    }

    fn text_over(&mut self, room: &mut String) -> Result<(), StoreError> {
        self.text()?.clone_into(room);
        Ok(())
    }

    fn optional_text_over(&mut self, room: &mut Option<String>) -> Result<(), StoreError> {
        match self.optional_text()? {
            Some(text) => text.clone_into(room.get_or_insert_default()),
            None => *room = None,
        }
        Ok(())
    }

    /// What an event's row ends with.
    fn contents(&mut self, event: &mut Event) -> Result<(), StoreError> {
        self.state(event.record.kind(), &event.state)?;
        self.text_over(&mut event.event.body)?;
        event.digests = match (self.optional_text()?, self.optional_text()?, event.digests.take()) {
            (Some(body), Some(record), Some(mut digests)) => {
                body.clone_into(&mut digests.body);
                record.clone_into(&mut digests.record);
                Some(digests)
            }
            (Some(body), Some(record), None) => Some(Digests { body: body.to_owned(), record: record.to_owned() }),
            (None, None, _) => None,
            _ => return Err(damaged(&*self, "it has one digest of two")),
        };
        self.text_over(&mut event.previous_hash)?;
        self.text_over(&mut event.hash)
    }

    fn severity(&mut self) -> Result<Severity, StoreError> {
        let name = self.text()?;
        Severity::from_name(name).ok_or_else(|| self.damaged(format!("{name:?} is no severity")))
    }

    /// A column that only repeats what another one says, so that it can be searched for.
    fn same(&mut self, column: &str, expected: &str) -> Result<(), StoreError> {
        let actual = self.text()?;
        if actual == expected {
            return Ok(());
        }
        Err(damaged(&self, format!("its {column} is {actual:?}, not {expected:?}")))
    }

    /// What an id is ordered and found by, compared without writing it down first.
    fn same_order(&mut self, id: &RecordId) -> Result<(), StoreError> {
        let (order, random) = (self.text()?, self.text()?);
        let text = id.text();
        let (_, ulid) = text.split_once('_').expect("an id has a prefix and an underscore");
        if order.strip_prefix(ulid).and_then(|rest| rest.strip_prefix('.')) != Some(id.kind().as_str()) {
            return Err(damaged(&*self, format!("its ulid_order is {order:?}, not {:?}", ulid_order(id))));
        }
        if random.len() != RANDOM_CHARS || !ulid.ends_with(random) {
            return Err(damaged(&*self, format!("its random is {random:?}, not {:?}", id.random_part())));
        }
        Ok(())
    }

    fn state(&self, kind: Kind, state: &str) -> Result<(), StoreError> {
        if check::known_state(kind, state) {
            return Ok(());
        }
        Err(damaged(self, format!("{state:?} is no state of a {kind}")))
    }

    /// What is wrong with the column that was read last.
    fn damaged(&self, error: impl fmt::Display) -> StoreError {
        let name = self.row.as_ref().column_name(self.next - 1).unwrap_or("?");
        damaged(self, format!("{name}: {error}"))
    }
}
