//! The order of queued tasks: what holds up most goes first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tollhouse_core::RecordId;
use tollhouse_core::entity::Task;
use tollhouse_core::spec::Priority;

/// Where a task stands among the queued: by priority, then by how long the chain is that it begins, then by how many wait for
/// it, then by its place in the plan. The least goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    priority: Reverse<Priority>,
    chain: Reverse<u32>,
    dependents: Reverse<u32>,
    place: u32,
    pub(crate) task: RecordId,
}

impl Rank {
    /// Of a task that nothing is known to wait for.
    pub(crate) fn alone(task: &Task) -> Self {
        Self::new(task, 1, 0)
    }

    fn new(task: &Task, chain: u32, dependents: u32) -> Self {
        Self {
            priority: Reverse(task.spec.priority),
            chain: Reverse(chain),
            dependents: Reverse(dependents),
            place: task.place,
            task: task.id.into(),
        }
    }
}

/// The ranks of the tasks of a run: linear in what they need. A chain counts its tasks, for nobody knows how long each takes.
///
/// Tasks that need each other in a circle, which no run has, count as if they began nothing.
pub(crate) fn ranks(tasks: &[&Task]) -> BTreeMap<RecordId, Rank> {
    let place: BTreeMap<&str, usize> =
        tasks.iter().enumerate().map(|(at, task)| (task.spec.name.as_str(), at)).collect();
    let needs: Vec<Vec<usize>> =
        tasks.iter().map(|task| task.needs().filter_map(|need| place.get(need).copied()).collect()).collect();
    let mut dependents = vec![0_u32; tasks.len()];
    for need in needs.iter().flatten() {
        dependents[*need] += 1;
    }
    // From the ends of the chains to their beginnings: a task is looked at once all that need it were.
    let mut open = dependents.clone();
    let mut chain = vec![1_u32; tasks.len()];
    let mut ready: Vec<usize> = (0..tasks.len()).filter(|at| open[*at] == 0).collect();
    while let Some(at) = ready.pop() {
        for need in &needs[at] {
            chain[*need] = chain[*need].max(chain[at].saturating_add(1));
            open[*need] -= 1;
            if open[*need] == 0 {
                ready.push(*need);
            }
        }
    }
    tasks.iter().enumerate().map(|(at, task)| (task.id.into(), Rank::new(task, chain[at], dependents[at]))).collect()
}
