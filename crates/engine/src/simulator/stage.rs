//! What all actors share: the ledger, the clock, the world, who is alive, and the record of what happened.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::{Actor, Event, RunId, Span, Timestamp};
use tollhouse_state::{Call, CommitError, Fault, FaultStore, MemoryStore, Moment, Store, Told};

use super::clock::Clock;
use super::coverage::{Coverage, Weather};
use super::hands::Hands;
use super::history::History;
use super::invariants::{Broken, claim, hold};
use crate::command::{At, Command};
use crate::engine::{Engine, EngineError};
use crate::refusal::Refusal;
use crate::view::{View, ViewError};

/// The ledger that all programs share.
pub(super) type Ledger = FaultStore<MemoryStore>;

/// The number of a program's process.
pub(super) type Pid = u32;

/// Whether things go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sky {
    Rough,
    Calm,
}

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    /// Stopped by the system; it goes on later, and knows nothing of it.
    Stopped,
    Dead,
}

/// Why an actor breaks off.
#[derive(Debug)]
pub(super) enum Halt {
    /// A promise is not kept: the simulation is over.
    Broken(Broken),
    /// Its program ended in the middle of what it did.
    Gone,
}

impl From<Broken> for Halt {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// What became of a command.
#[derive(Debug)]
pub(super) enum Answer {
    Done,
    Refused(Refusal),
}

/// What all actors share.
pub(super) struct Stage<'s> {
    pub(super) store: &'s Ledger,
    /// The runs of the day, made or to be made.
    pub(super) runs: Vec<RunId>,
    pub(super) random: fastrand::Rng,
    pub(super) clock: Clock,
    pub(super) hands: Hands,
    pub(super) sky: Sky,
    /// The process that may move the branch.
    pub(super) turn: Option<Pid>,
    pub(super) coverage: Coverage,
    pub(super) trace: Vec<String>,
    pub(super) events: u64,
    history: History,
    processes: BTreeMap<Pid, Life>,
    /// The runs whose person has had enough of it.
    left_alone: BTreeSet<RunId>,
}

impl<'s> Stage<'s> {
    pub(super) fn new(store: &'s Ledger, random: fastrand::Rng, hands: Hands, now: Timestamp) -> Self {
        Self {
            store,
            runs: Vec::new(),
            random,
            clock: Clock::starting_at(now),
            hands,
            sky: Sky::Rough,
            turn: None,
            coverage: Coverage::default(),
            trace: Vec::new(),
            events: 0,
            history: History::default(),
            processes: BTreeMap::new(),
            left_alone: BTreeSet::new(),
        }
    }

    /// The records as they are, whatever a program knows of them.
    pub(super) const fn truth(&self) -> &View {
        self.history.view()
    }

    /// The person of a run lets it come to its end. Once all do, the weather turns fair.
    pub(super) fn let_it_be(&mut self, run: RunId) {
        self.left_alone.insert(run);
        if self.left_alone.len() == self.runs.len() {
            self.sky = Sky::Calm;
        }
    }

    /// A new process.
    pub(super) fn begin_process(&mut self) -> Pid {
        let pid = Pid::try_from(self.processes.len()).unwrap_or(Pid::MAX) + 1;
        self.processes.insert(pid, Life::Alive);
        pid
    }

    /// How a process is.
    pub(super) fn life_of(&self, pid: Pid) -> Life {
        self.processes.get(&pid).copied().unwrap_or(Life::Dead)
    }

    /// What becomes of a process. A dead one leaves the turn at the branch to others.
    pub(super) fn let_process(&mut self, pid: Pid, life: Life) {
        let before = self.processes.insert(pid, life);
        if life == Life::Dead && self.turn == Some(pid) {
            self.turn = None;
        }
        if before != Some(life) {
            self.note(&format!("process {pid} is {life:?}"));
        }
    }

    /// Whether something happens that does in so many of a hundred cases; never once it is calm.
    pub(super) fn strikes(&mut self, percent: u32) -> bool {
        self.sky == Sky::Rough && self.in_a_hundred(percent)
    }

    /// Whether something happens that does in so many of a hundred cases.
    pub(super) fn in_a_hundred(&mut self, percent: u32) -> bool {
        self.random.u32(0..100) < percent
    }

    /// A time from now, between these seconds.
    pub(super) fn in_seconds(&mut self, from: u64, to: u64) -> Timestamp {
        let ms = self.random.u64(from * 1000..=to * 1000);
        self.clock.now().after(Span::from_millis(ms))
    }

    /// Moments, minutes or days.
    pub(super) fn any_span(&mut self) -> Span {
        let most = [20, 3_600, 10 * 24 * 3_600][self.random.usize(0..3)];
        Span::from_millis(self.random.u64(1_000..=most * 1_000))
    }

    /// Sets the clock back, before what the ledger holds.
    pub(super) fn set_clock_back(&mut self) {
        let by = i64::try_from(self.any_span().as_millis() * 1_000).unwrap_or(i64::MAX);
        let from = self.history.newest_at().min(self.clock.wall());
        self.clock.set(Timestamp::from_micros(from.as_micros().saturating_sub(by)));
        self.note("the clock is set back");
    }

