//! The loop: ask, do, report, until the run is over or rests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;
use std::time::Duration;

use tollhouse_core::entity::{Effect, ErrorClass, GateRun, Run, Work};
use tollhouse_core::lifecycle::{EffectState, RunState};
use tollhouse_core::{Actor, EffectId, Event, Kind, RunId, Span, Timestamp, limits};
use tollhouse_engine::{
    At, Claimant, Command, Engine, EngineError, Outcome, Refusal, View, Witness, is_awaited, next_deadline,
};
use tollhouse_state::{CommitError, Store};

use super::commit::carry_out;
use super::lease::{Heartbeat, look_at_conductor, this_process};
use super::perform::{Assignment, Hands, clear_away, perform};
use super::recovery;
use super::runs::Progress;
use super::switches::Switches;
use crate::clock;
use crate::error::RunnerError;
use crate::process::Force;

/// How often the loop looks up when nothing happens: so that an interruption is seen, and what others did.
const LOOK_UP: Duration = Duration::from_millis(100);

/// The name under which this machine works.
const WORKER: &str = "local";

/// An effect that has ended.
struct Report {
    effect: EffectId,
    epoch: u64,
    outcome: Outcome,
}

/// One run on its way.
pub(super) struct Drive<'d> {
    pub(super) engine: Engine<&'d dyn Store>,
    pub(super) run: RunId,
    pub(super) watch: &'d mut dyn FnMut(&Progress<'_>),
    pub(super) interrupted: &'d AtomicBool,
    pub(super) person: Actor,
    pub(super) switches: &'d Switches,
    /// The epoch that this program drives with; 0 before it does.
    pub(super) epoch: u64,
    /// Whether the circuit breaker of an agent moved since the clock was looked at last: where another run moved it, something may be
    /// free to begin.
    pub(super) breakers_moved: bool,
}

/// How a drive came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The run is over, or rests until a person has spoken.
    ByItself,
    /// Somebody interrupted this program.
    Interrupted,
}

