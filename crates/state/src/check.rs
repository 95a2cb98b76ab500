//! What is wrong with a commit by itself, whatever a ledger holds. All backends use it, so that they refuse the same.
//!
//! It must never look at what is stored.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tollhouse_core::{Commit, Event, Kind, Record, RecordId, Version};

use crate::store::{CommitError, Rewrite, StoreError};

/// How many bytes the body of a record or an event may have: more is content, and belongs in git or in a file.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Whether the lifecycle of this kind has a state with this name.
pub(crate) fn known_state(kind: Kind, state: &str) -> bool {
    kind.states().contains(&state)
}

/// Refuses a commit that contradicts itself or core's words.
pub(crate) fn shape(commit: &Commit) -> Result<(), CommitError> {
    if commit.changes.is_empty() {
        return Err(malformed("it changes nothing"));
    }
    if commit.actor.to_string().parse() != Ok(commit.actor.clone()) {
        return Err(malformed(format!("its actor {:?} would not be read again", commit.actor.to_string())));
    }
    let mut relied_on = BTreeMap::new();
    for (id, version) in &commit.relies_on {
        if *relied_on.entry(*id).or_insert(*version) != *version {
            return Err(malformed(format!("it relies on two versions of {id}")));
        }
    }
    let mut changed: BTreeMap<RecordId, &Record> = BTreeMap::new();
    for change in &commit.changes {
        let record = &change.record;
        words(record, &change.event.body)?;
        match changed.insert(record.id, record) {
            Some(before) => {
                follows(before.version, record)?;
                stays(&record.id, (&before.run, &record.run), (&before.parent, &record.parent))?;
            }
            None => {
                if let Some(version) = relied_on.get(&record.id) {
                    follows(*version, record)?;
                }
            }
        }
    }
    Ok(())
}

/// Refuses a record that moves to another run or parent. Each pair: what it has, and what it would have.
pub(crate) fn stays<R: PartialEq, P: PartialEq>(
    id: &RecordId,
    (run, new_run): (&R, &R),
    (parent, new_parent): (&P, &P),
) -> Result<(), CommitError> {
    if run != new_run {
        return Err(malformed(format!("{id} leaves its run")));
    }
    if parent != new_parent {
        return Err(malformed(format!("{id} leaves its parent")));
    }
    Ok(())
}

/// Refuses a commit whose id is known, where its events are others than those which that commit made.
///
/// What it relied on is not asked: that was judged when it was made.
pub(crate) fn same<'a>(
    id: &str,
    events: impl IntoIterator<Item = &'a Event>,
    made: impl IntoIterator<Item = &'a Event>,
) -> Result<(), CommitError> {
    let (mut events, mut made) = (events.into_iter(), made.into_iter());
    loop {
        match (events.next(), made.next()) {
            (None, None) => return Ok(()),
            (Some(event), Some(made)) if says_the_same(event, made) => {}
            _ => return Err(CommitError::IdReused { id: id.to_owned() }),
        }
    }
}

/// Whether two events are the same but for their places.
fn says_the_same(event: &Event, made: &Event) -> bool {
    let same_content = match (&event.digests, &made.digests) {
        (Some(digests), Some(made)) => digests == made,
        _ => event.event.body == made.event.body,
    };
    same_content
        && (&event.actor, event.at, &event.trace) == (&made.actor, made.at, &made.trace)
        && (event.record, event.version, &event.state) == (made.record, made.version, &made.state)
        && (&event.event.name, event.event.severity) == (&made.event.name, made.event.severity)
        && event.event.reason == made.event.reason
}

fn words(record: &Record, event_body: &str) -> Result<(), CommitError> {
    let Record { id, state, version, body, .. } = record;
    if *version == 0 {
        return Err(malformed(format!("{id} would get version 0")));
    }
    if !known_state(id.kind(), state) {
        return Err(malformed(format!("{state:?} is no state of a {}", id.kind())));
    }
    [("body", body.as_str()), ("event", event_body)].into_iter().try_for_each(|(what, text)| content(what, *id, text))
}

/// Refuses a content that is too long or no JSON.
fn content(what: &str, id: RecordId, text: &str) -> Result<(), CommitError> {
    if text.len() > BODY_BYTES_MAX {
        return Err(malformed(format!("the {what} of {id} has {} bytes, more than {BODY_BYTES_MAX}", text.len())));
    }
    match serde_json::from_str::<AnyJson>(text) {
        Ok(AnyJson) => Ok(()),
        Err(error) => Err(malformed(format!("the {what} of {id} is not JSON: {error}"))),
    }
}

/// Refuses a rewrite that no ledger could take.
pub(crate) fn rewrite(rewrite: &Rewrite) -> Result<(), StoreError> {
    let records = rewrite.records.iter().map(|record| ("body", record.id, record.body.as_str()));
    let events = rewrite.events.iter().map(|event| ("event", event.record, event.body.as_str()));
    let checked = records.chain(events).try_for_each(|(what, id, text)| content(what, id, text));
    checked.map_err(|error| not_rewritten(error.to_string()))
}

/// A rewrite that was not made.
pub(crate) fn not_rewritten(what: impl Into<String>) -> StoreError {
    StoreError::Failed { op: "rewrite", what: what.into() }
}

/// Any JSON that `serde_json::Value` takes, its depth bounded as there; nothing of it is kept.
struct AnyJson;

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJsonVisitor)
    }
}

struct AnyJsonVisitor;

impl<'de> Visitor<'de> for AnyJsonVisitor {
    type Value = AnyJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<AnyJson, E> {
        Ok(AnyJson)
    }

    fn visit_bool<E>(self, _: bool) -> Result<AnyJson, E> {
        Ok(AnyJson)
    }

    fn visit_i64<E>(self, _: i64) -> Result<AnyJson, E> {
        Ok(AnyJson)
    }

    fn visit_u64<E>(self, _: u64) -> Result<AnyJson, E> {
        Ok(AnyJson)
    }

    fn visit_f64<E>(self, _: f64) -> Result<AnyJson, E> {
        Ok(AnyJson)
    }

    fn visit_str<E>(self, _: &str) -> Result<AnyJson, E> {
        Ok(AnyJson)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AnyJson, A::Error> {
        while let Some(AnyJson) = list.next_element()? {}
        Ok(AnyJson)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<AnyJson, A::Error> {
        while let Some((AnyJson, AnyJson)) = object.next_entry()? {}
        Ok(AnyJson)
    }
}

fn follows(before: Version, record: &Record) -> Result<(), CommitError> {
    if before.checked_add(1) == Some(record.version) {
        return Ok(());
    }
    Err(malformed(format!("{} goes from version {before} to {}", record.id, record.version)))
}

fn malformed(what: impl Into<String>) -> CommitError {
    CommitError::Malformed { what: what.into() }
}
