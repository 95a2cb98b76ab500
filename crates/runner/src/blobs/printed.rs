//! What programs printed: its end in the record, all of it in a file where it is long.

use tollhouse_core::entity::{Output, end_of};
use tollhouse_core::limits::OUTPUT_INLINE_BYTES_MAX;
use tollhouse_engine::forget::PURGED;

use super::Blobs;
use crate::error::RunnerError;

impl Blobs {
    /// Keeps what a program printed; the answer is what stands in its record. It was redacted where it was captured, so the
    /// content is as free of secrets as the record.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub(crate) fn keep(&self, printed: &Output) -> Result<Output, RunnerError> {
        if printed.text.len() <= OUTPUT_INLINE_BYTES_MAX {
            return Ok(printed.clone());
        }
        let blob = Some(self.put(printed.text.as_bytes())?);
        let text = end_of(&printed.text, OUTPUT_INLINE_BYTES_MAX).to_owned();
        Ok(Output { text, bytes: printed.bytes, omitted_bytes: printed.omitted_bytes, blob })
    }

    /// What a program printed with all the text of it that was kept; of what was purged, nothing is.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn whole(&self, printed: Output) -> Result<Output, RunnerError> {
        let Some(digest) = printed.blob.as_ref().filter(|_| printed.text != PURGED) else { return Ok(printed) };
        let text = String::from_utf8_lossy(&self.get(digest)?).into_owned();
        Ok(Output { text, ..printed })
    }
}

/// What stands in the record of a program where the rest of what it printed is lost.
pub(crate) fn only_end(printed: &Output) -> Output {
    let text = end_of(&printed.text, OUTPUT_INLINE_BYTES_MAX).to_owned();
    let bytes = printed.bytes;
    Output { omitted_bytes: bytes.saturating_sub(text.len() as u64), text, bytes, blob: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> Output {
        Output { text: text.to_owned(), bytes: text.len() as u64, ..Output::default() }
    }

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let scratch = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(scratch.path().join("blobs"));
        (scratch, blobs)
    }

    #[test]
    fn what_fits_into_a_record_stands_in_it_and_nowhere_else() {
        let (_scratch, blobs) = blobs();
        let printed = printed(&"x\n".repeat(OUTPUT_INLINE_BYTES_MAX / 2));
        assert_eq!(blobs.keep(&printed).unwrap(), printed);
        assert!(!blobs.dir().exists());
    }

    #[test]
    fn of_more_the_record_has_the_end_and_all_of_it_is_found_again() {
        let (_scratch, blobs) = blobs();
        let text = (0..10_000).map(|number| format!("line {number}\n")).collect::<Vec<_>>().concat();
        let kept = blobs.keep(&printed(&text)).unwrap();
        let length = kept.text.len();
        assert!(length <= OUTPUT_INLINE_BYTES_MAX && length > OUTPUT_INLINE_BYTES_MAX * 3 / 4, "{length}");
        assert!(kept.text.starts_with("line ") && kept.text.ends_with("line 9999"), "{}", kept.text);
        assert_eq!((kept.bytes, kept.omitted_bytes), (text.len() as u64, 0));
        assert_eq!(blobs.whole(kept).unwrap().text, text);
    }

    #[test]
    fn where_the_rest_is_lost_it_is_counted_as_left_out() {
        let text = "x\n".repeat(OUTPUT_INLINE_BYTES_MAX);
        let kept = only_end(&printed(&text));
        assert_eq!(kept.omitted_bytes, text.len() as u64 - kept.text.len() as u64);
        assert_eq!(kept.blob, None);
    }
}
