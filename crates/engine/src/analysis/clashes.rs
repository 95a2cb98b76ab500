//! Which tasks are never under way together, without asking every pair.
//!
//! Tasks with the same scope, conflict group and limited agent are alike: they are asked about once. Two scopes can only meet
//! where the folders that one begins with lead to those of the other, so an index of these folders tells whom to ask about.
//! What is left can still be every pair (ten thousand scopes below one folder), so the questions are counted.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::spec::{RunSpec, TaskSpec};

use super::rehearsal::agents_of;
use crate::plan::Claim;
use crate::policy::literal_prefix;

/// So many questions are asked, however small the plan: each may cost as much as reading two globs.
const QUESTIONS_MIN: usize = 200_000;

/// And so many for each task, which for a large plan are more.
const QUESTIONS_PER_TASK: usize = 4;

/// How much of something was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// As much as there was time for: there may be more.
    Part,
}

/// Who is alike, and who of those meets whom.
#[derive(Debug, Clone)]
pub struct Clashes {
    /// The lot of each task: those in it are alike.
    lot_of: Vec<usize>,
    /// The tasks of each lot, in the order of the plan.
    lots: Vec<Vec<usize>>,
    /// For each lot those that it is never under way with, itself included where its own tasks keep apart; in order.
    meets: Vec<Vec<usize>>,
    extent: Extent,
}

impl Clashes {
    /// Of the tasks of a run.
    pub fn new(spec: &RunSpec) -> Self {
        let limited: BTreeSet<&str> =
            spec.agents.iter().filter(|agent| agent.max_parallel.is_some()).map(|agent| agent.name.as_str()).collect();
        let mut known: BTreeMap<_, usize> = BTreeMap::new();
        let (mut lot_of, mut lots) = (Vec::with_capacity(spec.tasks.len()), Vec::<Vec<usize>>::new());
        for (at, task) in spec.tasks.iter().enumerate() {
            let agents = Some(agents_of(task)).filter(|all| all.iter().all(|agent| limited.contains(agent.as_str())));
            let lot = *known.entry((agents, task.conflict_group.as_deref(), scope_of(task))).or_insert(lots.len());
            if lot == lots.len() {
                lots.push(Vec::new());
            }
            lots[lot].push(at);
            lot_of.push(lot);
        }
        let mut inquiry = Inquiry {
            tasks: &spec.tasks,
            claims: lots.iter().map(|lot| Claim::of(&spec.tasks[lot[0]])).collect(),
            lots: &lots,
            asked: BTreeSet::new(),
            found: Vec::new(),
            left: QUESTIONS_MIN.max(spec.tasks.len().saturating_mul(QUESTIONS_PER_TASK)),
        };
        let extent = if inquiry.ask().is_some() { Extent::Whole } else { Extent::Part };
        let mut meets = vec![Vec::new(); lots.len()];
        for (one, other) in inquiry.found {
            meets[one].push(other);
            if one != other {
                meets[other].push(one);
            }
        }
        for others in &mut meets {
            others.sort_unstable();
        }
        Self { lot_of, lots, meets, extent }
    }

    /// Whether all that might meet was asked about. What was not is taken not to meet.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Whether two tasks are never under way together.
    pub fn between(&self, one: usize, other: usize) -> bool {
        one != other && self.meets[self.lot_of[one]].binary_search(&self.lot_of[other]).is_ok()
    }

    pub(super) fn lot_count(&self) -> usize {
        self.lots.len()
    }

    pub(super) fn lot_of(&self, task: usize) -> usize {
        self.lot_of[task]
    }

    pub(super) fn members(&self, lot: usize) -> &[usize] {
        &self.lots[lot]
    }

    /// The lots that a lot is never under way with, in order.
    pub(super) fn meets(&self, lot: usize) -> &[usize] {
        &self.meets[lot]
    }
}

fn scope_of(task: &TaskSpec) -> &[String] {
    task.policy.as_ref().and_then(|policy| policy.write.as_deref()).unwrap_or_default()
}

/// Who is asked about whom, while there are questions left.
struct Inquiry<'a> {
    tasks: &'a [TaskSpec],
    /// What the tasks of each lot keep others from.
    claims: Vec<Claim<'a>>,
    lots: &'a [Vec<usize>],
    asked: BTreeSet<(usize, usize)>,
    found: Vec<(usize, usize)>,
    left: usize,
}

impl Inquiry<'_> {
    /// `None` where the questions ran out.
    fn ask(&mut self) -> Option<()> {
        self.ask_each_of_itself();
        self.ask_groups()?;
        let mut folders = Folders::default();
        for lot in 0..self.lots.len() {
            for glob in scope_of(&self.tasks[self.lots[lot][0]]) {
                folders.add(glob, lot);
            }
        }
        for lot in 0..self.lots.len() {
            for glob in scope_of(&self.tasks[self.lots[lot][0]]) {
                for others in folders.leading_to(glob) {
                    for other in others {
                        self.question(lot, *other)?;
                    }
                }
            }
        }
        Some(())
    }

    /// There are no more of these than tasks.
    fn ask_each_of_itself(&mut self) {
        for (lot, members) in self.lots.iter().enumerate() {
            if members.len() > 1 && self.claims[lot].clash(&self.claims[lot]).is_some() {
                self.found.push((lot, lot));
            }
        }
    }

    fn ask_groups(&mut self) -> Option<()> {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (lot, members) in self.lots.iter().enumerate() {
            if let Some(group) = &self.tasks[members[0]].conflict_group {
                groups.entry(group).or_default().push(lot);
            }
        }
        for lots in groups.values() {
            for (at, one) in lots.iter().enumerate() {
                for other in &lots[..at] {
                    self.question(*one, *other)?;
                }
            }
        }
        Some(())
    }

    fn question(&mut self, one: usize, other: usize) -> Option<()> {
        if one == other {
            return Some(());
        }
        self.left = self.left.checked_sub(1)?;
        let pair = (one.min(other), one.max(other));
        if self.asked.insert(pair) && self.claims[pair.0].clash(&self.claims[pair.1]).is_some() {
            self.found.push(pair);
        }
        Some(())
    }
}

