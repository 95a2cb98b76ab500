//! What a plan's tasks mean for each other: who waits for whom, who never works beside whom, which chain is the longest.
//!
//! A schedule is a picture of a plan, not a promise: it acts as if every task took as long as any other and landed at the first
//! try. The run itself asks again whenever something ends.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::Span;
use tollhouse_core::spec::{RunSpec, TaskSpec};

use super::scope::{Claim, Clash};

/// A chain of tasks, each of which needs the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Where its tasks stand in the plan, the first to be done first.
    pub(crate) tasks: Vec<usize>,
    /// How long it is.
    pub(crate) length: Span,
}

/// What the tasks of a run mean for each other.
#[derive(Debug)]
pub(crate) struct Schedule<'r> {
    spec: &'r RunSpec,
    /// Where the tasks that a task needs stand, by its own place.
    needs: Vec<Vec<usize>>,
    /// The tasks, each after those that it needs.
    order: Vec<usize>,
    /// Pairs of tasks that are never under way together, though neither waits for the other.
    pub(crate) clashes: BTreeMap<(usize, usize), Clash>,
}

impl<'r> Schedule<'r> {
    /// Of a run whose needs were checked: they are there, and go in no circle.
    pub(crate) fn new(spec: &'r RunSpec) -> Self {
        let place: BTreeMap<&str, usize> =
            spec.tasks.iter().enumerate().map(|(at, task)| (task.name.as_str(), at)).collect();
        let needs_of =
            |task: &TaskSpec| task.needs.iter().filter_map(|need| place.get(need.as_str()).copied()).collect();
        let needs: Vec<Vec<usize>> = spec.tasks.iter().map(needs_of).collect();
        let order = in_order(&needs);
        let mut schedule = Self { spec, needs, order, clashes: BTreeMap::new() };
        schedule.clashes = schedule.find_clashes();
        schedule
    }

    fn find_clashes(&self) -> BTreeMap<(usize, usize), Clash> {
        let tasks = &self.spec.tasks;
        let has_reason = |task: &usize| tasks[*task].policy.is_some() || tasks[*task].conflict_group.is_some();
        let able: Vec<usize> = (0..tasks.len()).filter(has_reason).collect();
        let claims: Vec<Claim<'_>> = tasks.iter().map(Claim::of).collect();
        let before = self.all_needed();
        let mut clashes = BTreeMap::new();
        for (at, one) in able.iter().enumerate() {
            for other in &able[at + 1..] {
                let ordered = before[*one].has(*other) || before[*other].has(*one);
                if !ordered && let Some(clash) = claims[*one].clash(&claims[*other]) {
                    clashes.insert((*one, *other), clash);
                }
            }
        }
        clashes
    }

    /// For each task all that it needs, and that those need.
    fn all_needed(&self) -> Vec<Bits> {
        let mut all = vec![Bits::default(); self.needs.len()];
        for task in &self.order {
            let mut needed = Bits(vec![0; self.needs.len().div_ceil(64)]);
            for need in &self.needs[*task] {
                needed.add(*need, &all[*need]);
            }
            all[*task] = needed;
        }
        all
    }

    /// Which tasks can be under way together, one wave after the other.
    pub(crate) fn waves(&self) -> Vec<Vec<usize>> {
        let mut open: Vec<usize> = self.needs.iter().map(Vec::len).collect();
        let mut needed_by = vec![Vec::new(); self.needs.len()];
        for (task, needs) in self.needs.iter().enumerate() {
            for need in needs {
                needed_by[*need].push(task);
            }
        }
        let mut ready: BTreeSet<usize> = (0..open.len()).filter(|task| open[*task] == 0).collect();
        let mut waves = Vec::new();
        while !ready.is_empty() {
            let wave = self.wave(&ready);
            for task in &wave {
                ready.remove(task);
                for next in &needed_by[*task] {
                    open[*next] -= 1;
                    if open[*next] == 0 {
                        ready.insert(*next);
                    }
                }
            }
            waves.push(wave);
        }
        waves
    }

    /// Those of the tasks that may go first, as a run would choose them: in the order of the plan, as far as there is room.
    fn wave(&self, ready: &BTreeSet<usize>) -> Vec<usize> {
        let room = |most: u32| usize::try_from(most).unwrap_or(usize::MAX).max(1);
        let mut wave: Vec<usize> = Vec::new();
        for task in ready {
            if wave.len() >= room(self.spec.max_parallel) {
                break;
            }
            let agent = &self.spec.tasks[*task].agent;
            let limit = self.spec.agents.iter().find(|known| known.name == *agent).and_then(|known| known.max_parallel);
            let same = wave.iter().filter(|other| self.spec.tasks[**other].agent == *agent).count();
            let clashes = |other: &usize| self.clashes.contains_key(&(*task.min(other), *task.max(other)));
            if limit.is_none_or(|limit| same < room(limit)) && !wave.iter().any(clashes) {
                wave.push(*task);
            }
        }
        wave
    }

