//! What a plan comes to before anything of it is begun: `toll check`.
//!
//! Computed from what the files say, and nothing else. It starts nothing and promises nothing: how long agents take, nobody
//! knows before.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::Span;
use tollhouse_core::spec::{GateSpec, PolicySpec, Requirement, RunSpec, TaskSpec, Weight};

use crate::plan::{Chain, Clash, Schedule, gates_in_order, with_needed};
use crate::policy::is_git_name;
use crate::scope::{Inclusion, Scope};

/// More conflicts than these are counted, not listed.
const CONFLICTS_MAX: usize = 1000;

/// What a configuration, and a plan if there is one, come to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CheckReport {
    /// The project's name.
    pub project: String,
    /// The branch that work starts from.
    pub target: String,
    /// The branch that changes land on.
    pub land_on: String,
    /// The plan's name; null where only the configuration was checked.
    pub plan: Option<String>,
    /// The agents: all that are configured, or those that the plan uses.
    pub agents: Vec<String>,
    /// The gates that are configured, each after those that it needs.
    pub gates: Vec<String>,
    /// How many attempts may run at once.
    pub max_parallel: u32,
    /// The tasks, in the order of the plan.
    pub tasks: Vec<CheckedTask>,
    /// The tasks that can be under way together, one wave after the other, as if all took as long.
    pub waves: Vec<Vec<String>>,
    /// The longest chain of needs, each task taken at its timeout; null without tasks.
    pub critical_path: Option<CriticalPath>,
    /// Pairs of tasks that never run together, though neither waits for the other.
    pub conflicts: Vec<Conflict>,
    /// How many there are beyond those listed.
    pub conflicts_left_out: u64,
    /// How long agents work at most along the chain that takes longest; null without tasks.
    pub time_bound: Option<TimeBound>,
    /// What it will cost, as a decimal; null: unknown, for there are no prices yet.
    pub cost_estimate: Option<String>,
    /// What is allowed, and probably not meant.
    pub warnings: Vec<CheckWarning>,
}

/// A task, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CheckedTask {
    /// Its id in the plan.
    pub name: String,
    /// The agent that does it.
    pub agent: String,
    /// Tasks that must be done before.
    pub needs: Vec<String>,
    /// Its wave, from 1.
    pub wave: u64,
    /// The globs that it may change; null: all that policy allows.
    pub write: Option<Vec<String>>,
    /// Tasks with the same word never run together.
    pub conflict_group: Option<String>,
    /// The gates that judge its patch.
    pub gates: CheckedGates,
    /// How long one try may take, in seconds.
    pub timeout: Span,
    /// How many tries it has.
    pub attempts: u32,
    /// Whether the run fails with it.
    pub critical: bool,
}

/// The gates that judge a patch, each after those that it needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckedGates {
    /// Those that it must pass.
    pub required: Vec<String>,
    /// Those whose answer is only told.
    pub advisory: Vec<String>,
}

/// The longest chain of needs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CriticalPath {
    /// Its tasks, the first to be done first.
    pub tasks: Vec<String>,
    /// The sum of their timeouts, in seconds.
    pub timeout: Span,
}

/// Two tasks that never run together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Conflict {
    /// Their ids in the plan.
    pub tasks: [String; 2],
    /// The conflict group that they share; null where it is their scopes.
    pub conflict_group: Option<String>,
    /// A glob of each, that one path might match; null where it is their group.
    pub write: Option<[String; 2]>,
}

/// A bound, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TimeBound {
    /// How long agents work at most along that chain, in seconds.
    pub agents: Span,
    /// The chain.
    pub tasks: Vec<String>,
    /// What it was computed from, and what comes on top.
    pub source: String,
}

/// Something that is allowed, and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckWarning {
    /// The stable code.
    pub code: String,
    /// The task that it is about; null where it is about all of it.
    pub task: Option<String>,
    /// What was found.
    pub message: String,
    /// What the reader can do.
    pub hint: String,
}

