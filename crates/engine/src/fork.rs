//! Going on from a run that is over: what was done there stays done.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Fork, Patch, Run, Task, Workstream};
use tollhouse_core::lifecycle::PatchState;
use tollhouse_core::spec::{RunSpec, TaskSpec, WorkstreamSpec};
use tollhouse_core::{RunId, TaskId};

use crate::command::Legacy;
use crate::forget::PURGED;
use crate::refusal::Refusal;
use crate::view::View;

/// The new run's spec, and what it takes over: every task that was done, but for `from` and all that comes after it. Done is
/// also what a person left out, and what landed because a person let its patch in again: nobody is paid for it twice.
///
/// # Errors
/// The run goes on, there is no such run, it has no task `from`, or nothing is left of it to be done.
pub fn fork_of(view: &View, id: RunId, from: Option<&str>) -> Result<(RunSpec, Legacy), Refusal> {
    let run = view.get::<Run>(id).ok_or(Refusal::NotFound { id: id.into() })?;
    if !run.state.is_finished() {
        return Err(Refusal::NotOver { id: id.into(), state: run.state.as_str() });
    }
    let mut tasks: Vec<&Task> = view.all::<Task>().filter(|task| task.run == id).collect();
    tasks.sort_by_key(|task| task.place);
    if let Some(task) = tasks.iter().find(|task| task.spec.prompt == PURGED) {
        return Err(Refusal::Purged { id: task.id.into() });
    }
    if let Some(from) = from
        && tasks.iter().all(|task| task.spec.name != from)
    {
        return Err(Refusal::NoSuchTask { id: id.into(), task: from.to_owned() });
    }
    // What was made to mend the run is not of its plan, and is done again with the rest.
    let mut streams: Vec<&Workstream> = view.all::<Workstream>().filter(|one| one.run == id).collect();
    streams.sort_by_key(|one| one.place);
    let workstreams: Vec<WorkstreamSpec> = streams.into_iter().map(|one| one.spec.clone()).collect();
    let again = from.map(|from| after(&tasks, &workstreams, from)).unwrap_or_default();
    let landed: BTreeSet<TaskId> = view
        .all::<Patch>()
        .filter(|patch| patch.state == PatchState::Committed)
        .filter_map(|patch| patch.task)
        .collect();
    let kept =
        |task: &&&Task| (task.is_done() || landed.contains(&task.id)) && !again.contains(task.spec.name.as_str());
    let done: BTreeMap<String, TaskId> =
        tasks.iter().filter(kept).map(|task| (task.spec.name.clone(), task.source.unwrap_or(task.id))).collect();
    if done.len() == tasks.len() {
        return Err(Refusal::NothingLeft { id: id.into() });
    }
    let now = |task: &&Task| TaskSpec { needs: task.needs().map(str::to_owned).collect(), ..task.spec.clone() };
    let spec = RunSpec { tasks: tasks.iter().map(now).collect(), workstreams, key: None, ..run.spec.clone() };
    let fork = Fork { source: id, from: from.map(str::to_owned) };
    Ok((spec, Legacy { fork, done }))
}

/// A task and all that needs it, directly or not; who needs the workstream of a task needs the task.
fn after<'t>(tasks: &[&'t Task], workstreams: &'t [WorkstreamSpec], from: &'t str) -> BTreeSet<&'t str> {
    let mut needed_by: BTreeMap<&str, Vec<&Task>> = BTreeMap::new();
    let mut members: BTreeMap<&str, Vec<&Task>> = BTreeMap::new();
    let mut workstream_of: BTreeMap<&str, &str> = BTreeMap::new();
    for task in tasks {
        for need in task.needs() {
            needed_by.entry(need).or_default().push(task);
        }
        if let Some(own) = &task.spec.workstream {
            members.entry(own).or_default().push(task);
            workstream_of.insert(&task.spec.name, own);
        }
    }
    let mut that_need: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for workstream in workstreams {
        for need in &workstream.needs {
            that_need.entry(need).or_default().push(&workstream.name);
        }
    }
    let mut found = BTreeSet::from([from]);
    let mut told = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        let mut next: Vec<&Task> = needed_by.get(name).cloned().unwrap_or_default();
        if let Some(own) = workstream_of.get(name).filter(|own| told.insert(**own)) {
            let dependents = that_need.get(own).into_iter().flatten();
            next.extend(dependents.filter_map(|dependent| members.get(dependent)).flatten());
        }
        open.extend(next.into_iter().map(|task| task.spec.name.as_str()).filter(|name| found.insert(*name)));
    }
    found
}