impl Drive<'_> {
    /// Has a command decided, and shows what came of it.
    pub(super) fn execute(&mut self, command: &Command, actor: &Actor, at: At) -> Result<(), EngineError> {
        let events = carry_out(&mut self.engine, command, actor, at)?;
        self.show(&events);
        Ok(())
    }

    fn catch_up(&mut self) -> Result<(), EngineError> {
        let events = self.engine.catch_up()?;
        self.show(&events);
        Ok(())
    }

    fn show(&mut self, events: &[Event]) {
        self.breakers_moved |= events.iter().any(|event| event.record.kind() == Kind::Breaker);
        (self.watch)(&Progress { events, view: self.engine.view(), run: self.run });
    }

    /// Becomes the one that drives the run, if nobody alive does.
    pub(super) fn take(&mut self) -> Result<(), RunnerError> {
        clock::not_before(self.engine.newest_at());
        let seen = look_at_conductor(*self.engine.store(), self.engine.view(), self.run)?;
        let drive = Command::Drive { run: self.run, process: this_process(), seen };
        self.execute(&drive, &Actor::Worker(WORKER.to_owned()), clock::at())?;
        self.epoch = self.engine.view().get::<Run>(self.run).map_or(0, |run| run.conductors);
        Ok(())
    }

    /// Looks at the world for every effect that nobody knows the end of.
    pub(super) fn recover(&mut self, hands: &Hands<'_>) -> Result<(), RunnerError> {
        let unknown: Vec<Effect> = in_state(self.engine.view(), self.run, EffectState::Unknown);
        for effect in unknown {
            let found = recovery::look(hands, &effect, self.engine.view())?;
            let settle = Command::Settle { effect: effect.id, by: Witness::Conductor(self.epoch), found };
            self.execute(&settle, &Actor::Worker(WORKER.to_owned()), clock::at())?;
        }
        Ok(())
    }

    /// Drives the run until it is over or rests, and then gives it back. Nothing is left running that nobody listens to.
    pub(super) fn go(&mut self, hands: &Hands<'_>) -> Result<Stopped, RunnerError> {
        let (sender, reports) = channel();
        let driven = std::thread::scope(|scope| {
            let looped = self.turn(&reports, &mut |effect, view| start(scope, hands, effect, view, &sender));
            if looped.is_err() {
                hands.switches.throw_all(Force::Asked);
            }
            looped
        });
        if driven.is_ok() {
            clear_away(&hands.site.run_dir(self.run));
        }
        match self.step_down() {
            // Whoever was replaced has nothing to give back.
            Err(EngineError::Refused(Refusal::StaleLease { .. })) => driven,
            Err(error) => driven.and(Err(error.into())),
            Ok(()) => driven,
        }
    }

    pub(super) fn step_down(&mut self) -> Result<(), EngineError> {
        let command = Command::StepDown { run: self.run, epoch: self.epoch };
        self.execute(&command, &Actor::Worker(WORKER.to_owned()), clock::at())
    }

    /// Ask, do, report. Interrupted, it pauses the run, ends what agents and gates do, and waits for what was alive: how it
    /// ended is on the ledger before this returns.
    fn turn(
        &mut self,
        reports: &Receiver<Report>,
        begin: &mut dyn FnMut(&Effect, &View),
    ) -> Result<Stopped, RunnerError> {
        let worker = Actor::Worker(WORKER.to_owned());
        let mut heartbeat = Heartbeat::default();
        let mut interruptions = 0_u32;
        let mut alive = 0_usize;
        let mut looked = None;
        loop {
            heartbeat.beat(&self.engine, self.run);
            if self.interrupted.swap(false, Ordering::Relaxed) {
                interruptions += 1;
                self.interrupt(interruptions)?;
            }
            if std::mem::take(&mut self.breakers_moved) {
                self.execute(&Command::Tick { run: self.run }, &Actor::Engine, clock::at())?;
            }
            let state = self.state();
            self.stop_what_is_unwanted(state);
            // One that is over or judged as a whole cannot be paused, so what is asked for is left for whoever resumes it.
            let cannot_rest = |state: RunState| state.is_finished() || state == RunState::Verifying;
            let leaves = interruptions > 0 && state.is_some_and(cannot_rest);
            for effect in in_state(self.engine.view(), self.run, EffectState::Requested) {
                // Each claim brings what others did meanwhile: a run that pauses, an effect that nobody wants any more.
                if leaves || !begins_in(self.state(), &effect.work) || !self.claim(&effect, &worker)? {
                    continue;
                }
                let view = self.engine.view();
                begin(view.get::<Effect>(effect.id).expect("it was just claimed"), view);
                alive += 1;
            }
            // What somebody did meanwhile is looked at before the run is given back.
            let state = self.state();
            let more = wants_more(self.engine.view(), self.run, state);
            if alive == 0 && (leaves || !more) {
                let by_us = interruptions > 0 && state == Some(RunState::Paused) || leaves && more;
                return Ok(if by_us { Stopped::Interrupted } else { Stopped::ByItself });
            }
            match reports.recv_timeout(patience(self.engine.view(), self.run, looked)) {
                Ok(report) => {
                    alive = alive.saturating_sub(1);
                    self.report(report, &worker)?;
                }
                Err(_) if is_due(self.engine.view(), self.run) => {
                    let at = clock::at();
                    looked = Some(at.now);
                    self.execute(&Command::Tick { run: self.run }, &Actor::Engine, at)?;
                }
                // Hears what others did.
                Err(_) => self.catch_up()?,
            }
        }
    }

    /// Takes an effect on; the answer is whether it is to be done. Where somebody took it back first, it is not.
    fn claim(&mut self, effect: &Effect, worker: &Actor) -> Result<bool, RunnerError> {
        let until = clock::now().after(lease_of(effect));
        let by = Claimant { owner: WORKER.to_owned(), conductor: self.epoch, process: None, worker: None };
        match self.execute(&Command::Claim { effect: effect.id, by, until }, worker, clock::at()) {
            Err(EngineError::Refused(Refusal::AlreadyFinished { .. } | Refusal::RunRests { .. })) => {
                self.catch_up()?;
                Ok(false)
            }
            claimed => Ok(claimed.map(|()| true)?),
        }
    }

    /// The first time it pauses the run, and what runs is asked to end; from then on it is made to.
    fn interrupt(&mut self, times: u32) -> Result<(), RunnerError> {
        if self.state() == Some(RunState::Running) {
            let reason = "interrupted by a signal".to_owned();
            let person = self.person.clone();
            self.execute(&Command::PauseRun { run: self.run, reason }, &person, clock::at())?;
        }
        self.switches.throw_all(if times > 1 { Force::AtOnce } else { Force::Asked });
        Ok(())
    }

    /// Ends what runs and is not wanted any more: all of it in a run that pauses or ends, and the gates whose answer nobody
    /// waits for.
    fn stop_what_is_unwanted(&self, state: Option<RunState>) {
        if matches!(state, Some(RunState::Paused | RunState::Canceling | RunState::Quarantined)) {
            self.switches.throw_all(Force::Asked);
            return;
        }
        let view = self.engine.view();
        for effect in in_state(view, self.run, EffectState::Started) {
            let Work::Gate { gate_run } = effect.work else { continue };
            if view.get::<GateRun>(gate_run).is_some_and(|gate_run| !is_awaited(view, gate_run)) {
                self.switches.of(gate_run).throw();
            }
        }
    }

    pub(super) fn state(&self) -> Option<RunState> {
        self.engine.view().get::<Run>(self.run).map(|run| run.state)
    }

    fn report(&mut self, report: Report, worker: &Actor) -> Result<(), RunnerError> {
        let Report { effect, epoch, outcome } = report;
        let command = Command::Report { effect, epoch, outcome: Box::new(outcome) };
        match self.execute(&command, worker, clock::at()) {
            // Somebody else settled it: what we did changes nothing any more.
            Err(EngineError::Refused(Refusal::AlreadyFinished { .. } | Refusal::StaleLease { .. })) => {
                Ok(self.catch_up()?)
            }
            // What came back does not fit into the ledger. That it was too much is a fact that does.
            Err(EngineError::Commit(CommitError::Malformed { what })) => {
                let reason = format!("what came back cannot be recorded: {what}");
                let outcome = Box::new(Outcome::Failed { class: ErrorClass::ResourceLimit, reason });
                let command = Command::Report { effect, epoch, outcome };
                Ok(self.execute(&command, worker, clock::at())?)
            }
            other => Ok(other?),
        }
    }
}

