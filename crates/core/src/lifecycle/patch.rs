//! The lifecycle of a patch.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::{Candidate, Patch, RuleVerdict};
use crate::id::Kind;
use crate::tagged::tagged;

states! {
    /// Where a patch is.
    PatchState of Kind::Patch, {
        /// In the ledger; not judged yet.
        Created = "created",
        /// Format, scope and the rules over the patch hold.
        Validated = "validated",
        /// Waits for its turn at the landing branch.
        Queued = "queued",
        /// It gave a candidate tree; gates run on it.
        Applied = "applied",
        /// It does not fit the landing branch.
        ApplyFailed = "apply_failed",
        /// Every required gate passed on its candidate tree.
        Verified = "verified",
        /// It landed. May still be rolled back.
        Committed = "committed",
        /// Its revert landed.
        RolledBack = "rolled_back",
        /// Set aside with its reason. A person may release or drop it.
        Quarantined = "quarantined",
        /// Never to be applied again.
        Dropped = "dropped",
    }
    finished { Committed, RolledBack, Quarantined, Dropped } terminal { RolledBack, Dropped }
}

/// What can happen to a patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum PatchEvent {
    /// It came in.
    Created {
        /// As it came in.
        patch: Box<Patch>,
    },
    /// The rules over the patch hold.
    Validate {
        /// One row a rule.
        verdicts: Vec<RuleVerdict>,
    },
    /// It is no readable unified diff.
    Reject {
        /// Why.
        reason: String,
    },
    /// It is set aside.
    Quarantine {
        /// The rule, gate or limit that it broke.
        rule: String,
        /// In words.
        reason: String,
        /// One row a rule that was looked at.
        verdicts: Vec<RuleVerdict>,
    },
    /// It waits for its turn.
    Enqueue,
    /// It gave a candidate tree.
    Apply {
        /// The tree, and what it stands on.
        candidate: Candidate,
        /// One row a rule over the tree.
        verdicts: Vec<RuleVerdict>,
    },
    /// It does not fit.
    Conflict {
        /// Where, in words.
        reason: String,
        /// The commit that it did not fit on.
        target: String,
    },
    /// The landing branch moved since.
    Retry,
    /// Every required gate passed on its candidate tree.
    Verify,
    /// A gate failed and then passed on its candidate: a person has to look. Moves no state.
    Doubt {
        /// Which gate.
        reason: String,
    },
    /// A person lets what was held land. Moves no state.
    Approve {
        /// Why.
        reason: String,
    },
    /// Its candidate is stale.
    Rebase {
        /// Why.
        reason: String,
    },
    /// The landing branch moved to it.
    Land {
        /// The commit.
        commit: String,
    },
    /// Its revert landed.
    RollBack {
        /// The revert's commit.
        commit: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// A person lets it in again.
    Release {
        /// Why.
        reason: String,
        /// The rules that they waive.
        waive: Vec<String>,
        /// The globs of paths that it may change whatever the rules on paths say.
        allow: Vec<String>,
    },
    /// It is never to be applied again.
    Drop {
        /// Why.
        reason: String,
    },
}

tagged!(PatchEvent, "event");

impl PatchEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Validate { .. } => "validate",
            Self::Reject { .. } => "reject",
            Self::Quarantine { .. } => "quarantine",
            Self::Enqueue => "enqueue",
            Self::Apply { .. } => "apply",
            Self::Conflict { .. } => "conflict",
            Self::Retry => "retry",
            Self::Verify => "verify",
            Self::Doubt { .. } => "doubt",
            Self::Approve { .. } => "approve",
            Self::Rebase { .. } => "rebase",
            Self::Land { .. } => "land",
            Self::RollBack { .. } => "roll_back",
            Self::Release { .. } => "release",
            Self::Drop { .. } => "drop",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Reject { reason }
            | Self::Quarantine { reason, .. }
            | Self::Conflict { reason, .. }
            | Self::Rebase { reason }
            | Self::Doubt { reason }
            | Self::Approve { reason }
            | Self::RollBack { reason, .. }
            | Self::Release { reason, .. }
            | Self::Drop { reason } => Some(reason),
            _ => None,
        }
    }
}

impl PatchState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &PatchEvent) -> Result<Self, IllegalTransition> {
        use PatchEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Created,
            (Some(Self::Created), E::Validate { .. }) => Self::Validated,
            (Some(Self::Created), E::Reject { .. }) => Self::Dropped,
            (Some(unfinished), E::Quarantine { .. }) if !unfinished.is_finished() => Self::Quarantined,
            (Some(Self::Validated), E::Enqueue) => Self::Queued,
            (Some(Self::Queued), E::Apply { .. }) => Self::Applied,
            (Some(Self::Queued), E::Conflict { .. }) => Self::ApplyFailed,
            (Some(Self::ApplyFailed), E::Retry) => Self::Queued,
            (Some(Self::Applied), E::Verify) => Self::Verified,
            (Some(Self::Applied | Self::Verified), E::Rebase { .. }) => Self::Queued,
            (Some(Self::Applied), E::Doubt { .. } | E::Approve { .. }) => Self::Applied,
            (Some(Self::Verified), E::Approve { .. }) => Self::Verified,
            (Some(Self::Verified), E::Land { .. }) => Self::Committed,
            (Some(Self::Committed), E::RollBack { .. }) => Self::RolledBack,
            (Some(Self::Quarantined), E::Release { .. }) => Self::Created,
            (Some(state), E::Drop { .. }) if !state.is_finished() || state == Self::Quarantined => Self::Dropped,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
