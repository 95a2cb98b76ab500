//! Reads the expressions that `globset` makes of globs: a small part of what regular expressions can say.
//!
//! An expression matches bytes: `?` is one byte, and a class that names `é` holds both of its bytes, for so does `globset`.

use super::bytes::Bytes;

/// A longer program is refused. A glob of the greatest length that policy takes needs about three steps a byte.
const STEPS_MAX: usize = 4096;

/// Deeper groups are refused, as the matcher itself refuses them soon after.
const DEPTH_MAX: usize = 100;

/// A step of the program that an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Takes one byte of a set and goes on.
    Take(Bytes, usize),
    /// Goes on at both places.
    Fork(usize, usize),
    /// The path is matched if it ends here.
    Done,
}

/// The program of an expression: its first step comes first. `None` where it is not understood or too long.
pub(super) fn read(expression: &str) -> Option<Vec<Step>> {
    let inner = expression.strip_prefix("(?-u)^")?.strip_suffix('$')?;
    let mut reader = Reader { rest: inner.as_bytes(), steps: Vec::new(), open: Vec::new() };
    while let Some(byte) = reader.next() {
        match byte {
            b'(' => reader.open_group()?,
            b'|' => reader.next_branch()?,
            b')' => reader.close_group()?,
            _ => reader.take(byte)?,
        }
        if reader.steps.len() >= STEPS_MAX || reader.open.len() > DEPTH_MAX {
            return None;
        }
    }
    reader.steps.push(Step::Done);
    reader.open.is_empty().then_some(reader.steps)
}

struct Reader<'e> {
    rest: &'e [u8],
    steps: Vec<Step>,
    open: Vec<Group>,
}

/// A group that is being read.
struct Group {
    /// The fork in front of its newest branch.
    fork: usize,
    /// The steps behind its branches, which lead to its end.
    ends: Vec<usize>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Goes past a byte where it comes next.
    fn skip(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn open_group(&mut self) -> Option<()> {
        self.skip(b'?')?;
        self.skip(b':')?;
        let fork = self.steps.len();
        self.open.push(Group { fork, ends: Vec::new() });
        self.steps.push(Step::Fork(fork + 1, fork + 1));
        Some(())
    }

    fn next_branch(&mut self) -> Option<()> {
        let end = self.steps.len();
        let group = self.open.last_mut()?;
        group.ends.push(end);
        self.steps[group.fork] = Step::Fork(group.fork + 1, end + 1);
        group.fork = end + 1;
        self.steps.extend([Step::Fork(0, 0), Step::Fork(end + 2, end + 2)]);
        Some(())
    }

    fn close_group(&mut self) -> Option<()> {
        let here = self.steps.len();
        for end in self.open.pop()?.ends {
            self.steps[end] = Step::Fork(here, here);
        }
        Some(())
    }

    /// One byte of a set, as often as is said.
    fn take(&mut self, byte: u8) -> Option<()> {
        let set = self.set(byte)?;
        let here = self.steps.len();
        if self.skip(b'*').is_some() {
            self.steps.extend([Step::Fork(here + 1, here + 2), Step::Take(set, here)]);
        } else if self.skip(b'?').is_some() {
            self.steps.extend([Step::Fork(here + 1, here + 2), Step::Take(set, here + 2)]);
        } else {
            self.steps.push(Step::Take(set, here + 1));
        }
        Some(())
    }

    fn set(&mut self, first: u8) -> Option<Bytes> {
        match first {
            b'.' => Some(Bytes::ALL),
            b'[' => self.class(),
            _ => self.literal(first).map(Bytes::one),
        }
    }

    fn class(&mut self) -> Option<Bytes> {
        let negated = self.skip(b'^').is_some();
        let mut set = Bytes::NONE;
        loop {
            let byte = self.next()?;
            if byte == b']' {
                return Some(if negated { set.complement() } else { set });
            }
            let first = self.literal(byte)?;
            let mut last = first;
            if self.skip(b'-').is_some() {
                let byte = self.next()?;
                last = self.literal(byte)?;
            }
            if last < first {
                return None;
            }
            set = set.with(first, last);
        }
    }

    /// A byte that stands for itself.
    fn literal(&mut self, first: u8) -> Option<u8> {
        match first {
            b'\\' => match self.next()? {
                b'x' => {
                    let digits = self.rest.get(..2)?;
                    self.rest = &self.rest[2..];
                    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
                }
                escaped => escaped.is_ascii_punctuation().then_some(escaped),
            },
            // Each of these means more than itself, and `globset` writes none where we would not expect it.
            b'.' | b'+' | b'*' | b'?' | b'(' | b')' | b'|' | b'[' | b']' | b'{' | b'}' | b'^' | b'$' | b'-' => None,
            plain => plain.is_ascii().then_some(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expression_that_globset_would_not_write_is_not_understood() {
        for text in
            ["a", "(?-u)^a", "^a$", "a+", "a{2}", "(a)", "(?:a", "a)", "a|b", "\\d", "[a", "[z-a]", "\\x4", "*", "é"]
        {
            assert_eq!(read(text), None, "{text}");
            assert_eq!(read(&format!("(?-u)^{text}$")).is_some(), text == "a", "{text}");
        }
    }

    #[test]
    fn program_that_would_grow_without_end_is_refused() {
        let of = |inner: String| read(&format!("(?-u)^{inner}$"));
        assert!(of("a".repeat(STEPS_MAX - 1)).is_some());
        assert!(of("a".repeat(STEPS_MAX)).is_none());
        let nested = |depth| of("(?:".repeat(depth) + "a" + &")".repeat(depth));
        assert!(nested(DEPTH_MAX).is_some());
        assert!(nested(DEPTH_MAX + 1).is_none());
    }
}
