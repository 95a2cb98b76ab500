//! What makes two moments of the world the same: all that decides what can happen next, and nothing else. Ids stand for their
//! owners and their order, times for the order of what is due, and what is over and done with is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use tollhouse_core::entity::{Attempt, Breaker, Effect, ErrorClass, GateRun, Patch, Task, Work, Worker, Workstream};
use tollhouse_core::lifecycle::{RunState, WorkerState, WorkstreamState};
use tollhouse_core::{AttemptId, GateRunId, PatchId, TaskId, Timestamp, limits};

use super::world::World;

/// A state, as far as it matters.
pub(super) type Fingerprint = [u8; 16];

pub(super) fn fingerprint(world: &World) -> Fingerprint {
    let mut text = String::with_capacity(512);
    let run = world.run();
    let driven = run.conductor.is_some();
    let overdue = world.next_due().is_some_and(|due| due <= world.now);
    write(&mut text, format_args!("{} {driven} {overdue} {:?}", run.state, world.left.counts()));
    let names = Names::of(world);
    for task in &names.tasks {
        write_task(&mut text, world, &names, task);
    }
    for patch in &names.patches {
        write_patch(&mut text, world, &names, patch);
    }
    write_streams(&mut text, world);
    write_money(&mut text, world, &names);
    write_breakers(&mut text, world, &names);
    write_workers(&mut text, world, &names);
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
    let due = due_of(task).and_then(|due| names.due.iter().position(|one| *one == due).map(|n| (n, due <= world.now)));
    let patch = task.patch.map(|id| names.patch(id).map_or_else(|| state_of_patch(world, id), |n| n.to_string()));
    let left_out = task.error_class == Some(ErrorClass::DependencyMissed);
    let Task { state, attempts_used, attempts_lost, attempts_granted, .. } = task;
    let counts = (attempts_used, attempts_lost, attempts_granted, ends(world, task));
    write(text, format_args!("|{state} {counts:?} {due:?} {patch:?} {left_out}"));
    if task.spec.route.is_some() {
        write(text, format_args!("{:?}", tries(world, task)));
    }
}

/// Who tried a routed task, and what came of it: that decides who is asked next.
fn tries(world: &World, task: &Task) -> Vec<String> {
    let tries = world.view.all::<Attempt>().filter(|one| one.task == task.id).map(|one| {
        let end = one.end.as_ref();
        let made = end.and_then(|end| end.patch).and_then(|patch| world.view.get::<Patch>(patch));
        let made = made.map(|patch| (patch.state, &patch.refused_by));
        format!("{} {} {:?} {made:?}", one.agent, one.state, end.and_then(|end| end.error_class))
    });
    let mut tries: Vec<String> = tries.collect();
    tries.sort_unstable();
    tries
}

