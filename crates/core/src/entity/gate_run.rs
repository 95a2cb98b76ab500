//! One execution of a gate on one tree.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entity, ExitStatus, Output};
use crate::id::{GateRunId, Kind, PatchId, RecordId, RunId, WorkstreamId};
use crate::lifecycle::GateRunState;
use crate::spec::GateSpec;
use crate::time::Timestamp;

/// How a gate run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateEnd {
    /// How its program ended.
    pub exit: Option<ExitStatus>,
    /// What its program printed.
    pub output: Option<Output>,
    /// Why it did not pass, in words.
    pub reason: Option<String>,
    /// Whether it was stopped by us, or lost with its runner: not the gate's doing, so that it does not count as a try.
    #[serde(default)]
    pub stopped: bool,
}

/// One execution of a gate on one tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateRun {
    /// Its id.
    pub id: GateRunId,
    /// The run that it belongs to; absent where a person ran it by hand.
    pub run: Option<RunId>,
    /// The patch whose candidate it judges; absent where it judges what landed.
    pub patch: Option<PatchId>,
    /// The workstream that it is a gate of; absent for a gate of a patch, or of the run itself.
    #[serde(default)]
    pub workstream: Option<WorkstreamId>,
    /// The gate as it was defined then.
    pub gate: GateSpec,
    /// The tree that it ran on; the commit itself where nothing landed on it yet.
    pub tree: String,
    /// The commit that the tree was, or would be, put on top of; for what landed, the commit that is of the tree.
    pub parent: String,
    /// The how-manieth run of this gate on this tree for this patch: 1, 2, 3.
    pub number: u32,
    /// Where it is.
    pub state: GateRunState,
    /// The names of the gates it waits for.
    pub blocked_by: Vec<String>,
    /// How it ended, once it has.
    pub end: Option<GateEnd>,
    /// Why it was not run.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its program began.
    pub started_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl Entity for GateRun {
    const KIND: Kind = Kind::GateRun;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        self.run
    }

    fn parent_id(&self) -> Option<RecordId> {
        let hangs_on = self.patch.map(RecordId::from).or(self.workstream.map(RecordId::from));
        hangs_on.or(self.run.map(RecordId::from))
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("name".to_owned(), self.gate.name.clone()), ("tree".to_owned(), self.tree.clone())])
    }
}
