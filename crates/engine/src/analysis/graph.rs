//! Tasks by their place, with what each needs and what needs it: flat lists, walked without recursion.

use std::collections::BTreeMap;

use tollhouse_core::Span;
use tollhouse_core::spec::TaskSpec;

/// Who needs whom. A task is known by its place in the plan, from 0.
///
/// ```
/// # use tollhouse_core::Span;
/// # use tollhouse_engine::analysis::TaskGraph;
/// let graph = TaskGraph::new(&[vec![], vec![0], vec![0, 1]]);
/// assert_eq!(graph.order(), [0, 1, 2]);
/// assert_eq!(graph.dependents(0), [1, 2]);
/// let minute = Span::from_secs(60);
/// assert_eq!(graph.remaining(&[minute; 3]), [180, 120, 60].map(Span::from_secs));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskGraph {
    needs: Edges,
    dependents: Edges,
    order: Vec<usize>,
}

/// A chain of tasks, each of which needs the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Their places, the first to be done first.
    pub tasks: Vec<usize>,
    /// How long it is.
    pub length: Span,
}

impl TaskGraph {
    /// Of what each task needs, by place. A need of a task that is not there counts for nothing; one that stands twice
    /// counts once.
    pub fn new(needs: &[Vec<usize>]) -> Self {
        let count = needs.len();
        // Where a need was last seen, so that a second one of the same task shows.
        let mut seen_by = vec![usize::MAX; count];
        let known = needs.iter().enumerate().map(|(task, needs)| {
            let mut is_new =
                |need: &usize| seen_by.get_mut(*need).is_some_and(|seen| std::mem::replace(seen, task) != task);
            needs.iter().copied().filter(|need| is_new(need)).collect()
        });
        let needs = Edges::of(known);
        let dependents = needs.turned();
        let order = in_order(&needs, &dependents);
        Self { needs, dependents, order }
    }

    /// Of the tasks of a run, by their names. The first of several with one name counts.
    pub fn of(tasks: &[TaskSpec]) -> Self {
        let mut place: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, task) in tasks.iter().enumerate() {
            place.entry(task.name.as_str()).or_insert(at);
        }
        let needs_of =
            |task: &TaskSpec| task.needs.iter().filter_map(|need| place.get(need.as_str()).copied()).collect();
        Self::new(&tasks.iter().map(needs_of).collect::<Vec<_>>())
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.needs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tasks that a task needs itself; none for a place where no task is.
    pub fn needs(&self, task: usize) -> &[usize] {
        self.needs.of_node(task)
    }

    /// The tasks that need a task themselves; none for a place where no task is.
    pub fn dependents(&self, task: usize) -> &[usize] {
        self.dependents.of_node(task)
    }

    /// The tasks, each after those that it needs. One in a circle, or behind one, could never run and is not among them.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The tasks that could never run: each is in a circle of needs, or behind one.
    pub fn unreachable(&self) -> Vec<usize> {
        let is_reachable = self.reachable();
        (0..self.len()).filter(|task| !is_reachable[*task]).collect()
    }

    /// For each task how long the longest chain is that begins with it, itself included: what is left of the run at the least,
    /// once it may begin. A task without a length counts none; one that could never run has none left.
    pub fn remaining(&self, lengths: &[Span]) -> Vec<Span> {
        let mut remaining = vec![Span::default(); self.len()];
        for task in self.order.iter().rev() {
            let behind = self.dependents(*task).iter().map(|next| remaining[*next]).max().unwrap_or_default();
            remaining[*task] = plus(lengths.get(*task).copied().unwrap_or_default(), behind);
        }
        remaining
    }

    /// The longest chain; the first of the plan where several are as long, `None` where no task could ever run.
    pub fn longest(&self, lengths: &[Span]) -> Option<Chain> {
        let remaining = self.remaining(lengths);
        let is_reachable = self.reachable();
        let first_longest = |of: &[usize]| {
            let reachable = of.iter().copied().filter(|task| is_reachable[*task]);
            reachable.min_by_key(|task| (std::cmp::Reverse(remaining[*task]), *task))
        };
        let mut next = first_longest(&self.order);
        let length = remaining[next?];
        let mut tasks = Vec::new();
        while let Some(task) = next {
            tasks.push(task);
            next = first_longest(self.dependents(task));
        }
        Some(Chain { tasks, length })
    }

    fn reachable(&self) -> Vec<bool> {
        let mut is_reachable = vec![false; self.len()];
        for task in &self.order {
            is_reachable[*task] = true;
        }
        is_reachable
    }
}

pub(super) fn plus(one: Span, other: Span) -> Span {
    Span::from_millis(one.as_millis().saturating_add(other.as_millis()))
}