/// How the last tries at a task ended, where that may decide whether it is tried again.
fn ends(world: &World, task: &Task) -> Vec<String> {
    if task.spec.attempts < u32::try_from(limits::SAME_ENDS_MAX).expect("a small number") {
        return Vec::new();
    }
    let mut attempts: Vec<&Attempt> = world.view.all::<Attempt>().filter(|one| one.task == task.id).collect();
    attempts.sort_unstable_by_key(|one| std::cmp::Reverse(one.number));
    let last = attempts.into_iter().take(limits::SAME_ENDS_MAX);
    last.map(|one| {
        let end = one.end.as_ref();
        let why = end.and_then(|end| end.reason.as_ref());
        format!("{} {:?} {why:?}", one.state, end.and_then(|end| end.error_class))
    })
    .collect()
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
    let doubted = patch.doubt.is_some();
    write(
        text,
        format_args!("/{place:?} {state} {touched:?} {released} {stands:?} {rebases} {approved} {allowed} {doubted}"),
    );
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

/// The workstreams, and the gates of theirs and of the run that are not answered, or whose answer counts.
fn write_streams(text: &mut String, world: &World) {
    let mut places = BTreeMap::new();
    for stream in world.view.all::<Workstream>() {
        let missed = stream.error_class.is_some();
        let waits = stream.state == WorkstreamState::Validating;
        places.insert(stream.id, (stream.place, waits));
        write(text, format_args!("~{} {} {missed}", stream.place, stream.state));
    }
    let verifies = world.run().state == RunState::Verifying;
    let own = world.view.all::<GateRun>().filter(|one| one.patch.is_none());
    let texts = own.filter_map(|one| {
        let (of, judged) = match one.workstream {
            Some(stream) => places.get(&stream).map(|(place, waits)| (Some(*place), *waits))?,
            None => (None, verifies),
        };
        let stopped = one.end.as_ref().is_some_and(|end| end.stopped);
        let matters = judged || !one.state.is_finished();
        matters.then(|| format!("{of:?} {} {} {} {stopped}", one.gate.name, one.number, one.state))
    });
    let mut texts: Vec<String> = texts.collect();
    texts.sort_unstable();
    for one in texts {
        write(text, format_args!(",{one}"));
    }
}

/// What may be spent, what was, on which task, and what may still be corrected.
fn write_money(text: &mut String, world: &World, names: &Names<'_>) {
    if world.run().spec.budget.is_none() {
        return;
    }
    if let Some(budget) = world.budget() {
        let (limit, spent, set_aside) = (budget.limit, budget.spent, budget.reserved_total());
        write(text, format_args!("${} {limit} {spent} {set_aside}", budget.state));
    }
    for task in &names.tasks {
        write(text, format_args!("${}", world.spent_on(task.id)));
    }
    let open = world.view.all::<Effect>().filter(|effect| !effect.state.is_finished());
    for effect in open {
        if let Work::Spawn { attempt } = effect.work {
            write(text, format_args!("${} {:?}", attempt_text(world, names, attempt), world.cost_of(attempt)));
        }
    }
}

fn write_breakers(text: &mut String, world: &World, names: &Names<'_>) {
    for breaker in world.view.all::<Breaker>() {
        let before = breaker.until.map(|until| names.due.iter().filter(|due| **due < until).count());
        let over = breaker.until.is_some_and(|until| until <= world.now);
        let trial = breaker.trial.map(|attempt| attempt_text(world, names, attempt));
        let Breaker { agent, state, failures_in_a_row, reopened, .. } = breaker;
        write(text, format_args!("!{agent} {state} {failures_in_a_row} {reopened} {before:?} {over} {trial:?}"));
    }
}

/// The living ones with what they hold. While others may come in their place, also their names, and how often one crashed
/// under each since a person looked.
fn write_workers(text: &mut String, world: &World, names: &Names<'_>) {
    let may_be_replaced = world.left.newcomers > 0;
    let matters = |worker: &&Worker| match worker.state {
        WorkerState::Terminated => may_be_replaced && worker.resumed_at.is_some(),
        WorkerState::Crashed => may_be_replaced,
        _ => true,
    };
    let as_text = |worker: &Worker| {
        let Worker { state, was, holds, resumed_at, capabilities, .. } = worker;
        let holds = holds.as_ref().map(|holding| attempt_text(world, names, holding.attempt));
        let called = may_be_replaced.then(|| (&worker.name, resumed_at.is_some()));
        format!("+{called:?} {capabilities:?} {state} {was:?} {holds:?}")
    };
    let mut workers: Vec<&Worker> = world.shared_workers().filter(matters).collect();
    workers.sort_by_key(|worker| (&worker.name, worker.id));
    let mut texts: Vec<String> = workers.into_iter().map(as_text).collect();
    if !may_be_replaced {
        texts.sort_unstable();
    }
    for one in texts {
        write(text, format_args!("{one}"));
    }
}

fn effect_text(world: &World, names: &Names<'_>, effect: &Effect) -> Option<String> {
    if effect.state.is_finished() {
        return None;
    }
    let subject = match effect.work {
        Work::Spawn { attempt } | Work::Kill { attempt } => attempt_text(world, names, attempt),
        Work::Apply { patch } | Work::Land { patch } => patch_text(world, names, patch),
        Work::Gate { gate_run } => gate_run_text(world, names, gate_run),
        Work::Purge { .. } | Work::Archive { .. } => String::new(),
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
    let stream = run.workstream.and_then(|stream| world.view.get::<Workstream>(stream)).map(|stream| stream.place);
    format!("{patch} {stream:?} {} {}", run.gate.name, run.number)
}
