//! The conductor: a loop of ask, do, report, that drives one run.
//!
//! It asks the engine what is to be done, does each effect on a thread of its own, and reports how it went. It decides
//! nothing that the engine could decide.

mod by_hand;
mod drive;
mod head;
mod perform;
mod preflight;

pub use by_hand::{DoneByHand, GatesByHand};
pub use drive::{Conductor, Progress};
pub use head::{Head, landing_head};