/// What a run would come to. One without tasks is a configuration alone. `refused` says why nothing could start now,
/// where those who see the repository know of a reason.
pub fn check_report(spec: &RunSpec, refused: Option<(&str, Option<&str>)>) -> CheckReport {
    let schedule = Schedule::new(spec);
    let waves = schedule.waves();
    let mut wave_of = vec![0_u64; spec.tasks.len()];
    for (wave, number) in waves.iter().zip(1..) {
        for task in wave {
            wave_of[*task] = number;
        }
    }
    let names = |places: &[usize]| -> Vec<String> { places.iter().map(|at| spec.tasks[*at].name.clone()).collect() };
    let path = |chain: Chain| CriticalPath { tasks: names(&chain.tasks), timeout: chain.length };
    let bound = schedule.longest(|task| times(task.timeout, task.attempts));
    let conflict = |(pair, clash): (&(usize, usize), &Clash)| conflict(&spec.tasks[pair.0], &spec.tasks[pair.1], clash);
    CheckReport {
        project: spec.project.clone(),
        target: spec.target.clone(),
        land_on: spec.land_on.clone(),
        plan: (!spec.tasks.is_empty()).then(|| spec.plan.clone()),
        agents: spec.agents.iter().map(|agent| agent.name.clone()).collect(),
        gates: in_order(&spec.gates).map(|gate| gate.name.clone()).collect(),
        max_parallel: spec.max_parallel,
        tasks: spec.tasks.iter().zip(wave_of).map(|(task, wave)| checked(task, wave, spec)).collect(),
        waves: waves.iter().map(|wave| names(wave)).collect(),
        critical_path: schedule.longest(|task| task.timeout).map(path),
        conflicts: schedule.clashes.iter().take(CONFLICTS_MAX).map(conflict).collect(),
        conflicts_left_out: schedule.clashes.len().saturating_sub(CONFLICTS_MAX) as u64,
        time_bound: bound.map(|chain| TimeBound {
            agents: chain.length,
            tasks: names(&chain.tasks),
            source: "timeouts times attempts along the chain; gates, pauses between tries and waiting for room or for \
                     other tasks come on top"
                .to_owned(),
        }),
        cost_estimate: None,
        warnings: warnings(spec, refused),
    }
}

fn times(timeout: Span, attempts: u32) -> Span {
    Span::from_millis(timeout.as_millis().saturating_mul(attempts.into()))
}

fn in_order(gates: &[GateSpec]) -> impl Iterator<Item = &GateSpec> {
    // All names are meant, and no name is unknown.
    gates_in_order(gates, &[]).unwrap_or_default().into_iter()
}

fn checked(task: &TaskSpec, wave: u64, spec: &RunSpec) -> CheckedTask {
    CheckedTask {
        name: task.name.clone(),
        agent: task.agent.clone(),
        needs: task.needs.clone(),
        wave,
        write: task.policy.as_ref().and_then(|policy| policy.write.clone()),
        conflict_group: task.conflict_group.clone(),
        gates: gates_of(task, spec),
        timeout: task.timeout,
        attempts: task.attempts,
        critical: task.weight == Weight::Critical,
    }
}

/// The gates that a task names, all if it names none, and those that they need.
fn gates_of(task: &TaskSpec, spec: &RunSpec) -> CheckedGates {
    let named: BTreeSet<&str> = match &task.gates {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => spec.gates.iter().map(|gate| gate.name.as_str()).collect(),
    };
    let wanted = with_needed(&spec.gates, named);
    let mut gates = CheckedGates::default();
    for gate in in_order(&spec.gates).filter(|gate| wanted.contains(gate.name.as_str())) {
        match gate.requirement {
            Requirement::Required => gates.required.push(gate.name.clone()),
            Requirement::Advisory => gates.advisory.push(gate.name.clone()),
        }
    }
    gates
}

