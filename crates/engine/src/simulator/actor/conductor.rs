//! A program that drives the run: it takes it, looks at what the one before left, claims effects, does them and reports.
//!
//! Several of them want the run at once. Each may die in the middle of anything, or be stopped and go on later as if nothing
//! had been.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Breaker, Effect, Run, Work};
use tollhouse_core::lifecycle::{BreakerState, EffectState, RunState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{Actor, BreakerId, EffectId, RunId, Span, Timestamp};
use tollhouse_state::Store;

use super::mortal::{Mortal, Odds, live};
use super::{Acting, never};
use crate::command::{Command, Liveness, Seen, Witness};
use crate::engine::{Engine, next_deadline};
use crate::outcome::{Found, Outcome};
use crate::refusal::Refusal;
use crate::simulator::hands::{Job, LeftBehind};
use crate::simulator::invariants::{Broken, claim};
use crate::simulator::plan::{claimant, process};
use crate::simulator::stage::{Answer, Halt, Ledger, Life, Pid, Stage};

/// Whether the others can see if this one is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) enum Machine {
    /// They are on one.
    Same,
    /// Only the notes on the ledger tell.
    Another,
}

/// A program that drives the run.
pub(in crate::simulator) struct Conductor<'s> {
    run: RunId,
    machine: Machine,
    pid: Pid,
    engine: Option<Engine<&'s Ledger>>,
    /// The newest epoch that it was given; 0: none.
    epoch: u64,
    at_work: Vec<AtWork>,
    /// How often in a row it had nothing to do.
    idle: u32,
    /// Where the breakers of the run's agents were when it last looked at the clock for them: other runs move them, too.
    breakers: BTreeMap<BreakerId, BreakerState>,
}

/// An effect that is being done.
struct AtWork {
    effect: EffectId,
    epoch: u64,
    job: Job,
    /// When it ends; `None`: not by itself.
    due: Option<Timestamp>,
}

impl<'s> Conductor<'s> {
    pub(in crate::simulator) fn new(stage: &mut Stage<'_>, run: RunId, machine: Machine) -> Self {
        Self {
            run,
            machine,
            pid: stage.begin_process(),
            engine: None,
            epoch: 0,
            at_work: Vec::new(),
            idle: 0,
            breakers: BTreeMap::new(),
        }
    }

