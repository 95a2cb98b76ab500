//! What part of the records one reading of the events is for.

use tollhouse_core::RecordId;

use super::spread;

/// The records whose spread digits end in certain bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    bits: u32,
    end: u32,
    /// Those whose last event is not after this position were compared in an earlier reading.
    done_until: u64,
}

impl Part {
    /// All of them.
    pub(super) const ALL: Self = Self { bits: 0, end: 0, done_until: 0 };

    pub(super) fn holds(self, id: &RecordId) -> bool {
        self.bits == 0 || spread(id) & ((1 << self.bits) - 1) == self.end
    }

    /// Whether what an event leads to was looked at in an earlier reading.
    pub(super) const fn is_done(self, position: u64) -> bool {
        position <= self.done_until
    }

    /// Its two halves, the second of which is put off from an event on; `None` where they would be too small to tell apart.
    pub(super) fn halves(self, from: u64) -> Option<[Self; 2]> {
        let bits = self.bits + 1;
        let later = Self { bits, end: self.end | 1 << self.bits, done_until: self.done_until.max(from) };
        (bits < 20).then_some([Self { bits, ..self }, later])
    }
}
