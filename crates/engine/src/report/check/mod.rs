//! What a plan comes to before anything of it is begun: `toll check`.
//!
//! Computed from what the files say, and from what is given of how long agents took before and of the files that are there.
//! It starts nothing and promises nothing: how long agents take, nobody knows before.

mod course;
mod gates;
mod warnings;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::spec::{RouteSpec, RunSpec, TaskSpec, Weight};
use tollhouse_core::{Money, Span};

use crate::analysis::{
    Chain, Clashes, Course, Estimate, Extent, Files, History, Overlap, Rehearsal, TaskGraph, overlaps,
};
use crate::plan::Clash;
use gates::Gates;

pub use course::{Basis, CheckedMoment, CheckedSchedule, WhatIf};

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
    /// The longest chain of needs; null without tasks.
    pub critical_path: Option<CriticalPath>,
    /// Pairs of tasks that never run together, though neither waits for the other.
    pub conflicts: Vec<Conflict>,
    /// How many were found beyond those listed.
    pub conflicts_left_out: u64,
    /// Whether all pairs were looked at; in a plan of very many that might meet, they are not.
    pub conflicts_extent: Extent,
    /// How a run would fill its time; null without tasks.
    pub schedule: Option<CheckedSchedule>,
    /// How it would with another number at once; null where nobody asked.
    pub what_if: Option<WhatIf>,
    /// How long agents will work from the first beginning to the last end, in seconds; null: unknown, for of some task
    /// nothing is known yet.
    pub duration_estimate: Option<Span>,
    /// How long agents work at most along the chain that takes longest; null without tasks.
    pub time_bound: Option<TimeBound>,
    /// What one try of each task will cost, in US dollars; null: unknown, for of some task nothing is known yet.
    pub cost_estimate: Option<Money>,
    /// What is allowed, and probably not meant: of each code the first hundred.
    pub warnings: Vec<CheckWarning>,
    /// How many there are beyond those listed.
    pub warnings_left_out: u64,
}

/// A task, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CheckedTask {
    /// Its id in the plan.
    pub name: String,
    /// The agent that does it; of a routed task the first of those that it may go to.
    pub agent: String,
    /// The agents that it may go to, and how one of them is chosen; null where it has only the one.
    pub route: Option<RouteSpec>,
    /// Tasks that must be done before.
    pub needs: Vec<String>,
    /// Its wave, from 1; 0: it could never run.
    pub wave: u64,
    /// How long one try will take, as far as is known.
    pub estimate: Estimate,
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
    /// The sum of what their tries take by the basis of the schedule, in seconds.
    pub length: Span,
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
    /// Which of them waits for the other in the schedule, while there is room; null where it comes to none.
    pub waits: Option<String>,
    /// How long it waits, in seconds.
    pub wait: Option<Span>,
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

/// What is known beside what the files say.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckFacts<'f> {
    /// Why nothing could start now, and what helps, where those who see the repository know of a reason.
    pub refused: Option<(&'f str, Option<&'f str>)>,
    /// How long agents took before.
    pub history: Option<&'f History>,
    /// The files that work starts from.
    pub files: Option<&'f Files>,
    /// What if so many may run at once?
    pub what_if: Option<u32>,
}

/// What a run would come to. One without tasks is a configuration alone.
///
/// Takes time in proportion to the size of the plan, times a logarithm; what could take more is bounded, and the report says
/// where that left something out.
pub fn check_report(spec: &RunSpec, facts: &CheckFacts<'_>) -> CheckReport {
    let estimates =
        facts.history.map_or_else(|| vec![Estimate::default(); spec.tasks.len()], |seen| seen.estimates(spec));
    let lengths: Vec<Span> =
        spec.tasks.iter().zip(&estimates).map(|(task, known)| known.time.unwrap_or(task.timeout)).collect();
    let (graph, clashes) = (TaskGraph::of(&spec.tasks), Clashes::new(spec));
    let rehearsal = Rehearsal::new(spec, &graph, &clashes, &lengths);
    let has_tasks = !spec.tasks.is_empty();
    let course = has_tasks.then(|| rehearsal.play());
    let bounds: Vec<Span> = spec.tasks.iter().map(|task| times(task.timeout, task.attempts)).collect();
    let overlaps = overlaps(spec, &graph, &clashes, CONFLICTS_MAX);
    let schedule = course.as_ref().map(|course| course::schedule(course, &rehearsal, &estimates));
    let basis = schedule.as_ref().map(|schedule| schedule.basis);
    let waves = rehearsal.waves();
    let (warnings, warnings_left_out) = warnings::of(spec, facts, &graph);
    CheckReport {
        project: spec.project.clone(),
        target: spec.target.clone(),
        land_on: spec.land_on.clone(),
        plan: has_tasks.then(|| spec.plan.clone()),
        agents: spec.agents.iter().map(|agent| agent.name.clone()).collect(),
        gates: gates::in_order(&spec.gates).map(|gate| gate.name.clone()).collect(),
        max_parallel: spec.max_parallel,
        tasks: checked(spec, &waves, &estimates),
        waves: waves.iter().map(|wave| names(spec, wave)).collect(),
        critical_path: rehearsal.longest().map(|chain| critical_path(spec, &chain)),
        conflicts: conflicts(spec, &overlaps.shown, course.as_ref()),
        conflicts_left_out: overlaps.left_out,
        conflicts_extent: overlaps.extent,
        what_if: facts.what_if.zip(course.as_ref()).map(|(most, course)| course::what_if(most, course, &rehearsal)),
        duration_estimate: course.filter(|_| basis == Some(Basis::History)).map(|course| course.makespan),
        schedule,
        time_bound: graph.longest(&bounds).map(|chain| time_bound(spec, &chain)),
        cost_estimate: cost(&estimates),
        warnings,
        warnings_left_out,
    }
}