    fn engine(&self) -> &Engine<&'s Ledger> {
        self.engine.as_ref().expect("it was opened before anything else")
    }

    fn record(&self) -> Option<&Run> {
        self.engine().view().get::<Run>(self.run)
    }

    fn drives(&self) -> bool {
        let present = self.record().and_then(|run| run.conductor.as_ref());
        self.epoch > 0 && present.is_some_and(|present| present.epoch == self.epoch)
    }

    fn say(&mut self, stage: &mut Stage<'s>, command: &Command) -> Result<Answer, Halt> {
        let engine = self.engine.as_mut().expect("it was opened before anything else");
        stage.execute(engine, command, &Actor::Worker("local".to_owned()))
    }

    /// Becomes the one that drives, where something is to be done and nobody alive does it.
    fn take(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        if self.drives() || !self.is_wanted() {
            return Ok(());
        }
        let present = self.record().and_then(|run| run.conductor.clone());
        let seen = match &present {
            None => None,
            Some(present) => {
                let liveness = match (self.machine, stage.life_of(present.process.pid)) {
                    (Machine::Another, _) => {
                        Liveness::OutOfSight { last_seen: stage.store.last_pulse(&self.run.into()).ok().flatten() }
                    }
                    (Machine::Same, Life::Dead) => Liveness::Gone,
                    (Machine::Same, Life::Alive | Life::Stopped) => Liveness::Alive,
                };
                Some(Seen { epoch: present.epoch, liveness })
            }
        };
        if seen.is_some_and(|seen| seen.liveness == Liveness::Alive) && !stage.strikes(10) {
            return Ok(());
        }
        let process = process(self.pid);
        match self.say(stage, &Command::Drive { run: self.run, process: process.clone(), seen })? {
            Answer::Refused(Refusal::AlreadyDriven { .. }) => Ok(()),
            Answer::Refused(refusal) => Err(never("who may drive drives", &refusal)),
            Answer::Done => {
                let alive = seen.is_some_and(|seen| seen.liveness == Liveness::Alive);
                claim(!alive, "who is alive is not replaced", || format!("{present:?}"))?;
                let present = self.record().and_then(|run| run.conductor.clone());
                let is_it = present.as_ref().is_some_and(|present| present.process == process);
                claim(is_it, "who was let drive drives", || format!("{present:?}"))?;
                self.epoch = present.map_or(0, |present| present.epoch);
                Ok(())
            }
        }
    }

    /// Whether the run needs somebody.
    fn is_wanted(&self) -> bool {
        let Some(run) = self.record() else { return false };
        let open = self
            .open()
            .iter()
            .any(|effect| effect.state != EffectState::Requested || begins_in(run.state, &effect.work));
        open || matches!(run.state, RunState::Running | RunState::Canceling)
    }

    fn open(&self) -> Vec<Effect> {
        let of_run = |effect: &&Effect| effect.run == Some(self.run) && !effect.state.is_finished();
        self.engine().view().all::<Effect>().filter(of_run).cloned().collect()
    }

    /// Looks at the world for what nobody knows the end of.
    fn recover(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        for effect in self.open().into_iter().filter(|effect| effect.state == EffectState::Unknown) {
            // While another holds the turn at the branch, nobody can say how its landing will end.
            if matches!(effect.work, Work::Land { .. }) && stage.turn.is_some_and(|pid| pid != self.pid) {
                continue;
            }
            let left = if stage.random.bool() { LeftBehind::Change } else { LeftBehind::Nothing };
            let found = match effect.work {
                Work::Spawn { .. } if stage.in_a_hundred(25) => Found::NotDone { reason: "it never began".to_owned() },
                _ => stage.hands.look(self.engine().view(), &effect, left),
            };
            let by = Witness::Conductor(self.epoch);
            match self.say(stage, &Command::Settle { effect: effect.id, by, found })? {
                Answer::Done | Answer::Refused(Refusal::StaleLease { .. } | Refusal::AlreadyFinished { .. }) => {}
                Answer::Refused(refusal) => return Err(never("what was seen is taken", &refusal)),
            }
        }
        Ok(())
    }

    /// Claims what is asked for, and begins it.
    fn begin(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let mut asked = self.open();
        asked.retain(|effect| effect.state == EffectState::Requested);
        stage.random.shuffle(&mut asked);
        for effect in asked {
            let begins = self
                .record()
                .is_some_and(|run| begins_in(run.state, &effect.work) && !is_for_shared(run, &effect.work));
            if !begins && !stage.strikes(10) {
                continue;
            }
            let until = stage.clock.wall().max(self.engine().newest_at()).after(Span::from_secs(600));
            let by = claimant(self.epoch);
            match self.say(stage, &Command::Claim { effect: effect.id, by, until })? {
                Answer::Done => self.work_at(stage, effect.id),
                Answer::Refused(
                    Refusal::RunRests { .. } | Refusal::AlreadyFinished { .. } | Refusal::StaleLease { .. },
                ) => {}
                Answer::Refused(refusal) => return Err(never("what is asked for can be claimed", &refusal)),
            }
        }
        Ok(())
    }

    fn work_at(&mut self, stage: &mut Stage<'s>, effect: EffectId) {
        let view = self.engine().view();
        let Some(held) = view.get::<Effect>(effect) else { return };
        let (job, epoch) = (stage.hands.job(view, held), held.epoch);
        let due = (!job.hangs()).then(|| stage.in_seconds(0, job.longest_secs()));
        self.at_work.push(AtWork { effect, epoch, job, due });
    }

    /// Does what is due, and says how it went.
    fn end_what_is_due(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let now = stage.clock.now();
        while let Some(place) = self.at_work.iter().position(|work| work.due.is_some_and(|due| due <= now)) {
            let lands = self.at_work[place].job.lands().is_some();
            if lands && stage.turn != Some(self.pid) {
                self.wait_for_the_turn(stage, place);
                continue;
            }
            let work = self.at_work.remove(place);
            let outcome = Box::new(stage.hands.carry_out(&work.job));
            if lands {
                stage.turn = None;
            }
            self.end_agents(stage, &work);
            self.report(stage, &Command::Report { effect: work.effect, epoch: work.epoch, outcome })?;
        }
        Ok(())
    }

    /// The branch is moved by who holds the turn, and only while the effect is still its own.
    fn wait_for_the_turn(&mut self, stage: &mut Stage<'s>, place: usize) {
        let later = stage.in_seconds(1, 3);
        let AtWork { effect, epoch, .. } = self.at_work[place];
        let known = self.engine().view().get::<Effect>(effect);
        let own = known.is_some_and(|known| known.epoch == epoch && known.state == EffectState::Started);
        if !own {
            self.at_work.remove(place);
            return;
        }
        if stage.turn.is_none() {
            stage.turn = Some(self.pid);
        }
        self.at_work[place].due = Some(later);
    }

    /// What was killed comes back, at once.
    fn end_agents(&mut self, stage: &Stage<'_>, work: &AtWork) {
        let Some(Work::Kill { attempt }) = self.engine().view().get::<Effect>(work.effect).map(|e| e.work.clone())
        else {
            return;
        };
        for other in self.at_work.iter_mut().filter(|other| other.job.agent_of() == Some(attempt)) {
            other.due = Some(stage.clock.now());
        }
    }

    fn report(&mut self, stage: &mut Stage<'s>, report: &Command) -> Result<(), Halt> {
        match self.say(stage, report)? {
            Answer::Refused(Refusal::StaleLease { .. } | Refusal::AlreadyFinished { .. }) => Ok(()),
            Answer::Refused(refusal) => Err(never("a report in time is taken", &refusal)),
            Answer::Done if stage.in_a_hundred(10) => match self.say(stage, report)? {
                Answer::Refused(Refusal::AlreadyFinished { .. }) => Ok(()),
                other => {
                    let what = format!("{other:?}");
                    Err(Broken { claim: "a second report is answered already_finished", what }.into())
                }
            },
            Answer::Done => Ok(()),
        }
    }

    /// Gives the run back, where nothing is to be done.
    fn step_down(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        if !self.drives() || self.is_wanted() || !self.at_work.is_empty() {
            return Ok(());
        }
        match self.say(stage, &Command::StepDown { run: self.run, epoch: self.epoch })? {
            Answer::Done | Answer::Refused(Refusal::StaleLease { .. }) => Ok(()),
            Answer::Refused(refusal) => Err(never("who drives can stop", &refusal)),
        }
    }
}

