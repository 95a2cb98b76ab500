//! People: they pause, resume, cancel, and say what is to become of tasks and patches, whenever they like.

use tollhouse_core::RecordId;
use tollhouse_core::entity::{Effect, Patch, Task, Work};
use tollhouse_core::lifecycle::{EffectState, PatchState, RunState, TaskState};
use tollhouse_core::spec::LandMode;
use tollhouse_engine::{Command, PatchWish, TaskWish};

use crate::explore::settings::Allowance;
use crate::explore::world::{By, Move, Probe, Then, World};

const WHY: &str = "because";

pub(super) fn moves(world: &World) -> Vec<Move> {
    let mut moves = on_run(world);
    if world.left.task_words > 0 {
        let words = world.view.all::<Task>().filter(|task| task.state != TaskState::Completed).flat_map(|task| {
            let takes = |left: &mut Allowance| left.task_words -= 1;
            task_words(task)
                .map(|(what, command)| Move { takes, ..of_person(world, what, Some(task.id.into()), command) })
        });
        moves.extend(words);
    }
    for patch in world.view.all::<Patch>() {
        moves.extend(on_patch(world, patch));
    }
    moves
}

fn of_person(world: &World, what: &'static str, about: Option<RecordId>, command: Command) -> Move {
    Move { what, about, by: By::Person, command, at: world.now, then: Then::Nothing, takes: |_| {} }
}

fn pause(world: &World) -> Command {
    Command::PauseRun { run: world.run, reason: WHY.to_owned() }
}

fn cancel(world: &World) -> Command {
    Command::CancelRun { run: world.run, reason: WHY.to_owned() }
}

fn resume(world: &World) -> Command {
    Command::ResumeRun { run: world.run, reason: WHY.to_owned() }
}

fn on_run(world: &World) -> Vec<Move> {
    let mut moves = Vec::new();
    let state = world.run().state;
    if state == RunState::Paused {
        moves.push(Move { by: By::Awaited, ..of_person(world, "a person resumes the run", None, resume(world)) });
    }
    if world.left.pauses > 0 && state == RunState::Running {
        let takes = |left: &mut Allowance| left.pauses -= 1;
        moves.push(Move { takes, ..of_person(world, "a person pauses the run", None, pause(world)) });
    }
    if world.left.cancels > 0 && matches!(state, RunState::Pending | RunState::Running | RunState::Paused) {
        let takes = |left: &mut Allowance| left.cancels -= 1;
        moves.push(Move { takes, ..of_person(world, "a person cancels the run", None, cancel(world)) });
    }
    moves
}

fn task_words(task: &Task) -> [(&'static str, Command); 3] {
    let word = |wish| Command::OverrideTask { task: task.id, wish, reason: WHY.to_owned() };
    [
        ("a person wants it tried again:", word(TaskWish::Retry { say: None })),
        ("a person skips", word(TaskWish::Skip)),
        ("a person cancels", word(TaskWish::Cancel)),
    ]
}

fn on_patch(world: &World, patch: &Patch) -> Vec<Move> {
    let says = |wish| Command::OverridePatch { patch: patch.id, wish, reason: WHY.to_owned() };
    let of_person = |what, command| of_person(world, what, Some(patch.id.into()), command);
    let mut moves = Vec::new();
    if is_held(world, patch) {
        moves.push(Move { by: By::Awaited, ..of_person("a person lands", says(PatchWish::Land)) });
    }
    let takes = |left: &mut Allowance| left.patch_words -= 1;
    if world.left.patch_words == 0 || matches!(patch.state, PatchState::Committed | PatchState::Dropped) {
        return moves;
    }
    moves.push(Move { takes, ..of_person("a person drops", says(PatchWish::Drop)) });
    if patch.state == PatchState::Quarantined {
        let wish = PatchWish::Release { waive: Vec::new(), allow: vec!["secrets/**".to_owned()] };
        let then = Then::Released(patch.id);
        moves.push(Move { then, takes, ..of_person("a person lets in again", says(wish)) });
    }
    moves
}

/// Whether a patch waits for a person's word.
fn is_held(world: &World, patch: &Patch) -> bool {
    world.run().spec.land == LandMode::Hold && patch.state == PatchState::Verified && !patch.approved
}

pub(super) fn probes(world: &World) -> Vec<Probe> {
    let mut probes = Vec::new();
    let run = world.run();
    if matches!(run.state, RunState::Succeeded | RunState::Failed | RunState::Canceled) {
        let over: &[&str] = &["run_over"];
        let probe = |what, command| Probe { what, about: None, command, codes: over };
        probes.push(probe("a person pauses the run when it is over", pause(world)));
        probes.push(probe("a person resumes the run when it is over", resume(world)));
        probes.push(probe("a person cancels the run when it is over", cancel(world)));
        let words = world.view.all::<Task>().flat_map(|task| {
            let about = Some(task.id.into());
            task_words(task).map(|(what, command)| Probe { what, about, command, codes: over })
        });
        probes.extend(words);
    }
    for patch in world.view.all::<Patch>().filter(|patch| !is_held(world, patch)) {
        let command = Command::OverridePatch { patch: patch.id, wish: PatchWish::Land, reason: WHY.to_owned() };
        let what = "a person lands what is not held:";
        probes.push(Probe { what, about: Some(patch.id.into()), command, codes: &["not_held", "landing"] });
    }
    probes.extend(while_landing(world));
    probes
}

/// Nothing overtakes a landing.
fn while_landing(world: &World) -> Vec<Probe> {
    let is_begun = |effect: &&Effect| matches!(effect.state, EffectState::Started | EffectState::Unknown);
    let mut probes = Vec::new();
    for effect in world.view.all::<Effect>().filter(is_begun) {
        let Work::Land { patch: id } = effect.work else { continue };
        let drop = Command::OverridePatch { patch: id, wish: PatchWish::Drop, reason: WHY.to_owned() };
        let (what, about) = ("a person drops what lands:", Some(id.into()));
        probes.push(Probe { what, about, command: drop, codes: &["landing"] });
        for task in
            world.view.all::<Task>().filter(|task| task.patch == Some(id) && task.state == TaskState::Validating)
        {
            let about = Some(task.id.into());
            let codes: &[&str] = if world.run().state == RunState::Canceling { &["run_over"] } else { &["landing"] };
            probes.extend(task_words(task).map(|(what, command)| Probe { what, about, command, codes }));
        }
    }
    probes
}
