//! Whether what a run is asked for makes sense in itself, whoever wrote it: names that are there and there once, and nothing that
//! waits for itself. Linear, and without recursion.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::limits::{KEY_BYTES_MAX, TASKS_MAX};
use tollhouse_core::spec::RunSpec;

use super::cycle::{cycles, show};
use crate::secret::redact;

/// Every problem of what a run is asked for, in words; none where it makes sense.
pub(crate) fn spec_problems(spec: &RunSpec) -> Vec<String> {
    problems_of(spec, TASKS_MAX)
}

fn problems_of(spec: &RunSpec, tasks_max: usize) -> Vec<String> {
    let mut problems: Vec<String> = too_many(spec.tasks.len(), tasks_max).into_iter().collect();
    problems.extend(spec.key.as_deref().and_then(unfit_key));
    let gates = spec.gates.iter().map(|gate| (gate.name.as_str(), gate.needs.as_slice()));
    let gates = Named::read("gate", &gates.collect::<Vec<_>>(), &mut problems);
    let streams = spec.workstreams.iter().map(|one| (one.name.as_str(), one.needs.as_slice()));
    let streams = Named::read("workstream", &streams.collect::<Vec<_>>(), &mut problems);
    let tasks = spec.tasks.iter().map(|task| (task.name.as_str(), task.needs.as_slice()));
    let tasks = Named::read("task", &tasks.collect::<Vec<_>>(), &mut problems);

    let lists = spec.tasks.iter().filter_map(|task| Some((format!("task `{}`", task.name), task.gates.as_ref()?)));
    let of_streams = spec.workstreams.iter().map(|one| (format!("workstream `{}`", one.name), &one.gates));
    let acceptance = ("the acceptance".to_owned(), &spec.acceptance);
    for (who, named) in lists.chain(of_streams).chain([acceptance]) {
        gates.tell_unknown(&who, named, &mut problems);
    }
    let agents: BTreeSet<&str> = spec.agents.iter().map(|agent| agent.name.as_str()).collect();
    for (task, route) in spec.tasks.iter().filter_map(|task| Some((task, task.route.as_ref()?))) {
        if route.agents.is_empty() {
            problems.push(format!("the route of task `{}` names no agent", task.name));
        }
        for agent in route.agents.iter().filter(|agent| !agents.contains(agent.as_str())) {
            problems.push(format!("the route of task `{}` names unknown agent `{agent}`", task.name));
        }
    }
    for task in &spec.tasks {
        let named = task.workstream.as_slice();
        if let Some(name) = named.iter().find(|name| !streams.place.contains_key(name.as_str())) {
            problems.push(format!("task `{}` is in unknown workstream `{name}`", task.name));
        }
    }
    if tasks.is_sound && streams.is_sound {
        let own = spec.tasks.iter().map(|task| streams.place.get(task.workstream.as_deref()?).copied());
        for circle in crossed(&tasks.needs, &own.collect::<Vec<_>>(), &streams.needs) {
            let shown = show_crossed(&circle, |at| &spec.tasks[at].name, |at| &spec.workstreams[at].name);
            problems.push(format!("tasks wait for their own workstream: {shown}"));
        }
    }
    problems
}

/// What speaks against a person's own key for a run, if anything.
fn unfit_key(key: &str) -> Option<String> {
    let is_fit = !key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.chars().any(char::is_control);
    // Redacted, two of them could be one.
    let is_open = redact(key) == key;
    let what = match (is_fit, is_open) {
        (true, true) => return None,
        (false, _) => format!("the key of a run has 1 to {KEY_BYTES_MAX} bytes, and no control character"),
        (true, false) => "the key of a run is kept as it is, and this one looks like a secret".to_owned(),
    };
    Some(what)
}

/// What speaks against so many tasks in one run, if anything.
pub(super) fn too_many(tasks: usize, most: usize) -> Option<String> {
    (tasks > most).then(|| format!("{tasks} tasks are more than the {most} that a run may have"))
}

/// Things of one kind that need each other, by name.
struct Named<'s> {
    place: BTreeMap<&'s str, usize>,
    /// Of each, the places of those that it needs.
    needs: Vec<Vec<usize>>,
    /// Whether none of them waits for itself.
    is_sound: bool,
}

impl<'s> Named<'s> {
    fn read(what: &str, things: &[(&'s str, &'s [String])], problems: &mut Vec<String>) -> Self {
        let mut place = BTreeMap::new();
        let mut told = BTreeSet::new();
        for (at, (name, _)) in things.iter().enumerate() {
            if place.contains_key(name) && told.insert(*name) {
                problems.push(format!("more than one {what} is named `{name}`"));
            }
            place.entry(*name).or_insert(at);
        }
        let mut needs = vec![Vec::new(); things.len()];
        let mut is_sound = true;
        for (at, (name, needed)) in things.iter().enumerate() {
            for need in *needed {
                match place.get(need.as_str()) {
                    None => problems.push(format!("{what} `{name}` needs unknown {what} `{need}`")),
                    Some(_) if need == name => {
                        is_sound = false;
                        problems.push(format!("{what} `{name}` needs itself"));
                    }
                    Some(found) => needs[at].push(*found),
                }
            }
        }
        for circle in cycles(&needs) {
            is_sound = false;
            let names: Vec<&str> = circle.iter().map(|at| things[*at].0).collect();
            problems.push(format!("{what}s need each other: {}", show(&names)));
        }
        Self { place, needs, is_sound }
    }

    fn tell_unknown(&self, who: &str, names: &[String], problems: &mut Vec<String>) {
        let unknown = names.iter().filter(|name| !self.place.contains_key(name.as_str()));
        problems.extend(unknown.map(|name| format!("{who} names unknown gate `{name}`")));
    }
}

