//! What is left outside the ledger when its work is over, and whether it may go.
//!
//! A rule for each kind: nothing goes that somebody may still need, that may hold work which is nowhere else, or that is so
//! young that whoever makes it may not have said so yet.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::Span;
use tollhouse_core::lifecycle::{GateRunState, PatchState, RunState};

/// What nobody knows of is left alone for so long: its maker may be about to say what it is.
pub const YOUNG: Span = Span::from_secs(60 * 60);

/// What was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// The folder of an attempt or of a gate run.
    Workspace,
    /// A process that was started for a workspace.
    Process,
    /// A ref that keeps what is borrowed.
    Pin,
    /// A lock of a ref that its program left behind.
    Lock,
    /// A file that was on its way to another name.
    Scratch,
    /// A content beside the ledger that no record names.
    Blob,
}

/// Whose it is, as far as the ledger knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A run.
    Run {
        /// Where it is.
        state: RunState,
        /// Whether some program drives it.
        is_driven: bool,
        /// Whether it is of a patch that may come back, or of work that was not read.
        is_needed: bool,
    },
    /// A gate run of no run.
    GateRun {
        /// Where it is.
        state: GateRunState,
        /// Whether its program is gone, or its time is over.
        is_over: bool,
    },
    /// A patch that was handed in.
    Patch {
        /// Where it is.
        state: PatchState,
    },
    /// Nobody that the ledger knows.
    Nobody {
        /// How old it is.
        age: Span,
    },
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It may go.
    Goes,
    /// It stays.
    Stays,
}

/// Whether something may go, and why.
pub fn fate_of(owner: Owner) -> (Fate, &'static str) {
    match owner {
        Owner::Run { is_driven: true, .. } => (Fate::Stays, "its run is under way"),
        Owner::Run { state, .. } if !state.is_finished() => {
            (Fate::Stays, "its run is not over: `toll resume` needs it")
        }
        Owner::Run { is_needed: true, .. } => (Fate::Stays, "it holds work that is nowhere else, or may come back"),
        Owner::Run { .. } => (Fate::Goes, "its run is over"),
        Owner::GateRun { state, .. } if state.is_finished() => (Fate::Goes, "its gate has ended"),
        Owner::GateRun { is_over: true, .. } => (Fate::Goes, "the program that ran its gate is gone"),
        Owner::GateRun { .. } => (Fate::Stays, "its gate runs"),
        Owner::Patch { state: PatchState::Quarantined } => (Fate::Stays, "the patch may come back"),
        Owner::Patch { state } if state.is_finished() => (Fate::Goes, "the patch is finished"),
        Owner::Patch { .. } => (Fate::Stays, "the patch is on its way"),
        Owner::Nobody { age } if age < YOUNG => {
            (Fate::Stays, "nobody knows of it yet, and it is less than an hour old")
        }
        Owner::Nobody { .. } => (Fate::Goes, "nobody knows of it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_living_or_unfinished_run_may_need_stays() {
        for state in RunState::ALL {
            let owner = |is_driven, is_needed| Owner::Run { state: *state, is_driven, is_needed };
            assert_eq!(fate_of(owner(true, false)).0, Fate::Stays, "{state}");
            assert_eq!(fate_of(owner(false, true)).0, Fate::Stays, "{state}");
            assert_eq!(fate_of(owner(false, false)).0 == Fate::Goes, state.is_finished(), "{state}");
        }
    }

    #[test]
    fn what_nobody_knows_goes_once_it_is_old() {
        assert_eq!(fate_of(Owner::Nobody { age: Span::from_secs(3599) }).0, Fate::Stays);
        assert_eq!(fate_of(Owner::Nobody { age: YOUNG }).0, Fate::Goes);
    }

    #[test]
    fn a_patch_that_may_come_back_keeps_what_it_was_made_on() {
        for state in PatchState::ALL {
            let goes = state.is_finished() && *state != PatchState::Quarantined;
            assert_eq!(fate_of(Owner::Patch { state: *state }).0 == Fate::Goes, goes, "{state}");
        }
    }
}
