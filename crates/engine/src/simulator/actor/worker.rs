//! A program that works for whichever run has something for it: it registers, says that it is alive, asks for work, does it and
//! reports. It may die in the middle of anything, or be stopped and go on later as if nothing had been.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Effect, Process, Work, Worker};
use tollhouse_core::lifecycle::{EffectState, WorkerState};
use tollhouse_core::{Actor, AttemptId, EffectId, Span, Timestamp, WorkerId};

use super::mortal::{Mortal, Odds, live};
use super::{Acting, Machine, never};
use crate::command::{Claimant, Command, Liveness, Newcomer, WorkerSeen};
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::simulator::hands::Job;
use crate::simulator::invariants::Broken;
use crate::simulator::plan::process;
use crate::simulator::stage::{Answer, Halt, Ledger, Life, Pid, Stage};

/// A program that works for any run.
pub(in crate::simulator) struct SharedWorker<'s> {
    name: String,
    machine: Machine,
    pid: Pid,
    capabilities: BTreeSet<String>,
    engine: Option<Engine<&'s Ledger>>,
    /// What it registered as.
    id: Option<WorkerId>,
    at_work: Option<AtWork>,
    /// How often in a row it had nothing to do.
    idle: u32,
}

/// The agent that it runs.
struct AtWork {
    effect: EffectId,
    epoch: u64,
    job: Job,
    /// When it ends; `None`: not by itself.
    due: Option<Timestamp>,
    /// When something last came from it.
    last_output: Timestamp,
}

impl<'s> SharedWorker<'s> {
    pub(in crate::simulator) fn new(stage: &mut Stage<'_>, name: &str) -> Self {
        let machine = if stage.random.bool() { Machine::Same } else { Machine::Another };
        let able = stage.random.u8(0..3) > 0;
        Self {
            name: name.to_owned(),
            machine,
            pid: stage.begin_process(),
            capabilities: able.then(|| "gpu".to_owned()).into_iter().collect(),
            engine: None,
            id: None,
            at_work: None,
            idle: 0,
        }
    }

    fn process(&self) -> Process {
        let host = if self.machine == Machine::Same { "here" } else { "there" };
        Process { host: host.to_owned(), ..process(self.pid) }
    }

    fn say(&mut self, stage: &mut Stage<'s>, command: &Command) -> Result<Answer, Halt> {
        let engine = self.engine.as_mut().expect("it was opened before anything else");
        stage.execute(engine, command, &Actor::Worker(self.name.clone()))
    }

    fn record(&self) -> Option<&Worker> {
        self.engine.as_ref()?.view().get::<Worker>(self.id?)
    }

    /// What it ran under another id is stopped: nobody waits for it any more.
    fn register(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        (self.at_work, self.id) = (None, None);
        let id = WorkerId::from_parts(stage.clock.now(), stage.random.u128(..));
        let newcomer =
            Newcomer { name: self.name.clone(), process: self.process(), capabilities: self.capabilities.clone() };
        match self.say(stage, &Command::RegisterWorker { worker: id, newcomer: Box::new(newcomer) })? {
            Answer::Done => self.id = Some(id),
            // Nobody saw yet that the one before it is gone.
            Answer::Refused(Refusal::NameTaken { .. }) => {}
            Answer::Refused(refusal) => return Err(never("whoever has a free name is taken in", &refusal)),
        }
        Ok(())
    }

    /// Says that it is alive, where others think that it is not, and now and then.
    fn speak(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let Some(known) = self.record() else { return Ok(()) };
        let (worker, silent) = (known.id, known.state == WorkerState::Unresponsive);
        // One that holds what is over for it lets it go once it is looked at.
        let holds = known.holds.is_some() && self.at_work.is_none();
        if !silent && !holds && !stage.in_a_hundred(10) {
            return Ok(());
        }
        let last_output = self.at_work.as_ref().map(|work| work.last_output);
        let seen = WorkerSeen { liveness: Liveness::Alive, last_output };
        match self.say(stage, &Command::LookAtWorker { worker, seen })? {
            Answer::Done | Answer::Refused(Refusal::AlreadyFinished { .. }) => Ok(()),
            Answer::Refused(refusal) => Err(never("who speaks is heard", &refusal)),
        }
    }

    /// What is no longer its own is stopped, and nobody hears of it.
    fn let_go_of_what_is_lost(&mut self) {
        let Some(engine) = &self.engine else { return };
        let is_own = |work: &AtWork| {
            let effect = engine.view().get::<Effect>(work.effect);
            effect.is_some_and(|effect| effect.state == EffectState::Started && effect.epoch == work.epoch)
        };
        self.at_work = self.at_work.take().filter(is_own);
    }

    fn end_what_is_due(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let now = stage.clock.now();
        let is_due = |work: &mut AtWork| work.due.is_some_and(|due| due <= now);
        let Some(work) = self.at_work.take_if(is_due) else { return Ok(()) };
        let outcome = Box::new(stage.hands.carry_out(&work.job));
        self.report(stage, &Command::Report { effect: work.effect, epoch: work.epoch, outcome })
    }

    fn report(&mut self, stage: &mut Stage<'s>, report: &Command) -> Result<(), Halt> {
        match self.say(stage, report)? {
            Answer::Done | Answer::Refused(Refusal::StaleLease { .. } | Refusal::AlreadyFinished { .. }) => Ok(()),
            Answer::Refused(refusal) => Err(never("a report in time is taken", &refusal)),
        }
    }

