//! One execution of a plan or task.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entity, label_keys};
use crate::id::{Kind, RecordId, RunId};
use crate::lifecycle::RunState;
use crate::spec::RunSpec;
use crate::time::Timestamp;

/// How a run that succeeded went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every task was completed, or left out by a person.
    Clean,
    /// Something that is not critical was missed.
    WithFailures,
}

/// A program on a machine, so that it can be told whether it still runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// The machine, and the process namespace in it.
    pub host: String,
    /// Which start of the machine.
    pub boot: String,
    /// Its process id.
    pub pid: u32,
    /// When it began, as the machine says it: process ids come again.
    pub started: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.host.split_whitespace().next().unwrap_or_default();
        write!(f, "process {} on {host}", self.pid)
    }
}

/// The program that drives a run: one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conductor {
    /// Which program.
    pub process: Process,
    /// Only grows: whoever drives with an older one is too late.
    pub epoch: u64,
    /// Since when.
    pub since: Timestamp,
}

/// Where a run goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fork {
    /// The run that it was made from.
    pub source: RunId,
    /// The plan id of the task that is done again, with all that comes after it.
    pub from: Option<String>,
}

/// One execution of a plan or task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Where it is.
    pub state: RunState,
    /// What it was asked for, but for its tasks: each of them is a record of its own.
    pub spec: RunSpec,
    /// Who started it.
    pub started_by: String,
    /// Why it is where it is, where that needs words.
    pub reason: Option<String>,
    /// How it went, once it succeeded.
    pub outcome: Option<RunOutcome>,
    /// The commit that it started from.
    pub base: Option<String>,
    /// The commit that its own gates judged.
    pub verified_commit: Option<String>,
    /// How often a workstream was made to mend what its own gates refused.
    #[serde(default)]
    pub fixes: u32,
    /// How many leases it ever granted: the newest epoch.
    pub epoch: u64,
    /// What drives it; absent where nothing does.
    #[serde(default)]
    pub conductor: Option<Conductor>,
    /// How many conductors it had: the newest epoch of one.
    #[serde(default)]
    pub conductors: u64,
    /// The run that it goes on from.
    #[serde(default)]
    pub fork: Option<Fork>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it last went on after a pause.
    #[serde(default)]
    pub resumed_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl Entity for Run {
    const KIND: Kind = Kind::Run;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        Some(self.id)
    }

    fn parent_id(&self) -> Option<RecordId> {
        None
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        let own = [("plan", Some(&self.spec.plan)), ("key", self.spec.key.as_ref())];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone())));
        own.chain(label_keys(&self.spec.labels)).collect()
    }
}
