//! What a ledger says of its archives: which runs were taken out of it, and where they are.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tollhouse_core::entity::{Archive, ArchivedRun, Effect, Entity, Work};
use tollhouse_core::lifecycle::EffectState;
use tollhouse_core::{Kind, RecordId, RunId, Stream};
use tollhouse_state::{Cursor, Find, Store, StoreError};

/// The archives of a ledger, in the order in which they were made.
///
/// ```
/// use tollhouse_engine::archives::Archives;
/// use tollhouse_state::MemoryStore;
/// assert_eq!(Archives::of(&MemoryStore::new())?.iter().count(), 0);
/// # Ok::<(), tollhouse_state::StoreError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archives {
    archives: Vec<(Archive, EffectState)>,
}

impl Archives {
    /// Those of a ledger. One that cannot be read is a finding elsewhere, and none here.
    ///
    /// # Errors
    /// The store cannot be read at all.
    pub fn of<S: Store + ?Sized>(store: &S) -> Result<Self, StoreError> {
        let key = Some(("do".to_owned(), "archive".to_owned()));
        let effects = readable(store.find(&Find { kind: Some(Kind::Effect), key, ..Find::default() }))?;
        let archives = effects.iter().filter_map(|record| Effect::from_record(record).ok());
        let archives = archives.filter_map(|effect| match effect.work {
            Work::Archive { archive } => Some((archive, effect.state)),
            _ => None,
        });
        let (failed, mut archives): (Vec<_>, Vec<_>) = archives.partition(|(_, state)| *state == EffectState::Failed);
        // From one that turned out not to hold its runs nothing was taken: they are here, or in another.
        for (archive, state) in failed {
            let is_elsewhere = |run: RunId| archives.iter().any(|(other, _)| other.runs().any(|one| one.run == run));
            let ids = archive.runs().map(|archived| archived.run).filter(|run| !is_elsewhere(*run));
            let ids: Vec<RecordId> = ids.map(RecordId::from).collect();
            if readable(store.get(&ids))?.iter().any(Option::is_none) {
                archives.push((archive, state));
            }
        }
        Ok(Self { archives })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Archive> {
        self.archives.iter().map(|(archive, _)| archive)
    }

    /// Whether a file is one of them.
    pub fn name(&self, file: &str) -> bool {
        self.iter().any(|archive| archive.file == file)
    }

    /// The name of the ledger, where its first event is in one of them.
    pub fn ledger(&self) -> Option<&str> {
        self.iter().next().map(|archive| archive.ledger.as_str())
    }

    /// What of the ledger a store does not hold.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn absent<S: Store + ?Sized>(&self, store: &S) -> Result<Absent, StoreError> {
        let mut absent = Absent::default();
        for (archive, state) in &self.archives {
            for ArchivedRun { run, events, .. } in archive.runs() {
                let is_done = *state == EffectState::Done;
                let held = events_of(store, *run, *events)?;
                if held < *events && !(is_done && held > 0) {
                    // While it is being taken out, any part of it may still be there.
                    absent.runs.insert(*run, if is_done { *events..=*events } else { 0..=*events });
                }
            }
        }
        Ok(absent)
    }
}

/// How many events runs had together.
///
/// ```
/// use tollhouse_engine::archives::events_in;
/// assert_eq!(events_in([]), 0);
/// ```
pub fn events_in<'a>(runs: impl IntoIterator<Item = &'a ArchivedRun>) -> u64 {
    sum(runs.into_iter().map(|archived| archived.events))
}

/// Whoever edited a ledger may have written any number into it.
fn sum(events: impl Iterator<Item = u64>) -> u64 {
    events.fold(0, u64::saturating_add)
}

/// What is damaged is a finding elsewhere.
pub(crate) fn readable<T: Default>(read: Result<T, StoreError>) -> Result<T, StoreError> {
    match read {
        Err(StoreError::Damaged { .. }) => Ok(T::default()),
        read => read,
    }
}

/// How many events of a run a store holds, of so many.
fn events_of<S: Store + ?Sized>(store: &S, run: RunId, most: u64) -> Result<u64, StoreError> {
    const PAGE: u32 = 256;
    let (mut count, mut after) = (0, 0);
    while count < most {
        let cursor = Cursor { after, stream: Some(Stream::Run(run)), limit: Some(PAGE), ..Cursor::default() };
        let page = match store.events(&cursor) {
            // There is something, and what cannot be read is a finding elsewhere.
            Err(StoreError::Damaged { .. }) => return Ok(most),
            page => page?,
        };
        let Some(last) = page.last() else { break };
        (count, after) = (count + page.len() as u64, last.position);
    }
    Ok(count)
}

/// What of a ledger's history is elsewhere, so that nobody misses it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Absent {
    /// How many events of each are not at hand: at least, and at most.
    runs: BTreeMap<RunId, RangeInclusive<u64>>,
    is_all_else: bool,
}

impl Absent {
    /// Of an archive by itself: whatever it does not hold.
    pub const fn all_else() -> Self {
        Self { runs: BTreeMap::new(), is_all_else: true }
    }

    /// Whether nothing is: all of the ledger's history is at hand.
    pub fn is_nothing(&self) -> bool {
        self.runs.is_empty() && !self.is_all_else
    }

    /// Whether all that the store does not hold may be elsewhere.
    pub const fn is_all_else(&self) -> bool {
        self.is_all_else
    }

    /// Whether a run is elsewhere.
    pub fn has(&self, run: RunId) -> bool {
        self.runs.contains_key(&run)
    }

    /// Whether a stream is elsewhere, at least in part.
    pub fn has_stream(&self, stream: Stream) -> bool {
        matches!(stream, Stream::Run(run) if self.has(run))
    }

    /// How many events may be elsewhere: at least, and at most.
    pub fn events(&self) -> RangeInclusive<u64> {
        let least = sum(self.runs.values().map(RangeInclusive::start).copied());
        let most = sum(self.runs.values().map(RangeInclusive::end).copied());
        if self.is_all_else { 0..=u64::MAX } else { least..=most }
    }
}

#[cfg(test)]
mod tests {
    use tollhouse_core::Timestamp;

    use super::*;

    #[test]
    fn as_many_events_as_somebody_wrote_into_a_ledger_are_counted() {
        let archived = |number, events| {
            let run = RunId::from_parts(Timestamp::EPOCH, number);
            ArchivedRun { run, events, last: 1, head: String::new() }
        };
        let runs = [archived(1, 3), archived(2, u64::MAX)];
        assert_eq!(events_in(&runs), u64::MAX);
        let runs = runs.iter().map(|archived| (archived.run, archived.events..=archived.events)).collect();
        assert_eq!(Absent { runs, is_all_else: false }.events(), u64::MAX..=u64::MAX);
    }
}
