//! The pure engine of Tollhouse: it performs no I/O, reads no clock and draws no randomness.
//!
//! [`decide`] is a function from a view, a command, a time and a seed to changes. [`Engine`] is the short loop around it:
//! catch up, decide, commit, and again when somebody was faster. Whoever embeds it writes the loop around that: do what is
//! asked for, and say how it went.
//!
//! ```
//! use tollhouse_core::entity::{Candidate, Effect, ExitStatus, Run, Work};
//! use tollhouse_core::lifecycle::{EffectState, RunState};
//! use tollhouse_core::{Actor, RunId, Span, Timestamp, TreeFacts};
//! use tollhouse_engine::simulator::{claimant, new_patch, process, spec, task};
//! use tollhouse_engine::{At, AttemptFacts, Command, Engine, EngineError, GateFacts, Outcome, next_deadline};
//! use tollhouse_state::MemoryStore;
//!
//! // The clock and the randomness are yours. Never use a seed twice.
//! let (mut now, mut seed) = (Timestamp::from_micros(1_700_000_000_000_000), 0);
//! let run = RunId::from_parts(now, 1);
//! let mut engine = Engine::open(MemoryStore::new(), run)?;
//! let mut say = |engine: &mut Engine<MemoryStore>, command: &Command| {
//!     (now, seed) = (now.after(Span::from_millis(5)), seed + 1);
//!     engine.execute(command, &Actor::Worker("mine".into()), At { now, seed }).map(|_events| now)
//! };
//!
//! // Make a run, be the one that drives it, and let it begin.
//! let plan = Box::new(spec(vec![task("parser", &[]), task("docs", &["parser"])], 2));
//! say(&mut engine, &Command::CreateRun { run, spec: plan, started_by: "ada".into(), legacy: None })?;
//! say(&mut engine, &Command::Drive { run, process: process(1), seen: None })?;
//! let mut now = say(&mut engine, &Command::StartRun { run, base: "c0ffee".into() })?;
//!
//! // The loop: claim what is asked for, do it, report what became of it; look at the clock where nothing is.
//! while engine.view().get::<Run>(run).is_some_and(|run| run.state == RunState::Running) {
//!     let asked = |effect: &&Effect| effect.state == EffectState::Requested;
//!     let Some(effect) = engine.view().all::<Effect>().find(asked).cloned() else {
//!         // Nothing to do: sleep until here, in real life.
//!         let _until = next_deadline(engine.view(), run);
//!         now = say(&mut engine, &Command::Tick { run })?;
//!         continue;
//!     };
//!     let (id, until) = (effect.id, now.after(Span::from_secs(600)));
//!     say(&mut engine, &Command::Claim { effect: id, by: claimant(1), until })?;
//!     // Facts, no judgement: whether it is good enough is decided by the policy and the gates of the run.
//!     let outcome = match effect.work {
//!         Work::Spawn { attempt } => Outcome::Spawned(AttemptFacts {
//!             exit: Some(ExitStatus::Code(0)),
//!             change: Some(new_patch("src/lib.rs", &attempt.to_string(), "c0ffee")),
//!             ..AttemptFacts::default()
//!         }),
//!         Work::Apply { patch } => Outcome::Applied {
//!             candidate: Candidate { tree: format!("tree of {patch}"), parent: "c0ffee".into() },
//!             facts: TreeFacts::default(),
//!         },
//!         Work::Gate { .. } => Outcome::Gated(GateFacts { exit: Some(ExitStatus::Code(0)), ..GateFacts::default() }),
//!         Work::Land { patch } => Outcome::Landed { commit: format!("commit of {patch}") },
//!         Work::Kill { .. } => Outcome::Killed,
//!         Work::Purge { .. } => Outcome::Purged { left: String::new() },
//!         Work::Archive { .. } => Outcome::Archived,
//!     };
//!     let epoch = engine.view().get::<Effect>(id).map_or(0, |effect| effect.epoch);
//!     now = say(&mut engine, &Command::Report { effect: id, epoch, outcome: Box::new(outcome) })?;
//! }
//! say(&mut engine, &Command::StepDown { run, epoch: 1 })?;
//! assert_eq!(engine.view().get::<Run>(run).map(|run| run.state), Some(RunState::Succeeded));
//! # Ok::<(), EngineError>(())
//! ```
//!
//! What a store's error means, and how a command is given again after one, [`Engine::execute`] says. A program that died in the
//! middle is replaced by [`Command::Drive`]; what it had begun is settled by [`Command::Settle`], after a look at the world.
//! With the feature `testing`, `simulator` is a world to try all that in.

pub mod analysis;
mod apply;
pub mod archives;
mod blobs;
mod command;
mod decide;
mod engine;
#[cfg(feature = "testing")]
pub mod examples;
mod fleet;
pub mod forget;
mod fork;
mod gate_memory;
mod guard;
pub mod leftovers;
mod outcome;
pub mod patch;
pub mod plan;
pub mod policy;
mod refusal;
pub mod report;
pub mod retention;
mod routing;
mod schedule;
pub mod scope;
pub mod secret;
#[cfg(feature = "testing")]
pub mod simulator;
pub mod verify;
mod view;
mod workstream;

pub use apply::Apply;
pub use blobs::{blobs_of, names_blobs};
pub use command::{
    Addition, At, Claimant, Command, Legacy, Liveness, Newcomer, PatchWish, Seen, Submission, TaskWish, Witness,
    WorkerSeen, WorkerWish, WorkstreamWish,
};
pub use decide::{Decision, decide, is_awaited, next_task};
pub use engine::{Engine, EngineError, next_deadline, trace_of};
pub use fork::fork_of;
pub use gate_memory::{gates_yet_to_pass, is_known_to_pass, may_fail_again};
#[cfg(feature = "testing")]
pub use guard::{Guard, without};
pub use outcome::{AttemptFacts, Cost, Found, GateFacts, NewPatch, Outcome, RateLimit};
pub use refusal::Refusal;
pub use routing::track_records;
pub use view::{View, ViewError, Viewed, known_cost};
