//! What is done for tasks and patches: gate runs, attempts and effects, each at one moment of a world of its own.

use tollhouse_core::entity::{Attempt, Effect, ErrorClass, GateRun, Work};
use tollhouse_core::lifecycle::{AttemptState, EffectState, GateRunState, PatchState};
use tollhouse_engine::{AttemptFacts, Command, Found, Outcome, Witness};

use super::scenes::{
    Scene, begun, cancel, did, done, effect, find, gone, has, has_patch, once, one_try, pause, scene, told, until,
};
use crate::world::{Luck, World, gate, spec};

pub(super) fn gate_runs() -> Vec<Scene> {
    let of_gate = |title: &'static str, name: &str, state: GateRunState, world: World| {
        let id = find::<GateRun>(&world, |one| one.gate.name == name && one.state == state);
        scene(title, world, id)
    };
    let usual = || one_try(|_| {});
    let applied = || until(usual(), has_patch(PatchState::Applied));
    let lucky = |luck: Luck| done(World::new(&spec(vec![once("a", &[])], 4), &[("a", &[luck])], 7));
    let said_no_first = {
        let mut plan = spec(vec![once("a", &[])], 4);
        plan.gates = vec![gate("unit", &[]), gate("e2e", &["unit"])];
        done(World::new(&plan, &[("a", &[Luck::GateSaysNo])], 7))
    };
    let stopped = did(applied(), "gate", Outcome::Stopped { reason: "it was stopped".to_owned() });
    vec![
        of_gate("its turn has come", "lint", GateRunState::Pending, applied()),
        of_gate("its run is paused", "lint", GateRunState::Pending, told(applied(), pause("lunch"))),
        of_gate("it needs another gate", "unit", GateRunState::Blocked, applied()),
        of_gate("its program runs", "lint", GateRunState::Running, begun(applied(), "gate")),
        gone(of_gate(
            "its program ran, and what drove its run is gone",
            "lint",
            GateRunState::Running,
            begun(applied(), "gate"),
        )),
        of_gate("failed", "unit", GateRunState::Failed, lucky(Luck::GateSaysNo)),
        of_gate("could not be judged", "lint", GateRunState::Error, lucky(Luck::GateBreaks)),
        of_gate("stopped", "lint", GateRunState::Error, stopped),
        of_gate("skipped for the gate that it needs", "e2e", GateRunState::Skipped, said_no_first),
        of_gate("passed", "lint", GateRunState::Passed, done(usual())),
    ]
}

pub(super) fn attempts() -> Vec<Scene> {
    let of_attempt = |title: &'static str, state: AttemptState, world: World| {
        let id = find::<Attempt>(&world, |attempt| attempt.state == state);
        scene(title, world, id)
    };
    let usual = || one_try(|_| {});
    let lucky = |luck: Luck| done(World::new(&spec(vec![once("a", &[])], 4), &[("a", &[luck])], 7));
    vec![
        of_attempt("at work", AttemptState::Running, begun(usual(), "spawn")),
        gone(of_attempt(
            "at work, and the program that drives its run is gone",
            AttemptState::Running,
            begun(usual(), "spawn"),
        )),
        of_attempt("ended well", AttemptState::Succeeded, done(usual())),
        of_attempt("ended badly", AttemptState::Failed, lucky(Luck::AgentFails)),
        of_attempt("took too long", AttemptState::TimedOut, lucky(Luck::Hangs)),
        of_attempt(
            "stopped",
            AttemptState::Interrupted,
            told(begun(usual(), "spawn"), pause("interrupted by a signal")),
        ),
        of_attempt("canceled with its run", AttemptState::Canceled, told(begun(usual(), "spawn"), cancel)),
        of_attempt("lost", AttemptState::Lost, lost()),
        of_attempt(
            "no program of its agent was found",
            AttemptState::Failed,
            did(
                usual(),
                "spawn",
                Outcome::Failed {
                    class: ErrorClass::PlanInconsistent,
                    reason: "agent script: program \"claude\" was not found".to_owned(),
                },
            ),
        ),
    ]
}

/// A world in which the program that drove a run died with an agent at work, and another one looked.
fn lost() -> World {
    let mut world = begun(one_try(|_| {}), "spawn");
    world.drive();
    let effect = effect(&world, "spawn");
    let reason = effect.reason.clone().expect("it says who is gone");
    let found = Found::outcome(Outcome::Vanished { facts: AttemptFacts::default(), reason });
    let by = Witness::Conductor(world.conductor);
    world.execute(&Command::Settle { effect: effect.id, by, found }).expect("what was seen is taken");
    world
}

pub(super) fn effects() -> Vec<Scene> {
    let of_effect = |title: &'static str, state: EffectState, world: World| {
        let id = find::<Effect>(&world, |effect| effect.state == state);
        scene(title, world, id)
    };
    let usual = || one_try(|_| {});
    let unknown = {
        let mut world = begun(usual(), "spawn");
        world.drive();
        world
    };
    let landing = until(usual(), has::<Effect>(|effect| matches!(effect.work, Work::Land { .. })));
    let land = find::<Effect>(&landing, |effect| matches!(effect.work, Work::Land { .. }));
    vec![
        of_effect("asked for", EffectState::Requested, usual()),
        of_effect(
            "asked for in a paused run",
            EffectState::Requested,
            told(until(usual(), has_patch(PatchState::Applied)), pause("lunch")),
        ),
        of_effect("begun", EffectState::Started, begun(usual(), "spawn")),
        gone(of_effect("begun, and the program that did it is gone", EffectState::Started, begun(usual(), "spawn"))),
        of_effect("nobody knows how it went", EffectState::Unknown, unknown),
        scene("a landing", landing, land),
        of_effect("failed", EffectState::Failed, lost()),
        of_effect("done", EffectState::Done, done(usual())),
    ]
}
