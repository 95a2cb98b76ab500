//! Each way in which something can be held up, over, or under way, made in a world of its own.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Effect, ErrorClass, Patch, Task};
use tollhouse_core::lifecycle::{PatchState, RunState, TaskState};
use tollhouse_core::spec::{
    AgentSpec, LandMode, OnDependencyFailure, PolicySpec, RouteSpec, RunSpec, Strategy, TaskSpec, Weight,
};
use tollhouse_core::{RecordId, RunId, Span, Timestamp};
use tollhouse_engine::{AttemptFacts, Command, Liveness, Outcome, PatchWish, Seen, TaskWish, Viewed, fork_of};

use crate::world::{Luck, World, claimant, new_patch, spec, task};

/// One record at one moment.
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) world: World,
    pub(super) id: RecordId,
    pub(super) seen: Option<Seen>,
}

pub(super) fn scene(title: &'static str, world: World, id: impl Into<RecordId>) -> Scene {
    Scene { title, world, id: id.into(), seen: None }
}

/// The same, where the program that drives the run is seen to be gone.
pub(super) fn gone(mut scene: Scene) -> Scene {
    scene.seen = Some(Seen { epoch: scene.world.conductor, liveness: Liveness::Gone });
    scene
}

pub(super) fn world(tasks: Vec<TaskSpec>, luck: &[(&str, &[Luck])]) -> World {
    World::new(&spec(tasks, 4), luck, 7)
}

pub(super) fn once(name: &str, needs: &[&str]) -> TaskSpec {
    TaskSpec { attempts: 1, ..task(name, needs) }
}

fn held(tasks: Vec<TaskSpec>) -> World {
    World::new(&RunSpec { land: LandMode::Hold, ..spec(tasks, 4) }, &[], 7)
}

pub(super) fn done(mut world: World) -> World {
    world.go();
    world
}

pub(super) fn until(mut world: World, holds: impl Fn(&World) -> bool) -> World {
    world.go_until(holds);
    world
}

pub(super) fn told(mut world: World, command: impl FnOnce(&World) -> Command) -> World {
    let command = command(&world);
    world.execute(&command).expect("it may be said");
    world
}

pub(super) fn pause(reason: &str) -> impl FnOnce(&World) -> Command {
    move |world| Command::PauseRun { run: world.run, reason: reason.to_owned() }
}

pub(super) fn cancel(world: &World) -> Command {
    Command::CancelRun { run: world.run, reason: "the plan was wrong".to_owned() }
}

fn on_task(name: &str, wish: TaskWish) -> impl FnOnce(&World) -> Command {
    move |world| Command::OverrideTask { task: world.task(name).id, wish, reason: "not needed".to_owned() }
}

fn on_patch(wish: PatchWish) -> impl FnOnce(&World) -> Command {
    move |world| Command::OverridePatch { patch: first::<Patch>(world).id, wish, reason: "too large".to_owned() }
}

/// The first record of a kind.
fn first<T: Viewed>(world: &World) -> &T {
    world.view().all::<T>().next().expect("there is one")
}

pub(super) fn find<T: Viewed>(world: &World, is_meant: impl Fn(&T) -> bool) -> RecordId {
    world.view().all::<T>().find(|record| is_meant(record)).expect("there is one").record_id()
}

pub(super) fn has<T: Viewed>(is_meant: impl Fn(&T) -> bool) -> impl Fn(&World) -> bool {
    move |world| world.view().all::<T>().any(&is_meant)
}

pub(super) fn has_patch(state: PatchState) -> impl Fn(&World) -> bool {
    has::<Patch>(move |patch| patch.state == state)
}

fn task_is(name: &'static str, state: TaskState) -> impl Fn(&World) -> bool {
    move |world| world.state_of(name) == state
}

/// The unsettled effect of a kind of work.
pub(super) fn effect(world: &World, name: &str) -> Effect {
    let mut effects = world.view().all::<Effect>();
    effects.find(|effect| effect.work.name() == name && !effect.state.is_finished()).expect("it was asked for").clone()
}