/// What a circle through tasks and workstreams leads through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The task at this place.
    Task(usize),
    /// The end of the workstream at this place.
    Workstream(usize),
}

/// The circles that lead through both tasks and workstreams: a task that needs one which waits for its own workstream. `own` is
/// the workstream of each task. Neither tasks nor workstreams have circles of their own.
///
/// Each workstream has a beginning, which waits for the ends of those that it needs, and an end, which waits for its tasks; each
/// task waits for the beginning of its workstream.
pub(super) fn crossed(tasks: &[Vec<usize>], own: &[Option<usize>], workstreams: &[Vec<usize>]) -> Vec<Vec<Stop>> {
    let begin = |stream: usize| tasks.len() + stream;
    let end = |stream: usize| tasks.len() + workstreams.len() + stream;
    let mut waits = tasks.to_vec();
    waits.extend(workstreams.iter().map(|needs| needs.iter().map(|need| end(*need)).collect()));
    waits.resize(tasks.len() + 2 * workstreams.len(), Vec::new());
    for (at, stream) in own.iter().enumerate() {
        if let Some(stream) = stream {
            waits[at].push(begin(*stream));
            waits[end(*stream)].push(at);
        }
    }
    let stop = |node: &usize| match node.checked_sub(end(0)) {
        Some(stream) => Some(Stop::Workstream(stream)),
        None => (*node < tasks.len()).then_some(Stop::Task(*node)),
    };
    cycles(&waits).iter().map(|circle| circle.iter().filter_map(stop).collect()).collect()
}

/// Such a circle in words.
pub(super) fn show_crossed<'s>(
    circle: &[Stop],
    task: impl Fn(usize) -> &'s str,
    workstream: impl Fn(usize) -> &'s str,
) -> String {
    let names: Vec<String> = circle
        .iter()
        .map(|stop| match stop {
            Stop::Task(at) => task(*at).to_owned(),
            Stop::Workstream(at) => format!("workstream {}", workstream(*at)),
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    show(&names)
}

#[cfg(test)]
mod tests {
    use tollhouse_core::spec::{TaskSpec, WorkstreamSpec};

    use super::*;

    #[test]
    fn one_more_task_than_a_run_may_have_is_told() {
        let spec = RunSpec { tasks: vec![task("a", &[], None), task("b", &[], None)], ..RunSpec::default() };
        assert!(problems_of(&spec, 2).is_empty());
        assert_eq!(problems_of(&spec, 1), ["2 tasks are more than the 1 that a run may have"]);
    }

    fn task(name: &str, needs: &[&str], workstream: Option<&str>) -> TaskSpec {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        TaskSpec { name: name.to_owned(), needs, workstream: workstream.map(str::to_owned), ..TaskSpec::default() }
    }

    fn stream(name: &str, needs: &[&str]) -> WorkstreamSpec {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        WorkstreamSpec { name: name.to_owned(), needs, ..WorkstreamSpec::default() }
    }

    fn problems(tasks: Vec<TaskSpec>, workstreams: Vec<WorkstreamSpec>) -> Vec<String> {
        spec_problems(&RunSpec { tasks, workstreams, ..RunSpec::default() })
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let tasks = vec![
            task("a", &["a"], None),
            task("b", &["c"], None),
            task("c", &["b"], Some("nowhere")),
            task("d", &["x"], None),
            task("d", &[], None),
        ];
        let told =
            problems(tasks, vec![stream("s", &["s"]), stream("s", &["y"]), stream("t", &["u"]), stream("u", &["t"])]);
        let expected = [
            "more than one workstream is named `s`",
            "workstream `s` needs itself",
            "workstream `s` needs unknown workstream `y`",
            "workstreams need each other: t → u → t",
            "more than one task is named `d`",
            "task `a` needs itself",
            "task `d` needs unknown task `x`",
            "tasks need each other: b → c → b",
            "task `c` is in unknown workstream `nowhere`",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_gate_that_is_not_there_is_told_wherever_it_is_named() {
        let tasks = vec![TaskSpec { gates: Some(vec!["x".to_owned()]), ..task("a", &[], None) }];
        let workstreams = vec![WorkstreamSpec { gates: vec!["y".to_owned()], ..stream("s", &[]) }];
        let spec = RunSpec { tasks, workstreams, acceptance: vec!["z".to_owned()], ..RunSpec::default() };
        let told = spec_problems(&spec);
        let expected = [
            "task `a` names unknown gate `x`",
            "workstream `s` names unknown gate `y`",
            "the acceptance names unknown gate `z`",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_task_that_needs_one_which_waits_for_its_own_workstream_is_told() {
        let tasks = vec![task("a", &["b"], Some("first")), task("b", &[], Some("second"))];
        let told = problems(tasks, vec![stream("first", &[]), stream("second", &["first"])]);
        assert_eq!(told, ["tasks wait for their own workstream: a → b → workstream first → a"]);
    }

    #[test]
    fn a_task_may_need_one_of_another_workstream() {
        let tasks = vec![task("a", &[], Some("first")), task("b", &["a"], Some("second")), task("c", &["b"], None)];
        assert!(problems(tasks, vec![stream("first", &[]), stream("second", &["first"])]).is_empty());
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_checked() {
        let names: Vec<String> = (0..100_000).map(|n| format!("t{n}")).collect();
        let tasks = names.iter().enumerate().map(|(at, name)| {
            let before = at.checked_sub(1).map(|before| names[before].as_str());
            task(name, before.as_slice(), Some(if at % 2 == 0 { "even" } else { "odd" }))
        });
        assert!(problems(tasks.collect(), vec![stream("even", &[]), stream("odd", &[])]).is_empty());
    }
}
