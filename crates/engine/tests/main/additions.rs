//! Tasks that are added while a run goes on.

use std::cell::Cell;

use proptest::prelude::*;
use tollhouse_core::entity::Task;
use tollhouse_core::lifecycle::{RunState, TaskState};
use tollhouse_core::spec::{AgentSpec, PolicySpec, RunSpec, TaskSpec, Weight, WorkstreamSpec};
use tollhouse_engine::plan::{KnownTasks, PromptTexts, Source, read_additions, resolve_additions};
use tollhouse_engine::{Addition, Command, EngineError, Refusal};

use crate::world::{Luck, World, spec, task};

fn addition(name: &str, needs: &[&str], needed_by: &[&str]) -> Addition {
    let needed_by = needed_by.iter().map(|by| (*by).to_owned()).collect();
    Addition { spec: task(name, needs), needed_by }
}

fn add(world: &mut World, tasks: Vec<Addition>) -> Result<(), EngineError> {
    let command = Command::AddTasks { run: world.run, tasks, added_by: "Ada".to_owned() };
    world.execute(&command)
}

fn refusal(result: Result<(), EngineError>) -> Refusal {
    match result {
        Err(EngineError::Refused(refusal)) => refusal,
        other => panic!("it must be refused: {other:?}"),
    }
}

fn problems(result: Result<(), EngineError>) -> Vec<String> {
    match refusal(result) {
        Refusal::BadTasks { problems } => problems,
        other => panic!("its problems must be told: {other:?}"),
    }
}

/// A run whose first task is at work, and whose second waits for it.
fn under_way(spec: &RunSpec) -> World {
    let mut world = World::new(spec, &[], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Running);
    world
}

fn two() -> RunSpec {
    spec(vec![task("a", &[]), task("b", &["a"])], 4)
}

fn names(count: u32) -> Vec<String> {
    (0..count).map(|at| format!("t{at}")).collect()
}

#[test]
fn an_added_task_is_done_in_its_turn_and_says_who_added_it() {
    let mut world = under_way(&two());
    add(&mut world, vec![addition("c", &["a"], &["b"])]).unwrap();
    assert_eq!(world.state_of("c"), TaskState::Blocked);
    assert_eq!((world.task("c").added_by.as_deref(), world.task("c").place), (Some("Ada"), 2));
    assert_eq!(world.task("b").blocked_by, ["a", "c"]);
    assert_eq!(world.task("b").spec.needs, ["a"], "what was asked for stays as it was");
    world.go_until(|world| world.state_of("c") == TaskState::Running);
    assert_eq!(world.state_of("b"), TaskState::Blocked, "it waits for what was added");
    world.go();
    assert_eq!(["a", "b", "c"].map(|name| world.state_of(name)), [TaskState::Completed; 3]);
    assert_eq!(world.run_record().state, RunState::Succeeded);
}

#[test]
fn what_is_added_again_changes_nothing() {
    let mut world = under_way(&two());
    let tasks = vec![addition("c", &[], &["b"]), addition("d", &["c"], &[])];
    add(&mut world, tasks.clone()).unwrap();
    let before = world.view().clone();
    add(&mut world, tasks).unwrap();
    assert_eq!(*world.view(), before);
    let create =
        Command::CreateRun { run: world.run, spec: Box::new(two()), started_by: "ada".to_owned(), legacy: None };
    world.execute(&create).unwrap();
    assert_eq!(*world.view(), before, "the run is still the one that was asked for");
}

#[test]
fn every_problem_of_what_is_added_is_told_at_once() {
    let mut world = under_way(&two());
    let mut wrong = addition("c", &["x", "c"], &["nowhere"]);
    wrong.spec.agent = "nobody".to_owned();
    wrong.spec.workstream = Some("none".to_owned());
    let told = problems(add(&mut world, vec![wrong, addition("a", &[], &[])]));
    let expected = [
        "task `c` goes to unknown agent `nobody`; its run began with script",
        "task `c` is to be needed by unknown task `nowhere`",
        "more than one task is named `a`",
        "task `c` needs unknown task `x`",
        "task `c` needs itself",
        "task `c` is in unknown workstream `none`",
    ];
    assert_eq!(told, expected);
    assert_eq!(world.view().all::<Task>().count(), 2);
    assert_eq!(problems(add(&mut world, vec![])), ["no task is to be added"]);
}

