//! What keeps an agent that fails again and again from being asked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Entity;
use crate::id::{AttemptId, BreakerId, Kind, RecordId, RunId};
use crate::lifecycle::BreakerState;
use crate::time::Timestamp;

/// The circuit breaker of one agent, for all runs of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Breaker {
    /// Its id: [`BreakerId::of_agent`].
    pub id: BreakerId,
    /// The agent that it is of.
    pub agent: String,
    /// Where it is.
    pub state: BreakerState,
    /// How many attempts of the agent failed since one last ended well.
    pub failures_in_a_row: u32,
    /// How many trials did not end well since it last closed.
    #[serde(default)]
    pub reopened: u32,
    /// From when a trial may go: there exactly while it is open.
    pub until: Option<Timestamp>,
    /// The trial that decides: there exactly while it is half open.
    pub trial: Option<AttemptId>,
    /// Why it is where it is, where that needs words.
    pub reason: Option<String>,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Entity for Breaker {
    const KIND: Kind = Kind::Breaker;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        None
    }

    fn parent_id(&self) -> Option<RecordId> {
        None
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("agent".to_owned(), self.agent.clone())])
    }
}
