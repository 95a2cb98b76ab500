//! Which pairs of tasks keep each other waiting though neither needs the other.
//!
//! Whether one task comes after another, by any way, shows at once where few come before or after it. For the others it is
//! asked for 64 tasks at once with one walk over the plan in each direction. How many walks and how many pairs there may be is
//! bounded; beyond that they are counted in part.

use tollhouse_core::spec::RunSpec;

use super::clashes::{Clashes, Extent};
use super::graph::TaskGraph;
use crate::plan::{Clash, clash};

/// At least so many pairs are looked at, however small the plan.
const PAIRS_MIN: usize = 1_000_000;

/// And so many for each task, which for a large plan are more.
const PAIRS_PER_TASK: usize = 16;

/// Whoever has more needs before it or behind it than are followed in so many steps is asked about with a walk.
const KIN_STEPS_MAX: usize = 200;

/// At least so many walks are made, however large the plan.
const WALKS_MIN: usize = 16;

/// And so many steps, which for a small plan are more walks.
const STEPS_MAX: usize = 16_000_000;

/// Two tasks that are never under way together, though neither comes after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// Their places, the first of the plan first.
    pub tasks: [usize; 2],
    /// Why.
    pub clash: Clash,
}

/// Pairs of tasks that are never under way together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlaps {
    /// The first of them, in the order of the plan.
    pub shown: Vec<Overlap>,
    /// How many more were found.
    pub left_out: u64,
    /// Whether that is all of them.
    pub extent: Extent,
}

/// The pairs of tasks that are never under way together though neither comes after the other; at most `shown_max` of them
/// are told, the others counted.
pub fn overlaps(spec: &RunSpec, graph: &TaskGraph, clashes: &Clashes, shown_max: usize) -> Overlaps {
    let mut found = Overlaps { extent: clashes.extent(), ..Overlaps::default() };
    let partners =
        |task: usize| clashes.meets(clashes.lot_of(task)).iter().map(move |lot| behind(clashes.members(*lot), task));
    let able: Vec<usize> = (0..graph.len()).filter(|task| partners(*task).any(|others| !others.is_empty())).collect();
    let mut kin = KinSearch::new(graph);
    let (mut pairs, pairs_max) = (0, PAIRS_MIN.max(graph.len().saturating_mul(PAIRS_PER_TASK)));
    for sources in able.chunks(64) {
        let Some(kin) = kin.of(sources) else {
            found.extent = Extent::Part;
            break;
        };
        for (at, one) in sources.iter().enumerate() {
            let mut others: Vec<usize> = Vec::new();
            for lot in partners(*one) {
                pairs += lot.len();
                if pairs > pairs_max {
                    found.extent = Extent::Part;
                    return found;
                }
                others.extend(lot.iter().filter(|other| !kin.has(at, **other)));
            }
            others.sort_unstable();
            for other in others {
                let is_shown = found.shown.len() < shown_max;
                match is_shown.then(|| clash(&spec.tasks[*one], &spec.tasks[other])).flatten() {
                    Some(clash) => found.shown.push(Overlap { tasks: [*one, other], clash }),
                    None => found.left_out += 1,
                }
            }
        }
    }
    found
}

/// Those of the tasks, which are in order, that stand behind one.
fn behind(tasks: &[usize], task: usize) -> &[usize] {
    &tasks[tasks.partition_point(|other| *other <= task)..]
}

/// Who comes before or after each of at most 64 tasks.
struct Kin {
    /// Of those that have few, in order.
    few: Vec<Option<Vec<usize>>>,
    /// For each task of the plan one bit for each of the others.
    many: Vec<u64>,
}

impl Kin {
    fn has(&self, at: usize, other: usize) -> bool {
        match &self.few[at] {
            Some(few) => few.binary_search(&other).is_ok(),
            None => self.many[other] >> at & 1 == 1,
        }
    }
}

struct KinSearch<'g> {
    graph: &'g TaskGraph,
    /// The search that each task was seen in last.
    seen_in: Vec<usize>,
    searches: usize,
    walks_left: usize,
}

impl<'g> KinSearch<'g> {
    fn new(graph: &'g TaskGraph) -> Self {
        let steps = graph.len() + (0..graph.len()).map(|task| graph.needs(task).len()).sum::<usize>();
        let walks_left = WALKS_MIN.max(STEPS_MAX / steps.max(1));
        Self { graph, seen_in: vec![0; graph.len()], searches: 0, walks_left }
    }

    /// `None` where no walk is left for them.
    fn of(&mut self, sources: &[usize]) -> Option<Kin> {
        let few: Vec<Option<Vec<usize>>> = sources.iter().map(|task| self.few(*task)).collect();
        if few.iter().all(Option::is_some) {
            return Some(Kin { few, many: Vec::new() });
        }
        self.walks_left = self.walks_left.checked_sub(1)?;
        Some(Kin { few, many: related(self.graph, sources) })
    }

    /// All that come before or after a task, in order, where they are few.
    fn few(&mut self, task: usize) -> Option<Vec<usize>> {
        let mut kin = self.few_that(task, TaskGraph::needs)?;
        kin.extend(self.few_that(task, TaskGraph::dependents)?);
        kin.sort_unstable();
        Some(kin)
    }

