//! A plan as it is written: what it says, with places, and what is wrong with it on its own.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::Span;
use tollhouse_core::limits::ATTEMPTS_MAX;
use tollhouse_core::spec::{OnDependencyFailure, Priority, Weight};

use super::check;
use super::config::{PARALLEL_MAX, unknown_value};
use super::graph::{Needy, tell_needs};
use super::node;
use super::policy::{PolicyDraft, source_of};
use super::problem::{Lines, Place, Problem, Problems, Source};
use super::read::{At, Field, Table};
use super::route::RouteDraft;
use super::workstreams::{self, AcceptanceDraft, WorkstreamDraft};

/// A longer time is a slip of the finger.
pub(super) const TIMEOUT_MAX: Span = Span::from_secs(30 * 24 * 60 * 60);

/// The keys of a plan.
const KEYS: [&str; 7] = ["plan", "objective", "max_parallel", "policy", "workstream", "task", "acceptance"];

/// Promised, and not there yet.
const LATER: [&str; 1] = ["budget"];

/// The keys of a task.
pub(super) const TASK_KEYS: [&str; 18] = [
    "id",
    "prompt",
    "prompt_file",
    "agent",
    "route",
    "risk",
    "capabilities",
    "write",
    "gates",
    "needs",
    "timeout",
    "attempts",
    "critical",
    "conflict_group",
    "on_dependency_failure",
    "workstream",
    "priority",
    "labels",
];

/// The priorities, as they are written.
const PRIORITIES: [(&str, Priority); 4] =
    [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High), ("urgent", Priority::Urgent)];

/// Promised, and not there yet.
const TASK_LATER: [&str; 2] = ["budget_usd", "context_tokens"];

/// A plan as it was written, with all that is wrong with it on its own. [`resolve`](super::resolve) makes a run of it.
#[derive(Debug, Clone)]
pub struct PlanDraft {
    pub(super) source: Source,
    pub(super) problems: Problems,
    pub(super) plan: String,
    pub(super) objective: Option<String>,
    pub(super) max_parallel: Option<u32>,
    pub(super) policy: Option<PolicyDraft>,
    pub(super) workstreams: Vec<WorkstreamDraft>,
    pub(super) acceptance: AcceptanceDraft,
    pub(super) tasks: Vec<TaskDraft>,
}

/// A task as it was written.
#[derive(Debug, Clone)]
pub(super) struct TaskDraft {
    /// Where it stands.
    pub(super) place: Place,
    pub(super) id: At<String>,
    /// Absent where it is wrong or missing, which is told already.
    pub(super) prompt: Option<Prompt>,
    pub(super) agent: AgentChoice,
    pub(super) routing: RouteDraft,
    pub(super) policy: Option<PolicyDraft>,
    pub(super) gates: Option<Vec<At<String>>>,
    pub(super) needs: Vec<At<String>>,
    pub(super) timeout: Option<Span>,
    pub(super) attempts: Option<u32>,
    pub(super) weight: Weight,
    pub(super) conflict_group: Option<String>,
    pub(super) on_dependency_failure: OnDependencyFailure,
    pub(super) workstream: Option<At<String>>,
    pub(super) priority: Priority,
    pub(super) labels: BTreeMap<String, String>,
}

/// What a task is to do.
#[derive(Debug, Clone)]
pub(super) enum Prompt {
    Text(String),
    File(At<String>),
}

/// Who does a task.
#[derive(Debug, Clone)]
pub(super) enum AgentChoice {
    Named(At<String>),
    /// Whoever the route, the project's rules, or there being only one says.
    Routed,
    /// Wrong, which is told already.
    Wrong,
}

/// Reads a plan. It is a draft also where problems were found, so that the ones that only show together with the project
/// can be told in the same breath.
pub fn read_plan(source: &Source) -> PlanDraft {
    let mut problems = Problems::default();
    let root = node::read(source, &mut problems);
    let mut draft = PlanDraft {
        source: source.clone(),
        problems: Problems::default(),
        plan: plan_name(source),
        objective: None,
        max_parallel: None,
        policy: None,
        workstreams: Vec::new(),
        acceptance: AcceptanceDraft::default(),
        tasks: Vec::new(),
    };
    if let Some(table) = Field::root(&root).table(&mut problems) {
        fill(&mut draft, &table, &mut problems);
    }
    draft.problems = problems;
    draft
}

