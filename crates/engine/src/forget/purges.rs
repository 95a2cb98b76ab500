//! What a ledger says was forgotten.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Effect, Entity, Work};
use tollhouse_core::{Kind, RecordId, Stream};
use tollhouse_state::{Find, Store, StoreError};

use super::reach;

/// The records whose contents a person had forgotten, or asked to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purges {
    runs: BTreeSet<Stream>,
    records: BTreeSet<RecordId>,
}

impl Purges {
    /// Those of a ledger. What cannot be read covers nothing.
    ///
    /// # Errors
    /// The store cannot be read at all.
    pub fn of<S: Store + ?Sized>(store: &S) -> Result<Self, StoreError> {
        let mut purges = Self::default();
        let key = Some(("do".to_owned(), "purge".to_owned()));
        let effects = readable(store.find(&Find { kind: Some(Kind::Effect), key, ..Find::default() }))?;
        for effect in effects.iter().filter_map(|record| Effect::from_record(record).ok()) {
            let Work::Purge { record, .. } = effect.work else { continue };
            if let Ok(run) = record.try_into() {
                purges.runs.insert(Stream::Run(run));
            } else {
                purges.records.extend(readable(reach(store, record))?.iter().map(|record| record.id));
            }
        }
        Ok(purges)
    }

    /// Whether a record of a stream is among them.
    pub fn cover(&self, record: &RecordId, stream: Stream) -> bool {
        self.runs.contains(&stream) || self.records.contains(record)
    }
}

/// What is damaged is a finding elsewhere.
fn readable<T: Default>(read: Result<T, StoreError>) -> Result<T, StoreError> {
    match read {
        Err(StoreError::Damaged { .. }) => Ok(T::default()),
        read => read,
    }
}