/// A runner begins an effect.
pub(super) fn begun(mut world: World, name: &str) -> World {
    let effect = effect(&world, name).id;
    let (by, until) = (claimant(world.conductor), world.now.after(Span::from_secs(60)));
    world.execute(&Command::Claim { effect, by, until }).expect("it may be begun");
    world
}

/// A runner does an effect, and this comes of it.
pub(super) fn did(world: World, name: &str, outcome: Outcome) -> World {
    let mut world = begun(world, name);
    let effect = effect(&world, name);
    let report = Command::Report { effect: effect.id, epoch: effect.epoch, outcome: Box::new(outcome) };
    world.execute(&report).expect("a report in time is taken");
    world
}

/// An agent changes one file.
fn changed(world: World, path: &str) -> World {
    let facts = AttemptFacts {
        exit: Some(tollhouse_core::entity::ExitStatus::Code(0)),
        change: Some(new_patch(path, path, "head0")),
        ..AttemptFacts::default()
    };
    did(world, "spawn", Outcome::Spawned(facts))
}

pub(super) fn one_try(change: impl FnOnce(&mut RunSpec)) -> World {
    let mut plan = spec(vec![once("a", &[])], 4);
    change(&mut plan);
    World::new(&plan, &[], 7)
}

fn write(scope: &str) -> PolicySpec {
    PolicySpec {
        source: "task".to_owned(),
        write: Some(vec![scope.to_owned()]),
        forbid: Vec::new(),
        max_files_changed: None,
        max_lines_changed: None,
    }
}

pub(super) fn runs() -> Vec<Scene> {
    let of_run = |title: &'static str, world: World| {
        let run = world.run;
        scene(title, world, run)
    };
    let two = || vec![task("a", &[]), task("b", &["a"])];
    let driven = || world(two(), &[]);
    let stepped_down = |world: World| told(world, |world| Command::StepDown { run: world.run, epoch: world.conductor });
    let critical = TaskSpec { weight: Weight::Critical, ..once("a", &[]) };
    let busy = || told(begun(driven(), "spawn"), cancel);
    vec![
        of_run("going on", driven()),
        of_run("of many tasks", world((0..40).map(|at| task(&format!("t{at}"), &[])).collect(), &[])),
        gone(of_run("its program is gone", driven())),
        of_run("given up by its program", stepped_down(driven())),
        of_run("paused by a person", told(driven(), pause("lunch"))),
        of_run("paused by a signal", told(driven(), pause("interrupted by a signal"))),
        of_run(
            "held: its changes wait for a person",
            until(held(two()), |world| world.run_record().state == RunState::Paused),
        ),
        of_run("being canceled", busy()),
        gone(of_run("being canceled, and its program is gone", busy())),
        of_run("canceled", done(busy())),
        of_run("failed", done(world(vec![critical, task("b", &["a"])], &[("a", &[Luck::AgentFails])]))),
        of_run(
            "succeeded, but for what is not critical",
            done(world(vec![once("a", &[])], &[("a", &[Luck::AgentFails])])),
        ),
        of_run("succeeded", done(driven())),
        of_run("not begun, and nothing drives it", not_begun(&spec(two(), 4))),
    ]
}

/// A run that was made, and whose program died at once.
pub(super) fn not_begun(plan: &RunSpec) -> World {
    let run = RunId::from_parts(Timestamp::from_micros(1_700_000_000_000_000), 9);
    World::made(run, plan, 7)
}

/// Two agents, of which one may be at one task only, and the other is not able.
fn routed(plan: &mut RunSpec) {
    let able = BTreeSet::from(["rust".to_owned()]);
    let weak = AgentSpec { name: "weak".to_owned(), ..plan.agents[0].clone() };
    plan.agents[0] = AgentSpec { max_parallel: Some(1), capabilities: able.clone(), ..plan.agents[0].clone() };
    plan.agents.push(weak);
    for task in &mut plan.tasks {
        let agents = vec!["script".to_owned(), "weak".to_owned()];
        let rule = Some("route 1 (tollhouse.toml:9)".to_owned());
        task.route = Some(RouteSpec { rule, strategy: Strategy::Best, agents });
        task.capabilities.clone_from(&able);
    }
}

