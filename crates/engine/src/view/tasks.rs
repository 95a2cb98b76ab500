//! What the tasks of a run mean for each other and for the clock, kept as they change: a decision looks only at those that
//! something happened to.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::Task;
use tollhouse_core::lifecycle::TaskState;
use tollhouse_core::spec::Weight;
use tollhouse_core::{RecordId, TaskId, Timestamp};

use super::Table;
use super::queue::Queue;

/// What a task is to those that need it.
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
}

/// How many of the tasks that a task needs are open, and how many are missed.
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

/// Which critical task was missed first: one that failed is the cause, one that was canceled or skipped a victim.
type Cause = (bool, Option<Timestamp>, u32, RecordId);

/// The tasks of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tasks {
    by_name: BTreeMap<String, RecordId>,
    needed_by: BTreeMap<String, BTreeSet<RecordId>>,
    needed: BTreeMap<RecordId, Needed>,
    movable: BTreeSet<RecordId>,
    deadlines: BTreeSet<(Timestamp, RecordId)>,
    causes: BTreeSet<Cause>,
    pub(crate) queue: Queue,
}

impl Tasks {
    /// Notes that a task is something else now, and what it was.
    pub(super) fn note(&mut self, table: &Table<Task>, before: Option<&Task>, now: &Task) {
        let id = RecordId::from(now.id);
        if before.is_none() {
            self.learn(table, now);
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
        self.queue.note(before, now);
    }

    /// Takes in the name and the needs of a task that was not known.
    fn learn(&mut self, table: &Table<Task>, task: &Task) {
        let id = RecordId::from(task.id);
        self.by_name.insert(task.spec.name.clone(), id);
        let mut needed = Needed::default();
        for name in task.spec.needs.iter().collect::<BTreeSet<_>>() {
            self.needed_by.entry(name.clone()).or_default().insert(id);
            let known = self.by_name.get(name).and_then(|need| table.get(need));
            if let Some(need) = known {
                needed.shift(None, Standing::of(&need.body));
            }
        }
        self.needed.insert(id, needed);
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

    /// The critical tasks that were missed, the first cause first.
    pub(crate) fn causes(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.causes.iter().map(|(_, _, _, id)| *id)
    }
}

/// What the clock may do to a task: the end of a backoff or a question, or of its attempt.
fn deadline(task: &Task) -> Option<Timestamp> {
    task.lease.as_ref().map(|lease| lease.deadline).or(task.due_at)
}

/// Where a missed critical task stands among the causes of its run's end.
pub(crate) fn cause(task: &Task) -> Option<Cause> {
    let missed = task.spec.weight == Weight::Critical && task.is_missed();
    missed.then(|| (task.state != TaskState::Failed, task.finished_at, task.place, TaskId::into(task.id)))
}
