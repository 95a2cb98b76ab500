//! A program that looks at shared workers and at the clock for the runs that share them, and the person beside it who pauses,
//! resumes and ends workers at random, and in the end lets all of them work.

use tollhouse_core::entity::{Run, Worker};
use tollhouse_core::lifecycle::WorkerState;
use tollhouse_core::{Actor, RunId, Span, Timestamp, WorkerId};
use tollhouse_state::Store;

use super::{Acting, never};
use crate::command::{Command, Liveness, WorkerSeen, WorkerWish};
use crate::engine::{Engine, next_deadline};
use crate::refusal::Refusal;
use crate::simulator::invariants::Broken;
use crate::simulator::stage::{Answer, Halt, Ledger, Life, Sky, Stage};

/// Who looks at shared workers.
pub(in crate::simulator) struct Overseer<'s> {
    engine: Option<Engine<&'s Ledger>>,
    /// How often the person still changes their mind.
    whims: u32,
    /// How often in a row nothing had happened.
    idle: u32,
}

impl<'s> Overseer<'s> {
    pub(in crate::simulator) fn new(stage: &mut Stage<'_>) -> Self {
        Self { engine: None, whims: stage.random.u32(0..20), idle: 0 }
    }

    fn turn(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => match Engine::open_fleet(stage.store) {
                Ok(engine) => engine,
                Err(_) => return Ok(()),
            },
        };
        let news = engine.catch_up().map_err(|_| Halt::Gone)?;
        self.idle = if news.is_empty() { self.idle + 1 } else { 0 };
        let left: Vec<Worker> = engine.view().all::<Worker>().filter(|worker| is_left(worker)).cloned().collect();
        for worker in &left {
            look(stage, &mut engine, worker)?;
        }
        let now = stage.clock.wall().max(engine.newest_at());
        let runs: Vec<RunId> = engine.view().all::<Run>().map(|run| run.id).collect();
        for run in runs {
            if next_deadline(engine.view(), run).is_some_and(|deadline| deadline <= now) {
                stage.execute(&mut engine, &Command::Tick { run }, &Actor::Engine)?;
            }
        }
        self.word(stage, &mut engine, &left)?;
        self.engine = Some(engine);
        Ok(())
    }

    /// When it looks again: now and then, and when a run wants to be looked at.
    fn next(&self, stage: &mut Stage<'_>) -> Timestamp {
        let wait = 5 << self.idle.min(12);
        let look = stage.in_seconds(wait, 3 * wait);
        let view = self.engine.as_ref().map(Engine::view);
        let deadline = view.and_then(|view| view.all::<Run>().filter_map(|run| next_deadline(view, run.id)).min());
        let due = deadline.map_or(look, |at| stage.clock.when_wall_says(at));
        look.min(due).max(stage.clock.now().after(Span::from_millis(500)))
    }

    /// A person's word on some worker.
    fn word(&mut self, stage: &mut Stage<'s>, engine: &mut Engine<&'s Ledger>, left: &[Worker]) -> Result<(), Halt> {
        let paused = left.iter().find(|worker| worker.state == WorkerState::Paused);
        let (worker, wish) = match (paused, stage.random.choice(left)) {
            (Some(paused), _) if stage.sky == Sky::Calm || stage.in_a_hundred(20) => (paused.id, WorkerWish::Resume),
            (_, Some(some)) if self.whims > 0 && stage.sky == Sky::Rough && stage.in_a_hundred(40) => {
                self.whims -= 1;
                (some.id, any_wish(stage))
            }
            _ => return Ok(()),
        };
        let command = Command::OverrideWorker { worker, wish, reason: "because".to_owned() };
        stage.execute(engine, &command, &Actor::Person("eve".to_owned())).map(|_| ())
    }
}

fn any_wish(stage: &mut Stage<'_>) -> WorkerWish {
    match stage.random.u8(0..10) {
        0..4 => WorkerWish::Pause,
        4..6 => WorkerWish::Resume,
        6..9 => WorkerWish::Drain,
        _ => WorkerWish::Terminate,
    }
}

fn is_left(worker: &Worker) -> bool {
    worker.run.is_none() && !worker.state.is_finished()
}

/// Says what can be seen of a worker: of one on this machine, whether it runs; of others, when it last said so.
fn look<'s>(stage: &mut Stage<'s>, engine: &mut Engine<&'s Ledger>, known: &Worker) -> Result<(), Halt> {
    let worker: WorkerId = known.id;
    // As long as it is alive it says so, whatever else it does, in the time of the ledger; now and then nobody hears it.
    if stage.life_of(known.process.pid) == Life::Alive && !stage.strikes(15) {
        let _ = stage.store.pulse(&worker.into(), stage.clock.wall().max(engine.newest_at()));
    }
    let liveness = match (known.process.host.as_str(), stage.life_of(known.process.pid)) {
        ("here", Life::Dead) => Liveness::Gone,
        // One that is stopped is there, and says nothing.
        ("here", Life::Alive) => return Ok(()),
        _ => Liveness::OutOfSight { last_seen: stage.store.last_pulse(&worker.into()).ok().flatten() },
    };
    let look = Command::LookAtWorker { worker, seen: WorkerSeen { liveness, last_output: None } };
    match stage.execute(engine, &look, &Actor::Engine)? {
        Answer::Done | Answer::Refused(Refusal::AlreadyFinished { .. }) => Ok(()),
        Answer::Refused(refusal) => Err(never("what was seen of a worker is taken", &refusal)),
    }
}

impl<'s> Acting<'s> for Overseer<'s> {
    fn act(&mut self, stage: &mut Stage<'s>) -> Result<Option<Timestamp>, Broken> {
        match self.turn(stage) {
            Err(Halt::Broken(broken)) => return Err(broken),
            Err(Halt::Gone) => self.engine = None,
            Ok(()) => {}
        }
        Ok(Some(self.next(stage)))
    }
}
