//! What the tasks of a run mean for each other and for the clock, kept as they change: a decision looks only at those that
//! something happened to.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Task, Workstream};
use tollhouse_core::lifecycle::{TaskState, WorkstreamState};
use tollhouse_core::spec::Weight;
use tollhouse_core::{RecordId, TaskId, Timestamp, WorkstreamId};

use super::Table;
use super::queue::Queue;
use super::streams::Streams;

/// What a task or a workstream is to those that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may still be done.
    Open,
    /// Done, or left out by a person.
    Done,
    /// It will not be done.
    Missed,
}

impl Standing {
    pub(crate) fn of(task: &Task) -> Self {
        match (task.state.is_finished(), task.is_missed()) {
            (false, _) => Self::Open,
            (true, false) => Self::Done,
            (true, true) => Self::Missed,
        }
    }

    pub(crate) fn of_workstream(workstream: &Workstream) -> Self {
        match (workstream.state.is_finished(), workstream.is_missed()) {
            (false, _) => Self::Open,
            (true, false) => Self::Done,
            (true, true) => Self::Missed,
        }
    }
}

/// How many of the tasks and workstreams that a task needs are open, and how many are missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needed {
    pub(crate) open: i64,
    pub(crate) missed: i64,
}

impl Needed {
    /// One that is needed is something else now.
    pub(crate) fn shift(&mut self, before: Option<Standing>, now: Standing) {
        match before {
            Some(Standing::Open) => self.open -= 1,
            Some(Standing::Missed) => self.missed -= 1,
            Some(Standing::Done) | None => {}
        }
        match now {
            Standing::Open => self.open += 1,
            Standing::Missed => self.missed += 1,
            Standing::Done => {}
        }
    }

    /// Whether a task that waits for these can move.
    pub(crate) const fn lets_go(self) -> bool {
        self.open == 0 || self.missed > 0
    }
}

/// Which critical task or workstream was missed first: one that failed is the cause, one that was canceled or skipped a victim.
pub(crate) type Cause = (bool, Option<Timestamp>, u32, RecordId);

/// The tasks of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tasks {
    by_name: BTreeMap<String, RecordId>,
    needed_by: BTreeMap<String, BTreeSet<RecordId>>,
    needed: BTreeMap<RecordId, Needed>,
    movable: BTreeSet<RecordId>,
    deadlines: BTreeSet<(Timestamp, RecordId)>,
    causes: BTreeSet<Cause>,
    streams: Streams,
    pub(crate) queue: Queue,
}

impl Tasks {
    /// Notes that a task is something else now, and what it was.
    pub(super) fn note(&mut self, table: &Table<Task>, before: Option<&Task>, now: &Task) {
        let id = RecordId::from(now.id);
        match before {
            None => self.learn(table, now),
            Some(before) => {
                self.learn_needs(table, now, now.also_needs.get(before.also_needs.len()..).unwrap_or_default());
            }
        }
        let (was, is) = (before.map(Standing::of), Standing::of(now));
        if was != Some(is) {
            let dependents = self.needed_by.get(&now.spec.name).cloned().unwrap_or_default();
            for dependent in dependents {
                self.needed.entry(dependent).or_default().shift(was, is);
                if let Some(held) = table.get(&dependent) {
                    self.place(dependent, held.body.state);
                }
            }
        }
        if let Some(before) = before {
            deadline(before).map(|at| self.deadlines.remove(&(at, id)));
            cause(before).map(|cause| self.causes.remove(&cause));
        }
        self.deadlines.extend(deadline(now).map(|at| (at, id)));
        self.causes.extend(cause(now));
        self.place(id, now.state);
        self.streams.note_task(before, now);
        self.queue.note(before, now);
    }

    /// Notes that a workstream is something else now, and what it was.
    pub(super) fn note_workstream(&mut self, table: &Table<Task>, before: Option<&Workstream>, now: &Workstream) {
        let mut shifts: Vec<(RecordId, Option<Standing>, Standing)> = Vec::new();
        let (was, is) = (before.map(Standing::of_workstream), Standing::of_workstream(now));
        if before.is_none() {
            // Its own tasks wait for those that are known.
            let known = self.streams.learn(now);
            for standing in known {
                shifts.extend(self.streams.members(&now.spec.name).map(|member| (member, None, standing)));
            }
        }
        if was != Some(is) {
            self.streams.stands(&now.spec.name, is);
            shifts.extend(self.streams.held_by(&now.spec.name).map(|member| (member, was, is)));
        }
        for (member, was, is) in shifts {
            self.needed.entry(member).or_default().shift(was, is);
            if let Some(held) = table.get(&member) {
                self.place(member, held.body.state);
            }
        }
        before.and_then(cause_of_workstream).map(|cause| self.causes.remove(&cause));
        self.causes.extend(cause_of_workstream(now));
    }

