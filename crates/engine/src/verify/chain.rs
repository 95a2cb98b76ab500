//! The chains: every event is where it was written, follows the one before it in its stream, and is as it was written.

use std::collections::BTreeMap;

use tollhouse_core::{Event, GENESIS, Stream};

use super::digest;
use super::history::Hashes;
use super::{FindingCode, Verified, stream_name};
use crate::archives::Absent;
use crate::forget::{KINDS, Left, Purges, is_forgotten_event};

pub(super) struct Chains<'a> {
    purges: &'a Purges,
    absent: &'a Absent,
    /// How many events are not there, where some are elsewhere.
    missed: u64,
    /// Of each purge, what is left of what it covers.
    left: Vec<Left>,
    /// The newest position that was read.
    position: u64,
    heads: BTreeMap<Stream, Head>,
    /// Whether history is read from its beginning.
    is_whole: bool,
}

struct Head {
    seq: u64,
    hash: String,
}

impl<'a> Chains<'a> {
    pub(super) fn new(since: u64, (purges, absent): (&'a Purges, &'a Absent)) -> Self {
        let left = purges.iter().map(|_| Left::default()).collect();
        Self { purges, absent, missed: 0, left, position: since, heads: BTreeMap::new(), is_whole: since == 0 }
    }

    pub(super) fn count(&self) -> u64 {
        self.heads.len() as u64
    }

    /// Passes over an event that cannot be read.
    pub(super) fn skip(&mut self, position: u64) {
        self.position = position;
    }

    pub(super) fn take(&mut self, event: &Event, hashes: &Hashes, verified: &mut Verified) {
        let expected = self.position + 1;
        if event.position > expected && !self.absent.is_nothing() {
            self.missed += event.position - expected;
        } else if event.position != expected {
            let missing = match event.position - 1 {
                last if last == expected => format!("event {last} is not there"),
                last => format!("events {expected} to {last} are not there"),
            };
            verified.find_at(FindingCode::EventMissing, event, missing);
        }
        self.position = event.position;
        if self.absent.has_stream(event.stream) {
            return;
        }
        self.as_written(event, hashes, verified);
        self.follows(event, verified);
    }

    /// Compares how many events are not there with how many are elsewhere.
    pub(super) fn finish(&self, verified: &mut Verified) {
        if self.is_whole {
            self.compare_left(verified);
        }
        let elsewhere = self.absent.events();
        let is_too_few = self.is_whole && self.missed < *elsewhere.start();
        if is_too_few || self.missed > *elsewhere.end() {
            let elsewhere = if is_too_few { elsewhere.start() } else { elsewhere.end() };
            let what =
                format!("{} events are not there, and {elsewhere} are in archives that are not at hand", self.missed);
            verified.find(FindingCode::EventMissing, "history", what);
        }
    }

    fn as_written(&mut self, event: &Event, hashes: &Hashes, verified: &mut Verified) {
        let Hashes { event: hash, body } = *hashes;
        // Where no digests stand for its body, the hash of one that was forgotten cannot be computed any more; that the next event
        // names it still can be seen.
        let is_hidden = || event.digests.is_none() && self.is_forgotten(event);
        if !digest::is_written(hash, &event.hash) && !is_hidden() {
            let what =
                format!("it has the hash {}, and what is stored of it has {}", event.hash, digest::written(hash));
            verified.find_at(FindingCode::EventEdited, event, what);
        }
        self.keep_left(event, body);
        if let Some(digests) = &event.digests
            && !digest::is_written(body, &digests.body)
            && !self.is_forgotten(event)
        {
            let what = format!("its content had the digest {}, and now has {}", digests.body, digest::written(body));
            verified.find_at(FindingCode::ContentEdited, event, what);
        }
    }

    /// What is forgotten with a run is what holds text, and no other kind of record.
    fn keep_left(&mut self, event: &Event, body: [u8; 32]) {
        if KINDS.contains(&event.record.kind()) {
            for number in self.purges.covering(&event.record, event.stream) {
                self.left[number].take(event.position, &digest::written(body));
            }
        }
    }

    /// Compares what is left of what was forgotten with what was left then.
    fn compare_left(&self, verified: &mut Verified) {
        for (purge, left) in self.purges.iter().zip(&self.left) {
            let left = left.clone().finish();
            // Of a run that is elsewhere nothing was read.
            let is_here = purge.run.map_or(self.absent.is_nothing(), |run| !self.absent.has(run));
            if let Some(noted) = purge.left.as_ref().filter(|noted| is_here && **noted != left) {
                let what = format!(
                    "what is left of {} has the digest {left}, and had {noted} once it was purged",
                    purge.record
                );
                verified.find(FindingCode::ContentEdited, purge.effect.to_string(), what);
            }
        }
    }

    /// Whether a person had its content forgotten, and nothing else was done to it.
    fn is_forgotten(&self, event: &Event) -> bool {
        self.purges.cover(&event.record, event.stream) && is_forgotten_event(event.record.kind(), &event.event.body)
    }

    fn follows(&mut self, event: &Event, verified: &mut Verified) {
        let name = || stream_name(event.stream);
        let Some(head) = self.heads.get_mut(&event.stream) else {
            if self.is_whole && event.seq != 1 {
                let what = format!("it is number {} of {}, and none before it is there", event.seq, name());
                verified.find_at(FindingCode::EventMissing, event, what);
            }
            if event.seq == 1 && event.previous_hash != GENESIS {
                let what = format!("it is the first of {}, and follows {}", name(), event.previous_hash);
                verified.find_at(FindingCode::ChainBroken, event, what);
            }
            self.heads.insert(event.stream, Head { seq: event.seq, hash: event.hash.clone() });
            return;
        };
        if event.seq != head.seq + 1 {
            let code = if event.seq > head.seq { FindingCode::EventMissing } else { FindingCode::EventMoved };
            let what = format!("it is number {} of {}, after number {}", event.seq, name(), head.seq);
            verified.find_at(code, event, what);
        }
        if event.previous_hash != head.hash {
            let what = format!("it follows {}, and before it in {} is {}", event.previous_hash, name(), head.hash);
            verified.find_at(FindingCode::ChainBroken, event, what);
        }
        head.seq = event.seq;
        head.hash.clone_from(&event.hash);
    }
}
