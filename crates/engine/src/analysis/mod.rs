//! What a plan's tasks mean for each other: who waits for whom, who never works beside whom, which chain is the longest, how
//! a run would fill its time.
//!
//! A picture of a plan, not a promise; the run itself asks again whenever something ends. Everything here takes time in
//! proportion to tasks and needs (times a logarithm), also where a plan is hostile: what could take more has a bound of its
//! own, and says when it was reached. Nothing recurses.

mod clashes;
#[cfg(test)]
mod examples;
mod files;
mod graph;
mod history;
mod overlaps;
mod rank;
mod rehearsal;
mod stage;

pub use clashes::{Clashes, Extent};
pub use files::{Files, Search};
pub use graph::{Chain, TaskGraph};
pub(crate) use history::spread;
pub use history::{Estimate, EstimateFrom, History, Spread};
pub use overlaps::{Overlap, Overlaps, overlaps};
pub use rank::{Rank, rank};
pub use rehearsal::Rehearsal;
pub use stage::{Course, Moment, Wait};
