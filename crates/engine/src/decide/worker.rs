//! Workers: registered, looked at, stopped, and what becomes of what they hold.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Attempt, AttemptEnd, Effect, ErrorClass, Holding, Run, Task, Work, Worker};
use tollhouse_core::lifecycle::{
    AttemptEvent, EffectEvent, EffectState, ResumeTo, RunState, TaskEvent, WokenTo, WorkerEvent, WorkerState,
};
use tollhouse_core::spec::Crew;
use tollhouse_core::{AttemptId, EffectId, RunId, Span, Timestamp, WorkerId, limits};

use super::draft::Draft;
use super::{ending, task};
use crate::command::{Liveness, Newcomer, WorkerSeen, WorkerWish};
use crate::guard::{Guard, lets, stops};
use crate::refusal::Refusal;

/// Takes a worker in that any run may use. Given again with the same id and content, nothing changes.
pub(super) fn register(draft: &mut Draft<'_>, id: WorkerId, newcomer: &Newcomer) -> Result<(), Refusal> {
    draft.rely_on::<Worker>(id.into());
    let Newcomer { name, process, capabilities } = newcomer;
    if let Some(known) = draft.peek::<Worker>(id) {
        let same =
            known.run.is_none() && (&known.name, &known.process, &known.capabilities) == (name, process, capabilities);
        return if same { Ok(()) } else { Err(Refusal::IdReused { id: id.into() }) };
    }
    let namesakes: Vec<&Worker> =
        draft.view().all::<Worker>().filter(|other| other.run.is_none() && other.name == *name).collect();
    if let Some(taken) = namesakes.iter().find(|other| stops(Guard::NameIsFree, !other.state.is_finished())) {
        return Err(Refusal::NameTaken { name: name.clone(), by: taken.id.into() });
    }
    // A person who resumed one of them has looked at what came before, and what is long ago says nothing of today.
    let resumed = namesakes.iter().filter_map(|other| other.resumed_at).max();
    let is_of_today = |at: Timestamp| draft.now.since(at) <= limits::CRASHES_COUNT_FOR;
    let is_recent_crash = |other: &&&Worker| {
        let crashed = other.finished_at.filter(|_| other.state == WorkerState::Crashed);
        crashed > resumed && crashed.is_some_and(is_of_today)
    };
    let crashes = u32::try_from(namesakes.iter().filter(is_recent_crash).count()).unwrap_or(u32::MAX);
    create(draft, id, None, newcomer.clone())?;
    if stops(Guard::CrashesPause, crashes >= limits::CRASHES_MAX) {
        let reason = format!("{crashes} workers of this name crashed: a person has to resume it");
        draft.emit::<Worker>(id, &WorkerEvent::Pause { reason })?;
    }
    Ok(())
}

fn create(draft: &mut Draft<'_>, id: WorkerId, run: Option<RunId>, newcomer: Newcomer) -> Result<(), Refusal> {
    let worker = Box::new(Worker {
        id,
        run,
        name: newcomer.name,
        process: newcomer.process,
        capabilities: newcomer.capabilities,
        state: WorkerState::Spawning,
        was: None,
        holds: None,
        workstream: None,
        attempts: 0,
        failures: 0,
        lost: 0,
        busy: Span::default(),
        reason: None,
        registered_at: draft.now,
        resumed_at: None,
        finished_at: None,
    });
    draft.emit::<Worker>(id, &WorkerEvent::Created { worker })?;
    draft.emit::<Worker>(id, &WorkerEvent::Ready)
}

/// One of a run's own workers that is idle: the one that last worked in this workstream, if there is one; else a new one.
pub(super) fn own(draft: &mut Draft<'_>, run: &Run, workstream: Option<&str>) -> Result<WorkerId, Refusal> {
    let idle = draft.in_states::<Worker>(run.id, &[WorkerState::Idle]);
    let at_home = |worker: &&&Worker| workstream.is_some() && worker.workstream.as_deref() == workstream;
    if let Some(worker) = idle.iter().find(at_home).or(idle.first()) {
        return Ok(worker.id);
    }
    let Some(conductor) = &run.conductor else { return Err(Refusal::NotDriven { id: run.id.into() }) };
    let names: BTreeSet<&str> = draft.any_unfinished::<Worker>(run.id).map(|worker| worker.name.as_str()).collect();
    let name =
        (1..=names.len() + 1).map(|number| format!("local-{number}")).find(|name| !names.contains(name.as_str()));
    let newcomer = Newcomer {
        name: name.unwrap_or_else(|| "local".to_owned()),
        process: conductor.process.clone(),
        capabilities: BTreeSet::new(),
    };
    let id = WorkerId::from_parts(draft.now, draft.random_id_bits());
    create(draft, id, Some(run.id), newcomer)?;
    Ok(id)
}

