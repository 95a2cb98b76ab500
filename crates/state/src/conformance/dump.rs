//! Everything that a store shows, in a form that can be compared.

use tollhouse_core::{Event, Record, RecordId, Timestamp};

use crate::store::{Cursor, Find, Store};

/// Everything that a store shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// All records, oldest first.
    pub records: Vec<Record>,
    /// All events, by position.
    pub events: Vec<Event>,
    /// The last pulse of each record that has one.
    pub pulses: Vec<(RecordId, Timestamp)>,
}

/// Reads all of a store.
///
/// # Panics
/// Where the store cannot be read.
pub fn dump(store: &impl Store) -> Dump {
    let records = store.find(&Find::default()).expect("a sound store can be read");
    let events = store.events(&Cursor::default()).expect("a sound store can be read");
    let pulses = records
        .iter()
        .filter_map(|record| {
            let at = store.last_pulse(&record.id).expect("a sound store can be read")?;
            Some((record.id, at))
        })
        .collect();
    Dump { records, events, pulses }
}
