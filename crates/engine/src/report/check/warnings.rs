//! What is allowed, and probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::spec::{GateSpec, PolicySpec, Requirement, RunSpec, TaskSpec};

use super::gates::Gates;
use super::{CheckFacts, CheckWarning};
use crate::analysis::{Files, Search, TaskGraph};
use crate::plan::scopes_may_overlap;
use crate::policy::is_git_name;
use crate::scope::{Inclusion, Scope};

/// More of one code are counted, not listed.
const ONE_CODE_MAX: usize = 100;

/// More pairs of a gate and a scope are not compared.
const GATE_SCOPES_MAX: usize = 20_000;

/// The warnings on a run, and how many more there are.
pub(super) fn of(spec: &RunSpec, facts: &CheckFacts<'_>, graph: &TaskGraph) -> (Vec<CheckWarning>, u64) {
    let mut warnings = Warnings::default();
    of_configuration(spec, facts, &mut warnings);
    let forbidden = Forbidden::new(spec.policy.iter());
    for level in &spec.policy {
        for glob in idle_globs(level, &forbidden) {
            let message = format!("write \"{glob}\" of {} matches nothing that may be changed", level.source);
            warnings.of_all("write_matches_nothing", message, "take it out, or what forbids it");
        }
    }
    for at in graph.unreachable() {
        let task = &spec.tasks[at];
        let message = format!("task {} can never run: what it needs goes in a circle", task.name);
        warnings.of_task("unreachable", task, message, "take one of the needs of the circle out");
    }
    let has_required = spec.gates.iter().any(|gate| gate.requirement == Requirement::Required);
    let mut gates = Gates::new(spec);
    let mut search = facts.files.map(Files::search);
    let mut asked = BTreeSet::new();
    for task in &spec.tasks {
        if has_required && gates.of(task).required.is_empty() {
            let message = format!("task {} must pass no gate", task.name);
            warnings.of_task("no_gate", task, message, "name one in its gates, or leave the key out for all");
        }
        if let Some(level) = &task.policy {
            let idle = idle_globs(level, &forbidden);
            of_scope(task, level, &idle, &mut warnings);
            if let Some(search) = &mut search {
                of_files(task, &idle, (search, &mut asked), &mut warnings);
            }
        }
        if spec.tasks.len() > 1 && scope(task).is_none() {
            let message = format!("task {} may write all that policy allows, beside others", task.name);
            let hint = "write = [\"src/part/**\"] keeps it out of their way, and theirs out of its";
            warnings.of_task("unscoped", task, message, hint);
        }
    }
    of_groups(spec, &mut warnings);
    of_gate_paths(spec, &mut warnings);
    (warnings.list, warnings.left_out)
}

/// Warnings, of each code only so many.
#[derive(Default)]
struct Warnings {
    list: Vec<CheckWarning>,
    counts: BTreeMap<&'static str, usize>,
    left_out: u64,
}

impl Warnings {
    fn of_all(&mut self, code: &'static str, message: String, hint: &str) {
        self.push(code, None, message, hint);
    }

    fn of_task(&mut self, code: &'static str, task: &TaskSpec, message: String, hint: &str) {
        self.push(code, Some(task.name.clone()), message, hint);
    }

    fn push(&mut self, code: &'static str, task: Option<String>, message: String, hint: &str) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count > ONE_CODE_MAX {
            self.left_out += 1;
            return;
        }
        self.list.push(CheckWarning { code: code.to_owned(), task, message, hint: hint.to_owned() });
    }
}

fn of_configuration(spec: &RunSpec, facts: &CheckFacts<'_>, warnings: &mut Warnings) {
    if let Some((why, hint)) = facts.refused {
        let message = format!("nothing could start now: {why}");
        warnings.of_all("refused_now", message, hint.unwrap_or("`toll run` says more"));
    }
    if spec.agents.is_empty() {
        let hint = "add [agents.NAME] with a command to tollhouse.toml";
        warnings.of_all("no_agent", "no agent is configured".to_owned(), hint);
    }
    if !spec.gates.iter().any(|gate| gate.requirement == Requirement::Required) {
        let message = "no required gate is configured: every change that policy allows lands".to_owned();
        let hint = "add [[gate]] with the command that runs your tests to tollhouse.toml";
        warnings.of_all("no_gate", message, hint);
    }
}

