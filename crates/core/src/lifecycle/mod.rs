//! The lifecycles: for each, its states, its events, and one `next` table.
//!
//! A table is a single `match`, one arm a legal pair; where an outcome depends on a guard, the event carries the
//! choice. The last arm is the typed refusal.

mod attempt;
mod breaker;
mod budget;
mod cost_entry;
mod effect;
mod gate_run;
mod patch;
mod run;
mod task;
#[cfg(test)]
mod tests;
mod worker;
mod workstream;

pub use attempt::{AttemptEvent, AttemptState};
pub use breaker::{BreakerEvent, BreakerState};
pub use budget::{BudgetEvent, BudgetState};
pub use cost_entry::{CostEntryEvent, CostEntryState};
pub use effect::{EffectEvent, EffectState};
pub use gate_run::{GateRunEvent, GateRunState};
pub use patch::{PatchEvent, PatchState};
pub use run::{RunEvent, RunState};
pub use task::{DecideTo, MissedTo, RetryOr, TaskEvent, TaskState};
pub use worker::{ResumeTo, WokenTo, WorkerEvent, WorkerState};
pub use workstream::{WorkstreamEvent, WorkstreamState};

use thiserror::Error;

use crate::id::Kind;

/// A pair of state and event that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a {kind} that is {state} takes no {event}")]
pub struct IllegalTransition {
    /// Of which lifecycle.
    pub kind: Kind,
    /// The state it was in; "not there" before it is created.
    pub state: &'static str,
    /// The event that came.
    pub event: &'static str,
}

/// Defines a state enum with its spelling and what is finished and what is terminal.
macro_rules! states {
    (
        $(#[$doc:meta])* $name:ident of $kind:expr,
        { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }
        finished { $($finished:ident),* } terminal { $($terminal:ident),* }
    ) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every state, in the order of the lifecycle.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Every name, in the order of the lifecycle.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name in the database, in JSON and in Python.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Whether its work is over, for good or until somebody takes it up again.
            pub const fn is_finished(self) -> bool {
                $(matches!(self, Self::$finished) ||)* false
            }

            /// Whether nothing leaves it.
            pub const fn is_terminal(self) -> bool {
                $(matches!(self, Self::$terminal) ||)* false
            }

            /// The refusal of an event in this state.
            pub(crate) fn illegal(state: Option<Self>, event: &'static str) -> crate::lifecycle::IllegalTransition {
                crate::lifecycle::IllegalTransition { kind: $kind, state: state.map_or("not there", Self::as_str), event }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use states;

impl Kind {
    /// Every state that a record of this kind may be in.
    pub const fn states(self) -> &'static [&'static str] {
        match self {
            Self::Run => RunState::NAMES,
            Self::Task => TaskState::NAMES,
            Self::Attempt => AttemptState::NAMES,
            Self::Patch => PatchState::NAMES,
            Self::GateRun => GateRunState::NAMES,
            Self::Effect => EffectState::NAMES,
            Self::Worker => WorkerState::NAMES,
            Self::Workstream => WorkstreamState::NAMES,
            Self::Breaker => BreakerState::NAMES,
            Self::CostEntry => CostEntryState::NAMES,
            Self::Budget => BudgetState::NAMES,
        }
    }
}
