//! Secrets in text about work: the one way such text goes before it is stored, logged or exported.

use std::borrow::Cow;

/// The text without the secrets in it.
///
/// Every text about work passes here: output, prompts, messages, feedback. There are no rules yet: today it gives the text
/// back as it is, so what an agent or a gate printed is stored as it was printed. Rules that come later hold everywhere at
/// once, because nothing else decides what is stored.
///
/// ```
/// # use tollhouse_engine::secret::redact;
/// assert_eq!(redact("3 tests failed"), "3 tests failed");
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}