fn of_scope(task: &TaskSpec, level: &PolicySpec, idle: &[&String], warnings: &mut Warnings) {
    for glob in idle {
        let message = format!("write \"{glob}\" of task {} matches nothing that may be changed", task.name);
        warnings.of_task("write_matches_nothing", task, message, "take it out, or what forbids it");
    }
    if !idle.is_empty() && level.write.as_ref().is_some_and(|write| write.len() == idle.len()) {
        let message = format!("task {} can change nothing: all that it may write is forbidden", task.name);
        let hint = "every patch of it would be refused; give it something to write, or take it out";
        warnings.of_task("can_change_nothing", task, message, hint);
    }
}

/// A group keeps its tasks apart, so one task alone is in none: mostly a name that was misspelt.
fn of_groups(spec: &RunSpec, warnings: &mut Warnings) {
    let mut groups: BTreeMap<&str, Vec<&TaskSpec>> = BTreeMap::new();
    for task in &spec.tasks {
        if let Some(group) = &task.conflict_group {
            groups.entry(group).or_default().push(task);
        }
    }
    for (group, tasks) in groups {
        if let [task] = tasks.as_slice() {
            let message = format!("the conflict group {group} holds task {} alone, and keeps nothing apart", task.name);
            warnings.of_task("lone_conflict_group", task, message, "give others the same word, or take it out");
        }
    }
}

/// Gates that run for certain paths only, and for none that these tasks may change.
fn of_gate_paths(spec: &RunSpec, warnings: &mut Warnings) {
    let mut left = GATE_SCOPES_MAX;
    for gate in spec.gates.iter().filter(|gate| !gate.paths.is_empty()) {
        let mut known: BTreeMap<&[String], bool> = BTreeMap::new();
        let (mut judged, mut ran, mut named) = (0_usize, 0_usize, Vec::new());
        for task in spec.tasks.iter().filter(|task| names_gate(task, gate)) {
            judged += 1;
            let Some(scope) = scope(task) else {
                ran += 1;
                continue;
            };
            if !known.contains_key(scope) {
                let Some(fewer) = left.checked_sub(1) else { return };
                left = fewer;
                known.insert(scope, scopes_may_overlap(&gate.paths, scope));
            }
            if known.get(scope) == Some(&true) {
                ran += 1;
            } else if task.gates.is_some() {
                named.push(task);
            }
        }
        let hint = "its paths lie outside what may be written: widen one of them, or take the gate out";
        if judged > 0 && ran == 0 {
            let message = format!("gate {} runs for no task of this plan", gate.name);
            warnings.of_all("gate_never_runs", message, hint);
            continue;
        }
        for task in named {
            let message = format!("task {} names gate {}, which never runs for it", task.name, gate.name);
            warnings.of_task("gate_never_runs", task, message, hint);
        }
    }
}

fn names_gate(task: &TaskSpec, gate: &GateSpec) -> bool {
    task.gates.as_ref().is_none_or(|names| names.contains(&gate.name))
}

/// Globs of a scope that match no file that is there, each told once, with the first task that has it.
fn of_files<'s>(
    task: &'s TaskSpec,
    idle: &[&String],
    (search, asked): (&mut Search<'_>, &mut BTreeSet<&'s str>),
    warnings: &mut Warnings,
) {
    for glob in scope(task).unwrap_or_default() {
        if !idle.contains(&glob) && asked.insert(glob) && search.is_any_matched(glob) == Some(false) {
            let message = format!("write \"{glob}\" of task {} matches no file that is there", task.name);
            let hint = "well if the task makes it; else look for a slip of the pen";
            warnings.of_task("write_matches_no_file", task, message, hint);
        }
    }
}

fn scope(task: &TaskSpec) -> Option<&[String]> {
    task.policy.as_ref().and_then(|policy| policy.write.as_deref())
}

/// Globs that may not be changed, ready to be asked by many scopes.
struct Forbidden(Scope);

impl Forbidden {
    fn new<'l>(levels: impl Iterator<Item = &'l PolicySpec>) -> Self {
        let globs: Vec<String> = levels.flat_map(|level| level.forbid.iter().cloned()).collect();
        Self(Scope::compile(&globs))
    }

    fn covers(&self, glob: &String) -> bool {
        Scope::compile(std::slice::from_ref(glob)).within(&self.0) == Inclusion::Within
    }
}

/// The globs of a level that can match nothing that any level lets change, as far as that shows.
fn idle_globs<'l>(level: &'l PolicySpec, forbidden: &Forbidden) -> Vec<&'l String> {
    let own = Forbidden::new(std::iter::once(level));
    let is_idle = |glob: &&String| {
        glob.split('/').any(|part| is_git_name(part.as_bytes())) || forbidden.covers(glob) || own.covers(glob)
    };
    level.write.iter().flatten().filter(is_idle).collect()
}
