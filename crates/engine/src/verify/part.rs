//! What part of the records one reading of the events is for.

use tollhouse_core::RecordId;

use super::spread;

/// The records whose spread digits end in certain bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    bits: u32,
    end: u32,
}

impl Part {
    /// All of them.
    pub(super) const ALL: Self = Self { bits: 0, end: 0 };

    pub(super) fn holds(self, id: &RecordId) -> bool {
        self.bits == 0 || spread(id) & ((1 << self.bits) - 1) == self.end
    }

    /// Its two halves; `None` where they would be too small to tell apart.
    pub(super) fn halves(self) -> Option<[Self; 2]> {
        let bits = self.bits + 1;
        (bits < 20).then_some([Self { bits, ..self }, Self { bits, end: self.end | 1 << self.bits }])
    }
}
