//! What a program printed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a program printed: standard output and standard error as they came, redacted, bytes that are not UTF-8
/// replaced, the middle left out where it was too much.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// The text that was kept; where that is a blob, its end only.
    pub text: String,
    /// How many bytes were printed.
    pub bytes: u64,
    /// How many of them were left out of what was kept.
    pub omitted_bytes: u64,
    /// The SHA-256 of all the text that was kept, where it lies in a file of its own beside the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
}

/// The end of a text without the white space after it: at most so many bytes, from the beginning of a line where one begins in
/// the first quarter of them.
///
/// ```
/// use tollhouse_core::entity::end_of;
/// assert_eq!(end_of("one\ntwo\n", 100), "one\ntwo");
/// assert_eq!(end_of("line 1\nline 2\nline 3\n", 16), "line 2\nline 3");
/// assert_eq!(end_of("no line begins here", 4), "here");
/// ```
pub fn end_of(text: &str, bytes_max: usize) -> &str {
    let text = text.trim_end();
    let from = (text.len().saturating_sub(bytes_max)..=text.len()).find(|from| text.is_char_boundary(*from));
    let from = from.unwrap_or(text.len());
    if from == 0 {
        return text;
    }
    // From the byte before on: what begins right here may begin a line.
    let near = text.as_bytes()[from - 1..].iter().take(bytes_max / 4 + 1);
    let line = near.enumerate().find(|(_, byte)| **byte == b'\n').map(|(at, _)| from + at);
    &text[line.unwrap_or(from)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_begins_with_a_line_where_one_begins_near() {
        assert_eq!(end_of("aaaa\nbbbb\ncccc", 9), "bbbb\ncccc");
        assert_eq!(end_of("aaaa\nbbbb\ncccc", 11), "bbbb\ncccc");
        assert_eq!(end_of("aaaaaaaa\ncccc", 10), "aaaaa\ncccc");
        assert_eq!(end_of("aaaa\nbbbb\ncccc", 0), "");
    }

    #[test]
    fn end_is_no_longer_than_asked_for_and_ends_with_the_text() {
        let text = "ä\n€uro 𝄞\n\nx".repeat(20);
        for bytes_max in 0..text.len() + 3 {
            let end = end_of(&text, bytes_max);
            assert!(text.ends_with(end) && end.len() <= bytes_max, "{bytes_max}: {end:?}");
        }
    }

    #[test]
    fn white_space_after_a_text_is_no_end_of_it() {
        assert_eq!(end_of(&format!("it failed{}", "\n".repeat(1000)), 10), "it failed");
    }

    #[test]
    fn output_without_a_blob_is_written_as_it_was_before_there_were_any() {
        let written = r#"{"text":"x","bytes":1,"omitted_bytes":0}"#;
        let read: Output = serde_json::from_str(written).unwrap();
        assert_eq!(read.blob, None);
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }
}
