//! What came of an effect: facts that whoever did it, or looked after it, reports. They judge nothing.

use tollhouse_core::entity::{Candidate, ErrorClass, Evidence, ExitStatus, Output};
use tollhouse_core::{Description, Money, RepoPath, Span, TreeFacts};

/// What was seen of an effect whose runner is gone.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// It has an outcome.
    Outcome(Box<Outcome>),
    /// It was not done, and nothing of it is left.
    NotDone {
        /// What was seen.
        reason: String,
    },
}

impl Found {
    /// An effect that went like this.
    pub fn outcome(outcome: Outcome) -> Self {
        Self::Outcome(Box::new(outcome))
    }
}

/// How an effect went: facts, no judgement.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Of `spawn`.
    Spawned(AttemptFacts),
    /// Of `kill`.
    Killed,
    /// Of `apply`: it gave a tree.
    Applied {
        /// The tree and what it stands on.
        candidate: Candidate,
        /// What was found in it.
        facts: TreeFacts,
    },
    /// Of `apply`: it does not fit.
    Conflicted {
        /// The commit that it does not fit on.
        target: String,
        /// Where, and why.
        files: Vec<(RepoPath, String)>,
    },
    /// Of `gate`.
    Gated(GateFacts),
    /// Of `land`: the branch moved to it.
    Landed {
        /// The commit.
        commit: String,
    },
    /// Of `land`: the branch is not where the candidate stands any more.
    Lost {
        /// What was found, in words.
        reason: String,
    },
    /// Of `purge`: nothing of it is left but what history stands on.
    Purged {
        /// The digest of that: [`Left`](crate::forget::Left).
        left: String,
    },
    /// Of `archive`: nothing of its runs is left but in the archive.
    Archived,
    /// Of `spawn`, seen later: its runner is gone, what was left of the agent was ended.
    Vanished {
        /// What was found of it.
        facts: AttemptFacts,
        /// In words.
        reason: String,
    },
    /// Of `gate`: it was stopped by us, or lost with its runner. Not the gate's doing.
    Stopped {
        /// In words.
        reason: String,
    },
    /// Of any: it could not be done.
    Failed {
        /// What kind of failure.
        class: ErrorClass,
        /// In words.
        reason: String,
    },
}

/// What a try cost, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// How much, in US dollars; absent, or below zero: nobody knows.
    pub amount: Option<Money>,
    /// How that is known.
    pub evidence: Evidence,
}

/// An agent's provider asked to slow down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// For how long; absent where it did not say.
    pub retry_after: Option<Span>,
}

/// What an agent's try gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttemptFacts {
    /// The commit that it started from.
    pub base: Option<String>,
    /// Where it worked, if that is still there.
    pub workspace: Option<String>,
    /// How its program ended.
    pub exit: Option<ExitStatus>,
    /// What its program printed.
    pub output: Option<Output>,
    /// What it changed; none where nothing changed.
    pub change: Option<NewPatch>,
    /// Why what it changed cannot be read, or what it printed not be kept, where that is so: then it did not end well.
    pub trouble: Option<String>,
    /// What it cost; absent where nothing is known of that.
    pub cost: Option<Cost>,
    /// Why it did not end well, where its provider asked to slow down.
    pub rate_limit: Option<RateLimit>,
}

/// A patch as it comes in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPatch {
    /// The SHA-256 of its text.
    pub content: String,
    /// The git blob that holds its text.
    pub blob: String,
    /// How many bytes its text has.
    pub bytes: u64,
    /// A hash of what it adds and removes.
    pub patch_id: String,
    /// The commit that it was made on.
    pub base: String,
    /// What it does.
    pub description: Description,
    /// What was in the workspace and cannot be in a tree, with the reason.
    pub unrepresentable: Vec<(RepoPath, String)>,
}

/// What a gate's program gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GateFacts {
    /// How its program ended, if it ran to an end of its own.
    pub exit: Option<ExitStatus>,
    /// What its program printed.
    pub output: Option<Output>,
    /// Why it cannot be judged, where it cannot: not found, timed out, no checkout.
    pub trouble: Option<String>,
}
