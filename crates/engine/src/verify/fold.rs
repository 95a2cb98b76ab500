//! Folding: each record is what its events make of it, one after the other, by `apply`.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::{Event, Record, RecordId, Stream, Version};
use tollhouse_state::{Store, StoreError};

use super::digest::{self, Hasher};
use super::folded::{Folded, differences, folded};
use super::part::Part;
use super::records::{Found, Records, Told};
use super::{FindingCode, Verified};
use crate::forget::{Purges, is_forgotten};

/// How much is kept in memory of records that are not done with. Each is a few KB, most often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How many may be half folded before a part of them is put off.
    pub(super) open: usize,
    /// How many may be held whose first event was not read yet.
    pub(super) held: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { open: 1 << 15, held: 1 << 15 }
    }
}

/// Of how many records it is kept in mind that something was found, so that it is not found again with each event.
const ASIDE_MAX: usize = 1 << 16;

pub(super) struct Folds<'a, S: ?Sized> {
    part: Part,
    put_off: Vec<Part>,
    open: BTreeMap<RecordId, Box<Open>>,
    aside: BTreeSet<RecordId>,
    records: Records<'a, S>,
    hasher: Hasher,
    purges: &'a Purges,
    open_max: usize,
}

/// A record with events still to come.
struct Open {
    folded: Box<dyn Folded>,
    version: Version,
    stream: Stream,
    stored: Record,
}

impl<'a, S: Store + ?Sized> Folds<'a, S> {
    pub(super) fn new(
        (store, purges): (&'a S, &'a Purges),
        part: Part,
        since: u64,
        bounds: Bounds,
        told: Told,
    ) -> Self {
        let records =
            if since == 0 { Records::all(store, part, bounds.held, told) } else { Records::some(store, part, told) };
        Self {
            part,
            put_off: Vec::new(),
            open: BTreeMap::new(),
            aside: BTreeSet::new(),
            records,
            hasher: Hasher::default(),
            purges,
            open_max: bounds.open,
        }
    }

    pub(super) fn take(&mut self, event: &Event, verified: &mut Verified) -> Result<(), StoreError> {
        let id = event.record;
        if !self.part.holds(&id) || self.aside.contains(&id) {
            return Ok(());
        }
        if let Some(open) = self.open.get_mut(&id) {
            match open.take(event) {
                Ok(()) if open.is_open() => {}
                taken => {
                    let open = self.open.remove(&id).expect("it was found");
                    self.close(&open, event, taken, verified);
                }
            }
            return Ok(());
        }
        if event.version != 1 {
            return self.take_later(event, verified);
        }
        let Some(mut open) = self.begin(event, verified)? else { return Ok(()) };
        match open.take(event) {
            Ok(()) if open.is_open() => {
                self.open.insert(id, open);
                self.keep_within_bounds(event.position);
            }
            taken => self.close(&open, event, taken, verified),
        }
        Ok(())
    }

    /// What was folded is at its end, or came to an event that is impossible.
    fn close(&mut self, open: &Open, last: &Event, taken: Result<(), String>, verified: &mut Verified) {
        let is_done = self.part.is_done(last.position);
        match taken {
            Ok(()) if is_done => {}
            Ok(()) => {
                verified.records += 1;
                self.compare(open, last, verified);
            }
            Err(what) => {
                if !is_done {
                    verified.find_at(FindingCode::Impossible, last, what);
                }
                self.set_aside(last.record);
            }
        }
    }

    fn begin(&mut self, event: &Event, verified: &mut Verified) -> Result<Option<Box<Open>>, StoreError> {
        let found = self.records.take(&event.record, verified)?;
        let Some(stored) = self.there(found, event, verified) else { return Ok(None) };
        let (folded, stream) = (folded(event.record.kind()), event.stream);
        Ok(Some(Box::new(Open { folded, version: 0, stream, stored })))
    }

    /// An event of a record whose beginning was not read, or which was compared already.
    fn take_later(&mut self, event: &Event, verified: &mut Verified) -> Result<(), StoreError> {
        if self.part.is_done(event.position) {
            return Ok(());
        }
        let found = self.records.look_up(&event.record, verified)?;
        let Some(stored) = self.there(found, event, verified) else { return Ok(()) };
        if event.version > stored.version {
            let what = format!(
                "it is in version {}, and event {} made version {}",
                stored.version, event.position, event.version
            );
            verified.find(FindingCode::RecordDiffers, stored.id.to_string(), what);
            self.set_aside(stored.id);
        } else if event.version == stored.version {
            verified.records += 1;
            if !self.is_forgotten(&stored, event) {
                self.compare_digest(&stored, event, verified);
            }
        }
        Ok(())
    }

