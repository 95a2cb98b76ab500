//! Routing: which agents a task may go to, how one of them is chosen, and what is known of each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::time::Span;

/// How the agent of a routed task is chosen among those that may take it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The first that may.
    #[default]
    Fixed,
    /// Whoever was asked least in this run.
    RoundRobin,
    /// Whoever did best so far, by what was accepted, time and cost; those of whom little is known are tried, too.
    Best,
}

impl Strategy {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::RoundRobin => "round_robin",
            Self::Best => "best",
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The agents that a task may go to, and how one of them is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteSpec {
    /// The rule that said so and where it stands, as in `route 2 (tollhouse.toml:14)`; absent: the task itself.
    pub rule: Option<String>,
    /// How one of them is chosen.
    pub strategy: Strategy,
    /// Their names, in order of preference: at least one.
    pub agents: Vec<String>,
}

/// How an agent did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrackRecord {
    /// How many attempts it was given.
    pub leases: u64,
    /// How many of its changes landed.
    pub accepted: u64,
    /// How many of its attempts failed, or made a change that was refused, by its own fault.
    pub refused: u64,
    /// How many of its attempts ended by themselves.
    pub timed: u64,
    /// How long those took together, in seconds.
    pub time: Span,
    /// How many of its attempts have a known cost.
    pub priced: u64,
    /// What those cost together.
    pub cost: Money,
}
