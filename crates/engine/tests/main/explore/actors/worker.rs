//! Shared workers: they ask for work and do what they were given, fall silent, crash, and register again. People pause, drain
//! and end them.

use tollhouse_core::entity::{Attempt, Effect, Work, Worker};
use tollhouse_core::lifecycle::{AttemptState, EffectState, RunState, WorkerState};
use tollhouse_core::{Span, Timestamp};
use tollhouse_engine::{Claimant, Command, Liveness, WorkerSeen, WorkerWish};

use super::doing::outcomes;
use crate::explore::settings::{Allowance, Setting};
use crate::explore::world::{By, Move, Probe, Then, World};
use crate::world;

/// For how long nothing is heard of one: so that it is silent, that its lease is over, that it is gone.
const SILENCES: [(&str, Span); 3] = [
    ("nothing is heard for a while of", Span::from_millis(15_001)),
    ("nothing is heard for the time of a lease of", Span::from_millis(30_001)),
    ("nothing is heard for too long of", Span::from_millis(60_001)),
];

pub(super) fn moves(world: &World, setting: &Setting) -> Vec<Move> {
    let mut moves = Vec::new();
    for worker in world.shared_workers().filter(|worker| !worker.state.is_finished()) {
        if worker.state == WorkerState::Idle {
            let asks = || of_worker(world, "asks for work:", worker, Command::Work { worker: worker.id });
            moves.push(asks());
            let run = world.run();
            let deadline = run.started_at.and_then(|started| Some(started.after(run.spec.deadline?)));
            if let Some(at) = deadline.filter(|_| world.left.late > 0) {
                let takes = |left: &mut Allowance| left.late -= 1;
                moves.push(Move { at: at.max(world.now), takes, ..asks() });
            }
        }
        // Of what goes on it is a probe that nothing changes.
        let holds_over = worker.holds.is_some() && held_running(world, worker).is_none();
        if holds_over || worker.state == WorkerState::Unresponsive {
            moves.push(of_worker(world, "is alive:", worker, look(worker, Liveness::Alive, None)));
        }
        if worker.state == WorkerState::Paused {
            let resume = wish(worker, WorkerWish::Resume);
            moves.push(Move { by: By::Awaited, ..of_worker(world, "a person lets go on", worker, resume) });
        }
        if !is_run_over(world) {
            moves.extend(trouble(world, worker));
            moves.extend(words(world, worker));
        }
    }
    for effect in world.view.all::<Effect>().filter(|effect| world.is_for_worker(effect)) {
        moves.extend(doing(world, setting, effect));
    }
    moves.extend(newcomers(world, setting));
    moves
}

fn of_worker(world: &World, what: &'static str, worker: &Worker, command: Command) -> Move {
    let about = Some(worker.id.into());
    Move { what, about, by: By::Worker, command, at: world.now, then: Then::Nothing, takes: |_| {} }
}

fn look(worker: &Worker, liveness: Liveness, last_output: Option<Timestamp>) -> Command {
    Command::LookAtWorker { worker: worker.id, seen: WorkerSeen { liveness, last_output } }
}

fn wish(worker: &Worker, wish: WorkerWish) -> Command {
    Command::OverrideWorker { worker: worker.id, wish, reason: "because".to_owned() }
}

/// What nobody has to wait for any more.
fn is_run_over(world: &World) -> bool {
    matches!(world.run().state, RunState::Succeeded | RunState::Failed | RunState::Canceled)
}

fn trouble(world: &World, worker: &Worker) -> Vec<Move> {
    let mut moves = Vec::new();
    if world.left.has(world.left.crashes) {
        let takes = |left: &mut Allowance| left.trouble(|left| &mut left.crashes);
        let gone = look(worker, Liveness::Gone, None);
        moves.push(Move { takes, ..of_worker(world, "crashes:", worker, gone) });
    }
    if world.left.silences > 0 {
        moves.extend(SILENCES.map(|(what, span)| {
            let silent = look(worker, Liveness::OutOfSight { last_seen: Some(world.now) }, None);
            let takes = |left: &mut Allowance| left.silences -= 1;
            Move { at: world.now.after(span), takes, ..of_worker(world, what, worker, silent) }
        }));
    }
    if world.left.stalls > 0 && held_running(world, worker).is_some() {
        let stalled = look(worker, Liveness::Alive, Some(world.now));
        let takes = |left: &mut Allowance| left.stalls -= 1;
        let at = world.now.after(world.run().spec.stall_timeout);
        let what = "is alive, and nothing came from what it runs:";
        moves.push(Move { at, takes, ..of_worker(world, what, worker, stalled) });
    }
    moves
}

/// The attempt that a worker holds, while it goes on.
fn held_running<'w>(world: &'w World, worker: &Worker) -> Option<&'w Attempt> {
    let held = worker.holds.as_ref().and_then(|holding| world.view.get::<Attempt>(holding.attempt));
    held.filter(|attempt| attempt.state == AttemptState::Running)
}