/// Whether an effect may begin while its run is in a state: in one that pauses or ends, only what ends something.
fn begins_in(state: Option<RunState>, work: &Work) -> bool {
    match state {
        Some(RunState::Paused | RunState::Canceling | RunState::Quarantined) => matches!(work, Work::Kill { .. }),
        _ => true,
    }
}

/// Whether there is, or will be, something to do.
fn wants_more(view: &View, run: RunId, state: Option<RunState>) -> bool {
    match state {
        None => false,
        Some(RunState::Paused) => false,
        // A released patch may be on its way in a run that is over.
        Some(state) if state.is_finished() => !in_state(view, run, EffectState::Requested).is_empty(),
        Some(_) => true,
    }
}

/// How long to wait for a report before looking up. A time that was looked at in vain is no reason to hurry.
fn patience(view: &View, run: RunId, looked: Option<Timestamp>) -> Duration {
    let now = clock::now();
    let next = next_deadline(view, run).filter(|deadline| looked.is_none_or(|looked| *deadline > looked));
    let until = next.map_or(LOOK_UP, |deadline| deadline.since(now).as_duration());
    until.min(LOOK_UP)
}

fn is_due(view: &View, run: RunId) -> bool {
    next_deadline(view, run).is_some_and(|deadline| deadline <= clock::now())
}

fn in_state(view: &View, run: RunId, state: EffectState) -> Vec<Effect> {
    view.in_states::<Effect>(run, &[state]).cloned().collect()
}

/// How long an effect may take before somebody may look at the world. Agents and gates have limits of their own, which
/// come first.
fn lease_of(effect: &Effect) -> Span {
    match effect.work {
        Work::Spawn { .. } => limits::ATTEMPT_TIMEOUT_DEFAULT,
        _ => limits::GATE_TIMEOUT_DEFAULT,
    }
}

/// Does an effect on a thread of its own.
fn start<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    hands: &'env Hands<'env>,
    effect: &Effect,
    view: &View,
    sender: &Sender<Report>,
) {
    let (id, epoch) = (effect.id, effect.epoch);
    let assignment = Assignment::of(effect, view);
    let sender = sender.clone();
    scope.spawn(move || {
        let outcome = perform(hands, assignment);
        // The loop listens until every effect has reported, or it has given up.
        let _ = sender.send(Report { effect: id, epoch, outcome });
    });
}