    /// The record that an event tells of. One that is not there, or cannot be read, is set aside.
    fn there(&mut self, found: Found, event: &Event, verified: &mut Verified) -> Option<Record> {
        match found {
            Found::Record(stored) => return Some(stored),
            Found::Nothing if !self.part.is_done(event.position) => Self::not_there(event, verified),
            Found::Nothing | Found::Unreadable => {}
        }
        self.set_aside(event.record);
        None
    }

    fn not_there(event: &Event, verified: &mut Verified) {
        let what = format!("event {} made version {} of it, and it is not there", event.position, event.version);
        verified.find(FindingCode::RecordMissing, event.record.to_string(), what);
    }

    fn set_aside(&mut self, id: RecordId) {
        if self.aside.len() < ASIDE_MAX {
            self.aside.insert(id);
        }
    }

    fn compare(&mut self, open: &Open, last: &Event, verified: &mut Verified) {
        let Open { folded, version, stored, .. } = open;
        let made = folded.record(*version);
        // What is left of one that was forgotten is what is left of its events: those were compared with what forgetting leaves.
        if self.is_forgotten(stored, last) {
            if made != *stored && !folded.is_read_from(stored) {
                let what = format!("differs from what is left of its events: {}", differences(&made, stored));
                verified.find(FindingCode::RecordDiffers, stored.id.to_string(), what);
            }
            return;
        }
        let is_as_digested = self.compare_digest(stored, last, verified);
        // What an earlier program wrote may lack what has a default today; its digest vouches for it.
        let is_same = made == *stored || (last.digests.is_some() && folded.is_read_from(stored));
        if is_as_digested && !is_same {
            let what = format!("its events make it something else: {}", differences(&made, stored));
            verified.find(FindingCode::RecordDiffers, stored.id.to_string(), what);
        } else if !is_as_digested && made != *stored {
            let what = format!("differs from what its events made: {}", differences(&made, stored));
            verified.find(FindingCode::RecordDiffers, stored.id.to_string(), what);
        }
    }

    /// Whether a person had its contents forgotten, so that it is not what its last event left any more.
    fn is_forgotten(&mut self, stored: &Record, last: &Event) -> bool {
        if !self.purges.cover(&stored.id, last.stream) {
            return false;
        }
        let differs = match &last.digests {
            Some(digests) => !digest::is_written(self.hasher.record(stored), &digests.record),
            None => true,
        };
        differs && is_forgotten(stored)
    }

    fn compare_digest(&mut self, stored: &Record, last: &Event, verified: &mut Verified) -> bool {
        let Some(digests) = &last.digests else { return true };
        let digest = self.hasher.record(stored);
        let is_same = digest::is_written(digest, &digests.record);
        if !is_same {
            let digest = digest::written(digest);
            let what =
                format!("it has the digest {digest}, and event {} left it with {}", last.position, digests.record);
            verified.find(FindingCode::RecordDiffers, stored.id.to_string(), what);
        }
        is_same
    }

    /// Puts a half off, as often as it takes.
    fn keep_within_bounds(&mut self, position: u64) {
        while self.open.len() > self.open_max
            && let Some([now, later]) = self.part.halves(position)
        {
            self.part = now;
            self.put_off.push(later);
            self.open.retain(|id, _| now.holds(id));
            self.records.narrow(now);
        }
    }

    /// Finds what has no end, and what has no beginning. The answer is what was put off, and what was told already.
    pub(super) fn finish(self, verified: &mut Verified) -> Result<(Vec<Part>, Told), StoreError> {
        for (id, open) in self.open {
            let Open { version, stored, .. } = *open;
            let what = format!("it is in version {}, and its events lead to version {version}", stored.version);
            verified.find(FindingCode::RecordDiffers, id.to_string(), what);
        }
        let told = self.records.finish(verified)?;
        Ok((self.put_off, told))
    }
}

impl Open {
    /// Whether events of it are still to come.
    fn is_open(&self) -> bool {
        self.version < self.stored.version
    }

    fn take(&mut self, event: &Event) -> Result<(), String> {
        if event.version != self.version + 1 {
            return Err(format!(
                "it makes version {} of {}, after version {}",
                event.version, event.record, self.version
            ));
        }
        if event.stream != self.stream {
            return Err(format!("{} is in another stream than before", event.record));
        }
        self.folded.take(event)?;
        self.version = event.version;
        Ok(())
    }
}
