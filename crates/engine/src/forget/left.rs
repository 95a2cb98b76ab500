//! What is left of events that were forgotten, in one digest, so that nobody changes it unseen.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tollhouse_state::EventContent;

/// The digest of what is left of events: SHA-256 over a line for each, in the order of the ledger, with its position, a blank and
/// the [digest of its body](tollhouse_core::body_digest).
#[derive(Debug, Clone, Default)]
pub struct Left {
    hash: Sha256,
}

impl Left {
    /// Of all that was written in the place of others.
    ///
    /// ```
    /// use tollhouse_engine::forget::Left;
    /// assert_eq!(Left::of(&[]).len(), 64);
    /// ```
    pub fn of(events: &[EventContent]) -> String {
        let mut ordered: Vec<&EventContent> = events.iter().collect();
        ordered.sort_by_key(|event| event.position);
        let mut left = Self::default();
        for event in ordered {
            left.take(event.position, &tollhouse_core::body_digest(&event.body));
        }
        left.finish()
    }

    /// Adds an event, by the digest of its body in 64 hexadecimal digits.
    pub fn take(&mut self, position: u64, body: &str) {
        self.hash.update(format!("{position} {body}\n"));
    }

    /// In 64 hexadecimal digits.
    pub fn finish(self) -> String {
        self.hash.finalize().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
    }
}
