//! A world made up by a seed, in virtual time: what the engine is tried in.
//!
//! [`simulate`] makes up a whole day and lives through it: every promise of the lifecycles is looked at after every commit,
//! and the same seed gives the same day. [`World`] is led step by step by a test instead. Both share the branch, the
//! [`Hands`] that do what is asked for, and the promises ([`hold`]).
//!
//! It must never ask a clock, and no lifecycle's table. Who takes part is in `actor/`, one file each; to add one, write its
//! `act` and name it in `simulation.rs`.

mod actor;
mod branch;
mod breakers;
mod clock;
mod coverage;
mod draw;
mod hands;
mod history;
mod invariants;
mod luck;
mod money;
mod plan;
mod routing;
mod simulation;
mod smooth;
mod stage;
mod streams;
mod workers;
mod world;

pub use branch::Branch;
pub use coverage::{Coverage, Transition, Weather};
pub use hands::{Hands, Job, LeftBehind};
pub use invariants::{Broken, hold};
pub use luck::{Luck, SLOW_DOWN};
pub use plan::{claimant, gate, new_patch, process, spec, task};
pub use simulation::{Report, Violation, history_of, simulate};
pub use smooth::{Until, drive_smoothly, smooth_run};
pub use world::World;