/// Gives a worker what it is to do.
pub(super) fn assign(draft: &mut Draft<'_>, id: WorkerId, attempt: &Attempt) -> Result<(), Refusal> {
    let workstream = draft.peek::<Task>(attempt.task).and_then(|task| task.spec.workstream.clone());
    let Attempt { run, task, id: attempt, epoch, .. } = *attempt;
    let holding = Holding { run, task, attempt, epoch, since: draft.now };
    draft.emit::<Worker>(id, &WorkerEvent::Assign { holding, workstream })
}

/// The processes of an attempt are over, or never were: its worker is free for something else. Where a shared one is not known,
/// it lets go once it is looked at.
pub(super) fn let_go(draft: &mut Draft<'_>, id: AttemptId) -> Result<(), Refusal> {
    let Some(attempt) = draft.peek::<Attempt>(id).cloned() else { return Ok(()) };
    // Nobody who holds it is left to end what ended by itself.
    draft.withdraw(attempt.run, id.into(), "what it was to end is over")?;
    let ended = attempt.state;
    let Some(worker) = attempt.by.and_then(|by| draft.peek::<Worker>(by)) else { return Ok(()) };
    let holds = worker.holds.as_ref().is_some_and(|holding| holding.attempt == id);
    // One that is silent lets go once it speaks again.
    if !holds || worker.state == WorkerState::Unresponsive {
        return Ok(());
    }
    let (id, drains) = (worker.id, worker.state == WorkerState::Draining);
    draft.emit::<Worker>(id, &WorkerEvent::Release { ended })?;
    if drains { draft.emit::<Worker>(id, &WorkerEvent::Drained) } else { Ok(()) }
}

/// Lets the workers of a run go that hold nothing: nobody drives it any more.
pub(super) fn dismiss(draft: &mut Draft<'_>, run: RunId) -> Result<(), Refusal> {
    let idle = draft.in_states::<Worker>(run, &[WorkerState::Idle, WorkerState::Paused]);
    let idle: Vec<WorkerId> =
        idle.into_iter().filter(|worker| worker.holds.is_none()).map(|worker| worker.id).collect();
    for worker in idle {
        draft.emit::<Worker>(worker, &WorkerEvent::Terminate { reason: "its run needs it no more".to_owned() })?;
    }
    Ok(())
}

/// The program of a run's own workers is gone. What they held is lost once somebody looked what became of it.
pub(super) fn crash_own(draft: &mut Draft<'_>, run: RunId, reason: &str) -> Result<(), Refusal> {
    let crew: Vec<WorkerId> = draft.unfinished::<Worker>(run).into_iter().map(|worker| worker.id).collect();
    for worker in crew {
        draft.emit::<Worker>(worker, &WorkerEvent::Crash { reason: reason.to_owned() })?;
    }
    Ok(())
}

/// Takes in what was seen of a worker; the answer is the run in which something may follow.
pub(super) fn look(draft: &mut Draft<'_>, id: WorkerId, seen: &WorkerSeen) -> Result<Option<RunId>, Refusal> {
    let worker = draft.get::<Worker>(id)?;
    if stops(Guard::CrashedIsRefused, worker.state.is_finished()) {
        return Err(Refusal::AlreadyFinished { id: id.into(), state: worker.state.as_str() });
    }
    let run = worker.holds.as_ref().map(|holding| holding.run);
    if let Some(run) = run {
        draft.run(run)?;
    }
    match seen.liveness {
        Liveness::Alive => {
            wake(draft, &worker)?;
            stall(draft, &worker, seen.last_output)?;
        }
        Liveness::Gone => crash(draft, &worker, "its program is gone")?,
        Liveness::OutOfSight { last_seen } => miss(draft, &worker, last_seen)?,
    }
    Ok(run)
}

