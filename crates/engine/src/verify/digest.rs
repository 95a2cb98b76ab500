//! The hashes of history, computed from their description: SHA-256 over a name of the format, a zero byte, and fields that
//! each have their length before them, in 64 bits, the most significant byte first. Numbers are 64 bits wide, too.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use tollhouse_core::{Actor, Event, Record, RecordId, Stream};

/// Computes hashes, one after the other, in the same buffer.
#[derive(Default)]
pub(super) struct Hasher {
    bytes: Vec<u8>,
}

impl Hasher {
    /// The hash that an event must have.
    pub(super) fn event(&mut self, event: &Event) -> [u8; 32] {
        self.begin(if event.digests.is_some() { "tollhouse.event.v2" } else { "tollhouse.event.v1" });
        self.field(event.previous_hash.as_bytes());
        if event.digests.is_some() {
            self.field(&event.position.to_be_bytes());
        }
        match event.stream {
            Stream::Project => self.field(b"project"),
            Stream::Run(run) => self.field(RecordId::from(run).text().as_bytes()),
        }
        self.field(&event.seq.to_be_bytes());
        self.field(event.record.text().as_bytes());
        self.field(&event.version.to_be_bytes());
        self.field(event.state.as_bytes());
        self.field(event.event.name.as_bytes());
        self.field(event.event.severity.as_str().as_bytes());
        self.option(event.event.reason.as_deref());
        self.option(event.trace.as_deref());
        match &event.digests {
            Some(digests) => {
                self.field(digests.body.as_bytes());
                self.field(digests.record.as_bytes());
            }
            None => self.field(event.event.body.as_bytes()),
        }
        match &event.actor {
            Actor::Engine => self.field(b"engine"),
            Actor::Worker(name) => self.named("worker:", name),
            Actor::Person(name) => self.named("person:", name),
        }
        self.field(&event.at.as_micros().to_be_bytes());
        self.field(event.commit.as_bytes());
        Sha256::digest(&self.bytes).into()
    }

    /// The digest that the last event of a record must give.
    pub(super) fn record(&mut self, record: &Record) -> [u8; 32] {
        self.begin("tollhouse.record.v1");
        self.field(record.id.text().as_bytes());
        self.option(record.run.map(|run| RecordId::from(run).text()).as_deref());
        self.option(record.parent.map(|parent| parent.text()).as_deref());
        self.field(record.state.as_bytes());
        self.field(&record.version.to_be_bytes());
        self.field(&(record.keys.len() as u64).to_be_bytes());
        for (name, value) in &record.keys {
            self.field(name.as_bytes());
            self.field(value.as_bytes());
        }
        self.field(record.body.as_bytes());
        Sha256::digest(&self.bytes).into()
    }

    fn begin(&mut self, format: &str) {
        self.bytes.clear();
        self.bytes.extend_from_slice(format.as_bytes());
        self.bytes.push(0);
    }

    fn field(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    fn option(&mut self, text: Option<&str>) {
        self.field(&[u8::from(text.is_some())]);
        self.field(text.unwrap_or_default().as_bytes());
    }

    fn named(&mut self, role: &str, name: &str) {
        self.bytes.extend_from_slice(&((role.len() + name.len()) as u64).to_be_bytes());
        self.bytes.extend_from_slice(role.as_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
    }
}

/// The digest of a content.
pub(super) fn content(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Whether a hash is written like this, in lower case.
pub(super) fn is_written(hash: [u8; 32], text: &str) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut written = [0; 64];
    for (pair, byte) in written.chunks_exact_mut(2).zip(hash) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    text.as_bytes() == written
}

/// How a hash is written.
pub(super) fn written(hash: [u8; 32]) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use tollhouse_core::{body_digest, event_hash, record_digest};
    use tollhouse_state::MemoryStore;
    use tollhouse_state::conformance::{dump, make};

    use super::*;

    /// Two who read one description.
    #[test]
    fn the_hashes_are_those_of_the_store() {
        let store = MemoryStore::new();
        let run = make::new(tollhouse_core::Kind::Run, 1);
        let mut task = make::new_in(&run, tollhouse_core::Kind::Task, 2);
        task.keys.insert("näme".into(), "a\"b".into());
        task.parent = Some(run.id);
        make::put(&store, "made", [run.clone(), task.clone()]);
        make::put(&store, "moved", [make::moved(&task)]);
        let mut hasher = Hasher::default();
        let dump = dump(&store);
        for mut event in dump.events {
            assert!(is_written(hasher.event(&event), &event_hash(&event)));
            assert!(is_written(content(event.event.body.as_bytes()), &body_digest(&event.event.body)));
            event.digests = None;
            assert!(is_written(hasher.event(&event), &event_hash(&event)));
        }
        for record in dump.records {
            assert!(is_written(hasher.record(&record), &record_digest(&record)));
            assert_eq!(written(hasher.record(&record)), record_digest(&record));
        }
    }
}