#[test]
pub(crate) fn nothing_that_is_added_makes_tasks_wait_for_themselves() {
    let mut world = under_way(&two());
    let told = problems(add(&mut world, vec![addition("c", &["b"], &["b"])]));
    assert_eq!(told, ["tasks need each other: b → c → b"]);
}

#[test]
pub(crate) fn an_added_task_may_not_change_more_than_its_run() {
    let level = |write: &str| PolicySpec { write: Some(vec![write.to_owned()]), ..level("project") };
    let mut world = under_way(&RunSpec { policy: vec![level("src/**")], ..two() });
    let mut wider = addition("c", &[], &[]);
    wider.spec.policy = Some(PolicySpec { max_lines_changed: Some(9), ..level("docs/**") });
    let told = problems(add(&mut world, vec![wider]));
    assert_eq!(told, ["task `c`: write `docs/**` widens the write of project; it allows `src/**`"]);
    let mut narrower = addition("c", &[], &[]);
    narrower.spec.policy = Some(level("src/parser/**"));
    add(&mut world, vec![narrower]).unwrap();
}

fn level(source: &str) -> PolicySpec {
    PolicySpec {
        source: source.to_owned(),
        write: None,
        forbid: Vec::new(),
        max_files_changed: None,
        max_lines_changed: None,
    }
}

#[test]
pub(crate) fn only_what_waits_already_can_be_made_to_wait_for_more() {
    let mut world = under_way(&two());
    let told = problems(add(&mut world, vec![addition("c", &[], &["a"])]));
    let why = "it is running, and only what waits for another already can wait for more";
    assert_eq!(told, [format!("task `a` cannot wait for `c`: {why}")]);
}

#[test]
pub(crate) fn a_run_that_ends_takes_no_more_tasks() {
    let mut world = under_way(&two());
    world.go();
    let over = refusal(add(&mut world, vec![addition("c", &[], &[])]));
    assert_eq!(over, Refusal::RunOver { id: world.run.into(), state: "succeeded" });

    let fails: &[Luck] = &[Luck::AgentFails];
    let mut plan = spec(vec![task("a", &[]), task("b", &[])], 4);
    (plan.tasks[0].weight, plan.tasks[0].attempts) = (Weight::Critical, 1);
    let mut world = World::new(&plan, &[("a", fails), ("b", &[Luck::Hangs])], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Failed);
    let ends = refusal(add(&mut world, vec![addition("c", &[], &[])]));
    assert_eq!(ends, Refusal::RunEnds { id: world.run.into(), reason: "a is critical and failed".to_owned() });
}

#[test]
pub(crate) fn a_workstream_that_is_over_takes_no_more_tasks() {
    let stream = WorkstreamSpec { name: "s".to_owned(), weight: Weight::Optional, ..WorkstreamSpec::default() };
    let in_stream = |name: &str| TaskSpec { workstream: Some("s".to_owned()), ..task(name, &[]) };
    let tasks = vec![in_stream("a"), task("b", &["a"])];
    let mut world = World::new(&RunSpec { workstreams: vec![stream], ..spec(tasks, 1) }, &[], 7);
    world.go_until(|world| world.state_of("b") == TaskState::Running);
    let late = Addition { spec: in_stream("c"), needed_by: Vec::new() };
    assert_eq!(problems(add(&mut world, vec![late])), ["task `c` comes too late for workstream `s`: it is completed"]);
}

