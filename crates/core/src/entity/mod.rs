//! The records' bodies: one struct a kind.
//!
//! None of them is built by hand but by what the engine's `apply` makes of an event.

mod attempt;
mod breaker;
mod budget;
mod cost_entry;
mod effect;
mod gate_run;
mod output;
mod patch;
mod routing;
mod run;
mod task;
mod worker;
mod workstream;

pub use attempt::{Attempt, AttemptEnd, ErrorClass};
pub use breaker::Breaker;
pub use budget::{Budget, BudgetScope};
pub use cost_entry::{CostEntry, Evidence};
pub use effect::{Archive, ArchivedRun, Effect, Work};
pub use gate_run::{GateEnd, GateRun};
pub use output::{Output, end_of};
pub use patch::{Candidate, Patch, RuleOutcome, RuleVerdict};
pub use routing::{CandidateOutcome, Figures, RoutingCandidate, RoutingDecision};
pub use run::{Conductor, Fork, Process, Run, RunOutcome};
pub use task::{Lease, Task};
pub use worker::{Holding, Worker};
pub use workstream::{Ending, Workstream};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{Kind, RecordId, RunId};
use crate::record::{Record, Version};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}

/// What every kind of record can say of itself, so that it can be kept.
pub trait Entity: Clone + Serialize + DeserializeOwned {
    /// Its kind.
    const KIND: Kind;

    /// Its id.
    fn record_id(&self) -> RecordId;

    /// The run that it belongs to.
    fn run_id(&self) -> Option<RunId>;

    /// What it hangs on.
    fn parent_id(&self) -> Option<RecordId>;

    /// Its state's name.
    fn state_name(&self) -> &'static str;

    /// What it can be found by.
    fn keys(&self) -> BTreeMap<String, String>;

    /// As a store keeps it.
    fn to_record(&self, version: Version) -> Record {
        Record {
            id: self.record_id(),
            run: self.run_id(),
            parent: self.parent_id(),
            state: self.state_name().to_owned(),
            version,
            keys: self.keys(),
            body: serde_json::to_string(self).expect("a record has only string keys"),
        }
    }

    /// From what a store kept.
    ///
    /// # Errors
    /// The body is not what this version of the program writes.
    fn from_record(record: &Record) -> Result<Self, UnreadableRecord> {
        let unreadable = |what: String| UnreadableRecord { id: record.id, what };
        if record.kind() != Self::KIND {
            return Err(unreadable(format!("it is a {}, not a {}", record.kind(), Self::KIND)));
        }
        let entity: Self = serde_json::from_str(&record.body).map_err(|error| unreadable(error.to_string()))?;
        if entity.record_id() != record.id || entity.state_name() != record.state {
            return Err(unreadable("its body is not of the record that it stands in".to_owned()));
        }
        Ok(entity)
    }
}

/// The declared keys by which a record with labels is found: `label:NAME`.
fn label_keys(labels: &BTreeMap<String, String>) -> impl Iterator<Item = (String, String)> {
    labels.iter().map(|(name, value)| (format!("label:{name}"), value.clone()))
}

/// A record whose body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("record {id} cannot be read: {what}")]
pub struct UnreadableRecord {
    /// Which record.
    pub id: RecordId,
    /// What is wrong with it.
    pub what: String,
}
