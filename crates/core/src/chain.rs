//! The hash chain of a stream: each event's hash covers the hash before it and every field that is stored.
//!
//! An event covers its body, and the whole record as it left it, by their digests. So content can be forgotten, at a
//! person's word, without history losing a link: what is left still shows what it was the digest of.

use sha2::{Digest, Sha256};

use crate::id::RecordId;
use crate::record::{Event, Record};

/// What the first event of a stream has before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an event, over all that is stored of it, `previous_hash` included, `hash` excluded.
///
/// There are two formats. An event with [`Event::digests`] is hashed with its position, and with the digests instead of its
/// body. One without them comes from a ledger of schema 1 or 2: its hash is over the body, and leaves the position out.
///
/// SHA-256 (FIPS 180-4) over fields that each have their length before them, so that no two different events have the same
/// bytes; lengths and numbers are big-endian and 64 bits wide. The first bytes name the format, so that none can collide with
/// another.
pub fn event_hash(event: &Event) -> String {
    let mut fields = Fields::new(match event.digests {
        None => "tollhouse.event.v1",
        Some(_) => "tollhouse.event.v2",
    });
    fields.text(&event.previous_hash);
    if event.digests.is_some() {
        fields.number(event.position);
    }
    fields.text(&event.stream.to_string());
    fields.number(event.seq);
    fields.text(&event.record.text());
    fields.number(event.version);
    fields.text(&event.state);
    fields.text(&event.event.name);
    fields.text(event.event.severity.as_str());
    fields.optional(event.event.reason.as_deref());
    fields.optional(event.trace.as_deref());
    match &event.digests {
        None => fields.text(&event.event.body),
        Some(digests) => {
            fields.text(&digests.body);
            fields.text(&digests.record);
        }
    }
    fields.text(&event.actor.to_string());
    fields.bytes(&event.at.as_micros().to_be_bytes());
    fields.text(&event.commit);
    fields.finish()
}

/// The digest of an event's body: SHA-256 over its bytes, 64 hexadecimal digits.
///
/// ```
/// let digest = tollhouse_core::body_digest("{}");
/// assert_eq!(digest, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
/// ```
pub fn body_digest(body: &str) -> String {
    hex(&Sha256::digest(body))
}

/// The digest of all that is stored of a record, in the manner of [`event_hash`].
pub fn record_digest(record: &Record) -> String {
    let Record { id, run, parent, state, version, keys, body } = record;
    let mut fields = Fields::new("tollhouse.record.v1");
    fields.text(&id.text());
    fields.optional(run.map(|run| RecordId::from(run).text()).as_deref());
    fields.optional(parent.map(|parent| parent.text()).as_deref());
    fields.text(state);
    fields.number(*version);
    fields.number(u64::try_from(keys.len()).expect("a length fits in 64 bits"));
    for (name, value) in keys {
        fields.text(name);
        fields.text(value);
    }
    fields.text(body);
    fields.finish()
}

/// Fields on their way into a hash.
struct Fields(Sha256);

impl Fields {
    fn new(format: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(format.as_bytes());
        hasher.update([0]);
        Self(hasher)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(u64::try_from(bytes.len()).expect("a length fits in 64 bits").to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.bytes(&[u8::from(text.is_some())]);
        self.text(text.unwrap_or_default());
    }

    fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
