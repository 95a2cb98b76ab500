//! What the workstreams of a run mean for its tasks and for each other, kept as they change.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::RecordId;
use tollhouse_core::entity::{Task, Workstream};

use super::tasks::{Cause, Standing, cause_in_workstream};
use crate::workstream::Tally;

/// One workstream: what is known of it may come in any order.
#[derive(Debug, Clone, Default, PartialEq)]
struct Stream {
    record: Option<RecordId>,
    standing: Option<Standing>,
    needs: BTreeSet<String>,
    needed_by: BTreeSet<String>,
    members: BTreeSet<RecordId>,
    tally: Tally,
    causes: BTreeSet<Cause>,
}

/// The workstreams of one run, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Streams {
    by_name: BTreeMap<String, Stream>,
}

impl Streams {
    /// Whether no workstream is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Takes in a workstream that was not known; the answer is how those stand that it needs, as far as they are known.
    pub(super) fn learn(&mut self, workstream: &Workstream) -> Vec<Standing> {
        let name = &workstream.spec.name;
        for need in &workstream.spec.needs {
            self.by_name.entry(need.clone()).or_default().needed_by.insert(name.clone());
        }
        let stream = self.by_name.entry(name.clone()).or_default();
        stream.record = Some(workstream.id.into());
        stream.needs = workstream.spec.needs.iter().cloned().collect();
        self.door(name).collect()
    }

    /// Takes in a task that was not known.
    pub(super) fn join(&mut self, name: &str, task: RecordId) {
        self.by_name.entry(name.to_owned()).or_default().members.insert(task);
    }

    /// Notes how a workstream stands.
    pub(super) fn stands(&mut self, name: &str, standing: Standing) {
        self.by_name.entry(name.to_owned()).or_default().standing = Some(standing);
    }

    /// Notes that a task is something else now, and what it was.
    pub(super) fn note_task(&mut self, before: Option<&Task>, now: &Task) {
        let Some(stream) = now.spec.workstream.as_ref().and_then(|name| self.by_name.get_mut(name)) else { return };
        stream.tally.shift(before, now);
        before.and_then(cause_in_workstream).map(|cause| stream.causes.remove(&cause));
        stream.causes.extend(cause_in_workstream(now));
    }

    /// How those workstreams stand that this one needs, as far as they are known.
    pub(super) fn door<'s>(&'s self, name: &str) -> impl Iterator<Item = Standing> + use<'s> {
        let needs = self.by_name.get(name).into_iter().flat_map(|stream| &stream.needs);
        needs.filter_map(|need| self.by_name.get(need)?.standing)
    }

    /// The tasks of all workstreams that need this one.
    pub(crate) fn held_by<'s>(&'s self, name: &str) -> impl Iterator<Item = RecordId> + use<'s> {
        self.that_need(name).flat_map(|dependent| self.members(dependent))
    }

    /// The names of the workstreams that need this one.
    pub(crate) fn that_need<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> + use<'s> {
        self.by_name.get(name).into_iter().flat_map(|stream| &stream.needed_by).map(String::as_str)
    }

    /// The tasks of a workstream.
    pub(crate) fn members<'s>(&'s self, name: &str) -> impl Iterator<Item = RecordId> + use<'s> {
        self.by_name.get(name).into_iter().flat_map(|stream| &stream.members).copied()
    }

    /// The workstream with this name in the plan.
    pub(crate) fn named(&self, name: &str) -> Option<RecordId> {
        self.by_name.get(name)?.record
    }

    /// How many of its tasks are what.
    pub(crate) fn tally(&self, name: &str) -> Tally {
        self.by_name.get(name).map(|stream| stream.tally).unwrap_or_default()
    }

    /// The critical tasks of a workstream that were missed, the first cause first.
    pub(crate) fn causes<'s>(&'s self, name: &str) -> impl Iterator<Item = RecordId> + use<'s> {
        self.by_name.get(name).into_iter().flat_map(|stream| &stream.causes).map(|(_, _, _, id)| *id)
    }
}
