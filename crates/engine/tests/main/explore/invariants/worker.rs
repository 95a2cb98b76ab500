//! What holds of shared workers.

use std::collections::BTreeSet;

use tollhouse_core::entity::Worker;
use tollhouse_core::lifecycle::{AttemptState, TaskState, WorkerState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{AttemptId, Span, Timestamp, limits};
use tollhouse_engine::{Command, Liveness, WorkerSeen};

use super::scene::{Scene, worker_is_over};
use super::{OfState, OfStep, Step, at_step, in_state};

/// What holds of them in each state.
pub(super) const IN_EACH_STATE: &[OfState] = &[
    in_state(
        "a worker holds what its state says",
        "idle: assign, busy; drained: holds nothing.",
        holds_what_state_says,
    ),
    in_state("a worker holds one lease", "running: worker idle and capable; one lease a worker.", one_lease_each),
    in_state("a worker can do what it holds", "lease: worker idle and capable.", can_do_what_it_holds),
    in_state("living workers have names of their own", "A crashed one registers anew.", names_are_free),
    in_state("a silent worker was something", "heartbeat: the state it left.", silent_was_something),
];

/// What holds of them at each step.
pub(super) const AT_EACH_STEP: &[OfStep] = &[
    at_step("only an idle worker is given something", "Paused: takes nothing new.", idle_is_given),
    at_step("a crash loses what was held", "crash: its attempts are `lost`.", crash_loses),
    at_step(
        "a crash is seen, or long silence",
        "crash: process gone, or silent past the limit: after 60 s.",
        crash_is_seen,
    ),
    at_step("a lease is over after its time", "A lease lasts 30 s and each heartbeat renews it.", lease_lasts),
    at_step("silence is three missed heartbeats", "unresponsive after 3 missed.", silence_is_long),
    at_step("stalled is long", "Stalled: alive, but no output or event for `stall_timeout`.", stalled_is_long),
    at_step("crashes pause a name", "After so many crashes under one name a worker waits for a person.", crashes_pause),
    at_step("what is held goes on", "paused: what it holds goes on; draining: finishes what it holds.", held_goes_on),
];

fn shares(s: &Scene<'_>) -> bool {
    s.run.spec.crew == Crew::Shared
}

fn holds_what_state_says(s: &Scene<'_>) -> bool {
    s.workers.iter().all(|worker| match worker.state {
        WorkerState::Busy | WorkerState::Draining => worker.holds.is_some(),
        WorkerState::Spawning | WorkerState::Idle | WorkerState::Terminated | WorkerState::Crashed => {
            worker.holds.is_none()
        }
        WorkerState::Paused | WorkerState::Unresponsive => true,
    })
}

/// What runs is held by the worker that it was given, and no two hold the same.
fn one_lease_each(s: &Scene<'_>) -> bool {
    let held: Vec<AttemptId> =
        s.workers.iter().filter_map(|worker| worker.holds.as_ref()).map(|held| held.attempt).collect();
    let once: BTreeSet<AttemptId> = held.iter().copied().collect();
    let running = s.attempts.iter().filter(|attempt| attempt.state == AttemptState::Running);
    let is_held = |id| {
        let holders = s.workers.iter().filter(|worker| worker.holds.as_ref().is_some_and(|held| held.attempt == id));
        holders.count() == 1
    };
    !shares(s) || (held.len() == once.len() && running.into_iter().all(|attempt| is_held(attempt.id)))
}

fn can_do_what_it_holds(s: &Scene<'_>) -> bool {
    s.workers.iter().all(|worker| {
        let task = worker.holds.as_ref().and_then(|held| s.tasks.iter().find(|task| task.id == held.task));
        task.is_none_or(|task| task.spec.capabilities.iter().all(|word| worker.capabilities.contains(word)))
    })
}

fn names_are_free(s: &Scene<'_>) -> bool {
    let living = || s.workers.iter().filter(|worker| !worker_is_over(worker.state));
    let names: BTreeSet<&str> = living().map(|worker| worker.name.as_str()).collect();
    names.len() == living().count()
}

fn silent_was_something(s: &Scene<'_>) -> bool {
    s.workers.iter().all(|worker| (worker.state == WorkerState::Unresponsive) == worker.was.is_some())
}

fn idle_is_given(s: &Step<'_>) -> bool {
    s.after.workers.iter().all(|worker| {
        let before = s.before.worker(worker.id);
        let held = |worker: &Worker| worker.holds.as_ref().map(|held| held.attempt);
        let given = held(worker).is_some() && before.is_none_or(|before| held(before) != held(worker));
        !given || before.is_some_and(|before| before.state == WorkerState::Idle)
    })
}

/// Those that crashed at this step, as they were.
fn crashed<'s>(s: &'s Step<'_>) -> impl Iterator<Item = &'s Worker> {
    s.before.workers.iter().copied().filter(|before| {
        let after = s.after.worker(before.id);
        before.state != WorkerState::Crashed && after.is_some_and(|after| after.state == WorkerState::Crashed)
    })
}

fn crash_loses(s: &Step<'_>) -> bool {
    crashed(s).filter_map(|worker| worker.holds.as_ref()).all(|held| {
        let state = |scene: &Scene<'_>| scene.attempt(held.attempt).map(|attempt| attempt.state);
        state(s.before) != Some(AttemptState::Running) || state(s.after) == Some(AttemptState::Lost)
    })
}

/// The worker that is looked at, and what was seen of it.
fn seen<'s>(s: &'s Step<'_>) -> Option<(&'s Worker, WorkerSeen)> {
    let Command::LookAtWorker { worker, seen } = s.done.command else { return None };
    s.before.worker(worker).map(|worker| (worker, seen))
}

