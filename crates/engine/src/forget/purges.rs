//! What a ledger says was forgotten.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Effect, Entity, Work};
use tollhouse_core::{EffectId, Kind, RecordId, RunId, Stream};
use tollhouse_state::{Find, Store, StoreError};

use super::reach;
use crate::archives::readable;

/// The records whose contents a person had forgotten, or asked to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purges {
    all: Vec<Purge>,
    /// By which of them.
    runs: BTreeMap<Stream, Vec<usize>>,
    records: BTreeMap<RecordId, Vec<usize>>,
    /// Nobody knows which: any may be.
    is_unknown: bool,
}

/// One time that somebody had something forgotten, or asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// What it was asked for by.
    pub effect: EffectId,
    /// What was forgotten, with all that hangs on it.
    pub record: RecordId,
    /// The run that it is of, where it is of one and is there.
    pub run: Option<RunId>,
    /// The digest of what is left; `None` where it is not done.
    pub left: Option<String>,
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
            let number = purges.all.len();
            let mut run = RunId::try_from(record).ok();
            if let Some(run) = run {
                purges.runs.entry(Stream::Run(run)).or_default().push(number);
            } else {
                for record in readable(reach(store, record))? {
                    run = record.run;
                    purges.records.entry(record.id).or_default().push(number);
                }
            }
            purges.all.push(Purge { effect: effect.id, record, run, left: effect.left });
        }
        Ok(purges)
    }

    /// Of an archive by itself: the ledger says what was forgotten.
    pub fn unknown() -> Self {
        Self { is_unknown: true, ..Self::default() }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Purge> {
        self.all.iter()
    }

    /// Whether a record of a stream is among them.
    pub fn cover(&self, record: &RecordId, stream: Stream) -> bool {
        self.is_unknown || self.covering(record, stream).next().is_some()
    }

    /// Those that a record of a stream is among, by their place in [`Self::iter`].
    pub fn covering(&self, record: &RecordId, stream: Stream) -> impl Iterator<Item = usize> {
        self.runs.get(&stream).into_iter().chain(self.records.get(record)).flatten().copied()
    }
}
