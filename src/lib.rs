//! Tollhouse: a gate and a ledger for coding agents.
//!
//! This crate re-exports the public API of the workspace. A Rust program links it to drive runs, to embed the engine over
//! a store of its own, or to read a ledger.
//!
//! ```
//! use tollhouse::plan::{Source, read_project};
//!
//! let source = Source::new("tollhouse.toml", "[agents.fix]\ncommand = [\"./fix\"]\n");
//! let project = read_project(&source).expect("the text has no problem");
//! assert_eq!(project.agents[0].name, "fix");
//! ```

pub use tollhouse_core::{
    Actor, AttemptId, BreakerId, BudgetId, Change, ChangeKind, Commit, CostEntryId, Description, Digests, EffectId,
    Event, FileChange, GENESIS, GateRunId, Happening, IdText, InvalidActor, InvalidId, InvalidMoney, Kind, Money,
    PatchId, Record, RecordId, RepoPath, RunId, Severity, Span, Stream, TaskId, Timestamp, TreeFacts, Version,
    WorkerId, WorkstreamId, body_digest, entity, event_hash, lifecycle, limits, record_digest, spec,
};
#[cfg(feature = "testing")]
pub use tollhouse_engine::simulator;
pub use tollhouse_engine::{
    Addition, Apply, At, AttemptFacts, Claimant, Command, Decision, Engine, EngineError, Found, GateFacts, Legacy,
    Liveness, NewPatch, Newcomer, Outcome, PatchWish, Refusal, Seen, Submission, TaskWish, View, ViewError, Viewed,
    Witness, WorkerSeen, WorkerWish, analysis, archives, decide, forget, fork_of, gates_yet_to_pass, is_known_to_pass,
    known_cost, leftovers, next_deadline, next_task, patch, plan, policy, report, retention, secret, trace_of,
    track_records, verify,
};
#[cfg(feature = "testing")]
pub use tollhouse_state::{Call, Fault, FaultStore, MemoryStore, Mishap, Moment, Told, conformance, conformance_tests};
pub use tollhouse_state::{
    CommitError, Committed, Cursor, Durability, Find, Novelty, Order, Rewrite, Store, StoreError, Tally,
};
#[cfg(feature = "sqlite")]
pub use tollhouse_state::{SqliteSnapshot, SqliteStore};

#[cfg(feature = "runner")]
pub use tollhouse_runner::{
    archive, audit, backup, blobs, clock,
    conductor::{Conductor, DoneByHand, GatesByHand, HandedIn, Progress, carry_out, landing_head, look_at_conductor},
    detect, doctor,
    error::{RedTarget, RunnerError, Trouble},
    git, handwork, leftovers as traces, own_config, process, purge,
    site::Site,
    workspace,
};
