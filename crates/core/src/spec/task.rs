//! Tasks: what is to be done.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::agent::PolicySpec;
use super::route::RouteSpec;
use crate::limits::{ATTEMPT_TIMEOUT_DEFAULT, ATTEMPTS_DEFAULT};
use crate::money::Money;
use crate::time::Span;

/// What happens to a task when something it needs was missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDependencyFailure {
    /// It is skipped.
    #[default]
    Skip,
    /// It fails.
    Fail,
}

/// What a miss of a task means to its run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The run fails with it.
    #[default]
    Critical,
    /// The run goes on without it.
    Optional,
}

/// How soon a task gets its turn among those that are ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After the others.
    Low,
    /// As it comes.
    #[default]
    Normal,
    /// Before the others.
    High,
    /// Before all.
    Urgent,
}

/// How much harm a mistake in a task can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Little.
    Low,
    /// As usual.
    #[default]
    #[serde(alias = "normal")]
    Medium,
    /// Much.
    High,
}

/// Another agent for a task that was tried before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Escalation {
    /// Once so many attempts were used.
    pub after: u32,
    /// The agent that does it from then on.
    pub agent: String,
}

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskSpec {
    /// Its id in the plan.
    pub name: String,
    /// What is to be done, in words.
    pub prompt: String,
    /// The agent that does it; of a routed task the first of those that it may go to.
    pub agent: String,
    /// How its agent is chosen; absent: it has one.
    #[serde(default)]
    pub route: Option<RouteSpec>,
    /// Its own level of policy; its `write` is also its declared scope.
    pub policy: Option<PolicySpec>,
    /// The gates its patch must pass; absent: all there are.
    pub gates: Option<Vec<String>>,
    /// Tasks that must be done before.
    pub needs: Vec<String>,
    /// How long one try may take, in seconds.
    pub timeout: Span,
    /// How many tries it has.
    pub attempts: u32,
    /// What a miss of it means to its run.
    pub weight: Weight,
    /// Tasks with the same word never run together.
    pub conflict_group: Option<String>,
    /// What happens to it when something it needs was missed.
    pub on_dependency_failure: OnDependencyFailure,
    /// The workstream that it belongs to; absent: its run's own, which is critical.
    #[serde(default)]
    pub workstream: Option<String>,
    /// How soon it gets its turn.
    #[serde(default)]
    pub priority: Priority,
    /// What its agent, or whoever executes it, must be able to do.
    #[serde(default)]
    pub capabilities: BTreeSet<String>,
    /// What kind of work it is, in the person's own word.
    #[serde(default)]
    pub kind: Option<String>,
    /// How much harm a mistake in it can do.
    #[serde(default)]
    pub risk: Risk,
    /// What an attempt at it reserves of its budgets; absent: what is estimated.
    #[serde(default)]
    pub reserve: Option<Money>,
    /// The agents that take over once it was tried in vain; where several could, the one that comes last in attempts.
    #[serde(default)]
    pub escalate: Vec<Escalation>,
    /// The person's own words on it.
    pub labels: BTreeMap<String, String>,
}

/// A task as it is where the plan says nothing: without a name, a prompt or an agent.
impl Default for TaskSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            prompt: String::new(),
            agent: String::new(),
            route: None,
            policy: None,
            gates: None,
            needs: Vec::new(),
            timeout: ATTEMPT_TIMEOUT_DEFAULT,
            attempts: ATTEMPTS_DEFAULT,
            weight: Weight::default(),
            conflict_group: None,
            on_dependency_failure: OnDependencyFailure::default(),
            workstream: None,
            priority: Priority::default(),
            capabilities: BTreeSet::new(),
            kind: None,
            risk: Risk::default(),
            reserve: None,
            escalate: Vec::new(),
            labels: BTreeMap::new(),
        }
    }
}
