//! A unified diff with its base.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Entity;
use crate::description::Description;
use crate::id::{AttemptId, Kind, PatchId, RecordId, RunId, TaskId};
use crate::lifecycle::PatchState;
use crate::path::RepoPath;
use crate::time::Timestamp;

/// What a rule said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It holds.
    Held,
    /// It is broken, and a person may waive it for one patch.
    Broken,
    /// It is broken, and nobody may waive it.
    BrokenAlways,
    /// It is broken, and a person waived it.
    Waived,
}

/// One rule's verdict on one patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleVerdict {
    /// The rule's stable name.
    pub rule: String,
    /// What it said.
    pub outcome: RuleOutcome,
    /// What was found, in words; empty where it holds and there is nothing to say.
    pub detail: String,
}

/// A tree that a patch would produce, and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The tree's object id.
    pub tree: String,
    /// The commit that it was made on: the parent of what lands.
    pub parent: String,
}

/// A unified diff with its base. Its content never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Patch {
    /// Its id.
    pub id: PatchId,
    /// The run that it belongs to; absent for what no run made.
    pub run: Option<RunId>,
    /// The task that it is for.
    pub task: Option<TaskId>,
    /// The attempt that made it.
    pub attempt: Option<AttemptId>,
    /// Where it is.
    pub state: PatchState,
    /// The first line of what lands.
    pub title: String,
    /// The SHA-256 of its text: its identity.
    pub content: String,
    /// The id of the git blob, in the ledger's repository, that holds its text.
    pub blob: String,
    /// How many bytes its text has.
    pub bytes: u64,
    /// A hash of what it adds and removes, wherever it stands.
    pub patch_id: String,
    /// The commit that it was made on.
    pub base: String,
    /// What it does.
    pub description: Description,
    /// What was in the workspace and cannot be in a tree, with the reason.
    pub unrepresentable: Vec<(RepoPath, String)>,
    /// What the rules said, newest judgement.
    pub verdicts: Vec<RuleVerdict>,
    /// The rules that a person waived.
    pub waived: Vec<String>,
    /// The globs of paths that a person let it change, whatever the rules on paths say.
    #[serde(default)]
    pub allowed: Vec<String>,
    /// Whether a person said that it may land, where landing is held.
    #[serde(default)]
    pub approved: bool,
    /// Why a person has to look at it before it goes on: a gate failed and then passed on its candidate.
    #[serde(default)]
    pub doubt: Option<String>,
    /// Whose change it is, where no agent of the run made it, as in `Ada <ada@example.org>`.
    #[serde(default)]
    pub author: Option<String>,
    /// The patch that it is handed in for.
    #[serde(default)]
    pub replaces: Option<PatchId>,
    /// The tree that it gave, while that is not stale.
    pub candidate: Option<Candidate>,
    /// How often its candidate became stale.
    pub rebases: u32,
    /// How often it was tried again after a conflict.
    pub conflicts: u32,
    /// The commit that it did not fit on.
    pub conflict_target: Option<String>,
    /// The commit that it landed as.
    pub commit: Option<String>,
    /// The rule, gate or limit that set it aside.
    pub refused_by: Option<String>,
    /// Why it is where it is, where that needs words.
    pub reason: Option<String>,
    /// When it came in.
    pub created_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl Entity for Patch {
    const KIND: Kind = Kind::Patch;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        self.run
    }

    fn parent_id(&self) -> Option<RecordId> {
        self.task.map(RecordId::from)
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        let mut keys = BTreeMap::from([("content".to_owned(), self.content.clone())]);
        if let Some(commit) = &self.commit {
            keys.insert("commit".to_owned(), commit.clone());
        }
        if let Some(replaces) = &self.replaces {
            keys.insert("replaces".to_owned(), replaces.to_string());
        }
        keys
    }
}