/// For how long nothing was heard of a worker that is looked at: for no time where it is seen.
fn silent_for(s: &Step<'_>) -> Span {
    match seen(s) {
        Some((worker, WorkerSeen { liveness: Liveness::OutOfSight { last_seen }, .. })) => {
            let last = last_seen.unwrap_or(worker.registered_at);
            s.done.at.since(last.max(worker.registered_at))
        }
        _ => Span::default(),
    }
}

fn crash_is_seen(s: &Step<'_>) -> bool {
    let gone = seen(s).is_some_and(|(_, seen)| seen.liveness == Liveness::Gone);
    crashed(s).next().is_none() || gone || silent_for(s) > Span::from_secs(60)
}

/// What a worker that is looked at held before, and how it ended by that, if it did.
fn ended_by_look(s: &Step<'_>) -> Option<AttemptState> {
    let held = seen(s)?.0.holds.as_ref()?;
    let before = s.before.attempt(held.attempt).filter(|attempt| attempt.state == AttemptState::Running)?;
    s.after.attempt(before.id).map(|attempt| attempt.state).filter(|state| *state != AttemptState::Running)
}

fn lease_lasts(s: &Step<'_>) -> bool {
    let Some((worker, seen)) = seen(s) else { return true };
    let held = worker.holds.as_ref().and_then(|held| s.before.attempt(held.attempt));
    let ran = held.is_some_and(|attempt| attempt.state == AttemptState::Running);
    let gone = seen.liveness == Liveness::Gone || silent_for(s) > Span::from_secs(30);
    !ran || (ended_by_look(s) == Some(AttemptState::Lost)) == gone
}

fn silence_is_long(s: &Step<'_>) -> bool {
    let Some((before, _)) = seen(s) else { return true };
    let silent = s.after.worker(before.id).is_some_and(|after| after.state == WorkerState::Unresponsive);
    !silent || before.state == WorkerState::Unresponsive || silent_for(s) > Span::from_secs(15)
}

fn stalled_is_long(s: &Step<'_>) -> bool {
    let Some((worker, seen)) = seen(s).filter(|_| ended_by_look(s) == Some(AttemptState::TimedOut)) else {
        return true;
    };
    let given = worker.holds.as_ref().map(|held| held.since);
    let quiet_since: Option<Timestamp> = seen.last_output.max(given);
    seen.last_output.is_some()
        && quiet_since.is_some_and(|since| s.done.at.since(since) >= s.before.run.spec.stall_timeout)
}

fn crashes_pause(s: &Step<'_>) -> bool {
    let Command::RegisterWorker { worker: id, newcomer } = &s.done.command else { return true };
    let namesakes = || s.before.workers.iter().filter(|worker| worker.name == newcomer.name);
    let looked_at = namesakes().filter_map(|worker| worker.resumed_at).max();
    let crashes = namesakes().filter(|worker| worker.state == WorkerState::Crashed && worker.finished_at > looked_at);
    let many = crashes.count() >= usize::try_from(limits::CRASHES_MAX).expect("a small number");
    s.after.worker(*id).is_some_and(|worker| (worker.state == WorkerState::Paused) == many)
}

/// A person's word on a worker ends nothing that it holds.
fn held_goes_on(s: &Step<'_>) -> bool {
    let Command::OverrideWorker { worker, .. } = s.done.command else { return true };
    let held = |scene: &Scene<'_>| scene.worker(worker).and_then(|worker| worker.holds.clone());
    let running = |scene: &Scene<'_>| scene.tasks.iter().filter(|task| task.state == TaskState::Running).count();
    held(s.before) == held(s.after) && running(s.before) == running(s.after)
}
