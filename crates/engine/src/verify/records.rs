//! The stored records in the order in which they were made, so that each is there when its first event is read.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::{Record, RecordId, Timestamp};
use tollhouse_state::{Cursor, Find, Store, StoreError};

use super::part::Part;
use super::{FindingCode, Verified};

/// How many records are read at a time.
const PAGE: u32 = 256;

/// Of how many places it is kept in mind that they cannot be read.
const TOLD_MAX: usize = 1 << 16;

pub(super) struct Records<'a, S: ?Sized> {
    store: &'a S,
    part: Part,
    held: BTreeMap<RecordId, Record>,
    /// What is read next; `None`: nothing is left, or only some records are asked for.
    next: Option<Find>,
    /// Whether what is not held, once nothing is left to be read, is not there.
    is_whole: bool,
    /// How many are held at most whose first event was not read yet. Ids begin with the time they were made at, so their order is
    /// nearly that of first events; those of one commit are in any order. What was let go of is looked up one by one.
    held_max: usize,
    told: Told,
}

/// The places that cannot be read and were told of, so that each is told once, however often it is come upon.
pub(super) type Told = BTreeSet<String>;

/// What is in a record's place.
pub(super) enum Found {
    /// The record.
    Record(Record),
    /// Nothing.
    Nothing,
    /// What cannot be read; that was told.
    Unreadable,
}

impl<'a, S: Store + ?Sized> Records<'a, S> {
    /// Those of a part.
    pub(super) fn all(store: &'a S, part: Part, held_max: usize, told: Told) -> Self {
        let next = Some(Find { limit: Some(PAGE), ..Find::default() });
        Self { store, part, held: BTreeMap::new(), next, is_whole: true, held_max, told }
    }

    /// Those that are asked for.
    pub(super) fn some(store: &'a S, part: Part, told: Told) -> Self {
        Self { store, part, held: BTreeMap::new(), next: None, is_whole: false, held_max: 0, told }
    }

    /// Holds less from now on.
    pub(super) fn narrow(&mut self, part: Part) {
        self.part = part;
        self.held.retain(|id, _| part.holds(id));
    }

    /// The record with this id. Asked for once.
    pub(super) fn take(&mut self, id: &RecordId, verified: &mut Verified) -> Result<Found, StoreError> {
        loop {
            if let Some(record) = self.held.remove(id) {
                return Ok(Found::Record(record));
            }
            match &self.next {
                None if self.is_whole => return Ok(Found::Nothing),
                Some(Find { after, .. }) if after.is_none_or(|last| id.made_at() >= last.made_at()) => {}
                _ => return self.look_up(id, verified),
            }
            if self.held.len() >= self.held_max {
                self.explain_held(verified)?;
                self.is_whole = false;
            }
            self.read_on(verified)?;
        }
    }

    /// The record with this id, however often.
    pub(super) fn look_up(&mut self, id: &RecordId, verified: &mut Verified) -> Result<Found, StoreError> {
        match self.store.get(&[*id]) {
            Ok(mut found) => Ok(found.pop().flatten().map_or(Found::Nothing, Found::Record)),
            Err(StoreError::Damaged { place, what }) => {
                self.tell(place, what, verified);
                Ok(Found::Unreadable)
            }
            Err(error) => Err(error),
        }
    }

    fn read_on(&mut self, verified: &mut Verified) -> Result<(), StoreError> {
        let Some(find) = &mut self.next else { return Ok(()) };
        match self.store.find(find) {
            Ok(records) => {
                let Some(last) = records.last() else {
                    self.next = None;
                    return Ok(());
                };
                (find.after, find.limit) = (Some(last.id), Some(PAGE));
                let part = self.part;
                let here = records.into_iter().filter(|record| part.holds(&record.id));
                self.held.extend(here.map(|record| (record.id, record)));
            }
            // Somewhere on the page: ever smaller ones lead to it.
            Err(StoreError::Damaged { .. }) if find.limit > Some(1) => find.limit = find.limit.map(|limit| limit / 2),
            Err(StoreError::Damaged { place, what }) => {
                let id = place.strip_prefix("record ").and_then(|text| text.parse::<RecordId>().ok());
                // Its id may be what is damaged: reading goes on from there, and never back. What was passed over is looked up.
                self.is_whole = false;
                match id.filter(|id| find.after.is_none_or(|after| order(&after) < order(id))) {
                    Some(id) => (find.after, find.limit) = (Some(id), Some(PAGE)),
                    None => self.next = None,
                }
                self.tell(place, what, verified);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn tell(&mut self, place: String, what: String, verified: &mut Verified) {
        if self.told.contains(&place) {
            return;
        }
        if self.told.len() < TOLD_MAX {
            self.told.insert(place.clone());
        }
        verified.find(FindingCode::Unreadable, place, what);
    }

    /// Reads what is left, and finds what no event made.
    pub(super) fn finish(mut self, verified: &mut Verified) -> Result<Told, StoreError> {
        self.explain_held(verified)?;
        while self.next.is_some() {
            self.read_on(verified)?;
            self.explain_held(verified)?;
        }
        Ok(self.told)
    }

    /// Lets go of what is held: each is told of by some event, or is a finding.
    fn explain_held(&mut self, verified: &mut Verified) -> Result<(), StoreError> {
        for record in std::mem::take(&mut self.held).into_values() {
            let events = Cursor { record: Some(record.id), limit: Some(1), ..Cursor::default() };
            match self.store.events(&events) {
                Ok(told) if told.is_empty() => {
                    let what = format!("it is in version {}, and no event tells of it", record.version);
                    verified.find(FindingCode::RecordUnexplained, record.id.to_string(), what);
                }
                // One that cannot be read is a finding of its own.
                Ok(_) | Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What a store orders records by.
fn order(id: &RecordId) -> (Timestamp, String, &'static str) {
    (id.made_at(), id.random_part(), id.kind().as_str())
}
