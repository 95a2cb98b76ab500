//! Keeps the beginning and the end of what a program prints, however much it is.

use std::collections::VecDeque;

use tollhouse_core::entity::Output;
use tollhouse_engine::secret::redact;

/// The first and the last part of a stream of bytes.
#[derive(Debug)]
pub struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    total: u64,
}

impl Capture {
    /// Keeps at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: bytes_max / 2, total: 0 }
    }

    /// Takes in what was printed.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let room = (self.half - self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        // Of a large piece, only its end can stay.
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    /// What was kept, as text.
    pub fn finish(mut self) -> Output {
        let kept = (self.head.len() + self.tail.len()) as u64;
        let omitted = self.total - kept;
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if omitted > 0 {
            text = format!("{text}\n… {omitted} bytes left out …\n");
        }
        text.push_str(&String::from_utf8_lossy(self.tail.make_contiguous()));
        Output { text: redact(&text).into_owned(), bytes: self.total, omitted_bytes: omitted, blob: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_as_it_came() {
        let mut capture = Capture::new(64);
        for piece in ["one ", "two ", "three"] {
            capture.push(piece.as_bytes());
        }
        assert_eq!(
            capture.finish(),
            Output { text: "one two three".to_owned(), bytes: 13, omitted_bytes: 0, blob: None }
        );
    }

    #[test]
    fn of_too_much_the_middle_is_left_out() {
        for piece in [1, 3, 1000] {
            let bytes: Vec<u8> = (0..1000_u32).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
            let mut capture = Capture::new(8);
            bytes.chunks(piece).for_each(|chunk| capture.push(chunk));
            let output = capture.finish();
            assert_eq!(output.text, "abcd\n… 992 bytes left out …\nijkl", "in pieces of {piece}");
            assert_eq!((output.bytes, output.omitted_bytes), (1000, 992));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut capture = Capture::new(64);
        capture.push(b"caf\xe9");
        assert_eq!(capture.finish().text, "caf\u{fffd}");
    }
}
