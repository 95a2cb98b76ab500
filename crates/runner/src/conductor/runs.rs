//! Runs for a person: begun, gone on with, and driven until they are over or rest.

use std::sync::atomic::AtomicBool;

use tollhouse_core::entity::{Effect, Patch, Run};
use tollhouse_core::lifecycle::RunState;
use tollhouse_core::spec::RunSpec;
use tollhouse_core::{Actor, BudgetId, Event, Kind, Money, PatchId, RunId};
use tollhouse_engine::report::{RunStatus, run_status};
use tollhouse_engine::{Command, Engine, EngineError, Legacy, NewPatch, Refusal, Submission, View};
use tollhouse_state::{CommitError, Find, Store};

use super::drive::{Drive, Stopped};
use super::head::{Head, landing_head};
use super::perform::Hands;
use super::preflight::Preflight;
use super::switches::Switches;
use crate::clock;
use crate::error::RunnerError;
use crate::git::Project;
use crate::handwork::take_back;
use crate::site::Site;

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

/// A change that no run made, read into the ledger's repository.
#[derive(Debug, Clone)]
pub struct HandedIn {
    /// Its id, under which its text is kept.
    pub id: PatchId,
    /// What it changes.
    pub change: NewPatch,
    /// The first line of what lands.
    pub title: String,
    /// Whose change it is.
    pub author: Option<String>,
    /// The patch that it is handed in for.
    pub replaces: Option<PatchId>,
}

/// Drives runs for a person.
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

impl<'a> Conductor<'a> {
    /// A conductor at a site, for a person. When `interrupted` becomes true, it ends what it started and stops; when that
    /// happens once more, it does so at once. Each time it is set back to false.
    pub fn new(site: &'a Site, store: &'a dyn Store, person: String, interrupted: &'a AtomicBool) -> Self {
        Self { site, store, person, interrupted }
    }

    /// Where a run would start. To be asked before a ledger is made, so that what is refused leaves nothing behind.
    ///
    /// # Errors
    /// The branches are not as they must be.
    pub fn head_for(project: &Project, spec: &RunSpec) -> Result<Head, RunnerError> {
        Self::may_land(project, spec)?;
        if let Some(other) = project.branch_in_the_way(&spec.land_on) {
            return Err(RunnerError::BranchInTheWay { branch: spec.land_on.clone(), other });
        }
        landing_head(project, &spec.target, &spec.land_on)
    }

    /// Whether what a run makes could land now. To be asked before it is let go on, so that nothing is set aside for it.
    ///
    /// # Errors
    /// The branch that it lands on is checked out somewhere.
    pub fn may_land(project: &Project, spec: &RunSpec) -> Result<(), RunnerError> {
        match project.worktrees_with_branch_checked_out(&spec.land_on).into_iter().next() {
            Some(worktree) => Err(RunnerError::CheckedOut { branch: spec.land_on.clone(), worktree }),
            None => Ok(()),
        }
    }