pub(super) fn tasks() -> Vec<Scene> {
    let of_task = |title: &'static str, name: &str, world: World| {
        let id = world.task(name).id;
        scene(title, world, id)
    };
    let chain = || world(vec![task("a", &[]), task("b", &["a"])], &[]);
    let pair = |change: &dyn Fn(&mut RunSpec)| {
        let mut plan = spec(vec![task("a", &[]), task("b", &[])], 4);
        change(&mut plan);
        World::new(&plan, &[], 7)
    };
    let fails: &[Luck] = &[Luck::AgentFails, Luck::AgentFails];
    let failed = |needs: &[&str]| {
        let world = world(vec![once("a", &[]), task("b", needs), task("c", &[])], &[("a", fails)]);
        until(world, |world| world.state_of("a") == TaskState::Failed && !world.run_record().state.is_finished())
    };
    vec![
        of_task("its run has not begun", "a", not_begun(&spec(vec![task("a", &[])], 4))),
        of_task("it needs another", "b", chain()),
        of_task("as many are at work as the run allows", "b", pair(&|plan| plan.max_parallel = 1)),
        of_task("its agent is busy", "b", pair(&|plan| plan.agents[0].max_parallel = Some(1))),
        of_task("none of the agents that it may go to may take it now", "b", pair(&routed)),
        of_task(
            "it shares a conflict group",
            "b",
            pair(&|plan| {
                plan.tasks.iter_mut().for_each(|task| task.conflict_group = Some("db".to_owned()));
            }),
        ),
        of_task(
            "it may write where another writes",
            "b",
            pair(&|plan| {
                plan.tasks[0].policy = Some(write("src/**"));
                plan.tasks[1].policy = Some(write("src/lib.rs"));
            }),
        ),
        of_task("its run is paused", "a", told(chain(), pause("lunch"))),
        of_task("an agent is at it", "a", begun(chain(), "spawn")),
        gone(of_task("an agent is at it, and the program that drives its run is gone", "a", begun(chain(), "spawn"))),
        of_task("its change is on the way", "a", until(chain(), task_is("a", TaskState::Validating))),
        of_task(
            "it is tried again",
            "a",
            until(world(vec![task("a", &[])], &[("a", &[Luck::GateSaysNo])]), task_is("a", TaskState::Retrying)),
        ),
        of_task("its change is held", "a", until(held(vec![task("a", &[])]), task_is("a", TaskState::Waiting))),
        of_task("failed, and the run goes on", "a", failed(&[])),
        of_task("failed, and others ended with it", "a", failed(&["a"])),
        of_task("failed, and the run is over", "a", done(failed(&[]))),
        of_task("skipped for what it needs", "b", done(failed(&["a"]))),
        of_task("failed for what it needs", "b", {
            let mut plan = spec(vec![once("a", &[]), task("b", &["a"])], 4);
            plan.tasks[1].on_dependency_failure = OnDependencyFailure::Fail;
            done(World::new(&plan, &[("a", fails)], 7))
        }),
        of_task("left out by a person", "b", told(chain(), on_task("b", TaskWish::Skip))),
        of_task("canceled by a person", "b", told(chain(), on_task("b", TaskWish::Cancel))),
        of_task("canceled with its run", "b", done(told(chain(), cancel))),
        of_task("completed", "a", done(chain())),
        of_task("completed in an earlier run", "a", forked()),
    ]
}

fn forked() -> World {
    let old = done(world(vec![task("a", &[]), once("b", &[])], &[("b", &[Luck::AgentFails])]));
    let (spec, legacy) = fork_of(old.view(), old.run, None).expect("it is over");
    let run = RunId::from_parts(Timestamp::from_micros(1_700_000_000_000_000), 11);
    let create = Command::CreateRun { run, spec: Box::new(spec), started_by: "ada".to_owned(), legacy: Some(legacy) };
    World::from_command(run, &create, 7)
}

