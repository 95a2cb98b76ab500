//! What is left of a run, as a plan of its own.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Task, Workstream};
use tollhouse_core::lifecycle::TaskState;
use tollhouse_core::spec::{Priority, RunSpec, TaskSpec};

use super::scene::Scene;
use crate::analysis::TaskGraph;

/// What is left of a run. Behind its tasks stand two nodes that take no time for each unfinished workstream: what its tasks wait
/// for, and what waits for them. Without these every task of one would need every task of another.
pub(super) struct Remaining<'v> {
    /// The unfinished tasks, in the order of the plan.
    pub(super) tasks: Vec<&'v Task>,
    /// The unfinished workstreams, in the order of the plan.
    pub(super) workstreams: Vec<&'v Workstream>,
    /// Those tasks and nodes, with as much of them as says what goes when.
    pub(super) spec: RunSpec,
    pub(super) graph: TaskGraph,
}

impl<'v> Remaining<'v> {
    pub(super) fn of(scene: &Scene<'v>) -> Self {
        let tasks: Vec<&Task> = scene.tasks.iter().copied().filter(|task| !task.state.is_finished()).collect();
        let mut workstreams = scene.all::<Workstream>();
        workstreams.retain(|workstream| !workstream.state.is_finished());
        workstreams.sort_by_key(|workstream| workstream.place);
        let mut nodes: Vec<TaskSpec> = tasks.iter().map(|task| reduced(task)).collect();
        nodes.resize_with(tasks.len() + 2 * workstreams.len(), TaskSpec::default);
        let spec = RunSpec {
            plan: scene.run.spec.plan.clone(),
            agents: scene.run.spec.agents.clone(),
            max_parallel: scene.run.spec.max_parallel,
            tasks: nodes,
            ..RunSpec::default()
        };
        let graph = TaskGraph::new(&needs(&tasks, &workstreams));
        Self { tasks, workstreams, spec, graph }
    }
}

fn reduced(task: &Task) -> TaskSpec {
    let has_begun = matches!(task.state, TaskState::Running | TaskState::Validating);
    TaskSpec {
        name: task.spec.name.clone(),
        agent: task.agent().to_owned(),
        policy: task.spec.policy.clone(),
        conflict_group: task.spec.conflict_group.clone(),
        // What has begun has its room already.
        priority: if has_begun { Priority::Urgent } else { task.spec.priority },
        ..TaskSpec::default()
    }
}

/// What each node needs, by place. What is finished keeps nobody.
fn needs(tasks: &[&Task], workstreams: &[&Workstream]) -> Vec<Vec<usize>> {
    let place: BTreeMap<&str, usize> =
        tasks.iter().enumerate().map(|(at, task)| (task.spec.name.as_str(), at)).collect();
    let door: BTreeMap<&str, usize> = workstreams
        .iter()
        .enumerate()
        .map(|(at, workstream)| (workstream.spec.name.as_str(), tasks.len() + 2 * at))
        .collect();
    let mut needs: Vec<Vec<usize>> = Vec::with_capacity(tasks.len() + 2 * workstreams.len());
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate() {
        let own = task.spec.workstream.as_ref().and_then(|name| door.get(name.as_str()).copied());
        let needed = task.needs().filter_map(|need| place.get(need).copied());
        needs.push(needed.chain(own).collect());
        if let Some(door) = own {
            members.entry(door).or_default().push(at);
        }
    }
    for workstream in workstreams {
        // Behind each door stands the end of its workstream.
        let ends = workstream.spec.needs.iter().filter_map(|need| Some(door.get(need.as_str())? + 1));
        needs.push(ends.collect());
        let own = needs.len() - 1;
        let mut last = members.remove(&own).unwrap_or_default();
        last.push(own);
        needs.push(last);
    }
    needs
}
