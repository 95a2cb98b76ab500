//! The conductor: a loop of ask, do, report, that drives one run.
//!
//! It asks the engine what is to be done, does each effect on a thread of its own, and reports how it went. It decides
//! nothing that the engine could decide.

mod by_hand;
mod commit;
mod drive;
mod head;
mod lease;
mod perform;
mod preflight;
mod recovery;
mod runs;
mod switches;

pub(crate) use perform::new_patch;

pub use by_hand::{DoneByHand, GatesByHand};
pub use commit::carry_out;
pub use head::{Head, landing_head};
pub use lease::look_at_conductor;
pub(crate) use lease::{liveness_of, this_process};
pub use runs::{Conductor, HandedIn, Progress};