pub(super) fn patches() -> Vec<Scene> {
    let of_patch = |title: &'static str, world: World| {
        let id = first::<Patch>(&world).id;
        scene(title, world, id)
    };
    let lucky = |luck: Luck| done(World::new(&spec(vec![once("a", &[])], 4), &[("a", &[luck])], 7));
    let usual = || one_try(|_| {});
    let failed = |reason: &str| Outcome::Failed { class: ErrorClass::PlanInconsistent, reason: reason.to_owned() };
    let retried = world(vec![task("a", &[])], &[("a", &[Luck::GateSaysNo])]);
    let pair = || held(vec![task("a", &[]), task("b", &[])]);
    let quarantined = |world: World| until(world, has_patch(PatchState::Quarantined));
    let let_in_while_paused = {
        let tasks = vec![once("a", &[]), task("b", &[])];
        let world = quarantined(world(tasks, &[("a", &[Luck::Forbidden])]));
        told(told(world, pause("lunch")), |world| {
            let patch = find::<Patch>(world, |patch| patch.state == PatchState::Quarantined);
            let patch = patch.try_into().expect("it is a patch");
            let wish = PatchWish::Release { waive: vec!["forbidden_path".to_owned()], allow: Vec::new() };
            Command::OverridePatch { patch, wish, reason: "a test key".to_owned() }
        })
    };
    let released = find::<Patch>(&let_in_while_paused, |patch| patch.state == PatchState::Created);
    let both = until(world(vec![task("a", &[]), task("b", &[])], &[]), |world| {
        has_patch(PatchState::Queued)(world) && has_patch(PatchState::Applied)(world)
    });
    let behind = find::<Patch>(&both, |patch| patch.state == PatchState::Queued);
    vec![
        scene("let in again while its run is paused", let_in_while_paused, released),
        of_patch("its turn has come", until(usual(), has_patch(PatchState::Queued))),
        scene("another is on its way", both, behind),
        of_patch("at the gate", until(usual(), has_patch(PatchState::Applied))),
        gone(of_patch(
            "at the gate, and the program that drives its run is gone",
            until(usual(), has_patch(PatchState::Applied)),
        )),
        of_patch("held", until(pair(), has_patch(PatchState::Verified))),
        of_patch("about to land", until(usual(), has_patch(PatchState::Verified))),
        of_patch("it changes what is forbidden", lucky(Luck::Forbidden)),
        of_patch("it is too large", changed(one_try(|plan| plan.policy[0].max_lines_changed = Some(0)), "src/lib.rs")),
        of_patch("it changes what nobody may allow", changed(usual(), ".git/config")),
        of_patch("a gate says no", lucky(Luck::GateSaysNo)),
        of_patch("a gate cannot be judged", lucky(Luck::GateBreaks)),
        of_patch("it does not fit", lucky(Luck::Conflict)),
        of_patch(
            "no candidate tree could be made of it",
            did(
                changed(usual(), "src/lib.rs"),
                "apply",
                failed("toll/main was moved by somebody: commit1, which landed in this run, is not on it any more"),
            ),
        ),
        of_patch(
            "it could not be landed",
            did(
                until(usual(), has_patch(PatchState::Verified)),
                "land",
                failed("the branch toll/main is checked out in /repo"),
            ),
        ),
        of_patch("refused, and its task tries again", quarantined(retried)),
        of_patch(
            "refused, and another one landed in its place",
            done(world(vec![task("a", &[])], &[("a", &[Luck::GateSaysNo])])),
        ),
        of_patch("given up by a person", told(lucky(Luck::GateSaysNo), on_patch(PatchWish::Drop))),
        of_patch("left by an attempt that came too late", done(world(vec![once("a", &[])], &[("a", &[Luck::Hangs])]))),
        of_patch("landed", done(usual())),
    ]
}

/// Whether a task may be without a next step: nothing is to be done for it.
pub(super) fn is_at_rest(world: &World, id: RecordId) -> bool {
    world.view().get::<Task>(id).is_some_and(Task::is_done)
}
