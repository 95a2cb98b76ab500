//! The workstreams of a plan, `[[workstream]]` as it is written, and where its tasks stand among them.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::spec::{OnDependencyFailure, Weight, WorkstreamSpec};

use super::check;
use super::graph::{Needy, tell_needs, unknown};
use super::problem::{Lines, Problems};
use super::read::{At, Field, Table};
use super::sound::{Stop, crossed, show_crossed};
use super::tasks::{TaskDraft, on_dependency_failure};

/// The keys of a workstream.
const KEYS: [&str; 6] = ["id", "needs", "critical", "gates", "on_dependency_failure", "skip"];

/// A workstream as it was written.
#[derive(Debug, Clone)]
pub(super) struct WorkstreamDraft {
    id: At<String>,
    needs: Vec<At<String>>,
    weight: Weight,
    /// Whether the project has them is told once it is known.
    pub(super) gates: Vec<At<String>>,
    on_dependency_failure: OnDependencyFailure,
    skip: bool,
}

impl WorkstreamDraft {
    pub(super) fn spec(&self) -> WorkstreamSpec {
        WorkstreamSpec {
            name: self.id.value.clone(),
            needs: self.needs.iter().map(|need| need.value.clone()).collect(),
            weight: self.weight,
            gates: self.gates.iter().map(|gate| gate.value.clone()).collect(),
            on_dependency_failure: self.on_dependency_failure,
            skip: self.skip,
        }
    }
}

/// Reads `[[workstream]]`.
pub(super) fn read(field: &Field<'_>, lines: &Lines, problems: &mut Problems) -> Vec<WorkstreamDraft> {
    let items = field.items(problems).unwrap_or_default();
    let mut drafts: Vec<WorkstreamDraft> = Vec::with_capacity(items.len());
    for item in items {
        drafts.extend(item.table(problems).and_then(|table| workstream(&table, problems)));
    }
    let needy: Vec<Needy<'_>> = drafts.iter().map(|draft| Needy { name: &draft.id, needs: &draft.needs }).collect();
    tell_needs("workstream", &needy, &BTreeSet::new(), lines, problems);
    drafts
}

/// What a run's landed work is judged by as a whole, as it was written.
#[derive(Debug, Clone, Default)]
pub(super) struct AcceptanceDraft {
    /// The gates that it must pass.
    pub(super) gates: Vec<At<String>>,
    /// The agent that mends what they refuse.
    pub(super) fix: Option<At<String>>,
}

/// Reads `[acceptance]`: the gates that what landed must pass at the end.
pub(super) fn acceptance(table: &Table<'_>, problems: &mut Problems) -> AcceptanceDraft {
    const KEYS: [&str; 2] = ["gates", "fix"];
    table.expect_keys(&KEYS, &[], problems);
    if table.lacks("gates", &KEYS) {
        problems.absent(&table.place, "an acceptance without gates", "add gates = [\"unit\"]");
    }
    AcceptanceDraft {
        gates: table.field("gates").and_then(|field| field.word_list(problems)).unwrap_or_default(),
        fix: table.field("fix").and_then(|field| field.words(problems).map(|agent| field.at(agent))),
    }
}

fn workstream(table: &Table<'_>, problems: &mut Problems) -> Option<WorkstreamDraft> {
    table.expect_keys(&KEYS, &[], problems);
    if table.lacks("id", &KEYS) {
        problems.absent(&table.place, "a workstream without id", "add id = \"a-short-name\"");
    }
    let mut words = |key: &str| table.field(key).and_then(|field| field.word_list(problems)).unwrap_or_default();
    let (needs, gates) = (words("needs"), words("gates"));
    let critical = table.field("critical").and_then(|field| field.flag(problems)).unwrap_or(true);
    let skip = table.field("skip").and_then(|field| field.flag(problems)).unwrap_or(false);
    let on_dependency_failure = on_dependency_failure(table, problems);
    let field = table.field("id")?;
    let id = field.text(problems)?;
    check::name("a workstream", &id, &field.place, problems);
    let weight = if critical { Weight::Critical } else { Weight::Optional };
    Some(WorkstreamDraft { id: field.at(id), needs, weight, gates, on_dependency_failure, skip })
}

/// Tells tasks of workstreams that are not there, and tasks that need one which waits for their own workstream.
pub(super) fn tell_members(tasks: &[TaskDraft], workstreams: &[WorkstreamDraft], problems: &mut Problems) {
    let streams = places(workstreams.iter().map(|draft| draft.id.value.as_str()));
    for name in tasks.iter().filter_map(|task| task.workstream.as_ref()) {
        if !streams.contains_key(name.value.as_str()) {
            let (message, hint) = unknown("workstream", &name.value, streams.keys().copied(), problems);
            problems.absent(&name.place, message, hint);
        }
    }
    if workstreams.is_empty() || !problems.is_empty() {
        // Only where every name is good, and nothing goes in a circle by itself.
        return;
    }
    let by_name = places(tasks.iter().map(|task| task.id.value.as_str()));
    let needs: Vec<Vec<usize>> = tasks.iter().map(|task| found(&task.needs, &by_name)).collect();
    let waits: Vec<Vec<usize>> = workstreams.iter().map(|draft| found(&draft.needs, &streams)).collect();
    let own = tasks.iter().map(|task| streams.get(task.workstream.as_ref()?.value.as_str()).copied());
    for circle in crossed(&needs, &own.collect::<Vec<_>>(), &waits) {
        let shown = show_crossed(&circle, |at| &tasks[at].id.value, |at| &workstreams[at].id.value);
        let member = circle.iter().find_map(|stop| match stop {
            Stop::Task(at) => tasks[*at].workstream.as_ref(),
            Stop::Workstream(_) => None,
        });
        let place = member.map(|name| name.place.clone()).unwrap_or_default();
        let message = format!("tasks wait for their own workstream: {shown}");
        problems.wrong(&place, message, "take one of these needs out, or put the task into another workstream");
    }
}

fn places<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    names.enumerate().map(|(at, name)| (name, at)).collect()
}

fn found(needs: &[At<String>], places: &BTreeMap<&str, usize>) -> Vec<usize> {
    needs.iter().filter_map(|need| places.get(need.value.as_str()).copied()).collect()
}
