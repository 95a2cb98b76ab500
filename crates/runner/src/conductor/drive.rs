//! The loop.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;
use std::time::Duration;

use tollhouse_core::entity::{Effect, ErrorClass, Run, Work};
use tollhouse_core::lifecycle::{EffectState, RunState};
use tollhouse_core::spec::RunSpec;
use tollhouse_core::{Actor, EffectId, Event, RecordId, RunId, Span, limits};
use tollhouse_engine::report::{RunStatus, run_status};
use tollhouse_engine::{At, Command, Engine, EngineError, Outcome, Refusal, View, next_deadline};
use tollhouse_state::{CommitError, Store};

use super::head::{Head, landing_head};
use super::perform::{Assignment, Hands, perform};
use super::preflight::Preflight;
use crate::clock;
use crate::error::RunnerError;
use crate::git::Project;
use crate::process::KillSwitch;
use crate::site::Site;

/// How often the loop looks up when nothing happens: so that an interruption is seen.
const LOOK_UP: Duration = Duration::from_millis(100);

/// The name under which this machine works.
const WORKER: &str = "local";

/// What happened since the last time, and where the run is now. While gates run on the target, there is no run yet: the
/// events are theirs.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The events that came.
    pub events: &'a [Event],
    /// The records as they are now.
    pub view: &'a View,
    /// The run.
    pub run: RunId,
}

/// Drives one run to its end.
pub struct Conductor<'a> {
    site: &'a Site,
    store: &'a dyn Store,
    person: String,
    interrupted: &'a AtomicBool,
}

impl std::fmt::Debug for Conductor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conductor").field("site", self.site).field("person", &self.person).finish_non_exhaustive()
    }
}

/// An effect that has ended.
struct Report {
    effect: EffectId,
    epoch: u64,
    outcome: Outcome,
}

impl<'a> Conductor<'a> {
    /// A conductor at a site, for a person. When `interrupted` becomes true, it ends what it started and stops.
    pub fn new(site: &'a Site, store: &'a dyn Store, person: String, interrupted: &'a AtomicBool) -> Self {
        Self { site, store, person, interrupted }
    }

    /// Where a run would start. To be asked before a ledger is made, so that what is refused leaves nothing behind.
    ///
    /// # Errors
    /// The branches are not as they must be.
    pub fn head_for(project: &Project, spec: &RunSpec) -> Result<Head, RunnerError> {
        if let Some(worktree) = project.worktrees_with_branch_checked_out(&spec.land_on).into_iter().next() {
            return Err(RunnerError::CheckedOut { branch: spec.land_on.clone(), worktree });
        }
        if let Some(other) = project.branch_in_the_way(&spec.land_on) {
            return Err(RunnerError::BranchInTheWay { branch: spec.land_on.clone(), other });
        }
        landing_head(project, &spec.target, &spec.land_on)
    }

    /// Makes a run of what was asked for and drives it to its end.
    ///
    /// # Errors
    /// The branches are not as they must be, a gate does not pass where work starts from, the ledger fails, or somebody
    /// interrupts it.
    pub fn run(&self, spec: &RunSpec, watch: &mut dyn FnMut(&Progress<'_>)) -> Result<RunStatus, RunnerError> {
        let project = self.site.project()?;
        let head = Self::head_for(&project, spec)?;
        let id = RunId::from_parts(clock::now(), clock::random_id_bits());
        let preflight =
            Preflight { site: self.site, store: self.store, person: &self.person, interrupted: self.interrupted };
        preflight.check(spec, &head, &mut |events, view| watch(&Progress { events, view, run: id }))?;
        let at = clock::at();
        // Made once, before the first effects come for it together.
        self.site.open_repo()?;
        // Pinned in the lender before anything borrows.
        project.pin(&format!("runs/{id}/base"), head.commit)?;
        let engine = Engine::open(self.store, id)?;
        let person = Actor::Person(self.person.clone());
        let create = Command::CreateRun { run: id, spec: Box::new(spec.clone()), started_by: self.person.clone() };
        let switches = Switches::default();
        let mut drive = Drive {
            engine,
            run: id,
            watch,
            interrupted: self.interrupted,
            person: person.clone(),
            switches: &switches,
        };
        drive.execute(&create, &person, at)?;
        let start = Command::StartRun { run: id, base: head.commit.to_string() };
        drive.execute(&start, &person, clock::at())?;
        let hands = Hands { site: self.site, person: &self.person, switches: &switches };
        drive.go(&hands)?;
        Ok(run_status(drive.engine.view(), id, clock::now()).expect("the run was just made"))
    }
}

/// One run on its way.
struct Drive<'d> {
    engine: Engine<&'d dyn Store>,
    run: RunId,
    watch: &'d mut dyn FnMut(&Progress<'_>),
    interrupted: &'d AtomicBool,
    person: Actor,
    switches: &'d Switches,
}

