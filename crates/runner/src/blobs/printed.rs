//! What programs printed: its end in the record, all of it in a file where it is long.

use tollhouse_core::entity::{ExitStatus, Output, end_of};
use tollhouse_core::limits;

use super::Blobs;
use crate::error::RunnerError;
use crate::process::{Ended, How};

impl Blobs {
    /// Keeps what a program printed; the answer is what stands in its record.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub(crate) fn keep(&self, ended: &Ended) -> Result<Output, RunnerError> {
        let Output { text, bytes, omitted_bytes, .. } = &ended.output;
        let (bytes, omitted_bytes) = (*bytes, *omitted_bytes);
        let bytes_max = room(ended);
        if text.len() <= bytes_max {
            return Ok(ended.output.clone());
        }
        let blob = Some(self.put(text.as_bytes())?);
        Ok(Output { text: end_of(text, bytes_max).to_owned(), bytes, omitted_bytes, blob })
    }

    /// What a program printed with all the text of it that was kept.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn whole(&self, printed: Output) -> Result<Output, RunnerError> {
        let Some(digest) = &printed.blob else { return Ok(printed) };
        let text = String::from_utf8_lossy(&self.get(digest)?).into_owned();
        Ok(Output { text, ..printed })
    }
}

/// What stands in the record of a program where the rest of what it printed is lost.
pub(crate) fn only_end(ended: &Ended) -> Output {
    let text = end_of(&ended.output.text, room(ended)).to_owned();
    let bytes = ended.output.bytes;
    Output { omitted_bytes: bytes.saturating_sub(text.len() as u64), text, bytes, blob: None }
}

/// How much of what a program printed stands in its record.
const fn room(ended: &Ended) -> usize {
    match (ended.how, ended.exit) {
        (How::ByItself, ExitStatus::Code(0)) => limits::OUTPUT_INLINE_BYTES,
        // The next attempt is told of it.
        _ => limits::FEEDBACK_BYTES_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit: i32, text: &str) -> Ended {
        let output = Output { text: text.to_owned(), bytes: text.len() as u64, ..Output::default() };
        Ended { exit: ExitStatus::Code(exit), how: How::ByItself, output }
    }

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let scratch = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(scratch.path().join("blobs"));
        (scratch, blobs)
    }

    #[test]
    fn what_fits_into_a_record_stands_in_it_and_nowhere_else() {
        let (_scratch, blobs) = blobs();
        for (exit, length) in [(0, limits::OUTPUT_INLINE_BYTES), (1, limits::FEEDBACK_BYTES_MAX)] {
            let ended = ended(exit, &"x\n".repeat(length / 2));
            assert_eq!(blobs.keep(&ended).unwrap(), ended.output);
        }
        assert!(!blobs.dir().exists());
    }

    #[test]
    fn of_more_the_record_has_the_end_and_all_of_it_is_found_again() {
        let (_scratch, blobs) = blobs();
        let text: String = (0..10_000).map(|number| format!("line {number}\n")).collect();
        for (exit, bytes_max) in [(0, limits::OUTPUT_INLINE_BYTES), (1, limits::FEEDBACK_BYTES_MAX)] {
            let kept = blobs.keep(&ended(exit, &text)).unwrap();
            assert!(kept.text.len() <= bytes_max && kept.text.len() > bytes_max * 3 / 4, "{}", kept.text.len());
            assert!(kept.text.starts_with("line ") && kept.text.ends_with("line 9999"), "{}", kept.text);
            assert_eq!((kept.bytes, kept.omitted_bytes), (text.len() as u64, 0));
            assert_eq!(blobs.whole(kept).unwrap().text, text);
        }
    }
}
