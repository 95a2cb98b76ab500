//! What makes two moments of the world the same: all that decides what can happen next, and nothing else. Ids stand for their
//! owners and their order, times for the order of what is due, and what is over and done with is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use tollhouse_core::entity::{Attempt, Breaker, Effect, ErrorClass, GateRun, Patch, Task, Work};
use tollhouse_core::{AttemptId, GateRunId, PatchId, TaskId, Timestamp, limits};

use super::world::World;

/// A state, as far as it matters.
pub(super) type Fingerprint = [u8; 16];

pub(super) fn fingerprint(world: &World) -> Fingerprint {
    let mut text = String::with_capacity(512);
    let run = world.run();
    let driven = run.conductor.is_some();
    write(&mut text, format_args!("{} {driven} {:?}", run.state, world.left));
    let names = Names::of(world);
    for task in &names.tasks {
        write_task(&mut text, world, &names, task);
    }
    for patch in &names.patches {
        write_patch(&mut text, world, &names, patch);
    }
    for breaker in world.view.all::<Breaker>() {
        let before = breaker.until.map(|until| names.due.iter().filter(|due| **due < until).count());
        let Breaker { agent, state, failures_in_a_row, reopened, .. } = breaker;
        write(&mut text, format_args!("!{agent} {state} {failures_in_a_row} {reopened} {before:?}"));
    }
    let mut effects: Vec<String> =
        world.view.all::<Effect>().filter_map(|effect| effect_text(world, &names, effect)).collect();
    effects.sort_unstable();
    for effect in effects {
        write(&mut text, format_args!(";{effect}"));
    }
    let digest = Sha256::digest(text.as_bytes());
    digest[..16].try_into().expect("a digest is longer")
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes what is written");
}

/// What ids stand for.
struct Names<'w> {
    tasks: Vec<&'w Task>,
    /// By age: the order in which they are applied.
    patches: Vec<&'w Patch>,
    places: BTreeMap<TaskId, u32>,
    due: Vec<Timestamp>,
}

impl<'w> Names<'w> {
    fn of(world: &'w World) -> Self {
        let mut tasks: Vec<&Task> = world.view.all::<Task>().collect();
        tasks.sort_by_key(|task| task.place);
        let mut due: Vec<Timestamp> = tasks.iter().filter_map(|task| due_of(task)).collect();
        due.sort_unstable();
        due.dedup();
        let patches = world.view.all::<Patch>().filter(|patch| matters(world, patch)).collect();
        Self { places: tasks.iter().map(|task| (task.id, task.place)).collect(), tasks, patches, due }
    }

    fn patch(&self, id: PatchId) -> Option<usize> {
        self.patches.iter().position(|patch| patch.id == id)
    }
}

fn due_of(task: &Task) -> Option<Timestamp> {
    task.due_at.or_else(|| task.lease.as_ref().map(|lease| lease.deadline))
}

/// Whether a patch can still move, or stands in the way of another.
fn matters(world: &World, patch: &Patch) -> bool {
    use tollhouse_core::lifecycle::PatchState as S;
    match patch.state {
        S::Dropped | S::RolledBack => false,
        S::Quarantined => world.left.patch_words > 0,
        _ => true,
    }
}

fn write_task(text: &mut String, world: &World, names: &Names<'_>, task: &Task) {
    let due = due_of(task).and_then(|due| names.due.iter().position(|one| *one == due));
    let patch = task.patch.map(|id| names.patch(id).map_or_else(|| state_of_patch(world, id), |n| n.to_string()));
    let left_out = task.error_class == Some(ErrorClass::DependencyMissed);
    let Task { state, attempts_used, attempts_lost, attempts_granted, .. } = task;
    let counts = (attempts_used, attempts_lost, attempts_granted);
    write(text, format_args!("|{state} {counts:?} {due:?} {patch:?} {left_out}"));
}

fn state_of_patch(world: &World, id: PatchId) -> String {
    world.view.get::<Patch>(id).map_or_else(String::new, |patch| patch.state.to_string())
}

fn write_patch(text: &mut String, world: &World, names: &Names<'_>, patch: &Patch) {
    let head = world.head();
    let place = patch.task.and_then(|task| names.places.get(&task));
    let touched = patch.description.files.first().map(|file| file.path.to_string());
    let released = world.released.contains(&patch.id);
    let stands = patch.candidate.as_ref().map(|candidate| candidate.parent == head);
    let rebases = patch.rebases.min(limits::REBASES_BEFORE_FIRST);
    let (state, approved, allowed) = (patch.state, patch.approved, !patch.allowed.is_empty());
    write(text, format_args!("/{place:?} {state} {touched:?} {released} {stands:?} {rebases} {approved} {allowed}"));
    if patch.state.is_finished() && patch.state != tollhouse_core::lifecycle::PatchState::Quarantined {
        return;
    }
    let mut runs: Vec<String> = world
        .view
        .all::<GateRun>()
        .filter(|one| one.patch == Some(patch.id))
        .filter_map(|one| gate_text(patch, &head, one))
        .collect();
    runs.sort_unstable();
    for one in runs {
        write(text, format_args!(",{one}"));
    }
}

/// A gate run that is under way, or on a tree that is or may come again.
fn gate_text(patch: &Patch, head: &str, run: &GateRun) -> Option<String> {
    let candidate = patch.candidate.as_ref();
    let current = candidate.is_some_and(|on| on.tree == run.tree && on.parent == run.parent);
    let may_come_again = run.parent == head;
    if run.state.is_finished() && !current && !may_come_again {
        return None;
    }
    let stopped = run.end.as_ref().is_some_and(|end| end.stopped);
    Some(format!("{} {} {} {current} {may_come_again} {stopped}", run.gate.name, run.number, run.state))
}

fn effect_text(world: &World, names: &Names<'_>, effect: &Effect) -> Option<String> {
    if effect.state.is_finished() {
        return None;
    }
    let subject = match effect.work {
        Work::Spawn { attempt } | Work::Kill { attempt } => attempt_text(world, names, attempt),
        Work::Apply { patch } | Work::Land { patch } => patch_text(world, names, patch),
        Work::Gate { gate_run } => gate_run_text(world, names, gate_run),
    };
    let was_claimed = effect.epoch > 0;
    Some(format!("{} {} {was_claimed} {subject}", effect.work.name(), effect.state))
}

/// An attempt: whose it is, whether it goes on, and which of those whose processes may be there.
fn attempt_text(world: &World, names: &Names<'_>, id: AttemptId) -> String {
    let attempt = world.view.get::<Attempt>(id).expect("an effect has a subject");
    let is_open = |attempt: &Attempt| {
        let mut effects = world.view.all::<Effect>().filter(|effect| !effect.state.is_finished());
        effects.any(|effect| effect.work.subject() == attempt.id.into())
    };
    let older = world.view.all::<Attempt>().filter(|one| one.task == attempt.task && one.number < attempt.number);
    let rank = older.filter(|one| is_open(one)).count();
    format!("{:?} {rank} {}", names.places.get(&attempt.task), attempt.state.is_finished())
}

fn patch_text(world: &World, names: &Names<'_>, id: PatchId) -> String {
    names.patch(id).map_or_else(|| state_of_patch(world, id), |n| n.to_string())
}

fn gate_run_text(world: &World, names: &Names<'_>, id: GateRunId) -> String {
    let run = world.view.get::<GateRun>(id).expect("an effect has a subject");
    let patch = run.patch.map_or_else(String::new, |patch| patch_text(world, names, patch));
    format!("{patch} {} {}", run.gate.name, run.number)
}
