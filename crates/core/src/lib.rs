//! The words everything in Tollhouse is said in: ids, time, money, records, events and lifecycles.
//!
//! This crate does no I/O, reads no clock and draws no randomness. It depends on no other crate of ours.
//!
//! ```
//! use tollhouse_core::lifecycle::{PatchEvent, PatchState};
//!
//! let state = PatchState::next(Some(PatchState::Validated), &PatchEvent::Enqueue)?;
//! assert_eq!(state, PatchState::Queued);
//! // Nothing lands that was not verified.
//! let land = PatchEvent::Land { commit: "4b825dc6".to_owned() };
//! let refusal = PatchState::next(Some(state), &land).unwrap_err();
//! assert_eq!(refusal.to_string(), "a patch that is queued takes no land");
//! # Ok::<(), tollhouse_core::lifecycle::IllegalTransition>(())
//! ```

pub mod entity;
pub mod lifecycle;
pub mod limits;
pub mod spec;

mod actor;
mod chain;
mod description;
mod examples;
mod id;
mod money;
mod parsed;
mod path;
mod record;
mod tagged;
mod time;
mod tree_facts;

pub use actor::{Actor, InvalidActor};
pub use chain::{GENESIS, body_digest, event_hash, record_digest};
pub use description::{ChangeKind, Description, FileChange};
pub use id::{
    AttemptId, BreakerId, BudgetId, CostEntryId, EffectId, GateRunId, IdText, InvalidId, Kind, PatchId, RecordId,
    RunId, TaskId, WorkerId, WorkstreamId,
};
pub use money::{InvalidMoney, Money};
pub use path::RepoPath;
pub use record::{Change, Commit, Digests, Event, Happening, Record, Severity, Stream, Version};
pub use time::{Span, Timestamp};
pub use tree_facts::{OlderContent, TreeEntryFact, TreeFacts};
