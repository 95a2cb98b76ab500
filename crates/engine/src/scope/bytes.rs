//! Sets of bytes.

/// A set of bytes: one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bytes([u64; 4]);

/// What people name files with, the likeliest first.
const LIKELY: [Bytes; 3] = [Bytes::NONE.with(b'a', b'z'), Bytes::NONE.with(b'0', b'9').with(b'A', b'Z'), PRINTED];

/// What is printed as it is.
const PRINTED: Bytes = Bytes::NONE.with(b'!', b'!').with(b'#', b'[').with(b']', b'~');

impl Bytes {
    pub(super) const NONE: Self = Self([0; 4]);
    pub(super) const ALL: Self = Self([u64::MAX; 4]);

    pub(super) const fn one(byte: u8) -> Self {
        Self::NONE.with(byte, byte)
    }

    /// This and every byte from `first` to `last`.
    pub(super) const fn with(mut self, first: u8, last: u8) -> Self {
        let mut byte = first;
        while byte <= last {
            self.0[(byte / 64) as usize] |= 1 << (byte % 64);
            if byte == u8::MAX {
                break;
            }
            byte += 1;
        }
        self
    }

    pub(super) const fn and(self, other: Self) -> Self {
        let (one, other) = (self.0, other.0);
        Self([one[0] & other[0], one[1] & other[1], one[2] & other[2], one[3] & other[3]])
    }

    pub(super) const fn but_for(self, other: Self) -> Self {
        self.and(other.complement())
    }

    pub(super) const fn complement(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([!a, !b, !c, !d])
    }

    pub(super) const fn has(self, byte: u8) -> bool {
        self.0[(byte / 64) as usize] >> (byte % 64) & 1 == 1
    }

    /// One of the set, as people would choose it; `None` where it is empty.
    pub(super) fn likeliest(self) -> Option<u8> {
        LIKELY.iter().find_map(|likely| self.and(*likely).first()).or_else(|| self.first())
    }

    fn first(self) -> Option<u8> {
        let (word, at) = self.0.iter().zip(0_u32..).find(|(word, _)| **word != 0)?;
        u8::try_from(at * 64 + word.trailing_zeros()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_in_and_nothing_else() {
        let set = Bytes::NONE.with(b'b', b'd').with(254, 255);
        let held: Vec<u8> = (0..=255).filter(|byte| set.has(*byte)).collect();
        assert_eq!(held, [b'b', b'c', b'd', 254, 255]);
        assert_eq!(set.complement().complement(), set);
        assert!((0..=255).all(|byte| set.has(byte) != set.complement().has(byte)));
    }

    #[test]
    fn letters_are_likelier_than_what_nobody_can_read() {
        assert_eq!(Bytes::ALL.likeliest(), Some(b'a'));
        assert_eq!(Bytes::one(7).with(b'-', b'-').likeliest(), Some(b'-'));
        assert_eq!(Bytes::one(0xff).likeliest(), Some(0xff));
        assert_eq!(Bytes::NONE.likeliest(), None);
    }
}
