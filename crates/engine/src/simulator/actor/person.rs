//! The person whose run it is: begins it, changes their mind at random, and in the end lets it come to its end.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Budget, Fork, Patch, Run, Task};
use tollhouse_core::lifecycle::{RunState, TaskState};
use tollhouse_core::spec::RunSpec;
use tollhouse_core::{Actor, Money, PatchId, RunId, TaskId, Timestamp, limits};

use super::whim::whim;
use super::{Acting, never};
use crate::command::{Command, Legacy, PatchWish, Submission};
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::report::waits_to_land;
use crate::simulator::invariants::Broken;
use crate::simulator::plan::new_patch;
use crate::simulator::stage::{Answer, Halt, Ledger, Stage};
use crate::view::View;

/// The person whose run it is.
pub(in crate::simulator) struct Person<'s> {
    run: RunId,
    engine: Option<Engine<&'s Ledger>>,
    begin: Command,
    /// How often they still change their mind.
    whims: u32,
    /// So many events are on the ledger before the weather may turn fair, unless their patience ends before.
    rough_for: u64,
    /// How often they will still look before they let the run come to its end, whatever happened by then.
    patience: u32,
    /// How often in a row there was nothing to say.
    idle: u32,
    away: Away,
    /// How often they will let questions wait.
    weeks_off: u32,
    /// So much was spent when the run could not go on for want of money.
    short_of: Option<Money>,
    /// The tasks that they added last.
    added: Option<Command>,
}

/// Whether the person lets questions wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    No,
    /// For longer than a question waits.
    Begins,
    /// They are back, and the first word is that the run goes on.
    Back,
}

impl Person<'_> {
    /// A person who wants this done, in one of the ways in which a run is made.
    pub(in crate::simulator) fn with_plan(stage: &mut Stage<'_>, run: RunId, spec: RunSpec) -> Self {
        let (whims, rough_for) = (stage.random.u32(0..24), stage.random.u64(0..400));
        let (weeks_off, patience) = (stage.random.u32(0..3), stage.random.u32(30..100));
        let begin = begin(stage, run, spec);
        Self {
            run,
            engine: None,
            begin,
            whims,
            rough_for,
            patience,
            idle: 0,
            away: Away::No,
            weeks_off,
            short_of: None,
            added: None,
        }
    }
}

fn begin(stage: &mut Stage<'_>, run: RunId, mut spec: RunSpec) -> Command {
    let started_by = "ada".to_owned();
    if stage.in_a_hundred(10) {
        spec.tasks.clear();
        spec.workstreams.clear();
        let path = if stage.random.bool() { "src/lib.rs" } else { "secrets/key" };
        let id = PatchId::from_parts(stage.clock.now(), stage.random.u128(..));
        let change = new_patch(path, "handed in", "base");
        let handed_in = Box::new(Submission { id, change, title: "Mend it".to_owned(), author: None, replaces: None });
        return Command::SubmitPatch {
            run,
            spec: Box::new(spec),
            started_by,
            base: "base".to_owned(),
            patch: handed_in,
        };
    }
    let legacy = stage.in_a_hundred(20).then(|| {
        let source = RunId::from_parts(stage.clock.now(), stage.random.u128(..));
        let first = spec.tasks[0].name.clone();
        let done = BTreeMap::from([(first, TaskId::from_parts(stage.clock.now(), stage.random.u128(..)))]);
        Legacy { fork: Fork { source, from: None }, done }
    });
    Command::CreateRun { run, spec: Box::new(spec), started_by, legacy }
}

