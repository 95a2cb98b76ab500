//! What can be asked of the engine: a closed set.

use tollhouse_core::entity::{Candidate, ErrorClass, ExitStatus, Output};
use tollhouse_core::spec::{GateSpec, RunSpec};
use tollhouse_core::{Description, EffectId, GateRunId, RepoPath, RunId, Timestamp, TreeFacts};

/// The time and the randomness of a decision. The same view, command and `At` give the same decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The time.
    pub now: Timestamp,
    /// Where new ids and jitter are drawn from. Never use one twice.
    pub seed: u64,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make a run and its tasks. Given again with the same id and the same content, nothing changes.
    CreateRun {
        /// The id it gets.
        run: RunId,
        /// What it is asked for.
        spec: Box<RunSpec>,
        /// Who starts it.
        started_by: String,
    },
    /// Begin: the target exists.
    StartRun {
        /// Which run.
        run: RunId,
        /// The commit that it starts from.
        base: String,
    },
    /// Look at the clock: what is due, what is overdue.
    Tick {
        /// Of which run.
        run: RunId,
    },
    /// Nothing new starts; what agents do is stopped and does not count. Said again of a paused run, nothing changes.
    PauseRun {
        /// Which run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// Run a gate by hand, on a tree of one's choice.
    CreateGateRun {
        /// The id it gets.
        gate_run: GateRunId,
        /// The gate.
        gate: Box<GateSpec>,
        /// The tree to run on.
        tree: String,
        /// The commit that the tree is of.
        parent: String,
    },
    /// Begin an effect.
    Claim {
        /// Which effect.
        effect: EffectId,
        /// Who begins.
        owner: String,
        /// By when it must have ended.
        until: Timestamp,
    },
    /// Say how an effect went.
    Report {
        /// Which effect.
        effect: EffectId,
        /// The epoch that it was claimed with.
        epoch: u64,
        /// How it went.
        outcome: Box<Outcome>,
    },
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
    /// Of any: it could not be done.
    Failed {
        /// What kind of failure.
        class: ErrorClass,
        /// In words.
        reason: String,
    },
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
    /// Why what it changed cannot be read, where it cannot.
    pub trouble: Option<String>,
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
