//! A plan and its project together: what a run keeps.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::limits::{ATTEMPT_TIMEOUT_DEFAULT, ATTEMPTS_DEFAULT, MAX_PARALLEL_DEFAULT, TASKS_MAX};
use tollhouse_core::spec::{AgentSpec, LandMode, PolicySpec, RouteSpec, RunSpec, TaskSpec};

use super::config::ProjectSpec;
use super::graph::unknown;
use super::nearest::quoted;
use super::policy::Levels;
use super::problem::{Place, Problem, Problems};
use super::read::At;
use super::sound::too_many;
use super::tasks::{AgentChoice, PlanDraft, Prompt, TaskDraft};
use super::workstreams::WorkstreamDraft;

/// What each prompt file holds, or why it could not be read.
pub type PromptTexts = BTreeMap<String, Result<String, String>>;

/// What holds where neither project nor plan says, and what a person said on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The project's name where the configuration gives none: the folder's.
    pub project: String,
    /// The branch that work starts from where the configuration names none: the one that is checked out.
    pub target: String,
    /// How many attempts may run at once, where a person said so: goes before the plan.
    pub max_parallel: Option<u32>,
    /// Whether a person wants to look before anything lands, whatever the project says.
    pub hold: LandMode,
    /// A person's own words on the run.
    pub labels: BTreeMap<String, String>,
    /// A person's own name for the run.
    pub key: Option<String>,
}

/// Makes a run of a plan.
///
/// # Errors
/// Every problem of the plan, those of [`PlanDraft::problems`] included, in the order of its text.
pub fn resolve(
    project: &ProjectSpec,
    plan: &PlanDraft,
    prompts: &PromptTexts,
    defaults: &Defaults,
) -> Result<RunSpec, Vec<Problem>> {
    let mut problems = plan.problems.clone();
    if let Some(problem) = too_many(plan.tasks.len(), TASKS_MAX) {
        problems.wrong(&Place::default(), problem, "make several plans of it");
    }
    let mut policy = project.levels();
    if let Some(level) = &plan.policy {
        level.tell_widening(&Levels::new(&policy), &mut problems);
        policy.push(level.spec());
    }
    let resolver = Resolver { project, prompts, levels: Levels::new(&policy) };
    let tasks: Vec<TaskSpec> = plan.tasks.iter().map(|task| resolver.task(task, &mut problems)).collect();
    for gates in plan.workstreams.iter().map(|draft| &draft.gates).chain([&plan.acceptance.gates]) {
        resolver.tell_own_gates(gates, &mut problems);
    }
    if let Some(fixer) = &plan.acceptance.fix {
        resolver.tell_agent(fixer, &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems.finish(&plan.source));
    }
    let mut run = frame(project, defaults, policy);
    run.plan.clone_from(&plan.plan);
    run.objective.clone_from(&plan.objective);
    run.max_parallel = defaults.max_parallel.or(plan.max_parallel).unwrap_or(MAX_PARALLEL_DEFAULT).max(1);
    run.fixer = plan.acceptance.fix.as_ref().map(|agent| agent.value.clone());
    keep_used(&mut run.agents, &tasks, run.fixer.as_deref());
    run.tasks = tasks;
    run.workstreams = plan.workstreams.iter().map(WorkstreamDraft::spec).collect();
    run.acceptance = plan.acceptance.gates.iter().map(|gate| gate.value.clone()).collect();
    Ok(run)
}

/// Leaves the agents that tasks may go to.
pub(super) fn keep_used(agents: &mut Vec<AgentSpec>, tasks: &[TaskSpec], fixer: Option<&str>) {
    let routed = tasks.iter().filter_map(|task| task.route.as_ref()).flat_map(|route| &route.agents);
    let used: BTreeSet<&str> =
        tasks.iter().map(|task| &task.agent).chain(routed).map(String::as_str).chain(fixer).collect();
    agents.retain(|agent| used.contains(agent.name.as_str()));
}

/// A run of the project for a change that no run made.
pub fn without_tasks(project: &ProjectSpec, plan: &str, defaults: &Defaults) -> RunSpec {
    RunSpec { plan: plan.to_owned(), agents: Vec::new(), ..bare(project, defaults) }
}

/// A run of the project without tasks: what every plan would begin with.
pub fn bare(project: &ProjectSpec, defaults: &Defaults) -> RunSpec {
    frame(project, defaults, project.levels())
}

pub(super) fn frame(project: &ProjectSpec, defaults: &Defaults, policy: Vec<PolicySpec>) -> RunSpec {
    let target = project.target.clone().unwrap_or_else(|| defaults.target.clone());
    RunSpec {
        project: project.name.clone().unwrap_or_else(|| defaults.project.clone()),
        land_on: project.land_on_for(&target),
        target,
        // Whoever wants to look first gets it: neither side can take that back.
        land: if defaults.hold == LandMode::Hold { LandMode::Hold } else { project.land },
        agents: project.agents.clone(),
        gates: project.gates.clone(),
        policy,
        workspace: project.workspace.clone(),
        author: project.author.clone(),
        max_parallel: defaults.max_parallel.unwrap_or(MAX_PARALLEL_DEFAULT).max(1),
        labels: defaults.labels.clone(),
        key: defaults.key.clone(),
        ..RunSpec::default()
    }
}

/// What tasks are measured by.
pub(super) struct Resolver<'a> {
    pub(super) project: &'a ProjectSpec,
    pub(super) prompts: &'a PromptTexts,
    pub(super) levels: Levels<'a>,
}