    /// The longest chain of needs, where a task counts as long as is said; `None` where there are no tasks.
    pub(crate) fn longest(&self, length: impl Fn(&TaskSpec) -> Span) -> Option<Chain> {
        let mut reach = vec![0_u64; self.needs.len()];
        let mut through: Vec<Option<usize>> = vec![None; self.needs.len()];
        for task in &self.order {
            // The first of the plan, where several are as long.
            let longest = self.needs[*task].iter().copied().rev().max_by_key(|need| reach[*need]);
            through[*task] = longest;
            let own = length(&self.spec.tasks[*task]).as_millis();
            reach[*task] = longest.map_or(0, |need| reach[need]).saturating_add(own);
        }
        let mut last = (0..reach.len()).rev().max_by_key(|task| reach[*task]);
        let length = Span::from_millis(reach[last?]);
        let mut tasks = Vec::new();
        while let Some(task) = last {
            tasks.push(task);
            last = through[task];
        }
        tasks.reverse();
        Some(Chain { tasks, length })
    }
}

/// Places of tasks: one bit each, for plans are long and chains of needs are, too.
#[derive(Debug, Clone, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn add(&mut self, place: usize, others: &Self) {
        self.0[place / 64] |= 1 << (place % 64);
        self.0.iter_mut().zip(&others.0).for_each(|(word, other)| *word |= other);
    }
}

/// All of them, each after those that it needs.
fn in_order(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(needs.len());
    let mut placed = vec![false; needs.len()];
    for first in 0..needs.len() {
        // Each entry is a task and how many of its needs were followed.
        let mut path = vec![(first, 0)];
        while let Some((task, followed)) = path.last_mut() {
            let task = *task;
            if placed[task] {
                path.pop();
            } else if let Some(need) = needs[task].get(*followed) {
                *followed += 1;
                path.push((*need, 0));
            } else {
                placed[task] = true;
                order.push(task);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Defaults, PromptTexts, Source, read_plan, read_project, resolve};

    /// A run of tasks, each of `id: what else it says`.
    fn run(config: &str, tasks: &[(&str, &str)]) -> RunSpec {
        let config = format!("[agents.a]\ncommand = [\"a\"]\n{config}");
        let project = read_project(&Source::new("tollhouse.toml", config)).unwrap();
        let texts: Vec<String> =
            tasks.iter().map(|(id, more)| format!("[[task]]\nid = \"{id}\"\nprompt = \"x\"\n{more}\n")).collect();
        let plan = read_plan(&Source::new("plan.toml", texts.concat()));
        resolve(&project, &plan, &PromptTexts::new(), &Defaults::default()).unwrap()
    }

    fn waves(spec: &RunSpec) -> Vec<Vec<&str>> {
        let name = |at: &usize| spec.tasks[*at].name.as_str();
        Schedule::new(spec).waves().iter().map(|wave| wave.iter().map(name).collect()).collect()
    }

    #[test]
    fn task_comes_after_those_that_it_needs() {
        let spec = run("", &[("last", "needs = [\"a\", \"b\"]"), ("a", ""), ("b", "needs = [\"a\"]"), ("c", "")]);
        assert_eq!(waves(&spec), [vec!["a", "c"], vec!["b"], vec!["last"]]);
    }

    #[test]
    fn tasks_that_clash_are_in_waves_of_their_own() {
        let spec = run(
            "",
            &[
                ("a", "write = [\"src/**\"]"),
                ("b", "write = [\"src/lib.rs\"]"),
                ("c", "write = [\"docs/**\"]\nconflict_group = \"g\""),
                ("d", "conflict_group = \"g\""),
                ("e", ""),
            ],
        );
        assert_eq!(waves(&spec), [vec!["a", "c", "e"], vec!["b", "d"]]);
    }

    #[test]
    fn no_wave_is_larger_than_run_and_agent_allow() {
        let tasks = [("a", ""), ("b", ""), ("c", "")];
        let mut spec = run("max_parallel = 2\n", &tasks);
        assert_eq!(waves(&spec), [vec!["a", "b"], vec!["c"]]);
        spec.max_parallel = 1;
        assert_eq!(waves(&spec), [vec!["a"], vec!["b"], vec!["c"]]);
    }

    #[test]
    fn tasks_that_wait_for_each_other_anyway_do_not_clash() {
        let spec = run(
            "",
            &[
                ("a", "write = [\"src/**\"]"),
                ("b", "needs = [\"a\"]"),
                ("c", "needs = [\"b\"]\nwrite = [\"src/**\"]"),
                ("d", "write = [\"src/**\"]"),
            ],
        );
        let pairs: Vec<(usize, usize)> = Schedule::new(&spec).clashes.into_keys().collect();
        assert_eq!(pairs, [(0, 3), (2, 3)]);
    }

    #[test]
    fn longest_chain_is_the_one_that_takes_longest() {
        let spec = run(
            "",
            &[
                ("a", "timeout = \"1m\""),
                ("b", "timeout = \"1m\"\nneeds = [\"a\"]"),
                ("c", "timeout = \"5m\""),
                ("d", "timeout = \"1m\"\nneeds = [\"b\", \"c\"]"),
            ],
        );
        let chain = Schedule::new(&spec).longest(|task| task.timeout).unwrap();
        assert_eq!((chain.tasks, chain.length), (vec![2, 3], Span::from_secs(360)));
    }
}
