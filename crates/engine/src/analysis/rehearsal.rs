//! A run as it would go if every task took as long as is said and landed at its first try.

use std::collections::BTreeMap;

use tollhouse_core::Span;
use tollhouse_core::spec::{RunSpec, TaskSpec};

use super::clashes::Clashes;
use super::graph::{Chain, TaskGraph};
use super::rank::{Rank, rank};
use super::stage::{Course, Heed, Stage};

/// More at once than any run may have.
const PARALLEL_MAX: usize = 1000;

/// What a run is made of, ready to be played with different limits.
#[derive(Debug)]
pub struct Rehearsal<'a> {
    pub(super) graph: &'a TaskGraph,
    pub(super) clashes: &'a Clashes,
    pub(super) lengths: Vec<Span>,
    /// The tasks, who goes first where there is not room for all first.
    pub(super) turns: Vec<usize>,
    /// Where each task stands in `turns`.
    pub(super) turn_of: Vec<usize>,
    /// The place of each task's agent, or of those together that it may go to; one that is not there has no limit.
    pub(super) agent_of: Vec<Option<usize>>,
    /// At how many tasks these may be.
    pub(super) agent_room: Vec<usize>,
    room: usize,
}

impl<'a> Rehearsal<'a> {
    /// Of a run whose tasks take so long, in the order of the plan. Graph and clashes are of the same run.
    pub fn new(spec: &RunSpec, graph: &'a TaskGraph, clashes: &'a Clashes, lengths: &[Span]) -> Self {
        let remaining = graph.remaining(lengths);
        let rank_of = |task: usize| rank(&spec.tasks[task], remaining[task], graph.dependents(task).len(), task);
        let ranks: Vec<Rank> = (0..spec.tasks.len()).map(rank_of).collect();
        let mut turns: Vec<usize> = (0..ranks.len()).collect();
        turns.sort_unstable_by_key(|task| std::cmp::Reverse(ranks[*task]));
        let mut turn_of = vec![0; turns.len()];
        for (turn, task) in turns.iter().enumerate() {
            turn_of[*task] = turn;
        }
        let (agent_of, agent_room) = agents(spec);
        Self {
            graph,
            clashes,
            lengths: (0..ranks.len()).map(|task| lengths.get(task).copied().unwrap_or_default()).collect(),
            turns,
            turn_of,
            agent_of,
            agent_room,
            room: room(spec.max_parallel),
        }
    }

    /// As the run is.
    pub fn play(&self) -> Course {
        Stage::new(self, self.room, Heed::Clashes).play(&self.lengths)
    }

    /// With so many at once instead.
    pub fn play_with(&self, max_parallel: u32) -> Course {
        Stage::new(self, room(max_parallel), Heed::Clashes).play(&self.lengths)
    }

    /// As if no task ever kept another waiting by what it may write.
    pub fn play_without_clashes(&self) -> Course {
        Stage::new(self, self.room, Heed::Nothing).play(&self.lengths)
    }

    /// The tasks that can be under way together, one wave after the other, as if all took as long; each in the order of the plan.
    pub fn waves(&self) -> Vec<Vec<usize>> {
        let one = Span::from_millis(1);
        let course = Stage::new(self, self.room, Heed::Clashes).play(&vec![one; self.lengths.len()]);
        let count = usize::try_from(course.makespan.as_millis()).unwrap_or(usize::MAX);
        let mut waves = vec![Vec::new(); count.min(self.lengths.len())];
        for (task, start) in course.starts.iter().enumerate() {
            let wave = start.and_then(|start| waves.get_mut(usize::try_from(start.as_millis()).ok()?));
            if let Some(wave) = wave {
                wave.push(task);
            }
        }
        waves
    }

    /// The longest chain of needs.
    pub fn longest(&self) -> Option<Chain> {
        self.graph.longest(&self.lengths)
    }