impl<'s> Person<'s> {
    fn turn(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt> {
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => match Engine::open(stage.store, self.run) {
                Ok(engine) => engine,
                Err(_) => return Ok(()),
            },
        };
        let _ = engine.catch_up();
        let stands = engine.view().get::<Run>(self.run).map(|run| run.state);
        let command = match stands {
            None => Some(self.begin.clone()),
            Some(_) if self.away == Away::Back => {
                self.away = Away::No;
                Some(Command::ResumeRun { run: self.run, reason: "back".to_owned() })
            }
            Some(_) if self.weeks_off > 0 && asks(engine.view()) => {
                self.weeks_off -= 1;
                self.away = Away::Begins;
                None
            }
            Some(_) if self.whims > 0 => {
                self.whims -= 1;
                // Who does not know whether they said it says it again.
                let again = self.added.clone().filter(|_| stage.in_a_hundred(5));
                Some(again.unwrap_or_else(|| whim(stage, engine.view(), self.run)))
            }
            Some(_) if self.short_of.is_some() => raise(stage, engine.view(), self.short_of.take().unwrap_or_default()),
            Some(RunState::Pending) => Some(Command::StartRun { run: self.run, base: "base".to_owned() }),
            Some(stands) => answer(engine.view(), self.run, stands),
        };
        self.idle = if command.is_some() { 0 } else { self.idle + 1 };
        if let Some(command) = command {
            let answer = stage.execute(&mut engine, &command, &Actor::Person("ada".to_owned()))?;
            match answer {
                Answer::Refused(Refusal::BudgetSpent { spent, .. }) => self.short_of = Some(spent),
                Answer::Refused(refusal) if self.added.as_ref() == Some(&command) => {
                    return Err(never("what was added may be added again", &refusal));
                }
                Answer::Done if matches!(command, Command::AddTasks { .. }) => self.added = Some(command),
                _ => {}
            }
        }
        self.engine = Some(engine);
        Ok(())
    }
}

/// Whether something waits for the person.
fn asks(view: &View) -> bool {
    view.all::<Task>().any(|task| task.state == TaskState::Waiting)
}

/// So much more that something can be done with it.
fn raise(stage: &mut Stage<'_>, view: &View, spent: Money) -> Option<Command> {
    let budget = view.all::<Budget>().next()?;
    let more = Money::from_nanos(stage.random.i64(5..40));
    let limit = spent.max(budget.limit).saturating_add(more);
    Some(Command::ChangeBudget { budget: budget.id, limit, reason: "go on".to_owned() })
}

/// What lets a run go on that waits for a person: whatever is held lands, and then it is resumed.
fn answer(view: &View, run: RunId, stands: RunState) -> Option<Command> {
    let rests = stands == RunState::Paused;
    let held = |patch: &&Patch| patch.run == Some(run) && waits_to_land(view, patch);
    // What was let in again after the end of its run may be held, too.
    if let Some(patch) = view.all::<Patch>().find(held).filter(|_| rests || stands.is_finished()) {
        let reason = "looks good".to_owned();
        return Some(Command::OverridePatch { patch: patch.id, wish: PatchWish::Land, reason });
    }
    rests.then(|| Command::ResumeRun { run, reason: "go on".to_owned() })
}

impl<'s> Acting<'s> for Person<'s> {
    fn act(&mut self, stage: &mut Stage<'s>) -> Result<Option<Timestamp>, Broken> {
        match self.turn(stage) {
            Err(Halt::Broken(broken)) => return Err(broken),
            // Another call of the program comes later.
            Err(Halt::Gone) => self.engine = None,
            Ok(()) => {}
        }
        self.patience = self.patience.saturating_sub(1);
        let run = stage.truth().get::<Run>(self.run);
        let over = run.is_some_and(|run| run.state.is_finished());
        if self.whims == 0 && (over || run.is_some() && (stage.events > self.rough_for || self.patience == 0)) {
            stage.let_it_be(self.run);
        }
        if self.away == Away::Begins {
            self.away = Away::Back;
            let week = limits::QUESTION_WAITS.as_millis() / 1_000;
            return Ok(Some(stage.in_seconds(week, 2 * week)));
        }
        if self.idle > 0 {
            let wait = 20 << self.idle.min(10);
            return Ok(Some(stage.in_seconds(wait, 2 * wait)));
        }
        let span = if stage.in_a_hundred(10) { stage.any_span().as_millis() / 1_000 } else { 40 };
        Ok(Some(stage.in_seconds(0, span)))
    }
}