impl PlanDraft {
    /// The prompt files that the plan names, each once: [`resolve`](super::resolve) wants what they hold.
    pub fn prompt_files(&self) -> Vec<String> {
        prompt_files(&self.tasks)
    }

    /// What is wrong with the plan on its own, for when there is no project to resolve it with.
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.finish(&self.source)
    }
}

/// The prompt files that tasks name, each once.
pub(super) fn prompt_files(tasks: &[TaskDraft]) -> Vec<String> {
    let files: BTreeSet<String> = tasks.iter().filter_map(TaskDraft::prompt_file).collect();
    files.into_iter().collect()
}

impl TaskDraft {
    fn prompt_file(&self) -> Option<String> {
        match &self.prompt {
            Some(Prompt::File(file)) => Some(file.value.clone()),
            Some(Prompt::Text(_)) | None => None,
        }
    }
}

fn plan_name(source: &Source) -> String {
    let stem = source.stem();
    if stem.is_empty() || stem == "-" { "plan".to_owned() } else { stem.to_owned() }
}

fn fill(draft: &mut PlanDraft, root: &Table<'_>, problems: &mut Problems) {
    root.expect_keys(&KEYS, &LATER, problems);
    let lines = Lines::new(&draft.source.text);
    let file = draft.source.file.clone();
    if let Some(name) = root.field("plan").and_then(|field| check::line(&field, problems)) {
        draft.plan = name;
    }
    draft.objective = root.field("objective").and_then(|field| field.words(problems));
    draft.max_parallel = root.field("max_parallel").and_then(|field| field.count_u32(1..=PARALLEL_MAX, problems));
    draft.policy = root.field("policy").and_then(|field| field.table(problems)).map(|table| {
        let line = lines.line(table.place.at);
        PolicyDraft::read(&table, source_of("plan", &file, Some(line)), problems)
    });
    let items = root.field("task").map(|field| (field.is_empty_list(), field.items(problems).unwrap_or_default()));
    if root.lacks("task", &KEYS) || items.as_ref().is_some_and(|(is_empty, _)| *is_empty) {
        let hint = "add [[task]] with an id and a prompt";
        problems.absent(&Place { at: 0, pointer: String::new() }, "a plan without tasks", hint);
    }
    for item in items.into_iter().flat_map(|(_, items)| items) {
        draft.tasks.extend(item.table(problems).map(|table| task(&table, &TASK_KEYS, (&file, &lines), problems)));
    }
    let named = draft.tasks.iter().filter(|task| !task.id.value.is_empty());
    let needy: Vec<Needy<'_>> = named.map(|task| Needy { name: &task.id, needs: &task.needs }).collect();
    tell_needs("task", &needy, &BTreeSet::new(), &lines, problems);
    if let Some(field) = root.field("workstream") {
        draft.workstreams = workstreams::read(&field, &lines, problems);
    }
    let acceptance = root.field("acceptance").and_then(|field| field.table(problems));
    draft.acceptance = acceptance.map(|table| workstreams::acceptance(&table, problems)).unwrap_or_default();
    workstreams::tell_members(&draft.tasks, &draft.workstreams, problems);
}