/// It spoke: what it was is what it is again. What is over by now, it lets go.
fn wake(draft: &mut Draft<'_>, worker: &Worker) -> Result<(), Refusal> {
    let over = worker.holds.as_ref().map(|holding| holding.attempt).filter(|attempt| is_over(draft, *attempt));
    if worker.state == WorkerState::Unresponsive {
        let to = match worker.was {
            Some(WorkerState::Paused) => WokenTo::Paused,
            Some(WorkerState::Draining) => WokenTo::Draining,
            Some(WorkerState::Busy) => WokenTo::Busy,
            _ => WokenTo::Idle,
        };
        draft.emit::<Worker>(worker.id, &WorkerEvent::Heartbeat { to })?;
        if worker.was == Some(WorkerState::Draining) && worker.holds.is_none() {
            return draft.emit::<Worker>(worker.id, &WorkerEvent::Drained);
        }
    }
    over.map_or(Ok(()), |attempt| let_go(draft, attempt))
}

/// Whether nothing of an attempt is alive any more.
fn is_over(draft: &Draft<'_>, id: AttemptId) -> bool {
    let Some(attempt) = draft.peek::<Attempt>(id) else { return true };
    let mut effects = draft.any_unfinished::<Effect>(attempt.run);
    attempt.state.is_finished() && !effects.any(|effect| effect.work == Work::Spawn { attempt: id })
}

/// It is alive and nothing comes from it.
fn stall(draft: &mut Draft<'_>, worker: &Worker, last_output: Option<Timestamp>) -> Result<(), Refusal> {
    let (Some(holding), Some(last_output)) = (&worker.holds, last_output) else { return Ok(()) };
    let patience = draft.run(holding.run)?.spec.stall_timeout;
    let quiet_since = last_output.max(holding.since);
    let held = draft.get::<Task>(holding.task)?;
    let leased = held.lease.as_ref().is_some_and(|lease| lease.attempt == holding.attempt);
    if !leased || stops(Guard::StalledIsLong, quiet_since.after(patience) > draft.now) {
        return Ok(());
    }
    task::overdue(draft, &held, holding.attempt, &format!("stalled: nothing came from it for {patience}"))
}

/// Nothing was heard of it: first it is silent, then its lease is over, then it is gone.
fn miss(draft: &mut Draft<'_>, worker: &Worker, last_seen: Option<Timestamp>) -> Result<(), Refusal> {
    let last = last_seen.unwrap_or(worker.registered_at).max(worker.registered_at);
    let silent_for = |span: Span| draft.now > last.after(span);
    let reason = format!("nothing was heard of it since {last}");
    if lets(Guard::GoneIsSilentLong, silent_for(limits::SILENT_MAX)) {
        return crash(draft, worker, &reason);
    }
    let lease_over = lets(Guard::LeaseHasExpired, silent_for(limits::LEASE));
    if silent_for(limits::UNRESPONSIVE_AFTER) && worker.state != WorkerState::Unresponsive {
        // Spawning and registering are one commit, so there is no state here that cannot fall silent.
        draft.emit::<Worker>(worker.id, &WorkerEvent::Silent { reason: reason.clone() })?;
    }
    if lease_over { lose_held(draft, worker, &format!("its lease is over: {reason}")) } else { Ok(()) }
}

fn crash(draft: &mut Draft<'_>, worker: &Worker, reason: &str) -> Result<(), Refusal> {
    lose_held(draft, worker, &format!("its worker crashed: {reason}"))?;
    draft.emit::<Worker>(worker.id, &WorkerEvent::Crash { reason: reason.to_owned() })
}