    /// Ends its agent, where that is asked for: nobody else can reach it.
    fn stop_what_is_over(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let Some(kill) = self.asked(|work, attempt| *work == Work::Kill { attempt }) else { return Ok(()) };
        let Some(epoch) = self.claim(stage, kill)? else { return Ok(()) };
        let job = self.engine.as_ref().and_then(|engine| {
            let effect = engine.view().get::<Effect>(kill)?;
            Some(stage.hands.job(engine.view(), effect))
        });
        let Some(job) = job else { return Ok(()) };
        let outcome = Box::new(stage.hands.carry_out(&job));
        if let Some(work) = &mut self.at_work {
            work.due = Some(stage.clock.now());
        }
        self.report(stage, &Command::Report { effect: kill, epoch, outcome })
    }

    /// Begins what it was given.
    fn begin(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let Some(spawn) = self.asked(|work, attempt| *work == Work::Spawn { attempt }) else { return Ok(()) };
        let Some(epoch) = self.claim(stage, spawn)? else { return Ok(()) };
        let Some(engine) = &self.engine else { return Ok(()) };
        let Some(held) = engine.view().get::<Effect>(spawn) else { return Ok(()) };
        let job = stage.hands.job(engine.view(), held);
        let due = (!job.hangs()).then(|| stage.in_seconds(0, job.longest_secs()));
        let last_output = stage.clock.wall().max(engine.newest_at());
        self.at_work = Some(AtWork { effect: spawn, epoch, job, due, last_output });
        Ok(())
    }

    /// The effect of this kind that is asked for, of the attempt that it holds.
    fn asked(&self, is: impl Fn(&Work, AttemptId) -> bool) -> Option<EffectId> {
        let attempt = self.record()?.holds.as_ref()?.attempt;
        let mut effects = self.engine.as_ref()?.view().all::<Effect>();
        effects
            .find(|effect| effect.state == EffectState::Requested && is(&effect.work, attempt))
            .map(|effect| effect.id)
    }

    fn claim(&mut self, stage: &mut Stage<'s>, effect: EffectId) -> Result<Option<u64>, Halt> {
        let Some(engine) = &self.engine else { return Ok(None) };
        let until = stage.clock.wall().max(engine.newest_at()).after(Span::from_secs(600));
        let by = Claimant { owner: self.name.clone(), conductor: 0, process: Some(self.process()), worker: self.id };
        match self.say(stage, &Command::Claim { effect, by, until })? {
            Answer::Done => {
                let view = self.engine.as_ref().map(Engine::view);
                Ok(view.and_then(|view| view.get::<Effect>(effect)).map(|effect| effect.epoch))
            }
            Answer::Refused(
                Refusal::RunRests { .. } | Refusal::AlreadyFinished { .. } | Refusal::StaleLease { .. },
            ) => Ok(None),
            Answer::Refused(refusal) => Err(never("what a worker was given can be claimed", &refusal)),
        }
    }

    fn ask(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let Some(known) = self.record().filter(|known| known.state == WorkerState::Idle) else { return Ok(()) };
        let worker = known.id;
        match self.say(stage, &Command::Work { worker })? {
            Answer::Done | Answer::Refused(Refusal::WorkerNotIdle { .. } | Refusal::AlreadyFinished { .. }) => {}
            Answer::Refused(refusal) => return Err(never("an idle worker may ask for work", &refusal)),
        }
        // Begun at once, as a rule.
        if stage.in_a_hundred(80) { self.begin(stage) } else { Ok(()) }
    }
}

impl<'s> Mortal<'s> for SharedWorker<'s> {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn odds(&self) -> Odds {
        // While nothing happens for long, nothing is learned from what happens to it.
        let (dies, stops) = if self.idle < 4 { (1, 2) } else { (0, 0) };
        Odds { dies, stops, stops_secs_max: 100 }
    }

    fn turn(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        if self.engine.is_none() {
            self.engine = Engine::open_fleet(stage.store).ok();
        }
        let Some(engine) = self.engine.as_mut() else { return Ok(()) };
        let news = engine.catch_up().map_err(|_| Halt::Gone)?;
        self.idle = if news.is_empty() { self.idle + 1 } else { 0 };
        if self.record().is_none_or(|known| known.state.is_finished()) {
            return self.register(stage);
        }
        self.speak(stage)?;
        self.let_go_of_what_is_lost();
        self.end_what_is_due(stage)?;
        self.stop_what_is_over(stage)?;
        self.begin(stage)?;
        self.ask(stage)
    }

    /// Its program ends, and what it ran with it; another one of the same name comes later.
    fn die(&mut self, stage: &mut Stage<'s>) {
        stage.let_process(self.pid, Life::Dead);
        self.pid = stage.begin_process();
        (self.engine, self.id, self.at_work, self.idle) = (None, None, None, 0);
    }

    fn next(&self, stage: &mut Stage<'_>) -> Timestamp {
        let wait = 2 << self.idle.min(12);
        let look = stage.in_seconds(wait, 4 * wait);
        let due = self.at_work.as_ref().and_then(|work| work.due);
        due.map_or(look, |due| due.min(look)).max(stage.clock.now().after(Span::from_millis(100)))
    }
}

impl<'s> Acting<'s> for SharedWorker<'s> {
    fn act(&mut self, stage: &mut Stage<'s>) -> Result<Option<Timestamp>, Broken> {
        live(self, stage)
    }
}