/// Reads one task, which may have these keys.
pub(super) fn task(
    table: &Table<'_>,
    keys: &[&str],
    (file, lines): (&str, &Lines),
    problems: &mut Problems,
) -> TaskDraft {
    table.expect_keys(keys, &TASK_LATER, problems);
    let id = id(table, problems);
    let level = |field: &Field<'_>| source_of(&format!("task {}", id.value), file, Some(lines.line(field.place.at)));
    let policy = table.field("write").and_then(|field| {
        let globs = check::write_globs(&field, problems)?;
        Some(PolicyDraft::of_write(level(&field), globs))
    });
    let mut words = |key: &str| table.field(key).and_then(|field| field.word_list(problems));
    let (gates, needs) = (words("gates"), words("needs").unwrap_or_default());
    let labels = table.field("labels").and_then(|field| field.text_map(problems)).unwrap_or_default();
    TaskDraft {
        place: table.place.clone(),
        prompt: prompt(table, problems),
        agent: agent(table, problems),
        routing: RouteDraft::read(table, problems),
        policy,
        gates,
        needs,
        timeout: table.field("timeout").and_then(|field| field.span(TIMEOUT_MAX, problems)),
        attempts: table.field("attempts").and_then(|field| field.count_u32(1..=ATTEMPTS_MAX, problems)),
        weight: match table.field("critical").and_then(|field| field.flag(problems)) {
            Some(false) => Weight::Optional,
            Some(true) | None => Weight::Critical,
        },
        conflict_group: table.field("conflict_group").and_then(|field| check::line(&field, problems)),
        on_dependency_failure: on_dependency_failure(table, problems),
        workstream: table.field("workstream").and_then(|field| field.words(problems).map(|name| field.at(name))),
        priority: priority(table, problems),
        labels: labels.into_iter().map(|(key, value)| (key, value.value)).collect(),
        id,
    }
}

/// The task's id; empty where there is none that could be told apart, which is a problem.
fn id(table: &Table<'_>, problems: &mut Problems) -> At<String> {
    if table.lacks("id", &TASK_KEYS) {
        problems.absent(&table.place, "a task without id", "add id = \"a-short-name\"");
    }
    let Some(field) = table.field("id") else {
        return At { value: String::new(), place: table.place.clone() };
    };
    let id = field.text(problems);
    if let Some(id) = &id {
        check::name("a task", id, &field.place, problems);
    }
    field.at(id.unwrap_or_default())
}

fn prompt(table: &Table<'_>, problems: &mut Problems) -> Option<Prompt> {
    match (table.field("prompt"), table.field("prompt_file")) {
        (Some(_), Some(file)) => {
            problems.wrong(&file.place, "both prompt and prompt_file", "take one of them out");
            None
        }
        (Some(text), None) => text.words(problems).map(Prompt::Text),
        (None, Some(file)) => {
            let path = file.words(problems).map(|path| file.at(path))?;
            check::inner_path(&path, problems).then_some(Prompt::File(path))
        }
        (None, None) => {
            if ["prompt", "prompt_file"].iter().any(|key| !table.lacks(key, &TASK_KEYS)) {
                return None;
            }
            problems.absent(&table.place, "a task without prompt", "add prompt = \"what is to be done\"");
            None
        }
    }
}

fn agent(table: &Table<'_>, problems: &mut Problems) -> AgentChoice {
    let Some(field) = table.field("agent") else {
        let meant = !table.lacks("agent", &TASK_KEYS) || !table.lacks("route", &TASK_KEYS);
        let is_there = table.field("route").is_some();
        return if meant && !is_there { AgentChoice::Wrong } else { AgentChoice::Routed };
    };
    if let Some(route) = table.field("route") {
        problems.wrong(&route.place, "both agent and route", "take one of them out");
        return AgentChoice::Wrong;
    }
    field.words(problems).map_or(AgentChoice::Wrong, |name| AgentChoice::Named(field.at(name)))
}

fn priority(table: &Table<'_>, problems: &mut Problems) -> Priority {
    let Some(field) = table.field("priority") else { return Priority::default() };
    let Some(text) = field.text(problems) else { return Priority::default() };
    if let Some((_, priority)) = PRIORITIES.iter().find(|(name, _)| *name == text) {
        return *priority;
    }
    unknown_value(&text, &PRIORITIES.map(|(name, _)| name), &field.place, problems);
    Priority::default()
}

/// What happens when something needed is missed, of a task or a workstream.
pub(super) fn on_dependency_failure(table: &Table<'_>, problems: &mut Problems) -> OnDependencyFailure {
    let Some(field) = table.field("on_dependency_failure") else { return OnDependencyFailure::default() };
    match field.text(problems).as_deref() {
        Some("fail") => OnDependencyFailure::Fail,
        Some("skip") | None => OnDependencyFailure::Skip,
        Some(other) => {
            unknown_value(other, &["skip", "fail"], &field.place, problems);
            OnDependencyFailure::Skip
        }
    }
}
