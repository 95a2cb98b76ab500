//! People: they pause, resume, cancel, and say what is to become of tasks and patches, whenever they like.

use tollhouse_core::entity::{Effect, GateRun, Patch, Task, Work, Workstream};
use tollhouse_core::lifecycle::{EffectState, PatchState, RunState, TaskState};
use tollhouse_core::spec::{LandMode, OnExhausted};
use tollhouse_core::{Money, RecordId};
use tollhouse_engine::{Command, PatchWish, TaskWish, WorkstreamWish};

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
    if world.left.stream_words > 0 {
        let open = world.view.all::<Workstream>().filter(|stream| !stream.state.is_finished());
        moves.extend(open.flat_map(|stream| stream_words(world, stream)));
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
    if state == RunState::Paused && lacks_money(world) {
        moves.extend(raise(world));
    } else if state == RunState::Paused {
        moves.push(Move { by: By::Awaited, ..of_person(world, "a person resumes the run", None, resume(world)) });
    }
    if world.left.has(world.left.pauses) && state == RunState::Running {
        let takes = |left: &mut Allowance| left.trouble(|left| &mut left.pauses);
        moves.push(Move { takes, ..of_person(world, "a person pauses the run", None, pause(world)) });
    }
    if world.left.has(world.left.cancels)
        && matches!(state, RunState::Pending | RunState::Running | RunState::Paused | RunState::Verifying)
    {
        let takes = |left: &mut Allowance| left.trouble(|left| &mut left.cancels);
        moves.push(Move { takes, ..of_person(world, "a person cancels the run", None, cancel(world)) });
    }
    moves
}

/// Whether a paused run has something to do that it cannot pay.
fn lacks_money(world: &World) -> bool {
    let Some(budget) = world.budget().filter(|budget| budget.on_exhausted == OnExhausted::Pause) else { return false };
    let waits = |task: &&Task| matches!(task.state, TaskState::Queued | TaskState::Retrying);
    let needs = world.view.all::<Task>().filter(waits).map(|task| task.spec.reserve.unwrap_or_default().as_nanos());
    let left = budget.limit.as_nanos() - budget.spent.as_nanos();
    needs.min().is_some_and(|least| left <= 0 || left < least)
}

/// A person lets it spend more: what waits for money waits for them.
fn raise(world: &World) -> Option<Move> {
    let budget = world.budget()?;
    let limit = budget.limit.saturating_add(Money::from_nanos(10));
    let command = Command::ChangeBudget { budget: budget.id, limit, reason: WHY.to_owned() };
    Some(Move { by: By::Awaited, ..of_person(world, "a person raises what may be spent", None, command) })
}

fn stream_words(world: &World, stream: &Workstream) -> [Move; 2] {
    let says = |wish| Command::OverrideWorkstream { workstream: stream.id, wish, reason: WHY.to_owned() };
    let takes = |left: &mut Allowance| left.stream_words -= 1;
    let words =
        [("a person leaves out", says(WorkstreamWish::Skip)), ("a person cancels", says(WorkstreamWish::Cancel))];
    words.map(|(what, command)| Move { takes, ..of_person(world, what, Some(stream.id.into()), command) })
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
    let mut gates = world.view.all::<GateRun>().filter(|gate_run| gate_run.patch == Some(patch.id));
    let why = match patch.state {
        PatchState::Applied => patch.doubt.is_some() && gates.all(|gate_run| gate_run.state.is_finished()),
        state => world.run().spec.land == LandMode::Hold && state == PatchState::Verified,
    };
    why && !patch.approved
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
    if run.state == RunState::Paused && lacks_money(world) {
        let command = resume(world);
        let what = "a person resumes the run, and there is no money";
        probes.push(Probe { what, about: None, command, codes: &["budget_spent"] });
    }
    probes.extend(while_landing(world));
    probes.extend(on_streams(world));
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

/// What is over stays, what lands holds its workstream, and nobody is left out who is at work.
fn on_streams(world: &World) -> Vec<Probe> {
    let goes_on = matches!(world.run().state, RunState::Pending | RunState::Running | RunState::Paused);
    let mut probes = Vec::new();
    for stream in world.view.all::<Workstream>() {
        let [skip, cancel] = stream_words(world, stream);
        let probe = |what, one: Move, codes| Probe { what, about: one.about, command: one.command, codes };
        if stream.state.is_finished() {
            probes.push(probe("a person leaves out what is over:", skip, &["already_finished"]));
            probes.push(probe("a person cancels what is over:", cancel, &["already_finished"]));
            continue;
        }
        let own = || world.view.all::<Task>().filter(|task| task.spec.workstream.as_ref() == Some(&stream.spec.name));
        let lands = own().any(|task| is_landing(world, task));
        let at_work = own().any(|task| matches!(task.state, TaskState::Running | TaskState::Validating));
        if goes_on && lands {
            probes.push(probe("a person cancels while a change lands:", cancel, &["landing"]));
        } else if goes_on && at_work {
            probes.push(probe("a person leaves out what is worked on:", skip, &["task_at_work"]));
        }
    }
    probes
}

fn is_landing(world: &World, task: &Task) -> bool {
    let is_begun = |effect: &Effect| matches!(effect.state, EffectState::Started | EffectState::Unknown);
    let lands = |effect: &Effect| task.patch.is_some_and(|patch| effect.work == Work::Land { patch });
    world.view.all::<Effect>().any(|effect| is_begun(effect) && lands(effect))
}