fn conflict(one: &TaskSpec, other: &TaskSpec, clash: &Clash) -> Conflict {
    let (conflict_group, write) = match clash {
        Clash::Group(group) => (Some(group.clone()), None),
        Clash::Scope(meeting) => (None, Some([meeting.glob.clone(), meeting.other.clone()])),
    };
    Conflict { tasks: [one.name.clone(), other.name.clone()], conflict_group, write }
}

fn warnings(spec: &RunSpec, refused: Option<(&str, Option<&str>)>) -> Vec<CheckWarning> {
    let mut warnings = Vec::new();
    let mut warn = |code: &str, task: Option<&TaskSpec>, message: String, hint: &str| {
        let task = task.map(|task| task.name.clone());
        warnings.push(CheckWarning { code: code.to_owned(), task, message, hint: hint.to_owned() });
    };
    if let Some((why, hint)) = refused {
        warn("refused_now", None, format!("nothing could start now: {why}"), hint.unwrap_or("`toll run` says more"));
    }
    if spec.agents.is_empty() {
        warn(
            "no_agent",
            None,
            "no agent is configured".to_owned(),
            "add [agents.NAME] with a command to tollhouse.toml",
        );
    }
    if !spec.gates.iter().any(|gate| gate.requirement == Requirement::Required) {
        let message = "no required gate is configured: every change that policy allows lands".to_owned();
        warn("no_gate", None, message, "add [[gate]] with the command that runs your tests to tollhouse.toml");
    }
    for level in &spec.policy {
        for glob in idle_globs(level, spec) {
            let message = format!("write \"{glob}\" of {} matches nothing that may be changed", level.source);
            warn("write_matches_nothing", None, message, "take it out, or what forbids it");
        }
    }
    let has_required = spec.gates.iter().any(|gate| gate.requirement == Requirement::Required);
    for task in &spec.tasks {
        if has_required && gates_of(task, spec).required.is_empty() {
            let message = format!("task {} must pass no gate", task.name);
            warn("no_gate", Some(task), message, "name one in its gates, or leave the key out for all");
        }
        for glob in task.policy.iter().flat_map(|level| idle_globs(level, spec)) {
            let message = format!("write \"{glob}\" of task {} matches nothing that may be changed", task.name);
            warn("write_matches_nothing", Some(task), message, "take it out, or what forbids it");
        }
        if spec.tasks.len() > 1 && task.policy.as_ref().is_none_or(|policy| policy.write.is_none()) {
            let message = format!("task {} may write all that policy allows, beside others", task.name);
            let hint = "write = [\"src/part/**\"] keeps it out of their way, and theirs out of its";
            warn("unscoped", Some(task), message, hint);
        }
    }
    warnings
}

