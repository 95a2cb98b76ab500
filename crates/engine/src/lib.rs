//! The pure engine of Tollhouse: it performs no I/O, reads no clock and draws no randomness.
//!
//! [`decide`] is a function from a view, a command, a time and a seed to changes. [`Engine`] is the short loop around it:
//! catch up, decide, commit, and again when somebody was faster.

mod apply;
mod command;
mod decide;
mod engine;
#[cfg(feature = "testing")]
pub mod examples;
mod fleet;
mod fork;
mod gate_memory;
mod guard;
pub mod leftovers;
pub mod patch;
pub mod plan;
pub mod policy;
mod refusal;
pub mod report;
mod schedule;
pub mod scope;
pub mod secret;
mod view;

pub use apply::Apply;
pub use command::{
    At, AttemptFacts, Claimant, Command, Found, GateFacts, Legacy, Liveness, NewPatch, Newcomer, Outcome, PatchWish,
    Seen, Submission, TaskWish, Witness, WorkerSeen, WorkerWish,
};
pub use decide::{Decision, decide};
pub use engine::{Engine, EngineError, next_deadline, trace_of};
pub use fork::fork_of;
pub use gate_memory::{gates_yet_to_pass, is_known_to_pass};
#[cfg(feature = "testing")]
pub use guard::{Guard, without};
pub use refusal::Refusal;
pub use view::{View, ViewError, Viewed};
