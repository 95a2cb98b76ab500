//! Runs: what a whole plan asks for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::agent::{AgentSpec, PolicySpec};
use super::gate::{GateSpec, Program};
use super::route::TrackRecord;
use super::task::{OnDependencyFailure, TaskSpec, Weight};
use crate::limits::{MAX_PARALLEL_DEFAULT, STALL_TIMEOUT_DEFAULT};
use crate::money::Money;
use crate::time::Span;

/// How workspaces and gate checkouts are made ready.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceSpec {
    /// Run in each, before anything else.
    pub setup: Option<Program>,
    /// Untracked files, relative to the root of the working copy, that are copied into each.
    pub copy: Vec<String>,
}

/// Whether what is verified lands by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LandMode {
    /// It does.
    #[default]
    Auto,
    /// A person says so, patch by patch.
    Hold,
}

/// Whose name a landed commit carries as its author.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommitAuthor {
    /// The agent that made the change.
    #[default]
    Agent,
    /// The person who started the run.
    Me,
    /// Somebody named, as in `Ada <ada@example.org>`.
    Named(String),
}

/// A named group of a run's tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WorkstreamSpec {
    /// Its name in the plan.
    pub name: String,
    /// Workstreams that must be done before.
    pub needs: Vec<String>,
    /// What a miss of it means to its run.
    pub weight: Weight,
    /// Its own gates: those that what it landed must pass, once its tasks are finished.
    pub gates: Vec<String>,
    /// What happens to it when something it needs was missed.
    pub on_dependency_failure: OnDependencyFailure,
    /// Whether the configuration leaves it out.
    pub skip: bool,
}

/// What happens when a budget is used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// Its run pauses until a person raises it.
    #[default]
    Pause,
    /// Its run winds down and fails.
    Stop,
    /// It is told, and work goes on.
    Warn,
}

/// How much a run may spend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BudgetSpec {
    /// At most so much for the run; absent: no limit.
    pub per_run: Option<Money>,
    /// At most so much for each task; absent: no limit.
    pub per_task: Option<Money>,
    /// What happens when it is used up.
    pub on_exhausted: OnExhausted,
}

/// Whose workers do a run's work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Crew {
    /// The program that drives the run does its work.
    #[default]
    Own,
    /// Registered workers ask for it.
    Shared,
}

/// All that a run was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunSpec {
    /// The plan's name; `do` for a single task.
    pub plan: String,
    /// What it is for, in words.
    pub objective: Option<String>,
    /// The project's name.
    pub project: String,
    /// The branch that work starts from.
    pub target: String,
    /// The branch that changes land on.
    pub land_on: String,
    /// Whether what is verified lands by itself.
    #[serde(default)]
    pub land: LandMode,
    /// The agents that its tasks use.
    pub agents: Vec<AgentSpec>,
    /// The gates.
    pub gates: Vec<GateSpec>,
    /// The levels of policy above the tasks: the project's, the person's where there is one, the plan's.
    pub policy: Vec<PolicySpec>,
    /// How workspaces are made ready.
    pub workspace: WorkspaceSpec,
    /// Whose name landed commits carry.
    pub author: CommitAuthor,
    /// How many attempts may run at once.
    pub max_parallel: u32,
    /// The tasks, in the order of the plan.
    pub tasks: Vec<TaskSpec>,
    /// The workstreams, in the order of the plan.
    #[serde(default)]
    pub workstreams: Vec<WorkstreamSpec>,
    /// The run's own gates: those that what it landed must pass at its end.
    #[serde(default)]
    pub acceptance: Vec<String>,
    /// The agent that mends what the run's own gates refuse; absent: then the run fails.
    #[serde(default)]
    pub fixer: Option<String>,
    /// How much it may spend; absent: nobody asked.
    #[serde(default)]
    pub budget: Option<BudgetSpec>,
    /// Whose workers do its work.
    #[serde(default)]
    pub crew: Crew,
    /// How long it may take; absent: as long as it does.
    #[serde(default)]
    pub deadline: Option<Span>,
    /// How long it may stand still, and an attempt be without a word, before it counts as stalled.
    #[serde(default = "stall_timeout_default")]
    pub stall_timeout: Span,
    /// How the agents did before it began, by name, where a strategy asks for that.
    #[serde(default)]
    pub records: BTreeMap<String, TrackRecord>,
    /// The person's own words on it.
    pub labels: BTreeMap<String, String>,
    /// The person's own name for it, which no other run of the ledger has: asked for again under it, it is the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A run as it is where plan and configuration say nothing: without a plan, a project or branches.
impl Default for RunSpec {
    fn default() -> Self {
        Self {
            plan: String::new(),
            objective: None,
            project: String::new(),
            target: String::new(),
            land_on: String::new(),
            land: LandMode::default(),
            agents: Vec::new(),
            gates: Vec::new(),
            policy: Vec::new(),
            workspace: WorkspaceSpec::default(),
            author: CommitAuthor::default(),
            max_parallel: MAX_PARALLEL_DEFAULT,
            tasks: Vec::new(),
            workstreams: Vec::new(),
            acceptance: Vec::new(),
            fixer: None,
            budget: None,
            crew: Crew::default(),
            deadline: None,
            stall_timeout: STALL_TIMEOUT_DEFAULT,
            records: BTreeMap::new(),
            labels: BTreeMap::new(),
            key: None,
        }
    }
}

const fn stall_timeout_default() -> Span {
    STALL_TIMEOUT_DEFAULT
}