/// The globs of a level that can match nothing that any level lets change, as far as that shows.
fn idle_globs<'l>(level: &'l PolicySpec, spec: &'l RunSpec) -> impl Iterator<Item = &'l String> {
    let levels = spec.policy.iter().chain([level]);
    let forbidden: Vec<String> = levels.flat_map(|level| level.forbid.iter().cloned()).collect();
    let forbidden = Scope::compile(&forbidden);
    level.write.iter().flatten().filter(move |glob| {
        let in_git = glob.split('/').any(|part| is_git_name(part.as_bytes()));
        in_git || Scope::compile(std::slice::from_ref(*glob)).within(&forbidden) == Inclusion::Within
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Defaults, PromptTexts, Source, bare, read_plan, read_project, resolve};

    const AGENT: &str = "[agents.a]\ncommand = [\"a\"]\n";
    const GATES: &str = "[[gate]]\nname = \"unit\"\nrun = \"u\"\nneeds = [\"lint\"]\n[[gate]]\nname = \"lint\"\nrun = \"l\"\n[[gate]]\nname = \"style\"\nrun = \"s\"\nrequired = false\n";

    /// The report on a plan of tasks, each with what else it says.
    fn report(config: &str, tasks: &[(&str, &str)]) -> CheckReport {
        let project = read_project(&Source::new("tollhouse.toml", config)).unwrap();
        let texts: Vec<String> =
            tasks.iter().map(|(id, more)| format!("[[task]]\nid = \"{id}\"\nprompt = \"x\"\n{more}\n")).collect();
        let plan = read_plan(&Source::new("plan.toml", texts.concat()));
        check_report(&resolve(&project, &plan, &PromptTexts::new(), &Defaults::default()).unwrap(), None)
    }

    fn codes(report: &CheckReport) -> Vec<(&str, Option<&str>)> {
        report.warnings.iter().map(|warning| (warning.code.as_str(), warning.task.as_deref())).collect()
    }

    #[test]
    fn configuration_alone_has_no_plan() {
        let project = read_project(&Source::new("tollhouse.toml", format!("{AGENT}{GATES}"))).unwrap();
        let report = check_report(&bare(&project, &Defaults::default()), None);
        assert_eq!((report.plan, report.critical_path, report.time_bound), (None, None, None));
        assert_eq!(report.gates, ["lint", "unit", "style"]);
        assert_eq!(report.warnings, []);
    }

    #[test]
    fn task_must_pass_the_gates_that_it_names_and_those_that_they_need() {
        let report = report(&format!("{AGENT}{GATES}"), &[("all", ""), ("one", "gates = [\"lint\"]")]);
        let gates: Vec<_> = report.tasks.iter().map(|task| task.gates.required.join(" ")).collect();
        assert_eq!(gates, ["lint unit", "lint"]);
        assert_eq!(
            (&*report.tasks[0].gates.advisory, report.tasks[1].gates.advisory.len()),
            (&["style".to_owned()][..], 0)
        );
    }

    #[test]
    fn bound_counts_every_try_and_takes_the_chain_that_takes_longest() {
        let tasks = [("a", "timeout = \"10m\"\nattempts = 1"), ("b", "timeout = \"5m\"\nattempts = 4")];
        let report = report(AGENT, &tasks);
        let path = report.critical_path.unwrap();
        assert_eq!((path.tasks, path.timeout), (vec!["a".to_owned()], Span::from_secs(600)));
        let bound = report.time_bound.unwrap();
        assert_eq!((bound.tasks, bound.agents), (vec!["b".to_owned()], Span::from_secs(1200)));
    }

    #[test]
    fn what_is_probably_not_meant_is_warned_of() {
        let scoped = "write = [\"src/**\"]";
        assert_eq!(codes(&report(&format!("{AGENT}{GATES}"), &[("a", scoped), ("b", "")])), [("unscoped", Some("b"))]);
        assert_eq!(codes(&report(&format!("{AGENT}{GATES}"), &[("a", "")])), []);
        assert_eq!(codes(&report(AGENT, &[("a", "")])), [("no_gate", None)]);
        let no_gates = report(&format!("{AGENT}{GATES}"), &[("a", "gates = []")]);
        assert_eq!(codes(&no_gates), [("no_gate", Some("a"))]);
    }

    #[test]
    fn glob_that_matches_nothing_allowed_is_warned_of() {
        let config = format!("{AGENT}{GATES}[policy]\nforbid = [\"secrets/**\", \"src/*.key\"]\n");
        for (write, idle) in [
            ("secrets/a/*", true),
            ("src/a*.key", true),
            ("{secrets,src}/k.key", true),
            ("src/.git/x", true),
            ("src/**", false),
            ("secret*/**", false),
            ("docs/**", false),
        ] {
            let report = report(&config, &[("a", &format!("write = [\"{write}\"]"))]);
            let expected = if idle { vec![("write_matches_nothing", Some("a"))] } else { vec![] };
            assert_eq!(codes(&report), expected, "{write}");
        }
        let config =
            format!("{AGENT}{GATES}[policy]\nwrite = [\"src/**\", \"secrets/x\"]\nforbid = [\"secrets/**\"]\n");
        assert_eq!(codes(&report(&config, &[("a", "")])), [("write_matches_nothing", None)]);
    }
}
