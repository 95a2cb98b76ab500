//! Who made a commit, in a form that git takes.

use git2::{Error, Time};
use tollhouse_core::Timestamp;

/// A name and a mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

impl Signature {
    /// The signature for a commit at a time, in UTC. What would break git's format is left out.
    pub(super) fn at(&self, time: Timestamp) -> Result<git2::Signature<'static>, Error> {
        let clean = |text: &str| {
            let text: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
            let text = text.trim_matches(|c: char| c.is_whitespace() || ".,:;\"\\'".contains(c)).to_owned();
            if text.is_empty() { "unknown".to_owned() } else { text }
        };
        git2::Signature::new(&clean(&self.name), &clean(&self.email), &Time::new(time.as_seconds(), 0))
    }
}
