//! Forgetting contents at a person's word: what is free text in a record and its events goes, and what history stands on stays.
//!
//! What goes is decided field by field, in one file a kind. Ids, states, names, hashes, sizes, costs and times stay, and so does
//! why something happened: an event's reason is covered by its hash. A record is only ever what `apply` makes of its events, so
//! what is left of a record is folded from what is left of them.

mod attempt;
mod gate_run;
mod left;
mod patch;
mod purges;
mod reach;
mod run;
mod task;

use thiserror::Error;
use tollhouse_core::entity::{Attempt, GateRun, Output, Patch, Run, Task};
use tollhouse_core::{Event, Kind, Record};
use tollhouse_state::{EventContent, RecordContent, Rewrite};

use crate::apply::Apply;

pub use left::Left;
pub use purges::{Purge, Purges};
pub use reach::reach;

/// What stands where a text was.
pub const PURGED: &str = "[purged]";

/// The kinds of records that hold free text.
pub const KINDS: [Kind; 5] = [Kind::Run, Kind::Task, Kind::Attempt, Kind::Patch, Kind::GateRun];

/// A record whose texts can be forgotten.
pub(crate) trait Forget: Apply {
    /// Takes the texts out of the record. Only those that it was made with or that an end brought: a reason stays, and what was
    /// made of one.
    fn forget(&mut self);

    /// Takes the texts out of an event.
    fn forget_event(event: &mut Self::Event);
}

/// Why nobody can say what would be left of a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place} cannot be forgotten: {what}")]
pub struct NotForgettable {
    /// An event by its position, or a record by its id.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

/// What is to be written so that a record and its events, all of them in order, are forgotten. What is forgotten already
/// is written again.
///
/// # Errors
/// An event cannot be read or could not have happened, or the record holds no text at all.
pub fn forgotten(record: &Record, events: &[Event]) -> Result<Rewrite, NotForgettable> {
    match record.kind() {
        Kind::Run => folded::<Run>(record, events),
        Kind::Task => folded::<Task>(record, events),
        Kind::Attempt => folded::<Attempt>(record, events),
        Kind::Patch => folded::<Patch>(record, events),
        Kind::GateRun => folded::<GateRun>(record, events),
        kind => Err(NotForgettable { place: record.id.to_string(), what: format!("a {kind} holds no text") }),
    }
}

fn folded<T: Forget>(record: &Record, events: &[Event]) -> Result<Rewrite, NotForgettable> {
    let mut made: Option<T> = None;
    let mut contents = Vec::with_capacity(events.len());
    for event in events {
        let wrong = |what: String| NotForgettable { place: format!("event {}", event.position), what };
        let mut typed: T::Event = serde_json::from_str(&event.event.body).map_err(|error| wrong(error.to_string()))?;
        let before = written(&typed);
        T::forget_event(&mut typed);
        made = Some(T::apply(made, &typed, event.at).map_err(|error| wrong(error.to_string()))?);
        let after = written(&typed);
        // What says nothing any more is as it was when its digest was noted, whichever program wrote it.
        let body = if after == before { event.event.body.clone() } else { after };
        contents.push(EventContent { position: event.position, record: event.record, body });
    }
    let wrong = |what: &str| NotForgettable { place: record.id.to_string(), what: what.to_owned() };
    let made = made.ok_or_else(|| wrong("no event tells of it"))?.to_record(record.version);
    if (made.id, &made.state) != (record.id, &record.state) {
        return Err(wrong("its events make it something else"));
    }
    let content = RecordContent { id: made.id, version: made.version, keys: made.keys, body: made.body };
    Ok(Rewrite { records: vec![content], events: contents })
}

/// Whether an event of a kind of record holds no text any more that goes.
pub fn is_forgotten_event(kind: Kind, body: &str) -> bool {
    match kind {
        Kind::Run => is_event_without::<Run>(body),
        Kind::Task => is_event_without::<Task>(body),
        Kind::Attempt => is_event_without::<Attempt>(body),
        Kind::Patch => is_event_without::<Patch>(body),
        Kind::GateRun => is_event_without::<GateRun>(body),
        _ => false,
    }
}

fn is_event_without<T: Forget>(body: &str) -> bool {
    let Ok(mut event) = serde_json::from_str::<T::Event>(body) else { return false };
    let before = written(&event);
    T::forget_event(&mut event);
    written(&event) == before
}

/// Whether a record holds no text any more that goes.
pub fn is_forgotten(record: &Record) -> bool {
    match record.kind() {
        Kind::Run => is_without::<Run>(record),
        Kind::Task => is_without::<Task>(record),
        Kind::Attempt => is_without::<Attempt>(record),
        Kind::Patch => is_without::<Patch>(record),
        Kind::GateRun => is_without::<GateRun>(record),
        _ => false,
    }
}

fn is_without<T: Forget>(record: &Record) -> bool {
    let Ok(mut entity) = T::from_record(record) else { return false };
    let before = entity.to_record(record.version);
    entity.forget();
    entity.to_record(record.version) == before
}

fn written(event: &impl serde::Serialize) -> String {
    serde_json::to_string(event).expect("an event has only string keys")
}

/// Takes one text out. Where there was none, none was.
fn gone(text: &mut String) {
    if !text.is_empty() {
        PURGED.clone_into(text);
    }
}

fn gone_if_any(text: &mut Option<String>) {
    if let Some(text) = text {
        gone(text);
    }
}

/// What a program printed: how much it was stays, and the digest of all of it.
fn printed_gone(output: &mut Option<Output>) {
    if let Some(output) = output {
        gone(&mut output.text);
    }
}