/// For each node a list of others, all lists in one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edges {
    /// Where each node's list begins; one more for where the last ends.
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl Edges {
    fn of(lists: impl Iterator<Item = Vec<usize>>) -> Self {
        let (mut starts, mut ends) = (vec![0], Vec::new());
        for list in lists {
            ends.extend(list);
            starts.push(ends.len());
        }
        Self { starts, ends }
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn of_node(&self, node: usize) -> &[usize] {
        match (self.starts.get(node), self.starts.get(node.saturating_add(1))) {
            (Some(start), Some(end)) => &self.ends[*start..*end],
            _ => &[],
        }
    }

    /// Every edge the other way round; each list in the order of the nodes.
    fn turned(&self) -> Self {
        let mut starts = vec![0; self.starts.len()];
        for end in &self.ends {
            starts[*end + 1] += 1;
        }
        for node in 1..starts.len() {
            starts[node] += starts[node - 1];
        }
        let (mut free, mut ends) = (starts.clone(), vec![0; self.ends.len()]);
        for node in 0..self.len() {
            for end in self.of_node(node) {
                ends[free[*end]] = node;
                free[*end] += 1;
            }
        }
        Self { starts, ends }
    }
}

/// All that can be reached, each after those that it needs, as early in the order as they let it (Kahn).
fn in_order(needs: &Edges, dependents: &Edges) -> Vec<usize> {
    let mut open: Vec<usize> = (0..needs.len()).map(|task| needs.of_node(task).len()).collect();
    let mut order: Vec<usize> = (0..needs.len()).filter(|task| open[*task] == 0).collect();
    let mut at = 0;
    while let Some(task) = order.get(at).copied() {
        at += 1;
        for next in dependents.of_node(task) {
            open[*next] -= 1;
            if open[*next] == 0 {
                order.push(*next);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(lengths: &[u64]) -> Vec<Span> {
        lengths.iter().copied().map(Span::from_secs).collect()
    }

    #[test]
    fn the_longest_chain_is_the_one_that_takes_longest() {
        let graph = TaskGraph::new(&[vec![], vec![0], vec![], vec![1, 2]]);
        let chain = graph.longest(&seconds(&[60, 60, 300, 60])).unwrap();
        assert_eq!((chain.tasks, chain.length), (vec![2, 3], Span::from_secs(360)));
        assert_eq!(TaskGraph::new(&[]).longest(&[]), None);
    }

    #[test]
    fn what_is_in_a_circle_or_behind_one_is_in_no_order() {
        let graph = TaskGraph::new(&[vec![1], vec![0], vec![1], vec![], vec![4]]);
        assert_eq!((graph.order(), graph.unreachable()), (&[3][..], vec![0, 1, 2, 4]));
        assert_eq!(graph.remaining(&seconds(&[1; 5])), seconds(&[0, 0, 0, 1, 0]));
        let behind = TaskGraph::new(&[vec![1, 2], vec![0], vec![]]);
        assert_eq!(behind.longest(&seconds(&[1; 3])), Some(Chain { tasks: vec![2], length: Span::from_secs(1) }));
    }

    #[test]
    fn needs_of_nothing_and_needs_that_stand_twice_do_no_harm() {
        let graph = TaskGraph::new(&[vec![], vec![0, 0, 7, usize::MAX]]);
        assert_eq!((graph.needs(1), graph.dependents(0), graph.order()), (&[0][..], &[1][..], &[0, 1][..]));
        assert_eq!((graph.needs(2), graph.dependents(usize::MAX)), (&[][..], &[][..]));
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_no_deeper_than_any_other() {
        let needs: Vec<Vec<usize>> = (0..100_000_usize).map(|task| task.checked_sub(1).into_iter().collect()).collect();
        let chain = TaskGraph::new(&needs).longest(&vec![Span::from_secs(1); 100_000]).unwrap();
        assert_eq!((chain.tasks.len(), chain.length), (100_000, Span::from_secs(100_000)));
    }

    #[test]
    fn endless_lengths_do_not_overflow() {
        let graph = TaskGraph::new(&[vec![], vec![0]]);
        assert_eq!(graph.remaining(&[Span::from_millis(u64::MAX); 2]), [Span::from_millis(u64::MAX); 2]);
    }

    proptest! {
        #[test]
        fn an_order_keeps_every_need_and_holds_all_that_can_run(
            needs in proptest::collection::vec(proptest::collection::vec(0_usize..14, 0..4), 0..12)
        ) {
            let graph = TaskGraph::new(&needs);
            let mut done = vec![false; needs.len()];
            for task in graph.order() {
                prop_assert!(graph.needs(*task).iter().all(|need| done[*need]));
                prop_assert!(!std::mem::replace(&mut done[*task], true));
            }
            for task in graph.unreachable() {
                prop_assert!(!done[task] && graph.needs(task).iter().any(|need| !done[*need]));
            }
        }

        /// Compared with every chain there is.
        #[test]
        fn remaining_is_the_longest_of_all_chains(
            needs in forward(), lengths in proptest::collection::vec(0_u64..9, 9)
        ) {
            let graph = TaskGraph::new(&needs);
            let remaining = graph.remaining(&seconds(&lengths));
            for first in 0..needs.len() {
                let (mut longest, mut chains) = (0, vec![(first, lengths[first])]);
                while let Some((last, length)) = chains.pop() {
                    longest = longest.max(length);
                    chains.extend(graph.dependents(last).iter().map(|next| (*next, length + lengths[*next])));
                }
                prop_assert_eq!(remaining[first], Span::from_secs(longest));
            }
            let chain = graph.longest(&seconds(&lengths)).unwrap();
            prop_assert!(chain.tasks.windows(2).all(|pair| graph.needs(pair[1]).contains(&pair[0])));
            let sum: u64 = chain.tasks.iter().map(|task| lengths[*task]).sum();
            prop_assert_eq!((Some(chain.length), chain.length), (remaining.into_iter().max(), Span::from_secs(sum)));
        }
    }

    /// Needs without circles.
    fn forward() -> impl Strategy<Value = Vec<Vec<usize>>> {
        (1_usize..9).prop_flat_map(|count| {
            proptest::collection::vec(proptest::collection::vec(0..count, 0..4), count).prop_map(|mut needs| {
                needs.iter_mut().enumerate().for_each(|(task, list)| list.retain(|need| *need < task));
                needs
            })
        })
    }
}
