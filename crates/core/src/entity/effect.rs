//! What the engine asked the runner to do in the world.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entity, Process};
use crate::id::{AttemptId, EffectId, GateRunId, Kind, PatchId, RecordId, RunId};
use crate::lifecycle::EffectState;
use crate::tagged::tagged;
use crate::time::Timestamp;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "snake_case")]
#[schemars(tag = "do")]
pub enum Work {
    /// Make a workspace, run the agent in it, and read what it changed.
    Spawn {
        /// For this attempt.
        attempt: AttemptId,
    },
    /// End the agent of an attempt, with all its processes.
    Kill {
        /// Of this attempt.
        attempt: AttemptId,
    },
    /// Make a candidate tree on the present landing branch.
    Apply {
        /// Of this patch.
        patch: PatchId,
    },
    /// Run a gate on its tree.
    Gate {
        /// This run of it.
        gate_run: GateRunId,
    },
    /// Commit a verified candidate and move the landing branch to it.
    Land {
        /// Of this patch.
        patch: PatchId,
    },
    /// Forget what a record and all that hangs on it say.
    Purge {
        /// Which record.
        record: RecordId,
        /// Why.
        reason: String,
    },
    /// Take runs that are over out of the ledger; all of them are in an archive already.
    Archive {
        /// Which runs, and where they are.
        archive: Archive,
    },
}

tagged!(Work, "do");

/// Runs of a ledger that are kept in a file of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Archive {
    /// The name of the file, in the folder of the ledger's archives.
    pub file: String,
    /// The name of the ledger: the first 16 digits of the hash of its first event, which may be in an archive.
    pub ledger: String,
    /// The run that began first.
    pub oldest: ArchivedRun,
    /// The others.
    pub newer: Vec<ArchivedRun>,
}

/// A run in an archive, with what tells whether all of its history is there as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArchivedRun {
    /// Which run.
    pub run: RunId,
    /// How many events its stream has.
    pub events: u64,
    /// The position of the last of them.
    pub last: u64,
    /// The hash of the last of them.
    pub head: String,
}

impl Archive {
    /// All of its runs, the oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &ArchivedRun> {
        std::iter::once(&self.oldest).chain(&self.newer)
    }
}

impl Work {
    /// What it is about.
    pub fn subject(&self) -> RecordId {
        match *self {
            Self::Spawn { attempt } | Self::Kill { attempt } => attempt.into(),
            Self::Apply { patch } | Self::Land { patch } => patch.into(),
            Self::Gate { gate_run } => gate_run.into(),
            Self::Purge { record, .. } => record,
            Self::Archive { ref archive } => archive.oldest.run.into(),
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Spawn { .. } => "spawn",
            Self::Kill { .. } => "kill",
            Self::Apply { .. } => "apply",
            Self::Gate { .. } => "gate",
            Self::Land { .. } => "land",
            Self::Purge { .. } => "purge",
            Self::Archive { .. } => "archive",
        }
    }

    /// Why a person asked for it, where one did.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Purge { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

/// What the engine asked the runner to do in the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Effect {
    /// Its id.
    pub id: EffectId,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// What is to be done.
    pub work: Work,
    /// Where it is.
    pub state: EffectState,
    /// Who does it, once somebody does.
    pub owner: Option<String>,
    /// The program that does it, where no conductor answers for it.
    #[serde(default)]
    pub process: Option<Process>,
    /// Only grows: whoever comes with an older one is too late.
    pub epoch: u64,
    /// By when it must have ended or been renewed.
    pub until: Option<Timestamp>,
    /// Why it is where it is, where that needs words.
    pub reason: Option<String>,
    /// Of what was forgotten, the digest of what is left: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When somebody began.
    pub started_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl Entity for Effect {
    const KIND: Kind = Kind::Effect;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        self.run
    }

    fn parent_id(&self) -> Option<RecordId> {
        Some(self.work.subject())
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("do".to_owned(), self.work.name().to_owned())])
    }
}