/// What a worker holds is lost to it: the task goes on without it, and somebody has to look at what it left.
fn lose_held(draft: &mut Draft<'_>, worker: &Worker, reason: &str) -> Result<(), Refusal> {
    let Some(holding) = &worker.holds else { return Ok(()) };
    let (attempt, run) = (holding.attempt, holding.run);
    draft.withdraw(run, attempt.into(), reason)?;
    let is_begun = |effect: &&Effect| effect.work.subject() == attempt.into() && effect.state == EffectState::Started;
    let begun: Vec<EffectId> = draft.unsettled(run).filter(is_begun).map(|effect| effect.id).collect();
    for effect in begun {
        draft.emit::<Effect>(effect, &EffectEvent::Lose { reason: reason.to_owned() })?;
    }
    let held = draft.get::<Task>(holding.task)?;
    if held.lease.as_ref().is_none_or(|lease| lease.attempt != attempt) {
        return Ok(());
    }
    let end = AttemptEnd {
        error_class: Some(ErrorClass::WorkerLost),
        reason: Some(reason.to_owned()),
        ..AttemptEnd::default()
    };
    ending::end(draft, attempt, &AttemptEvent::Lose { end: Box::new(end) }, None)?;
    let then = task::retry_lost_or_fail(draft, &held);
    draft.emit::<Task>(held.id, &TaskEvent::Lose { then, reason: reason.to_owned() })
}

/// Does what a person wants of a worker.
pub(super) fn word(draft: &mut Draft<'_>, id: WorkerId, wish: WorkerWish, reason: &str) -> Result<(), Refusal> {
    let worker = draft.get::<Worker>(id)?;
    if worker.state.is_finished() {
        return Err(Refusal::AlreadyFinished { id: id.into(), state: worker.state.as_str() });
    }
    let reason = reason.to_owned();
    let event = match wish {
        WorkerWish::Pause => WorkerEvent::Pause { reason },
        WorkerWish::Resume => {
            let to = if worker.holds.is_some() { ResumeTo::Busy } else { ResumeTo::Idle };
            WorkerEvent::Resume { to, reason }
        }
        WorkerWish::Drain => WorkerEvent::Drain { reason },
        WorkerWish::Terminate => {
            if stops(Guard::TerminateNeedsNothingHeld, worker.holds.is_some()) {
                return Err(Refusal::WorkerNotIdle { id: id.into(), state: worker.state.as_str() });
            }
            WorkerEvent::Terminate { reason }
        }
    };
    draft.emit::<Worker>(id, &event)?;
    let drained = wish == WorkerWish::Drain && lets(Guard::DrainedNeedsNothingHeld, worker.holds.is_none());
    if drained { draft.emit::<Worker>(id, &WorkerEvent::Drained) } else { Ok(()) }
}

/// Refuses who was not given what it wants to begin.
pub(super) fn must_hold(draft: &mut Draft<'_>, id: WorkerId, effect: &Effect) -> Result<(), Refusal> {
    let worker = draft.get::<Worker>(id)?;
    // What it runs, it ends, too: nobody else can reach it.
    let holds = |holding: &Holding| effect.work.subject() == holding.attempt.into();
    let is_its_own = !worker.state.is_finished() && worker.holds.as_ref().is_some_and(holds);
    if lets(Guard::ClaimNeedsTheLease, is_its_own) {
        return Ok(());
    }
    Err(Refusal::StaleLease { id: effect.id.into(), given: 0, current: effect.epoch })
}

/// Whether an effect is for the shared worker that holds its attempt, and so for nobody else.
pub(super) fn is_for_shared(draft: &Draft<'_>, effect: &Effect) -> bool {
    let is_shared = |run| draft.peek::<Run>(run).is_some_and(|run: &Run| run.spec.crew == Crew::Shared);
    matches!(effect.work, Work::Spawn { .. } | Work::Kill { .. }) && effect.run.is_some_and(is_shared)
}

/// A worker that any run may use and that is idle.
pub(super) fn idle(draft: &mut Draft<'_>, id: WorkerId) -> Result<Worker, Refusal> {
    let worker = draft.get::<Worker>(id)?;
    if worker.state.is_finished() {
        return Err(Refusal::AlreadyFinished { id: id.into(), state: worker.state.as_str() });
    }
    if stops(Guard::WorkNeedsIdle, worker.state != WorkerState::Idle || worker.run.is_some()) {
        return Err(Refusal::WorkerNotIdle { id: id.into(), state: worker.state.as_str() });
    }
    Ok(worker)
}

/// The runs whose tasks shared workers take.
pub(super) fn runs_that_share(draft: &Draft<'_>) -> Vec<RunId> {
    let shares = |run: &&Run| run.state == RunState::Running && run.spec.crew == Crew::Shared;
    draft.view().all::<Run>().filter(shares).map(|run| run.id).collect()
}