fn words(world: &World, worker: &Worker) -> Vec<Move> {
    if world.left.worker_words == 0 {
        return Vec::new();
    }
    let all = [
        ("a person pauses", WorkerWish::Pause),
        ("a person drains", WorkerWish::Drain),
        ("a person ends", WorkerWish::Terminate),
    ];
    let asked = |(what, want)| {
        let takes = |left: &mut Allowance| left.worker_words -= 1;
        Move { by: By::Person, takes, ..of_worker(world, what, worker, wish(worker, want)) }
    };
    all.map(asked).into()
}

/// What a worker does with what it holds. Once it is gone, nobody does.
fn doing(world: &World, setting: &Setting, effect: &Effect) -> Vec<Move> {
    let rests = matches!(world.run().state, RunState::Paused | RunState::Canceling);
    let Some(holder) = holder(world, effect) else { return Vec::new() };
    let step = |what, command| Move { about: Some(effect.id.into()), ..of_worker(world, what, holder, command) };
    match effect.state {
        EffectState::Requested if !rests || matches!(effect.work, Work::Kill { .. }) => {
            vec![step("claims", claim(world, effect, Some(holder)))]
        }
        EffectState::Started => {
            let report = |outcome| Command::Report { effect: effect.id, epoch: effect.epoch, outcome };
            // Patches are younger than those before.
            let at = world.next_moment();
            let went = outcomes(world, setting, effect).into_iter();
            went.map(|went| Move {
                at,
                then: went.then,
                takes: went.takes,
                ..step(went.what, report(Box::new(went.outcome)))
            })
            .collect()
        }
        _ => Vec::new(),
    }
}

/// The living worker that holds the attempt of an effect.
fn holder<'w>(world: &'w World, effect: &Effect) -> Option<&'w Worker> {
    let holds = |worker: &&Worker| {
        let holding = worker.holds.as_ref();
        !worker.state.is_finished() && holding.is_some_and(|holding| effect.work.subject() == holding.attempt.into())
    };
    world.shared_workers().find(holds)
}

fn claim(world: &World, effect: &Effect, worker: Option<&Worker>) -> Command {
    let worker = worker.map(|worker| worker.id);
    let by = Claimant { worker, ..world::claimant(0) };
    Command::Claim { effect: effect.id, by, until: world.now.after(Span::from_secs(600)) }
}

/// Those that come in the place of one that is over.
fn newcomers(world: &World, setting: &Setting) -> Vec<Move> {
    if world.left.newcomers == 0 || is_run_over(world) {
        return Vec::new();
    }
    let is_free = |name: &str| world.shared_workers().all(|worker| worker.name != name || worker.state.is_finished());
    let free = setting.crew.iter().filter(|(name, _)| is_free(name));
    free.map(|(name, able)| Move {
        what: "a worker registers in the place of one that is over",
        about: None,
        by: By::Worker,
        command: world.registration(name, able),
        at: world.now,
        then: Then::Nothing,
        takes: |left| left.newcomers -= 1,
    })
    .collect()
}

pub(super) fn probes(world: &World) -> Vec<Probe> {
    let mut probes = Vec::new();
    for worker in world.shared_workers() {
        let probe = |what, command, codes| Probe { what, about: Some(worker.id.into()), command, codes };
        let over: &[&str] = &["already_finished"];
        if worker.state.is_finished() {
            probes.push(probe("is over and speaks:", look(worker, Liveness::Alive, None), over));
            probes.push(probe("is over and asks for work:", Command::Work { worker: worker.id }, over));
            probes.push(probe("is over and paused:", wish(worker, WorkerWish::Pause), over));
            continue;
        }
        let same = world.registration(&worker.name, &[]);
        probes.push(probe("registers again, and lives:", same, &["name_taken"]));
        if worker.state != WorkerState::Idle {
            let not_idle: &[&str] = &["worker_not_idle"];
            probes.push(probe("is not idle and asks for work:", Command::Work { worker: worker.id }, not_idle));
        }
        if worker.holds.is_some() {
            probes.push(probe(
                "is ended and holds something:",
                wish(worker, WorkerWish::Terminate),
                &["worker_not_idle"],
            ));
        }
        if held_running(world, worker).is_some() && worker.state != WorkerState::Unresponsive {
            probes.push(probe(
                "is alive, and something just came:",
                look(worker, Liveness::Alive, Some(world.now)),
                &[],
            ));
        }
    }
    for effect in world.view.all::<Effect>().filter(|effect| world.is_for_worker(effect)) {
        if effect.state != EffectState::Requested {
            continue;
        }
        let probe = |what, command| Probe { what, about: Some(effect.id.into()), command, codes: &["stale_lease"] };
        let epoch = world.run().conductor.as_ref().map_or(0, |conductor| conductor.epoch);
        let until = world.now.after(Span::from_secs(600));
        let by = world::claimant(epoch);
        probes.push(probe(
            "who drives the run claims what a worker holds:",
            Command::Claim { effect: effect.id, by, until },
        ));
        let holder = holder(world, effect).map(|holder| holder.id);
        for other in world.shared_workers().filter(|worker| Some(worker.id) != holder) {
            probes.push(probe("a worker claims what it does not hold:", claim(world, effect, Some(other))));
        }
    }
    probes
}