/// What one try of each costs; nothing where that is unknown of one, or there is none.
fn cost(estimates: &[Estimate]) -> Option<Money> {
    let all = estimates.iter().map(|estimate| estimate.cost);
    all.reduce(|one, other| Some(one?.saturating_add(other?))).flatten()
}

fn names(spec: &RunSpec, places: &[usize]) -> Vec<String> {
    places.iter().map(|at| spec.tasks[*at].name.clone()).collect()
}

fn times(timeout: Span, attempts: u32) -> Span {
    Span::from_millis(timeout.as_millis().saturating_mul(attempts.into()))
}

fn critical_path(spec: &RunSpec, chain: &Chain) -> CriticalPath {
    let timeouts = chain.tasks.iter().map(|at| spec.tasks[*at].timeout.as_millis());
    CriticalPath {
        tasks: names(spec, &chain.tasks),
        length: chain.length,
        timeout: Span::from_millis(timeouts.fold(0, u64::saturating_add)),
    }
}

fn time_bound(spec: &RunSpec, chain: &Chain) -> TimeBound {
    TimeBound {
        agents: chain.length,
        tasks: names(spec, &chain.tasks),
        source: "timeouts times attempts along the chain; gates, pauses between tries and waiting for room or for \
                 other tasks come on top"
            .to_owned(),
    }
}

fn checked<'s>(spec: &'s RunSpec, waves: &[Vec<usize>], estimates: &[Estimate]) -> Vec<CheckedTask> {
    let mut wave_of = vec![0_u64; spec.tasks.len()];
    for (wave, number) in waves.iter().zip(1..) {
        for task in wave {
            wave_of[*task] = number;
        }
    }
    let mut gates = Gates::new(spec);
    let task = |(task, (wave, estimate)): (&'s TaskSpec, (u64, &Estimate))| CheckedTask {
        name: task.name.clone(),
        agent: task.agent.clone(),
        route: task.route.clone(),
        needs: task.needs.clone(),
        wave,
        estimate: *estimate,
        write: task.policy.as_ref().and_then(|policy| policy.write.clone()),
        conflict_group: task.conflict_group.clone(),
        gates: gates.of(task).clone(),
        timeout: task.timeout,
        attempts: task.attempts,
        critical: task.weight == Weight::Critical,
    };
    spec.tasks.iter().zip(wave_of.into_iter().zip(estimates)).map(task).collect()
}