    /// Makes a run of what was asked for and drives it until it is over or rests. It takes over what `legacy` says.
    ///
    /// Where a run has the key of this one, and was asked for the same, that one is the answer: it goes on, if it is not over
    /// and does not rest.
    ///
    /// # Errors
    /// The branches are not as they must be, a gate does not pass where work starts from, the ledger fails, or somebody
    /// interrupts it; or the key is that of a run that was asked for something else.
    pub fn run(
        &self,
        spec: &RunSpec,
        legacy: Option<Legacy>,
        watch: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<RunStatus, RunnerError> {
        let project = self.site.project()?;
        let head = Self::head_for(&project, spec)?;
        if let Some(known) = self.of_key(spec)? {
            return self.again(known, spec, watch);
        }
        let id = RunId::from_parts(clock::now(), clock::random_id_bits());
        let preflight =
            Preflight { site: self.site, store: self.store, person: &self.person, interrupted: self.interrupted };
        preflight.check(spec, &head, &mut |events, view| watch(&Progress { events, view, run: id }))?;
        let started_by = self.person.clone();
        let create = Command::CreateRun { run: id, spec: Box::new(spec.clone()), started_by, legacy };
        match self.begin(id, &project, &head, &create, watch) {
            Err(error) if is_taken(&error) => match self.of_key(spec)? {
                // Somebody else was quicker.
                Some(known) => self.again(known, spec, watch),
                None => Err(error),
            },
            begun => begun,
        }
    }

    /// The run that has the key of this one.
    fn of_key(&self, spec: &RunSpec) -> Result<Option<RunId>, RunnerError> {
        let Some(key) = &spec.key else { return Ok(None) };
        let key = Some(("key".to_owned(), key.clone()));
        let found = self.store.find(&Find { kind: Some(Kind::Run), key, limit: Some(1), ..Find::default() })?;
        Ok(found.first().and_then(|record| record.run))
    }

    /// What was asked for again under its key: the run as it is, once there is nothing to be done in it.
    fn again(&self, id: RunId, spec: &RunSpec, watch: &mut dyn FnMut(&Progress<'_>)) -> Result<RunStatus, RunnerError> {
        let mut engine = Engine::open(self.store, id)?;
        clock::not_before(engine.newest_at());
        let not_found = || EngineError::from(Refusal::NotFound { id: id.into() });
        let run = engine.view().get::<Run>(id).ok_or_else(not_found)?;
        // How the agents had done was seen when it was made, and by whom it was asked for matters to nobody.
        let (records, started_by) = (run.spec.records.clone(), run.started_by.clone());
        let spec = Box::new(RunSpec { records, ..spec.clone() });
        let key = spec.key.clone().unwrap_or_default();
        let create = Command::CreateRun { run: id, spec, started_by, legacy: None };
        let person = Actor::Person(self.person.clone());
        match super::commit::carry_out(&mut engine, &create, &person, clock::at()) {
            Err(EngineError::Refused(Refusal::IdReused { .. })) => {
                return Err(EngineError::from(Refusal::KeyReused { key, id: id.into() }).into());
            }
            same => drop(same?),
        }
        let run = engine.view().get::<Run>(id).ok_or_else(not_found)?;
        if run.state.is_finished() && !has_open_effects(engine.view(), id) || run.state == RunState::Paused {
            let status = run_status(engine.view(), id, clock::now());
            return Ok(status.ok_or_else(not_found)?);
        }
        self.drive(engine, id, watch, &mut |drive| self.start(drive, id))
    }

    /// Begins a run that was made, where whoever made it did not live to begin it.
    fn start(&self, drive: &mut Drive<'_>, id: RunId) -> Result<(), RunnerError> {
        if drive.state() != Some(RunState::Pending) {
            return Ok(());
        }
        let run = drive.engine.view().get::<Run>(id).expect("it was just there");
        let head = Self::head_for(&self.site.project()?, &run.spec)?;
        let start = Command::StartRun { run: id, base: head.commit.to_string() };
        Ok(drive.execute(&start, &Actor::Person(self.person.clone()), clock::at())?)
    }

    /// Makes a run of a change that no run made, and drives it until it is over or rests.
    ///
    /// Where a run has the key of this one, and was made of the same change, that one is the answer, as of [`run`](Self::run).
    ///
    /// # Errors
    /// The branches are not as they must be, the ledger fails, or somebody interrupts it; or the key is that of a run that was asked
    /// for something else.
    pub fn submit(
        &self,
        spec: &RunSpec,
        handed_in: &HandedIn,
        watch: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<RunStatus, RunnerError> {
        let project = self.site.project()?;
        let head = Self::head_for(&project, spec)?;
        if let Some(known) = self.of_key(spec)? {
            return self.submitted(known, spec, handed_in, watch);
        }
        let id = RunId::from_parts(clock::now(), clock::random_id_bits());
        let HandedIn { id: patch, change, title, author, replaces } = handed_in.clone();
        let submit = Command::SubmitPatch {
            run: id,
            spec: Box::new(spec.clone()),
            started_by: self.person.clone(),
            base: head.commit.to_string(),
            patch: Box::new(Submission { id: patch, change, title, author, replaces }),
        };
        match self.begin(id, &project, &head, &submit, watch) {
            Err(error) if is_taken(&error) => match self.of_key(spec)? {
                // Somebody else was quicker.
                Some(known) => self.submitted(known, spec, handed_in, watch),
                None => Err(error),
            },
            begun => begun,
        }
    }

    /// What was handed in again under its key: the run of the same change, as it is. What was read of it anew is let go of.
    fn submitted(
        &self,
        id: RunId,
        spec: &RunSpec,
        handed_in: &HandedIn,
        watch: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<RunStatus, RunnerError> {
        let view = View::load(&self.store, id).map_err(EngineError::from)?;
        // Unless it is the very one, handed in twice by a program that was not told how it went.
        if view.get::<Patch>(handed_in.id).is_none() {
            take_back(self.site, handed_in.id)?;
        }
        let mut patches = view.all::<Patch>().filter(|patch| patch.run == Some(id));
        if patches.any(|patch| patch.content == handed_in.change.content) {
            return self.again(id, spec, watch);
        }
        let key = spec.key.clone().unwrap_or_default();
        Err(EngineError::from(Refusal::KeyReused { key, id: id.into() }).into())
    }

    /// Goes on with a run: what was begun is looked at in the world first. One that is over goes on where a person let
    /// something in again and that was not finished.
    ///
    /// # Errors
    /// It is over, somebody alive drives it, the branch that it lands on is checked out, the ledger fails, or somebody
    /// interrupts it.
    pub fn resume(
        &self,
        id: RunId,
        reason: &str,
        watch: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<RunStatus, RunnerError> {
        self.resume_with(id, reason, None, watch)
    }

    /// The same, where a person lets it spend so much all in all from now on. Where somebody else drives it, its budget stays as it
    /// is; where that is still too little, it is changed, and the run rests.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), or the budget may not be changed.
    pub fn resume_with(
        &self,
        id: RunId,
        reason: &str,
        raise: Option<(BudgetId, Money)>,
        watch: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<RunStatus, RunnerError> {
        let engine = Engine::open(self.store, id)?;
        match engine.view().get::<Run>(id) {
            None => return Err(EngineError::from(Refusal::NotFound { id: id.into() }).into()),
            Some(run) => {
                let (over, state) = (run.state.is_finished(), run.state.as_str());
                if over && !has_open_effects(engine.view(), id) {
                    return Err(EngineError::from(Refusal::RunOver { id: id.into(), state }).into());
                }
                Self::may_land(&self.site.project()?, &run.spec)?;
            }
        }
        self.drive(engine, id, watch, &mut |drive| {
            let person = Actor::Person(self.person.clone());
            if let Some((budget, limit)) = raise {
                let change = Command::ChangeBudget { budget, limit, reason: reason.to_owned() };
                drive.execute(&change, &person, clock::at())?;
            }
            match drive.state() {
                Some(RunState::Paused) => {
                    let command = Command::ResumeRun { run: id, reason: reason.to_owned() };
                    Ok(drive.execute(&command, &person, clock::at())?)
                }
                _ => self.start(drive, id),
            }
        })
    }

    /// Does what a run still asks for, whatever state it is in: ends one that is canceled, lands what a person let in again.
    ///
    /// # Errors
    /// Somebody alive drives it, the ledger fails, or somebody interrupts it.
    pub fn finish(&self, id: RunId, watch: &mut dyn FnMut(&Progress<'_>)) -> Result<RunStatus, RunnerError> {
        self.drive(Engine::open(self.store, id)?, id, watch, &mut |_| Ok(()))
    }

    fn begin(
        &self,
        id: RunId,
        project: &Project,
        head: &Head,
        create: &Command,
        watch: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<RunStatus, RunnerError> {
        // Made once, before the first effects come for it together.
        self.site.open_repo()?;
        // Pinned in the lender before anything borrows.
        project.pin(&format!("runs/{id}/base"), head.commit)?;
        let mut engine = Engine::open(self.store, id)?;
        clock::not_before(engine.newest_at());
        let person = Actor::Person(self.person.clone());
        let events = super::commit::carry_out(&mut engine, create, &person, clock::at())?;
        watch(&Progress { events: &events, view: engine.view(), run: id });
        self.drive(engine, id, watch, &mut |drive| {
            if drive.state() != Some(RunState::Pending) {
                return Ok(());
            }
            let start = Command::StartRun { run: id, base: head.commit.to_string() };
            Ok(drive.execute(&start, &person, clock::at())?)
        })
    }

    /// Takes the run, looks at what was left undone, lets it go on, and drives it.
    fn drive(
        &self,
        engine: Engine<&'a dyn Store>,
        id: RunId,
        watch: &mut dyn FnMut(&Progress<'_>),
        go_on: &mut dyn FnMut(&mut Drive<'_>) -> Result<(), RunnerError>,
    ) -> Result<RunStatus, RunnerError> {
        let switches = Switches::default();
        let person = Actor::Person(self.person.clone());
        let mut drive = Drive {
            engine,
            run: id,
            watch,
            interrupted: self.interrupted,
            person,
            switches: &switches,
            epoch: 0,
            breakers_moved: false,
        };
        let hands = Hands { site: self.site, person: &self.person, switches: &switches };
        drive.take()?;
        let ready = drive.recover(&hands).and_then(|()| go_on(&mut drive));
        if let Err(error) = ready {
            // What was begun stays to be looked at by whoever comes next.
            let _ = drive.step_down();
            return Err(error);
        }
        let stopped = drive.go(&hands)?;
        if stopped == Stopped::Interrupted {
            return Err(RunnerError::Interrupted);
        }
        let status = run_status(drive.engine.view(), id, clock::now());
        status.ok_or_else(|| EngineError::from(Refusal::NotFound { id: id.into() }).into())
    }
}

/// Whether the key of a run was taken since it was looked for.
fn is_taken(error: &RunnerError) -> bool {
    matches!(error, RunnerError::Engine(EngineError::Commit(CommitError::IdReused { .. })))
}

/// Whether something of a run is still to be done: of one that is over, what a person let in again.
fn has_open_effects(view: &View, run: RunId) -> bool {
    view.all::<Effect>().any(|effect| effect.run == Some(run) && !effect.state.is_finished())
}
