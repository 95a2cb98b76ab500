//! The tasks of a run that wait for a worker, in the order in which they are looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use tollhouse_core::entity::Task;
use tollhouse_core::lifecycle::TaskState;
use tollhouse_core::{Money, RecordId, Timestamp};

use super::Table;
use crate::schedule::{Rank, ranks};

/// The tasks of a run that are queued.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    ids: BTreeSet<RecordId>,
    /// Made when it is asked for, and again after tasks were added: what a task holds up depends on all others.
    order: OnceLock<Order>,
}

impl PartialEq for Queue {
    /// Whether an order was made yet says nothing about the tasks.
    fn eq(&self, other: &Self) -> bool {
        self.ids == other.ids
    }
}

impl Queue {
    /// Notes that a task is something else now, and what it was.
    pub(super) fn note(&mut self, before: Option<&Task>, now: &Task) {
        let id = RecordId::from(now.id);
        if before.is_none_or(|before| before.also_needs != now.also_needs) {
            self.order = OnceLock::new();
        }
        let order = self.order.get_mut();
        let was = before.filter(|before| before.state == TaskState::Queued);
        let is = (now.state == TaskState::Queued).then_some(now);
        if was.is_none() && is.is_none() {
            return;
        }
        if is.is_some() {
            self.ids.insert(id);
        } else {
            self.ids.remove(&id);
        }
        if let Some(order) = order {
            if let Some(task) = was {
                order.take_out(task);
            }
            if let Some(task) = is {
                order.put_in(task);
            }
        }
    }

    /// The tasks in their order. `table` holds every task of the run.
    pub(crate) fn order<'q>(&'q self, table: &Table<Task>, of_run: impl Iterator<Item = RecordId>) -> &'q Order {
        self.order.get_or_init(|| {
            let tasks: Vec<&Task> = of_run.filter_map(|id| table.get(&id)).map(|held| &held.body).collect();
            let mut order = Order { ranks: ranks(&tasks), ..Order::default() };
            for held in self.ids.iter().filter_map(|id| table.get(id)) {
                order.put_in(&held.body);
            }
            order
        })
    }
}

/// The way that queued tasks wait in: those in one may go to the same agents, and ask the same of whoever does them. While nobody of
/// these has room, none of the tasks is looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    /// The agents that may be asked, in order of preference.
    pub(crate) agents: Vec<String>,
    /// What they must be able to do.
    pub(crate) capabilities: BTreeSet<String>,
}

impl Lane {
    fn of(task: &Task) -> Self {
        let agents = task.candidates().map(str::to_owned).collect();
        Self { agents, capabilities: task.spec.capabilities.clone() }
    }
}

/// What tasks have in common of which no two are ever under way together, and which wait for the same: only the first of
/// them is worth looking at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum OneAtATime {
    /// Lane, conflict group, declared scope, and what an attempt sets aside.
    Alike { lane: Lane, group: Option<String>, scope: Vec<String>, reserve: Option<Money> },
    /// It stands in nobody's way.
    Alone(RecordId),
}

impl OneAtATime {
    fn of(task: &Task) -> Self {
        let scope = task.spec.policy.as_ref().and_then(|policy| policy.write.clone()).unwrap_or_default();
        let group = task.spec.conflict_group.clone();
        if group.is_none() && scope.is_empty() {
            return Self::Alone(task.id.into());
        }
        Self::Alike { lane: Lane::of(task), group, scope, reserve: task.spec.reserve }
    }
}

/// The order in which queued tasks are looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Order {
    ranks: BTreeMap<RecordId, Rank>,
    /// Of each set that goes one at a time, the first, by lane.
    first: BTreeMap<Lane, BTreeMap<Rank, OneAtATime>>,
    sets: BTreeMap<OneAtATime, BTreeSet<Rank>>,
    by_age: BTreeSet<(Timestamp, Rank)>,
}

impl Order {
    fn put_in(&mut self, task: &Task) {
        let rank = self.rank(task);
        let key = OneAtATime::of(task);
        let set = self.sets.entry(key.clone()).or_default();
        let firsts = self.first.entry(Lane::of(task)).or_default();
        if let Some(first) = set.first() {
            firsts.remove(first);
        }
        set.insert(rank);
        firsts.extend(set.first().map(|first| (*first, key)));
        self.by_age.insert((task.queued_at.unwrap_or(task.created_at), rank));
    }

    fn take_out(&mut self, task: &Task) {
        let rank = self.rank(task);
        self.by_age.remove(&(task.queued_at.unwrap_or(task.created_at), rank));
        let key = OneAtATime::of(task);
        let Some(set) = self.sets.get_mut(&key) else { return };
        set.remove(&rank);
        let firsts = self.first.entry(Lane::of(task)).or_default();
        firsts.remove(&rank);
        match set.first().copied() {
            Some(first) => drop(firsts.insert(first, key)),
            None => drop(self.sets.remove(&key)),
        }
    }

    /// Whether both hold the same tasks in the same order, however they came to it.
    #[cfg(feature = "testing")]
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        // A lane in which nothing waits any more may be left with nothing.
        let filled = |order: &Self| {
            let lanes = order.first.clone().into_iter();
            lanes.filter(|(_, firsts)| !firsts.is_empty()).collect::<BTreeMap<_, _>>()
        };
        let rest = (&self.ranks, &self.sets, &self.by_age) == (&other.ranks, &other.sets, &other.by_age);
        rest && filled(self) == filled(other)
    }

    /// Where a task stands among the queued.
    pub(crate) fn rank(&self, task: &Task) -> Rank {
        self.ranks.get(&task.id.into()).copied().unwrap_or_else(|| Rank::alone(task))
    }

    /// The tasks that are worth looking at, the first first, of the lanes that have room. Those that `is_touched` count as
    /// gone.
    pub(crate) fn by_rank<'o>(
        &'o self,
        has_room: impl Fn(&Lane) -> bool,
        is_touched: impl Fn(RecordId) -> bool + Copy + 'o,
    ) -> impl Iterator<Item = Rank> + 'o {
        let of_lanes = self.first.iter().filter(|(lane, _)| has_room(lane)).map(|(_, firsts)| {
            let sets = firsts.values().filter_map(|key| self.sets.get(key));
            sets.filter_map(move |set| set.iter().find(|rank| !is_touched(rank.task)).copied()).peekable()
        });
        let mut of_lanes: Vec<_> = of_lanes.collect();
        std::iter::from_fn(move || {
            let next =
                of_lanes.iter_mut().filter_map(|ranks| Some((*ranks.peek()?, ranks))).min_by_key(|(rank, _)| *rank);
            next.and_then(|(_, ranks)| ranks.next())
        })
    }

    /// All tasks, those that have been queued longest first.
    pub(crate) fn by_age(&self) -> impl Iterator<Item = (Timestamp, Rank)> + '_ {
        self.by_age.iter().copied()
    }
}
