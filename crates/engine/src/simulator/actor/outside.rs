//! What nobody here does: the clock is set, and others put commits on the branch.

use tollhouse_core::Timestamp;

use super::Acting;
use crate::simulator::invariants::Broken;
use crate::simulator::stage::{Sky, Stage};

/// What nobody here does.
pub(in crate::simulator) struct Outside {
    /// How much is still to come.
    left: u32,
}

impl Outside {
    pub(in crate::simulator) fn new(stage: &mut Stage<'_>) -> Self {
        Self { left: stage.random.u32(0..60) }
    }
}

impl<'s> Acting<'s> for Outside {
    fn act(&mut self, stage: &mut Stage<'s>) -> Result<Option<Timestamp>, Broken> {
        if stage.sky == Sky::Calm || self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        match stage.random.u8(0..10) {
            0 => stage.set_clock_back(),
            1 => stage.set_clock_forward(),
            2 => {
                stage.note("somebody else moves the branch");
                stage.hands.branch.move_by_others();
            }
            _ => {}
        }
        Ok(Some(stage.in_seconds(5, 120)))
    }
}
