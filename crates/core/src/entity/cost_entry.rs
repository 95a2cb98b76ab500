//! What something cost.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Entity;
use crate::id::{AttemptId, CostEntryId, Kind, RecordId, RunId, TaskId};
use crate::lifecycle::CostEntryState;
use crate::money::Money;
use crate::time::Timestamp;

/// How an amount came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The agent or its provider said so.
    Reported,
    /// From tokens and their prices.
    Computed,
    /// From what the like cost before.
    Estimated,
    /// What is known so far; more may come.
    LowerBound,
    /// Nobody knows.
    Unknown,
}

/// What something cost. Written once and never changed: a correction is an entry of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CostEntry {
    /// Its id.
    pub id: CostEntryId,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// The task that it was spent on.
    pub task: Option<TaskId>,
    /// The attempt that spent it.
    pub attempt: Option<AttemptId>,
    /// The agent that spent it.
    pub agent: Option<String>,
    /// How much, in US dollars; absent where it is unknown, which is not nothing.
    pub amount: Option<Money>,
    /// How that is known.
    pub evidence: Evidence,
    /// What budgets count it as: the amount, or what was set aside for it where that is unknown.
    #[serde(default)]
    pub settled_at: Money,
    /// The entry that it stands in for.
    pub corrects: Option<CostEntryId>,
    /// What a reader should know of it.
    pub note: Option<String>,
    /// Where it is.
    pub state: CostEntryState,
    /// When it was recorded.
    pub at: Timestamp,
}

impl Entity for CostEntry {
    const KIND: Kind = Kind::CostEntry;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        self.run
    }

    fn parent_id(&self) -> Option<RecordId> {
        let attempt = self.attempt.map(RecordId::from);
        attempt.or_else(|| self.task.map(RecordId::from)).or_else(|| self.run.map(RecordId::from))
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        self.agent.iter().map(|agent| ("agent".to_owned(), agent.clone())).collect()
    }
}
