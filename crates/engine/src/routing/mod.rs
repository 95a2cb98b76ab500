//! Which agent a routed task goes to: who may take it now, and which of those a strategy chooses.
//!
//! A decision is pure: figures and seed come in, a choice with all its reasons goes out. The figures of former runs are read from the
//! ledger once, before a run is made (`history.rs`), and kept by it. Which rule of the configuration names the candidates was decided
//! when the plan was read (`plan/route.rs`); what it said then counts.

mod ability;
mod beta;
mod choice;
mod door;
mod history;
mod score;
mod verdict;

pub(crate) use ability::lacks;
pub(crate) use choice::{Candidate, choose};
pub(crate) use door::Door;
pub use history::track_records;
pub(crate) use score::merged;
pub(crate) use verdict::{Verdict, verdict};