    /// Sets the clock forward.
    pub(super) fn set_clock_forward(&mut self) {
        let by = self.any_span();
        self.clock.set(self.clock.wall().after(by));
        self.note("the clock is set forward");
    }

    /// Writes a line about what no event tells.
    pub(super) fn note(&mut self, what: &str) {
        self.trace.push(format!("{} {what}", self.clock.now()));
    }

    /// Has a command carried out, in whatever weather comes. A program that meets a failing store gives the command again, or
    /// gives up and ends.
    pub(super) fn execute(
        &mut self,
        engine: &mut Engine<&'s Ledger>,
        command: &Command,
        actor: &Actor,
    ) -> Result<Answer, Halt> {
        let mut weather = self.weather();
        let at = At { now: self.clock.wall(), seed: self.random.u64(..) };
        let mut written = false;
        loop {
            self.arm(weather);
            let result = engine.execute(command, actor, at);
            self.store.heal();
            let events = self.observe(weather)?;
            written |= !events.is_empty();
            match result {
                Ok(_) if weather == Weather::CrashAfter && !events.is_empty() => return Err(Halt::Gone),
                Ok(_) => return Ok(Answer::Done),
                Err(EngineError::Refused(refusal)) => {
                    let what = || format!("{}: {refusal}", command.name());
                    claim(!written, "what was carried out is not refused when it is given again", what)?;
                    return Ok(Answer::Refused(refusal));
                }
                Err(EngineError::Commit(CommitError::Backend(_)) | EngineError::View(ViewError::Store(_))) => {
                    self.note(&format!("{}: the store failed", command.name()));
                    if self.in_a_hundred(30) {
                        return Err(Halt::Gone);
                    }
                    weather = if self.strikes(20) { Weather::FailAfter } else { Weather::Fair };
                }
                Err(error) => {
                    let what = format!("{}: {error}", command.name());
                    return Err(Broken { claim: "a command is carried out, refused, or met by a fault", what }.into());
                }
            }
        }
    }

    /// Draws the weather for a command, and sets the clock if it is to be set.
    fn weather(&mut self) -> Weather {
        if !self.strikes(60) {
            return Weather::Fair;
        }
        let weather = Weather::ALL[self.random.usize(1..Weather::ALL.len())];
        match weather {
            Weather::ClockBack if self.history.newest_at() == Timestamp::EPOCH => return Weather::Fair,
            Weather::ClockBack => self.set_clock_back(),
            Weather::ClockForward => self.set_clock_forward(),
            _ => {}
        }
        weather
    }

    /// Tells the store what is to go wrong.
    fn arm(&mut self, weather: Weather) {
        let error = if self.random.bool() { Told::Busy } else { Told::Failed };
        match weather {
            Weather::FailBefore => self.store.fail_nth(Call::Commit, 1, Fault { moment: Moment::Before, error }),
            Weather::FailAfter => self.store.fail_nth(Call::Commit, 1, Fault { moment: Moment::After, error }),
            _ => {}
        }
        if self.strikes(3) {
            let nth = self.random.u64(1..3);
            self.store.fail_nth(Call::Events, nth, Fault { moment: Moment::Before, error });
        }
    }

    /// Looks at what was committed, and whether all promises are kept.
    fn observe(&mut self, weather: Weather) -> Result<Vec<Event>, Broken> {
        let events = self.history.go_on(self.store.inner())?;
        for event in &events {
            let (kind, name) = (event.record.kind(), event.event.name.as_str());
            self.coverage.note(kind, name, weather);
            let line = format!("{} {}: {name} {} → {}", self.clock.now(), weather.as_str(), event.record, event.state);
            self.trace.push(line);
        }
        self.events += u64::try_from(events.len()).unwrap_or(u64::MAX);
        if events.is_empty() && weather == Weather::FailBefore {
            self.note_what_failed();
        }
        if !events.is_empty() {
            hold(self.history.view(), &self.hands.branch)?;
        }
        Ok(events)
    }

    fn note_what_failed(&mut self) {
        let mishaps = self.store.take_mishaps();
        let failed = mishaps.iter().filter(|mishap| mishap.fault.moment == Moment::Before);
        for change in failed.filter_map(|mishap| mishap.commit.as_ref()).flat_map(|commit| &commit.changes) {
            self.coverage.note(change.record.id.kind(), &change.event.name, Weather::FailBefore);
        }
    }

    /// Whether folding the whole history gives the records that the store holds.
    pub(super) fn check_the_fold(&self) -> Result<(), Broken> {
        let broken = |what: String| Broken { claim: "folding the events gives the records", what };
        let mut folded = View::default();
        for event in
            self.store.inner().events(&tollhouse_state::Cursor::default()).map_err(|e| broken(e.to_string()))?
        {
            folded.apply(&event).map_err(|error| broken(error.to_string()))?;
        }
        self.store.inner().check();
        claim(folded == *self.truth(), "folding the events gives the records", String::new)
    }
}