fn conflicts(spec: &RunSpec, overlaps: &[Overlap], course: Option<&Course>) -> Vec<Conflict> {
    let waits = course.into_iter().flat_map(|course| &course.waits);
    let waits: BTreeMap<[usize; 2], (usize, Span)> = waits
        .filter(|wait| wait.time > Span::default())
        .map(|wait| ([wait.task.min(wait.blocker), wait.task.max(wait.blocker)], (wait.task, wait.time)))
        .collect();
    let conflict = |overlap: &Overlap| {
        let (conflict_group, write) = match &overlap.clash {
            Clash::Group(group) => (Some(group.clone()), None),
            Clash::Scope(meeting) => (None, Some([meeting.glob.clone(), meeting.other.clone()])),
        };
        let wait = waits.get(&overlap.tasks);
        Conflict {
            tasks: overlap.tasks.map(|at| spec.tasks[at].name.clone()),
            conflict_group,
            write,
            waits: wait.map(|(task, _)| spec.tasks[*task].name.clone()),
            wait: wait.map(|(_, time)| *time),
        }
    };
    overlaps.iter().map(conflict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Defaults, PromptTexts, Source, bare, read_plan, read_project, resolve};

    const AGENT: &str = "[agents.a]\ncommand = [\"a\"]\n";
    const GATES: &str = "[[gate]]\nname = \"unit\"\nrun = \"u\"\nneeds = [\"lint\"]\n[[gate]]\nname = \"lint\"\nrun = \"l\"\n[[gate]]\nname = \"style\"\nrun = \"s\"\nrequired = false\n";

    /// The report on a plan of tasks, each with what else it says.
    fn report(config: &str, tasks: &[(&str, &str)]) -> CheckReport {
        check_report(&spec(config, tasks), &CheckFacts::default())
    }

    fn spec(config: &str, tasks: &[(&str, &str)]) -> RunSpec {
        let project = read_project(&Source::new("tollhouse.toml", config)).unwrap();
        let texts: Vec<String> =
            tasks.iter().map(|(id, more)| format!("[[task]]\nid = \"{id}\"\nprompt = \"x\"\n{more}\n")).collect();
        let plan = read_plan(&Source::new("plan.toml", texts.concat()));
        resolve(&project, &plan, &PromptTexts::new(), &Defaults::default()).unwrap()
    }

    fn codes(report: &CheckReport) -> Vec<(&str, Option<&str>)> {
        report.warnings.iter().map(|warning| (warning.code.as_str(), warning.task.as_deref())).collect()
    }

    #[test]
    fn configuration_alone_has_no_plan() {
        let project = read_project(&Source::new("tollhouse.toml", format!("{AGENT}{GATES}"))).unwrap();
        let report = check_report(&bare(&project, &Defaults::default()), &CheckFacts::default());
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
    fn what_is_known_of_each_task_makes_an_estimate_and_what_is_not_makes_none() {
        let config = format!("{AGENT}[agents.b]\ncommand = [\"b\"]\n");
        let tasks = [
            ("one", "agent = \"a\"\ntimeout = \"1h\""),
            ("two", "agent = \"b\"\nneeds = [\"one\"]\ntimeout = \"10m\""),
        ];
        let spec = spec(&config, &tasks);
        let mut history = History::default();
        let report_on =
            |history: &History| check_report(&spec, &CheckFacts { history: Some(history), ..CheckFacts::default() });
        let told = |report: &CheckReport| {
            let schedule = report.schedule.as_ref().unwrap();
            (report.duration_estimate, schedule.basis, schedule.makespan)
        };
        assert_eq!(told(&report_on(&history)), (None, Basis::Timeouts, Span::from_secs(4200)));
        history.note("plan", "one", "a", Span::from_secs(60));
        assert_eq!(told(&report_on(&history)), (None, Basis::Mixed, Span::from_secs(660)));
        history.note("other", "x", "b", Span::from_secs(30));
        let report = report_on(&history);
        assert_eq!(told(&report), (Some(Span::from_secs(90)), Basis::History, Span::from_secs(90)));
        let path = report.critical_path.unwrap();
        assert_eq!((path.length, path.timeout), (Span::from_secs(90), Span::from_secs(4200)));
    }

    #[test]
    fn a_plan_costs_what_its_tasks_cost_before_and_is_unknown_where_one_of_them_is() {
        let spec = spec(AGENT, &[("one", ""), ("two", "")]);
        let mut history = History::default();
        let told =
            |history: &History| check_report(&spec, &CheckFacts { history: Some(history), ..CheckFacts::default() });
        let cents = |count: i64| Money::from_nanos(count * 10_000_000);
        history.note("plan", "one", "a", Span::from_secs(60));
        assert_eq!(told(&history).cost_estimate, None);
        history.note_cost("plan", "one", "a", cents(25));
        history.note_cost("plan", "x", "a", cents(5));
        assert_eq!(told(&history).cost_estimate, Some(cents(30)));
        assert_eq!(check_report(&spec, &CheckFacts::default()).cost_estimate, None);
    }

    #[test]
    fn what_another_number_at_once_would_do_is_told() {
        let spec = spec(AGENT, &[("a", ""), ("b", ""), ("c", "")]);
        let report = check_report(&spec, &CheckFacts { what_if: Some(2), ..CheckFacts::default() });
        let hours = |half: u64| Span::from_secs(half * 1800);
        assert_eq!(report.what_if, Some(WhatIf { max_parallel: 2, makespan: hours(2), speed_up: 0.5 }));
        let mut narrow = spec.clone();
        narrow.max_parallel = 1;
        let report = check_report(&narrow, &CheckFacts { what_if: Some(2), ..CheckFacts::default() });
        let schedule = report.schedule.unwrap();
        assert_eq!((schedule.makespan, schedule.parallelism, schedule.useful_parallel), (hours(3), 1.0, 3));
        assert_eq!(report.what_if, Some(WhatIf { max_parallel: 2, makespan: hours(2), speed_up: 1.5 }));
    }

    #[test]
    fn overlap_tells_who_waits_and_what_it_costs() {
        let tasks =
            [("a", "write = [\"src/**\"]\ntimeout = \"1h\""), ("b", "write = [\"src/lib.rs\"]\ntimeout = \"20m\"")];
        let report = report(AGENT, &tasks);
        let [conflict] = report.conflicts.as_slice() else { panic!("one pair") };
        assert_eq!((conflict.waits.as_deref(), conflict.wait), (Some("b"), Some(Span::from_secs(3600))));
        assert_eq!(report.schedule.unwrap().overlap_cost, Span::from_secs(1200));
    }

    #[test]
    fn long_profile_is_drawn_with_few_moments() {
        let names: Vec<String> = (0..500).map(|at| format!("t{at}")).collect();
        let timeouts: Vec<String> = (0..500).map(|at| format!("timeout = \"{}s\"", 1 + at * 7919 % 997)).collect();
        let tasks: Vec<(&str, &str)> =
            names.iter().zip(&timeouts).map(|(name, more)| (name.as_str(), more.as_str())).collect();
        let schedule = report(AGENT, &tasks).schedule.unwrap();
        assert!(schedule.profile.len() <= 100, "{}", schedule.profile.len());
        assert_eq!(schedule.profile.iter().map(|moment| moment.running).max(), Some(schedule.peak));
        assert_eq!(schedule.profile.last(), Some(&CheckedMoment { at: schedule.makespan, running: 0 }));
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
            let expected = if idle {
                vec![("write_matches_nothing", Some("a")), ("can_change_nothing", Some("a"))]
            } else {
                vec![]
            };
            assert_eq!(codes(&report), expected, "{write}");
        }
        let config =
            format!("{AGENT}{GATES}[policy]\nwrite = [\"src/**\", \"secrets/x\"]\nforbid = [\"secrets/**\"]\n");
        assert_eq!(codes(&report(&config, &[("a", "")])), [("write_matches_nothing", None)]);
    }

    #[test]
    fn constraints_that_contradict_each_other_are_warned_of() {
        let config = format!("{AGENT}{GATES}[[gate]]\nname = \"web\"\nrun = \"w\"\npaths = [\"web/**\"]\n");
        let never = [("gate_never_runs", None)];
        assert_eq!(codes(&report(&config, &[("a", "write = [\"src/**\"]")])), never);
        assert_eq!(codes(&report(&config, &[("a", "write = [\"**/*.css\"]")])), []);
        let named = [("a", "write = [\"src/**\"]\ngates = [\"lint\", \"web\"]"), ("b", "write = [\"web/**\"]")];
        assert_eq!(codes(&report(&config, &named)), [("gate_never_runs", Some("a"))]);
        let alone = [("a", "write = [\"src/**\"]\nconflict_group = \"g\"\ngates = [\"lint\"]")];
        assert_eq!(codes(&report(&config, &alone)), [("lone_conflict_group", Some("a"))]);
    }

    #[test]
    fn scope_that_matches_no_file_is_warned_of_where_the_files_are_known() {
        let spec = spec(&format!("{AGENT}{GATES}"), &[("a", "write = [\"src/**\", \"scr/**\", \"new.md\"]")]);
        assert_eq!(codes(&check_report(&spec, &CheckFacts::default())), []);
        let files = Files::new(vec!["src/lib.rs".into()]);
        let report = check_report(&spec, &CheckFacts { files: Some(&files), ..CheckFacts::default() });
        assert_eq!(codes(&report), [("write_matches_no_file", Some("a")); 2]);
    }

    #[test]
    fn what_can_never_run_is_warned_of_and_in_no_wave() {
        let mut spec = spec(&format!("{AGENT}{GATES}"), &[("a", "write = [\"a\"]"), ("b", "write = [\"b\"]")]);
        spec.tasks[1].needs = vec!["b".to_owned()];
        let report = check_report(&spec, &CheckFacts::default());
        assert_eq!(codes(&report), [("unreachable", Some("b"))]);
        assert_eq!((report.tasks[1].wave, report.waves.len()), (0, 1));
    }

    #[test]
    fn warnings_of_one_code_are_counted_where_they_are_many() {
        let names: Vec<String> = (0..150).map(|at| format!("t{at}")).collect();
        let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let report = report(&format!("{AGENT}{GATES}"), &tasks);
        assert_eq!((report.warnings.len(), report.warnings_left_out), (100, 50));
    }
}