/// Whether only the shared worker that holds an attempt may begin this.
fn is_for_shared(run: &Run, work: &Work) -> bool {
    run.spec.crew == Crew::Shared && matches!(work, Work::Spawn { .. } | Work::Kill { .. })
}

/// Whether an effect may begin in a run that is in this state.
fn begins_in(state: RunState, work: &Work) -> bool {
    !matches!(state, RunState::Paused | RunState::Canceling | RunState::Quarantined)
        || matches!(work, Work::Kill { .. })
}

impl<'s> Mortal<'s> for Conductor<'s> {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn odds(&self) -> Odds {
        Odds { dies: 2, stops: 3, stops_secs_max: 200 }
    }

    fn turn(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        if self.engine.is_none() {
            self.engine = Engine::open(stage.store, self.run).ok();
        }
        let Some(engine) = self.engine.as_mut() else { return Ok(()) };
        match engine.catch_up() {
            Ok(events) => self.idle = if events.is_empty() { self.idle + 1 } else { 0 },
            Err(_) => return Err(Halt::Gone),
        }
        if self.record().is_none() {
            return Ok(());
        }
        if self.drives() {
            let _ = stage.store.pulse(&self.run.into(), stage.clock.wall());
        }
        self.end_what_is_due(stage)?;
        self.take(stage)?;
        // One that was replaced may not know it yet.
        if !self.drives() && !stage.strikes(5) {
            return Ok(());
        }
        self.recover(stage)?;
        self.begin(stage)?;
        let now = stage.clock.wall().max(self.engine().newest_at());
        let breakers: BTreeMap<BreakerId, BreakerState> =
            self.engine().view().all::<Breaker>().map(|breaker| (breaker.id, breaker.state)).collect();
        let moved = std::mem::replace(&mut self.breakers, breakers) != self.breakers;
        if moved || next_deadline(self.engine().view(), self.run).is_some_and(|deadline| deadline <= now) {
            self.say(stage, &Command::Tick { run: self.run })?;
        }
        self.step_down(stage)
    }

    /// Its program ends. Whatever it was at may have been done just before, and nobody says so.
    fn die(&mut self, stage: &mut Stage<'s>) {
        for work in std::mem::take(&mut self.at_work) {
            let may_land = work.job.lands().is_none() || stage.turn == Some(self.pid);
            if may_land && stage.random.bool() {
                let _: Outcome = stage.hands.carry_out(&work.job);
            }
        }
        stage.let_process(self.pid, Life::Dead);
        *self = Self::new(stage, self.run, self.machine);
    }

    /// When it looks again: when something of its own is due, and now and then.
    fn next(&self, stage: &mut Stage<'_>) -> Timestamp {
        let wait = 2 << self.idle.min(12);
        let look = stage.in_seconds(wait, 2 * wait);
        let mut next = self.at_work.iter().filter_map(|work| work.due).min().map_or(look, |due| due.min(look));
        if let Some(engine) = self.engine.as_ref()
            && self.drives()
            && let Some(deadline) = next_deadline(engine.view(), self.run)
        {
            next = next.min(stage.clock.when_wall_says(deadline));
        }
        next.max(stage.clock.now().after(Span::from_millis(100)))
    }
}

impl<'s> Acting<'s> for Conductor<'s> {
    fn act(&mut self, stage: &mut Stage<'s>) -> Result<Option<Timestamp>, Broken> {
        live(self, stage)
    }
}