    /// Takes in the name and the needs of a task that was not known.
    fn learn(&mut self, table: &Table<Task>, task: &Task) {
        let id = RecordId::from(task.id);
        self.by_name.insert(task.spec.name.clone(), id);
        let mut needed = Needed::default();
        if let Some(name) = &task.spec.workstream {
            self.streams.join(name, id);
            for standing in self.streams.door(name) {
                needed.shift(None, standing);
            }
        }
        self.needed.insert(id, needed);
        let needs: Vec<String> = task.needs().map(str::to_owned).collect();
        self.learn_needs(table, task, &needs);
    }

    /// Takes in that a task needs these.
    fn learn_needs(&mut self, table: &Table<Task>, task: &Task, needs: &[String]) {
        let id = RecordId::from(task.id);
        for name in needs {
            if !self.needed_by.entry(name.clone()).or_default().insert(id) {
                continue;
            }
            let known = self.by_name.get(name).and_then(|need| table.get(need));
            if let Some(need) = known {
                self.needed.entry(id).or_default().shift(None, Standing::of(&need.body));
            }
        }
    }

    fn place(&mut self, id: RecordId, state: TaskState) {
        let lets_go = self.needed.get(&id).is_none_or(|needed| needed.lets_go());
        if state == TaskState::Pending || state == TaskState::Blocked && lets_go {
            self.movable.insert(id);
        } else {
            self.movable.remove(&id);
        }
    }

    /// The task with this name in the plan.
    pub(crate) fn named(&self, name: &str) -> Option<RecordId> {
        self.by_name.get(name).copied()
    }

    /// The tasks that need the one with this name.
    pub(crate) fn that_need(&self, name: &str) -> impl Iterator<Item = RecordId> + '_ {
        self.needed_by.get(name).into_iter().flatten().copied()
    }

    /// How those stand that a task needs; nothing for a task that is not known here.
    pub(crate) fn needed(&self, task: RecordId) -> Option<Needed> {
        self.needed.get(&task).copied()
    }

    /// The tasks that wait for others and can move.
    pub(crate) fn movable(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.movable.iter().copied()
    }

    /// The tasks that wait for a time, the earliest first.
    pub(crate) fn by_deadline(&self) -> impl Iterator<Item = (Timestamp, RecordId)> + '_ {
        self.deadlines.iter().copied()
    }

    /// The next time that a task waits for.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The workstreams.
    pub(crate) const fn streams(&self) -> &Streams {
        &self.streams
    }

    /// What is critical to the run and was missed, tasks and workstreams, the first cause first.
    pub(crate) fn causes(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.causes.iter().map(|(_, _, _, id)| *id)
    }
}

/// What the clock may do to a task: the end of a backoff or a question, or of its attempt.
fn deadline(task: &Task) -> Option<Timestamp> {
    task.lease.as_ref().map(|lease| lease.deadline).or(task.due_at)
}

/// Where a missed critical task of the run's own stands among the causes of its run's end.
pub(crate) fn cause(task: &Task) -> Option<Cause> {
    if task.spec.workstream.is_some() {
        // Its workstream answers for it.
        return None;
    }
    cause_in_workstream(task)
}

/// Where a missed critical task stands among the causes of its workstream's end.
pub(crate) fn cause_in_workstream(task: &Task) -> Option<Cause> {
    let missed = task.spec.weight == Weight::Critical && task.is_missed();
    missed.then(|| (task.state != TaskState::Failed, task.finished_at, task.place, TaskId::into(task.id)))
}

/// Where a missed critical workstream stands among the causes of its run's end.
pub(crate) fn cause_of_workstream(workstream: &Workstream) -> Option<Cause> {
    let missed = workstream.spec.weight == Weight::Critical && workstream.is_missed();
    let is_victim = workstream.state != WorkstreamState::Failed;
    missed.then(|| (is_victim, workstream.finished_at, workstream.place, WorkstreamId::into(workstream.id)))
}