impl Drive<'_> {
    /// Has a command decided, and shows what came of it.
    fn execute(&mut self, command: &Command, actor: &Actor, at: At) -> Result<(), EngineError> {
        let events = self.engine.execute(command, actor, at)?;
        self.show(&events);
        Ok(())
    }

    fn catch_up(&mut self) -> Result<(), EngineError> {
        let events = self.engine.catch_up()?;
        self.show(&events);
        Ok(())
    }

    fn show(&mut self, events: &[Event]) {
        (self.watch)(&Progress { events, view: self.engine.view(), run: self.run });
    }

    fn go(&mut self, hands: &Hands<'_>) -> Result<(), RunnerError> {
        let (sender, reports) = channel();
        let driven = std::thread::scope(|scope| {
            let looped = self.turn(&reports, &mut |effect, view| start(scope, hands, effect, view, &sender));
            if looped.is_err() {
                // Nothing is left running that nobody listens to.
                hands.switches.throw_all();
            }
            looped
        });
        // Empty by now, unless something was kept as evidence.
        let _ = std::fs::remove_dir(hands.site.run_dir(self.run));
        driven
    }

    /// Ask, do, report, until the run is finished. Interrupted, it pauses the run, ends what agents and gates do, and waits
    /// for what was alive: how it ended is on the ledger before this returns.
    fn turn(&mut self, reports: &Receiver<Report>, begin: &mut dyn FnMut(&Effect, &View)) -> Result<(), RunnerError> {
        let worker = Actor::Worker(WORKER.to_owned());
        let mut alive = 0_usize;
        loop {
            if self.interrupted.load(Ordering::Relaxed) && self.state() == Some(RunState::Running) {
                let reason = "interrupted by a signal".to_owned();
                let person = self.person.clone();
                self.execute(&Command::PauseRun { run: self.run, reason }, &person, clock::at())?;
                self.switches.throw_all();
            }
            let paused = self.state() == Some(RunState::Paused);
            for effect in requested(self.engine.view(), self.run) {
                if paused && !matches!(effect.work, Work::Kill { .. }) {
                    continue;
                }
                let until = clock::now().after(lease_of(&effect));
                let claim = Command::Claim { effect: effect.id, owner: WORKER.to_owned(), until };
                self.execute(&claim, &worker, clock::at())?;
                let view = self.engine.view();
                begin(view.get::<Effect>(effect.id).expect("it was just claimed"), view);
                alive += 1;
            }
            if self.state().is_none_or(RunState::is_finished) {
                return Ok(());
            }
            if paused && alive == 0 {
                return Err(RunnerError::Interrupted);
            }
            match reports.recv_timeout(patience(self.engine.view(), self.run)) {
                Ok(report) => {
                    alive = alive.saturating_sub(1);
                    self.report(report, &worker)?;
                }
                Err(_) if is_due(self.engine.view(), self.run) => {
                    self.execute(&Command::Tick { run: self.run }, &Actor::Engine, clock::at())?;
                }
                Err(_) => self.catch_up()?,
            }
        }
    }

    fn state(&self) -> Option<RunState> {
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

/// How long to wait for a report before looking up.
fn patience(view: &View, run: RunId) -> Duration {
    let now = clock::now();
    let until = next_deadline(view, run).map_or(LOOK_UP, |deadline| deadline.since(now).as_duration());
    until.min(LOOK_UP)
}

fn is_due(view: &View, run: RunId) -> bool {
    next_deadline(view, run).is_some_and(|deadline| deadline <= clock::now())
}

fn requested(view: &View, run: RunId) -> Vec<Effect> {
    view.all::<Effect>()
        .filter(|effect| effect.run == Some(run) && effect.state == EffectState::Requested)
        .cloned()
        .collect()
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

/// The switches of what runs, by what it runs for.
#[derive(Debug, Default)]
pub(super) struct Switches(Mutex<SwitchBoard>);

#[derive(Debug, Default)]
struct SwitchBoard {
    all_thrown: bool,
    by_subject: BTreeMap<RecordId, KillSwitch>,
}

impl Switches {
    /// The switch of an attempt or a gate run.
    pub(super) fn of(&self, subject: impl Into<RecordId>) -> KillSwitch {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let switch = board.by_subject.entry(subject.into()).or_default().clone();
        if board.all_thrown {
            switch.throw();
        }
        switch
    }

    fn throw_all(&self) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        board.all_thrown = true;
        board.by_subject.values().for_each(KillSwitch::throw);
    }
}
