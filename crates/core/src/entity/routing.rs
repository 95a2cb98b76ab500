//! How an attempt came to its agent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::{Strategy, TrackRecord};
use crate::time::Timestamp;

/// What became of one of the agents that a task may go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum CandidateOutcome {
    /// It was given the attempt.
    Chosen,
    /// It could have been; the strategy preferred another.
    Behind,
    /// It could have been, but tried this task in vain more often than another had.
    GaveWay,
    /// Neither it nor who executes the attempt is able to do these.
    Incapable {
        /// What the task asks for, and they lack.
        lacks: Vec<String>,
    },
    /// It was at as many tasks as it may be.
    Busy {
        /// So many.
        max_parallel: u32,
    },
    /// Its circuit breaker was open.
    BreakerOpen {
        /// From when one trial may go; null while one is out.
        until: Option<Timestamp>,
    },
}

/// What a strategy looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// How it did so far, in earlier runs and in this one.
    pub record: TrackRecord,
    /// How likely its next change is to land, as it was drawn from what is known of it: of a million.
    pub drawn: u32,
    /// That, less what slowness and cost take off it: of a million.
    pub score: u32,
}

/// One of the agents that a task may go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoutingCandidate {
    /// Its name.
    pub agent: String,
    /// How many of its attempts at this task were in vain.
    pub tries: u32,
    /// How many attempts it had been given in this run.
    pub leases: u64,
    /// What the strategy looked at; null where it needs no figures, or the agent was not able.
    pub figures: Option<Figures>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: CandidateOutcome,
}

/// How an attempt came to its agent: who could have had it, and why this one has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoutingDecision {
    /// The rule that named the candidates and where it stands; null: the task itself did.
    pub rule: Option<String>,
    /// How one of them was chosen.
    pub strategy: Strategy,
    /// The agent that was chosen.
    pub chosen: String,
    /// Why, in words.
    pub reason: String,
    /// All of them, in order of preference.
    pub candidates: Vec<RoutingCandidate>,
}