    fn few_that(&mut self, task: usize, next: fn(&TaskGraph, usize) -> &[usize]) -> Option<Vec<usize>> {
        self.searches += 1;
        let (mut found, mut at, mut steps) = (Vec::new(), 0, 0);
        let mut looked_at = Some(task);
        while let Some(task) = looked_at {
            let others = next(self.graph, task);
            steps += others.len();
            if steps > KIN_STEPS_MAX {
                return None;
            }
            for other in others {
                if std::mem::replace(&mut self.seen_in[*other], self.searches) != self.searches {
                    found.push(*other);
                }
            }
            looked_at = found.get(at).copied();
            at += 1;
        }
        Some(found)
    }
}

/// For each task one bit for each of at most 64 others: whether it comes before or after that one.
fn related(graph: &TaskGraph, others: &[usize]) -> Vec<u64> {
    let mut own = vec![0_u64; graph.len()];
    for (bit, other) in others.iter().enumerate() {
        own[*other] |= 1 << bit;
    }
    let (mut after, mut before) = (vec![0_u64; graph.len()], vec![0_u64; graph.len()]);
    for task in graph.order() {
        after[*task] = graph.needs(*task).iter().fold(0, |bits, need| bits | after[*need] | own[*need]);
    }
    for task in graph.order().iter().rev() {
        before[*task] = graph.dependents(*task).iter().fold(0, |bits, next| bits | before[*next] | own[*next]);
    }
    after.iter().zip(before).map(|(after, before)| after | before).collect()
}

#[cfg(test)]
mod tests {
    use super::super::examples::run;
    use super::*;
    use proptest::prelude::*;

    fn pairs(spec: &RunSpec, shown_max: usize) -> (Vec<[usize; 2]>, u64, Extent) {
        let found = overlaps(spec, &TaskGraph::of(&spec.tasks), &Clashes::new(spec), shown_max);
        (found.shown.iter().map(|pair| pair.tasks).collect(), found.left_out, found.extent)
    }

    #[test]
    fn tasks_that_wait_for_each_other_anyway_do_not_overlap() {
        let spec = run(
            "",
            &[
                ("a", "write = [\"src/**\"]"),
                ("b", "needs = [\"a\"]"),
                ("c", "needs = [\"b\"]\nwrite = [\"src/**\"]"),
                ("d", "write = [\"src/**\"]"),
            ],
        );
        assert_eq!(pairs(&spec, 9), (vec![[0, 3], [2, 3]], 0, Extent::Whole));
    }

    #[test]
    fn those_that_are_not_told_are_counted() {
        let names: Vec<String> = (0..200).map(|at| format!("t{at}")).collect();
        let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "conflict_group = \"g\"")).collect();
        let (shown, left_out, extent) = pairs(&run("", &tasks), 2);
        assert_eq!((shown, left_out, extent), (vec![[0, 1], [0, 2]], 200 * 199 / 2 - 2, Extent::Whole));
    }

    #[test]
    fn where_there_are_too_many_pairs_that_is_told() {
        let names: Vec<String> = (0..2000).map(|at| format!("t{at}")).collect();
        let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "conflict_group = \"g\"")).collect();
        let (shown, left_out, extent) = pairs(&run("", &tasks), 2);
        assert_eq!((shown.len(), extent), (2, Extent::Part));
        assert!(left_out > 900_000);
    }

    #[test]
    fn who_has_many_before_or_behind_it_is_asked_about_with_a_walk() {
        let names: Vec<String> = (0..600).map(|at| format!("t{at}")).collect();
        // Two chains of 300: the first and the last of each are in the group.
        for turned in [false, true] {
            let place = |at: usize| if turned { 599 - at } else { at };
            let more: Vec<String> = (0..600)
                .map(place)
                .map(|at| {
                    let needs = at.checked_sub(2).map(|need| format!("needs = [\"t{}\"]\n", place(need)));
                    let group = if (2..598).contains(&at) { "" } else { "conflict_group = \"g\"" };
                    format!("{}{group}", needs.unwrap_or_default())
                })
                .collect();
            let tasks: Vec<(&str, &str)> =
                names.iter().zip(&more).map(|(name, more)| (name.as_str(), more.as_str())).collect();
            let expected = vec![[0, 1], [0, 599], [1, 598], [598, 599]];
            assert_eq!(pairs(&run("", &tasks), 9), (expected, 0, Extent::Whole), "{turned}");
        }
    }

    proptest! {
        /// Compared with following every need of every pair; more tasks than go into one walk.
        #[test]
        fn exactly_the_pairs_without_order_are_told(
            needs in proptest::collection::vec(proptest::collection::vec(0_usize..150, 0..2), 150),
            reach in prop::sample::select(vec![20_usize, 150]),
            turned: bool,
        ) {
            // What is done first stands first in the plan, or last.
            let place = |at: usize| if turned { 149 - at } else { at };
            let names: Vec<String> = (0..150).map(|at| format!("t{at}")).collect();
            let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "conflict_group = \"g\"")).collect();
            let mut spec = run("", &tasks);
            let mut before = vec![std::collections::BTreeSet::new(); 150];
            for (at, needs) in needs.iter().enumerate() {
                for need in needs.iter().copied().filter(|need| *need < at && at - need < reach) {
                    spec.tasks[place(at)].needs.push(format!("t{}", place(need)));
                    let further = before[place(need)].clone();
                    before[place(at)].extend(further);
                    before[place(at)].insert(place(need));
                }
            }
            let expected: Vec<[usize; 2]> = (0..150)
                .flat_map(|one| (one + 1..150).map(move |other| [one, other]))
                .filter(|[one, other]| !before[*other].contains(one) && !before[*one].contains(other))
                .collect();
            prop_assert_eq!(pairs(&spec, 20_000), (expected, 0, Extent::Whole));
        }
    }
}
