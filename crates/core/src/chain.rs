//! The hash chain of a stream: each event's hash covers the hash before it and every field that is stored.

use sha2::{Digest, Sha256};

use crate::record::{Event, Record};

/// What the first event of a stream has before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Starts every hash, so that a later format can never collide with this one.
const DOMAIN: &[u8] = b"tollhouse.event.v1\0";

/// The hash of an event, over its fields but `position`, `previous_hash` included, `hash` excluded.
///
/// `position` is left out because it orders streams among each other and is not part of one stream's history.
pub fn event_hash(event: &Event) -> String {
    let mut hasher = Sha256::new();
    hasher.update(DOMAIN);
    // A length before each field: no two different events have the same bytes.
    let mut field = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).expect("a length fits in 64 bits").to_be_bytes());
        hasher.update(bytes);
    };
    field(event.previous_hash.as_bytes());
    field(event.stream.to_string().as_bytes());
    field(&event.seq.to_be_bytes());
    field(event.record.to_string().as_bytes());
    field(&event.version.to_be_bytes());
    field(event.state.as_bytes());
    field(event.event.name.as_bytes());
    field(event.event.severity.as_str().as_bytes());
    for text in [&event.event.reason, &event.trace] {
        field(&[u8::from(text.is_some())]);
        field(text.as_deref().unwrap_or_default().as_bytes());
    }
    field(event.event.body.as_bytes());
    field(event.actor.to_string().as_bytes());
    field(&event.at.as_micros().to_be_bytes());
    field(event.commit.as_bytes());
    hex(&hasher.finalize())
}

/// The hash of a commit's content, by which a commit that comes again is told from another one with its id.
pub fn commit_digest(commit: &crate::record::Commit) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"tollhouse.commit.v1\0");
    let mut field = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).expect("a length fits in 64 bits").to_be_bytes());
        hasher.update(bytes);
    };
    field(&commit.at.as_micros().to_be_bytes());
    field(commit.actor.to_string().as_bytes());
    field(commit.trace.as_deref().unwrap_or_default().as_bytes());
    for (id, version) in &commit.relies_on {
        field(id.to_string().as_bytes());
        field(&version.to_be_bytes());
    }
    if let Some((stream, seq)) = &commit.follows {
        field(stream.to_string().as_bytes());
        field(&seq.to_be_bytes());
    }
    for change in &commit.changes {
        let Record { id, run, parent, state, version, keys, body } = &change.record;
        field(id.to_string().as_bytes());
        field(run.map(|run| run.to_string()).unwrap_or_default().as_bytes());
        field(parent.map(|parent| parent.to_string()).unwrap_or_default().as_bytes());
        field(state.as_bytes());
        field(&version.to_be_bytes());
        field(format!("{keys:?}").as_bytes());
        field(body.as_bytes());
        field(change.event.name.as_bytes());
        field(change.event.severity.as_str().as_bytes());
        field(change.event.reason.as_deref().unwrap_or_default().as_bytes());
        field(change.event.body.as_bytes());
    }
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