/// Scopes by the folders that they begin with.
#[derive(Default)]
struct Folders {
    /// The folder of a name inside a folder; 0 is the root.
    inside: BTreeMap<(usize, String), usize>,
    /// Who begins with each folder, and no deeper.
    lots: Vec<Vec<usize>>,
}

impl Folders {
    fn add(&mut self, glob: &str, lot: usize) {
        self.lots.resize_with(self.lots.len().max(1), Vec::new);
        let mut at = 0;
        for name in leading(glob) {
            at = *self.inside.entry((at, name)).or_insert_with(|| {
                self.lots.push(Vec::new());
                self.lots.len() - 1
            });
        }
        if self.lots[at].last() != Some(&lot) {
            self.lots[at].push(lot);
        }
    }

    /// Who begins with the folders that a scope begins with, or fewer of them.
    fn leading_to(&self, glob: &str) -> Vec<&[usize]> {
        let mut at = Some(0);
        let mut names = leading(glob);
        let mut found = Vec::new();
        while let Some(folder) = at {
            found.push(self.lots[folder].as_slice());
            at = names.next().and_then(|name| self.inside.get(&(folder, name)).copied());
        }
        found
    }
}

/// The names that every path of a glob begins with. Case is no difference here, as it is none on some systems: whoever is
/// asked about too many is only asked.
fn leading(glob: &str) -> impl Iterator<Item = String> + '_ {
    let prefix = literal_prefix(glob);
    // What a wildcard cuts off may be part of a longer name.
    let whole =
        if prefix.len() == glob.len() { prefix } else { prefix.rsplit_once('/').map_or("", |(folder, _)| folder) };
    whole.split('/').filter(|name| !name.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::super::examples::run;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scopes_with_nothing_in_common_are_not_asked_about() {
        let tasks: Vec<(String, String)> =
            (0..3000).map(|at| (format!("t{at}"), format!("write = [\"src/m{at}/**\"]"))).collect();
        let tasks: Vec<(&str, &str)> = tasks.iter().map(|(id, more)| (id.as_str(), more.as_str())).collect();
        let clashes = Clashes::new(&run("", &tasks));
        assert_eq!((clashes.extent(), clashes.lot_count()), (Extent::Whole, 3000));
        assert!((0..3000).all(|lot| clashes.meets(lot).is_empty()));
    }

    #[test]
    fn tasks_that_are_alike_are_asked_about_once() {
        let tasks: Vec<String> = (0..1000).map(|at| format!("t{at}")).collect();
        let tasks: Vec<(&str, &str)> = tasks.iter().map(|id| (id.as_str(), "write = [\"src/**\"]")).collect();
        let clashes = Clashes::new(&run("", &tasks));
        assert_eq!((clashes.extent(), clashes.lot_count()), (Extent::Whole, 1));
        assert!(clashes.between(0, 999) && !clashes.between(0, 0));
    }

    #[test]
    fn wildcard_inside_a_name_meets_longer_names() {
        let spec = run(
            "",
            &[("a", "write = [\"src/a*\"]"), ("b", "write = [\"src/ab\"]"), ("c", "write = [\"SRC/ab\", \"src/b\"]")],
        );
        let clashes = Clashes::new(&spec);
        assert!(clashes.between(0, 1) && !clashes.between(0, 2) && !clashes.between(1, 2));
    }

    #[test]
    fn too_many_questions_are_not_asked_and_that_is_told() {
        let tasks: Vec<(String, String)> =
            (0..1000).map(|at| (format!("t{at}"), format!("write = [\"**/x{at}\"]"))).collect();
        let tasks: Vec<(&str, &str)> = tasks.iter().map(|(id, more)| (id.as_str(), more.as_str())).collect();
        assert_eq!(Clashes::new(&run("", &tasks)).extent(), Extent::Part);
    }

    fn glob() -> impl Strategy<Value = String> {
        "([ab*?]{1,2}|\\*\\*|\\{a,b\\}|\\[ab\\]|\\\\a)(/([ab*?]{1,2}|\\*\\*|\\{a,b/a\\})){0,2}"
    }

    fn task() -> impl Strategy<Value = (Vec<String>, Option<u8>)> {
        (proptest::collection::vec(glob(), 0..3), proptest::option::of(0_u8..3))
    }

    proptest! {
        /// Compared with asking every pair.
        #[test]
        fn no_pair_that_clashes_is_missed_and_none_is_made_up(drawn in proptest::collection::vec(task(), 0..8)) {
            let names: Vec<String> = (0..drawn.len()).map(|at| format!("t{at}")).collect();
            let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "write = [\"x\"]")).collect();
            prop_assume!(!tasks.is_empty());
            let mut spec = run("", &tasks);
            for (task, (globs, group)) in spec.tasks.iter_mut().zip(drawn) {
                task.policy.as_mut().unwrap().write = Some(globs);
                task.conflict_group = group.map(|group| group.to_string());
            }
            let clashes = Clashes::new(&spec);
            for one in 0..spec.tasks.len() {
                for other in 0..spec.tasks.len() {
                    let asked = one != other && crate::plan::clash(&spec.tasks[one], &spec.tasks[other]).is_some();
                    prop_assert_eq!(clashes.between(one, other), asked, "{} {}", one, other);
                }
            }
        }
    }
}