    /// The smallest number at once that is as fast as any more would be, found by halving: more room is nearly always no
    /// slower, and where it is (Graham's anomalies) a smaller number may do, too. None is needed where there is nothing to do.
    pub fn useful_parallel(&self) -> u32 {
        let free = Stage::new(self, PARALLEL_MAX, Heed::Clashes).play(&self.lengths);
        // So many are as good as no limit; fewer than all work spread over the whole time cannot do.
        let spread = free.work.as_millis().div_ceil(free.makespan.as_millis().max(1));
        let (mut low, mut high) = (usize::try_from(spread).unwrap_or(usize::MAX).clamp(1, free.peak.max(1)), free.peak);
        while low < high {
            let middle = low.midpoint(high);
            if Stage::new(self, middle, Heed::Clashes).play(&self.lengths).makespan <= free.makespan {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        u32::try_from(high).unwrap_or(u32::MAX)
    }
}

/// Of each task the place of those that it may go to, and how many tasks have room there. Those that several tasks may go to together
/// with others count for each: who is limited so is asked for less.
fn agents(spec: &RunSpec) -> (Vec<Option<usize>>, Vec<usize>) {
    let known: BTreeMap<&str, usize> =
        spec.agents.iter().map(|agent| (agent.name.as_str(), agent.max_parallel.map_or(usize::MAX, room))).collect();
    let (mut places, mut rooms) = (BTreeMap::<&[String], usize>::new(), Vec::new());
    let place = |task| {
        let agents = agents_of(task);
        let room =
            agents.iter().try_fold(0_usize, |sum, agent| Some(sum.saturating_add(*known.get(agent.as_str())?)))?;
        Some(*places.entry(agents).or_insert_with(|| {
            rooms.push(room);
            rooms.len() - 1
        }))
    };
    (spec.tasks.iter().map(place).collect(), rooms)
}

/// The agents that a task may go to.
pub(super) fn agents_of(task: &TaskSpec) -> &[String] {
    task.route.as_ref().map_or(std::slice::from_ref(&task.agent), |route| &route.agents)
}

fn room(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::examples::run;
    use super::*;
    use proptest::prelude::*;

    fn rehearsed<T>(spec: &RunSpec, lengths: &[u64], ask: impl FnOnce(&Rehearsal<'_>) -> T) -> T {
        let lengths: Vec<Span> = lengths.iter().copied().map(Span::from_secs).collect();
        let (graph, clashes) = (TaskGraph::of(&spec.tasks), Clashes::new(spec));
        ask(&Rehearsal::new(spec, &graph, &clashes, &lengths))
    }

    // Methods of a type with a lifetime are not general enough to be passed on.
    fn in_waves(run: &Rehearsal<'_>) -> Vec<Vec<usize>> {
        run.waves()
    }

    fn plainly(run: &Rehearsal<'_>) -> Course {
        run.play()
    }

    fn usefully(run: &Rehearsal<'_>) -> u32 {
        run.useful_parallel()
    }

    fn waves(spec: &RunSpec) -> Vec<Vec<&str>> {
        let waves = rehearsed(spec, &vec![60; spec.tasks.len()], in_waves);
        waves.iter().map(|wave| wave.iter().map(|at| spec.tasks[*at].name.as_str()).collect()).collect()
    }

    /// The second at which each task begins.
    fn starts(course: &Course) -> Vec<u64> {
        course.starts.iter().map(|start| start.unwrap().as_millis() / 1000).collect()
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
    fn longest_chain_goes_first_and_then_whoever_more_wait_for() {
        let mut spec = run(
            "",
            &[
                ("short", ""),
                ("few", ""),
                ("many", ""),
                ("x", "needs = [\"few\", \"many\"]"),
                ("y", "needs = [\"many\"]"),
            ],
        );
        spec.max_parallel = 1;
        assert_eq!(waves(&spec).concat(), ["many", "few", "short", "x", "y"]);
    }

    #[test]
    fn what_waits_for_another_says_for_whom_and_how_long() {
        let spec = run("", &[("a", "write = [\"src/**\"]"), ("b", "write = [\"src/lib.rs\"]"), ("c", "")]);
        let (course, free) = rehearsed(&spec, &[60, 20, 10], |run| (run.play(), run.play_without_clashes()));
        assert_eq!(starts(&course), [0, 60, 0]);
        let wait = super::super::stage::Wait { task: 1, blocker: 0, time: Span::from_secs(60) };
        assert_eq!(
            (course.waits, course.makespan, free.makespan),
            (vec![wait], Span::from_secs(80), Span::from_secs(60))
        );
    }

    #[test]
    fn profile_tells_how_many_are_under_way_from_when_to_when() {
        let spec = run("", &[("a", ""), ("b", ""), ("c", "needs = [\"a\"]")]);
        let course = rehearsed(&spec, &[60, 20, 10], plainly);
        let profile: Vec<(u64, usize)> =
            course.profile.iter().map(|moment| (moment.at.as_millis() / 1000, moment.running)).collect();
        assert_eq!(profile, [(0, 2), (20, 1), (70, 0)]);
        assert_eq!((course.peak, course.work, course.makespan), (2, Span::from_secs(90), Span::from_secs(70)));
    }

    #[test]
    fn more_at_once_than_is_useful_makes_it_no_faster() {
        let tasks = [("long", ""), ("a", ""), ("b", ""), ("c", ""), ("d", "")];
        let spec = run("", &tasks);
        let useful = |lengths: &[u64]| rehearsed(&spec, lengths, usefully);
        assert_eq!(useful(&[40, 10, 10, 10, 10]), 2);
        assert_eq!(useful(&[10, 10, 10, 10, 10]), 5);
        let names: Vec<String> = (0..11).map(|at| format!("t{at}")).collect();
        let many = run("", &names.iter().map(|name| (name.as_str(), "")).collect::<Vec<_>>());
        assert_eq!(rehearsed(&many, &[40, 25, 25, 25, 25, 25, 25, 25, 25, 25, 1], usefully), 10);
        assert_eq!(rehearsed(&run("", &[("a", "")]), &[0], usefully), 1);
    }

    #[test]
    fn tasks_that_take_no_time_end_all_the_same() {
        let spec = run("max_parallel = 1\n", &[("a", ""), ("b", "needs = [\"a\"]"), ("c", "")]);
        assert_eq!(rehearsed(&spec, &[0, 0, 0], plainly).makespan, Span::default());
    }

    #[test]
    fn what_could_never_run_does_not_keep_the_others() {
        let mut spec = run("", &[("a", ""), ("b", ""), ("c", "")]);
        spec.tasks[0].needs = vec!["b".to_owned()];
        spec.tasks[1].needs = vec!["a".to_owned()];
        let course = rehearsed(&spec, &[5, 5, 5], plainly);
        assert_eq!((course.starts, course.makespan), (vec![None, None, Some(Span::default())], Span::from_secs(5)));
        assert_eq!(waves(&spec), [vec!["c"]]);
    }

    #[derive(Debug, Clone)]
    struct Drawn {
        needs: Vec<usize>,
        scope: Option<u8>,
        group: Option<u8>,
        agent: bool,
        length: u64,
    }

    fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
        let task = (
            proptest::collection::vec(0_usize..12, 0..3),
            proptest::option::of(0_u8..4),
            proptest::option::of(0_u8..3),
            any::<bool>(),
            0_u64..5,
        );
        let task = task.prop_map(|(needs, scope, group, agent, length)| Drawn { needs, scope, group, agent, length });
        proptest::collection::vec(task, 1..12)
    }

    fn spec_of(drawn: &[Drawn], max_parallel: u32) -> RunSpec {
        let names: Vec<String> = (0..drawn.len()).map(|at| format!("t{at}")).collect();
        let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "agent = \"a\"")).collect();
        let mut spec = run("[agents.b]\ncommand = [\"b\"]\nmax_parallel = 1\n", &tasks);
        let mut limited = spec.agents[0].clone();
        (limited.name, limited.max_parallel) = ("b".to_owned(), Some(1));
        spec.agents.push(limited);
        spec.max_parallel = max_parallel;
        for (at, (task, drawn)) in spec.tasks.iter_mut().zip(drawn).enumerate() {
            task.needs = drawn.needs.iter().filter(|need| **need < at).map(|need| format!("t{need}")).collect();
            task.conflict_group = drawn.group.map(|group| group.to_string());
            if drawn.agent {
                task.agent = "b".to_owned();
            }
            let glob = drawn.scope.map(|scope| ["src/**", "src/a/**", "src/b.rs", "docs/*"][usize::from(scope)]);
            task.policy = glob.map(|glob| tollhouse_core::spec::PolicySpec {
                source: "task".to_owned(),
                write: Some(vec![glob.to_owned()]),
                forbid: Vec::new(),
                max_files_changed: None,
                max_lines_changed: None,
            });
        }
        spec
    }

    /// The second at which each task begins, by asking every waiting task whenever something ends.
    fn played_plainly(spec: &RunSpec, run: &Rehearsal<'_>, lengths: &[u64]) -> Vec<u64> {
        let mut starts: Vec<Option<u64>> = vec![None; lengths.len()];
        let mut now = 0;
        while starts.contains(&None) {
            let end = |starts: &[Option<u64>], task: usize| starts[task].map(|start| start + lengths[task]);
            for task in run.turns.iter().copied() {
                let alive: Vec<usize> =
                    (0..lengths.len()).filter(|other| end(&starts, *other).is_some_and(|end| end > now)).collect();
                let is_due = run.graph.needs(task).iter().all(|need| end(&starts, *need).is_some_and(|end| end <= now));
                let same = alive.iter().filter(|other| spec.tasks[**other].agent == spec.tasks[task].agent).count();
                let is_free =
                    alive.iter().all(|other| crate::plan::clash(&spec.tasks[task], &spec.tasks[*other]).is_none());
                let has_room = alive.len() < spec.max_parallel as usize && (spec.tasks[task].agent == "a" || same == 0);
                if starts[task].is_none() && is_due && is_free && has_room {
                    starts[task] = Some(now);
                }
            }
            now += 1;
        }
        starts.into_iter().flatten().collect()
    }

    proptest! {
        /// Compared with asking everybody all the time.
        #[test]
        fn what_begins_when_is_what_asking_everybody_would_give(drawn in drawn(), max_parallel in 1_u32..5) {
            let spec = spec_of(&drawn, max_parallel);
            // Tasks of no time end in the second in which they begin, which plain asking does not see.
            let lengths: Vec<u64> = drawn.iter().map(|task| task.length + 1).collect();
            let (course, plain) =
                rehearsed(&spec, &lengths, |run| (run.play(), played_plainly(&spec, run, &lengths)));
            prop_assert_eq!(starts(&course), plain);
        }

        #[test]
        fn time_is_never_less_than_work_and_chain_allow(drawn in drawn(), max_parallel in 1_u32..5) {
            let spec = spec_of(&drawn, max_parallel);
            let lengths: Vec<u64> = drawn.iter().map(|task| task.length).collect();
            rehearsed(&spec, &lengths, |run| {
                let course = run.play();
                let longest = run.longest().unwrap();
                prop_assert!(course.makespan >= longest.length);
                prop_assert!(course.makespan.as_millis() * u64::from(max_parallel) >= course.work.as_millis());
                prop_assert_eq!(course.work, Span::from_secs(lengths.iter().sum()));
                let useful = run.useful_parallel();
                prop_assert!(run.play_with(useful).makespan <= run.play_with(1000).makespan);
                Ok(())
            })?;
        }
    }
}