impl Resolver<'_> {
    pub(super) fn task(&self, task: &TaskDraft, problems: &mut Problems) -> TaskSpec {
        if let Some(level) = &task.policy {
            level.tell_widening(&self.levels, problems);
        }
        if let Some(gates) = &task.gates {
            self.tell_gates(gates, problems);
        }
        let (agent, route) = self.agent(task, problems);
        TaskSpec {
            name: task.id.value.clone(),
            prompt: self.prompt(task.prompt.as_ref(), problems),
            agent,
            route,
            kind: task.routing.kind.clone(),
            risk: task.routing.risk,
            capabilities: task.routing.capabilities.iter().map(|word| word.value.clone()).collect(),
            policy: task.policy.as_ref().map(super::policy::PolicyDraft::spec),
            gates: task.gates.as_ref().map(|gates| gates.iter().map(|gate| gate.value.clone()).collect()),
            needs: task.needs.iter().map(|need| need.value.clone()).collect(),
            timeout: task.timeout.unwrap_or(ATTEMPT_TIMEOUT_DEFAULT),
            attempts: task.attempts.unwrap_or(ATTEMPTS_DEFAULT),
            weight: task.weight,
            conflict_group: task.conflict_group.clone(),
            on_dependency_failure: task.on_dependency_failure,
            workstream: task.workstream.as_ref().map(|name| name.value.clone()),
            priority: task.priority,
            labels: task.labels.clone(),
            ..TaskSpec::default()
        }
    }

    fn prompt(&self, prompt: Option<&Prompt>, problems: &mut Problems) -> String {
        let file = match prompt {
            Some(Prompt::File(file)) => file,
            Some(Prompt::Text(text)) => return text.clone(),
            None => return String::new(),
        };
        let shown = quoted(&file.value);
        match self.prompts.get(&file.value) {
            Some(Ok(text)) if !text.trim().is_empty() => return text.clone(),
            Some(Ok(_)) => problems.wrong(&file.place, format!("prompt file {shown} is empty"), ()),
            Some(Err(why)) => problems.wrong(&file.place, format!("prompt file {shown} cannot be read: {why}"), ()),
            None => problems.wrong(&file.place, format!("prompt file {shown} was not read"), ()),
        }
        String::new()
    }

    fn agent(&self, task: &TaskDraft, problems: &mut Problems) -> (String, Option<RouteSpec>) {
        task.routing.tell_words(self.project, problems);
        match &task.agent {
            AgentChoice::Named(name) => {
                if self.tell_agent(name, problems) {
                    task.routing.tell_incapable(self.project, &name.value, &name.place, problems);
                }
                (name.value.clone(), None)
            }
            AgentChoice::Routed => task.routing.route(self.project, &task.place, problems),
            AgentChoice::Wrong => (String::new(), None),
        }
    }

    /// Tells an agent that is not there; the answer is whether it is.
    fn tell_agent(&self, name: &At<String>, problems: &mut Problems) -> bool {
        let known = || self.project.agents.iter().map(|agent| agent.name.as_str());
        let is_known = known().any(|agent| agent == name.value);
        if !is_known {
            let (message, hint) = unknown("agent", &name.value, known(), problems);
            problems.wrong(&name.place, message, hint);
        }
        is_known
    }

    /// Tells gates of a workstream or of the run that are not there. Those that they need come by themselves.
    fn tell_own_gates(&self, chosen: &[At<String>], problems: &mut Problems) {
        let known = || self.project.gates.iter().map(|gate| gate.name.as_str());
        for name in chosen.iter().filter(|name| !known().any(|gate| gate == name.value)) {
            let (message, hint) = unknown("gate", &name.value, known(), problems);
            problems.wrong(&name.place, message, hint);
        }
    }

    fn tell_gates(&self, chosen: &[At<String>], problems: &mut Problems) {
        let gates = &self.project.gates;
        let names: BTreeSet<&str> = chosen.iter().map(|gate| gate.value.as_str()).collect();
        let mut seen = BTreeSet::new();
        for name in chosen {
            let Some(gate) = gates.iter().find(|gate| gate.name == name.value) else {
                let known = gates.iter().map(|gate| gate.name.as_str());
                let (message, hint) = unknown("gate", &name.value, known, problems);
                problems.wrong(&name.place, message, hint);
                continue;
            };
            if !seen.insert(&name.value) {
                problems.wrong(&name.place, format!("gate {} stands here twice", quoted(&name.value)), "take one out");
            }
            if let Some(need) = gate.needs.iter().find(|need| !names.contains(need.as_str())) {
                let message = format!("gate `{}` needs gate `{need}`, which the task leaves out", name.value);
                problems.wrong(&name.place, message, format!("add \"{need}\""));
            }
        }
    }
}

/// The project's agent, where there is exactly one.
pub(super) fn only_agent(agents: &[AgentSpec], place: &Place, problems: &mut Problems) -> String {
    let message = match agents {
        [agent] => return agent.name.clone(),
        [] => "no agent is configured",
        _ => "which agent? there are several",
    };
    let names: Vec<&str> = agents.iter().take(10).map(|agent| agent.name.as_str()).collect();
    let hint = if names.is_empty() {
        "add [agents.NAME] with a command to tollhouse.toml".to_owned()
    } else {
        format!("name one of: {}", names.join(", "))
    };
    problems.absent(place, message, hint);
    String::new()
}
