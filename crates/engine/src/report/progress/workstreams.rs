//! How far each workstream of a run is.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::WorkstreamId;
use tollhouse_core::entity::Workstream;
use tollhouse_core::lifecycle::WorkstreamState;

use super::counts::TaskCounts;
use super::scene::Scene;

/// How far a workstream is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WorkstreamProgress {
    /// Its id; null: the run's own, of the tasks that are in none.
    pub id: Option<WorkstreamId>,
    /// Its id in the plan; null for the run's own.
    pub name: Option<String>,
    /// Where it is; null for the run's own.
    pub state: Option<WorkstreamState>,
    /// How many of its tasks are where.
    pub counts: TaskCounts,
    /// Which part of its tasks is finished, done or missed, from 0 to 1; null without tasks.
    pub finished: Option<f64>,
}

pub(super) fn of(scene: &Scene<'_>) -> Vec<WorkstreamProgress> {
    let mut workstreams = scene.all::<Workstream>();
    if workstreams.is_empty() {
        return Vec::new();
    }
    workstreams.sort_by_key(|workstream| workstream.place);
    let mut counts: BTreeMap<Option<&str>, TaskCounts> = BTreeMap::new();
    for task in &scene.tasks {
        counts.entry(task.spec.workstream.as_deref()).or_default().count(task);
    }
    let mut all = Vec::with_capacity(workstreams.len() + 1);
    for workstream in workstreams {
        let counts = counts.remove(&Some(workstream.spec.name.as_str())).unwrap_or_default();
        all.push(progress(Some(workstream), counts));
    }
    all.extend(counts.remove(&None).map(|counts| progress(None, counts)));
    all
}

fn progress(workstream: Option<&Workstream>, counts: TaskCounts) -> WorkstreamProgress {
    WorkstreamProgress {
        id: workstream.map(|workstream| workstream.id),
        name: workstream.map(|workstream| workstream.spec.name.clone()),
        state: workstream.map(|workstream| workstream.state),
        counts,
        finished: counts.part(counts.done + counts.missed),
    }
}
