//! Time in a simulation: one that goes on, by which everything happens, and what the clock on the wall says of it.

use tollhouse_core::{Span, Timestamp};

/// Virtual time, and a clock that is set forward and back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    now: Timestamp,
    /// How far the clock on the wall is ahead, in microseconds.
    ahead: i64,
}

impl Clock {
    pub(super) const fn starting_at(now: Timestamp) -> Self {
        Self { now, ahead: 0 }
    }

    /// The time by which things happen. It never goes back.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// What a program reads.
    pub(super) fn wall(&self) -> Timestamp {
        Timestamp::from_micros(self.now.as_micros().saturating_add(self.ahead))
    }

    /// Goes on, but never back.
    pub(super) fn go_on_to(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
    }

    /// Somebody sets the clock.
    pub(super) fn set(&mut self, wall: Timestamp) {
        self.ahead = wall.as_micros().saturating_sub(self.now.as_micros());
    }

    /// When the clock on the wall will say this, if nobody sets it meanwhile.
    pub(super) fn when_wall_says(&self, wall: Timestamp) -> Timestamp {
        self.now.after(wall.since(self.wall())).after(Span::from_millis(1))
    }
}