#[test]
pub(crate) fn what_was_missed_already_is_not_needed_by_what_is_added() {
    let mut plan = spec(vec![task("a", &[]), task("b", &[])], 1);
    (plan.tasks[0].weight, plan.tasks[0].attempts) = (Weight::Optional, 1);
    let mut world = World::new(&plan, &[("a", &[Luck::AgentFails])], 7);
    world.go_until(|world| world.state_of("b") == TaskState::Running);
    assert_eq!(problems(add(&mut world, vec![addition("c", &["a"], &[])])), ["task `c` needs `a`, which is failed"]);
}

#[test]
fn additions_are_read_like_the_tasks_of_a_plan_with_the_place_of_every_problem() {
    let agents = ["script", "other"].map(|name| AgentSpec { name: name.to_owned(), ..AgentSpec::default() });
    let run = RunSpec { agents: agents.to_vec(), policy: vec![level("project")], ..RunSpec::default() };
    let known = KnownTasks { planned: ["a", "b"].map(str::to_owned).into(), ..KnownTasks::default() };
    let text = "[[task]]\nid = \"c\"\nprompt = \"x\"\nagent = \"script\"\nneeds = [\"a\"]\nneeded_by = [\"b\"]\n";
    let draft = read_additions(&Source::new("more.toml", text), &known);
    let additions = resolve_additions(&run, &draft, &PromptTexts::new()).unwrap();
    assert_eq!((additions.len(), additions[0].needed_by.as_slice()), (1, &["b".to_owned()][..]));
    assert_eq!(
        (additions[0].spec.agent.as_str(), additions[0].spec.needs.as_slice()),
        ("script", &["a".to_owned()][..])
    );

    let text = "plan = \"p\"\n[[task]]\nid = \"a\"\nprompt = \"x\"\nagent = \"scrip\"\nneeds = [\"x\"]\nneeded_by = [\"c\"]\n\
                workstream = \"w\"\n[[task]]\nid = \"d\"\nprompt = \"x\"\n";
    let draft = read_additions(&Source::new("more.toml", text), &known);
    let told = resolve_additions(&run, &draft, &PromptTexts::new()).unwrap_err();
    let told: Vec<(u32, String)> = told.into_iter().map(|problem| (problem.line, problem.message)).collect();
    let expected = [
        (1, "unknown key `plan`"),
        (3, "the run has a task `a` already"),
        (5, "unknown agent `scrip`"),
        (6, "unknown task `x`"),
        (7, "unknown task `c`"),
        (8, "unknown workstream `w`"),
        (9, "which agent? there are several"),
    ];
    assert_eq!(told, expected.map(|(line, message)| (line, message.to_owned())));
}

proptest! {
    #[test]
    fn whatever_is_added_whenever_is_refused_or_done(
        (seed, steps) in (any::<u64>(), 0_usize..60),
        drawn in proptest::collection::vec((0_u32..8, 0_u32..8, any::<bool>()), 1..6),
    ) {
        let names = names(8);
        let chain = (0..4_usize).map(|at| {
            let before = at.checked_sub(1).map(|before| names[before].as_str());
            task(&names[at], before.as_slice())
        });
        let mut world = World::new(&spec(chain.collect(), 2), &[], seed);
        let left = Cell::new(steps);
        let is_time = || left.replace(left.get().saturating_sub(1)) == 0;
        world.go_until(|world| is_time() || world.run_record().state.is_finished());
        let mut added = 4;
        for (need, by, twice) in drawn {
            if added == names.len() {
                break;
            }
            let by = if twice { vec![names[by as usize].as_str()] } else { Vec::new() };
            if add(&mut world, vec![addition(&names[added], &[&names[need as usize]], &by)]).is_ok() {
                added += 1;
            }
        }
        world.go();
        let tasks: Vec<&Task> = world.view().all::<Task>().collect();
        prop_assert_eq!(tasks.len(), added);
        prop_assert!(tasks.iter().all(|task| task.state == TaskState::Completed), "{:?}", tasks);
        for task in &tasks {
            let begun = |name: &str| world.task(name).finished_at;
            prop_assert!(task.needs().all(|need| begun(need) <= task.started_at), "{:?}", task);
        }
    }
}
