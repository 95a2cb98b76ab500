//! What a person asked for, after it was read and checked: the part of plan and configuration that a run keeps, so that
//! what counts is what stood there when it began.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{ATTEMPT_TIMEOUT_DEFAULT, ATTEMPTS_DEFAULT, MAX_PARALLEL_DEFAULT, STALL_TIMEOUT_DEFAULT};
use crate::money::Money;
pub use crate::route::{RouteSpec, Strategy, TrackRecord};
use crate::time::Span;

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// A line for `sh -eu -c`.
    Shell(String),
    /// A program and its arguments, run as they are.
    Argv(Vec<String>),
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Argv(words) => f.write_str(&words.join(" ")),
        }
    }
}

/// Who does the work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentSpec {
    /// Its name in the configuration.
    pub name: String,
    /// Program and arguments. `{task}`, `{prompt_file}` and `{workspace}` are replaced; the prompt is on standard input.
    pub command: Vec<String>,
    /// How many of its attempts may run at once; absent: as many as the run allows.
    pub max_parallel: Option<u32>,
    /// Variables that it gets.
    pub env: BTreeMap<String, String>,
    /// Variables that are passed on to it.
    pub env_pass: Vec<String>,
    /// What it is able to do, in the person's own words.
    #[serde(default)]
    pub capabilities: BTreeSet<String>,
}

/// What kind of check a gate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Style and static checks.
    Lint,
    /// Unit tests.
    Unit,
    /// Integration tests.
    Integration,
    /// End-to-end tests.
    E2e,
    /// Security checks.
    Security,
    /// Anything else.
    Custom,
}

/// Whether a patch must pass a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// It must.
    Required,
    /// It is told, and lands all the same.
    Advisory,
}

/// What follows where a gate failed and then passed on one tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFlaky {
    /// A person looks before the change lands; no attempt is used up. What landed already counts as refused.
    #[default]
    Hold,
    /// It counts as failed.
    Fail,
    /// It counts as passed.
    Pass,
}

/// A check that a change must pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateSpec {
    /// Its name in the configuration.
    pub name: String,
    /// What kind of check it is.
    pub kind: GateKind,
    /// What is run. Exit status 0 is yes.
    pub run: Program,
    /// Only if the patch touches one of these globs; empty: always.
    pub paths: Vec<String>,
    /// Where it runs, relative to the root of the checkout.
    pub cwd: Option<String>,
    /// Variables that it gets.
    pub env: BTreeMap<String, String>,
    /// Variables that are passed on to it.
    pub env_pass: Vec<String>,
    /// How long it may take, in seconds.
    pub timeout: Span,
    /// Gates that must have passed on the same tree before.
    pub needs: Vec<String>,
    /// Whether a patch must pass it.
    pub requirement: Requirement,
    /// How often it is run again on a tree where it failed.
    #[serde(default)]
    pub retries: u32,
    /// What follows where it failed and then passed on one tree.
    #[serde(default)]
    pub flaky: OnFlaky,
}

/// One level of policy. Each level can only narrow the ones above it, because a patch must satisfy them all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicySpec {
    /// Which level it is and where it stands, as in `project (tollhouse.toml)`.
    pub source: String,
    /// Globs that may be changed; absent: all but what is forbidden.
    pub write: Option<Vec<String>>,
    /// Globs that may not be changed. Wins over `write`.
    pub forbid: Vec<String>,
    /// At most so many files.
    pub max_files_changed: Option<u64>,
    /// At most so many lines, added and removed together; lock files weigh nothing.
    pub max_lines_changed: Option<u64>,
}

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
        }
    }
}

const fn stall_timeout_default() -> Span {
    STALL_TIMEOUT_DEFAULT
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// As it was written before these fields were there.
    fn without(spec: impl Serialize, fields: &[&str]) -> Value {
        let mut value = serde_json::to_value(spec).unwrap();
        for field in fields {
            assert!(value.as_object_mut().unwrap().remove(*field).is_some(), "{field}");
        }
        value
    }

    #[test]
    fn what_an_older_version_wrote_is_read_as_if_it_said_nothing() {
        let fields = ["workstream", "priority", "capabilities", "kind", "risk", "reserve", "escalate", "route"];
        let task = without(TaskSpec::default(), &fields);
        assert_eq!(serde_json::from_value::<TaskSpec>(task).unwrap(), TaskSpec::default());
        let fields = ["workstreams", "acceptance", "fixer", "budget", "crew", "deadline", "stall_timeout", "records"];
        let run = without(RunSpec::default(), &fields);
        assert_eq!(serde_json::from_value::<RunSpec>(run).unwrap(), RunSpec::default());
    }

    #[test]
    fn a_run_without_a_stall_timeout_has_the_usual_one() {
        let run = without(RunSpec { stall_timeout: Span::from_secs(1), ..RunSpec::default() }, &["stall_timeout"]);
        assert_eq!(serde_json::from_value::<RunSpec>(run).unwrap().stall_timeout, STALL_TIMEOUT_DEFAULT);
    }

    #[test]
    fn urgent_is_the_greatest_priority() {
        let said =
            ["low", "normal", "high", "urgent"].map(|word| serde_json::from_value::<Priority>(json!(word)).unwrap());
        assert!(said.is_sorted());
        assert_eq!(Priority::default(), said[1]);
    }
}
