//! Driving a run from the command line: signals, progress, and what is said at its end.

use tollhouse::entity::{Run, RunOutcome, Task};
use tollhouse::lifecycle::RunState;
use tollhouse::report::{RunStatus, run_status};
use tollhouse::spec::RunSpec;
use tollhouse::{
    Actor, Command, Conductor, Engine, Kind, Liveness, Progress, Refusal, RunId, RunnerError, Site, SqliteStore, Store,
    View, clock, look_at_conductor,
};

use super::status;
use crate::context::{Context, person};
use crate::error::{Answer, CLOSED_PIPE, CliError};
use crate::lookup::find_one;
use crate::progress::Watcher;
use crate::signals::Signals;

/// What a run is driven with.
pub(crate) struct Driving<'a> {
    pub(crate) site: &'a Site,
    pub(crate) store: &'a SqliteStore,
    /// What it was asked for, its tasks included.
    pub(crate) spec: &'a RunSpec,
    /// The branch that work starts from.
    pub(crate) branch: &'a str,
}

impl Driving<'_> {
    /// Has a conductor do something, with progress for whoever watches and an ear for signals.
    pub(crate) fn go(
        &self,
        context: &Context,
        act: impl FnOnce(&Conductor<'_>, &mut dyn FnMut(&Progress<'_>)) -> Result<RunStatus, RunnerError>,
    ) -> Result<RunStatus, CliError> {
        let signals = Signals::listen()?;
        let mut watcher = Watcher::new(self.spec, self.branch, &context.printer);
        let conductor = Conductor::new(self.site, self.store, person(), signals.interrupted());
        let status = act(&conductor, &mut |progress| watcher.see(progress));
        watcher.finish();
        status.map_err(|error| signals.name(error))
    }
}

/// A run that is on the ledger, with the ledger open to be written.
pub(crate) struct KnownRun {
    pub(crate) site: Site,
    pub(crate) store: SqliteStore,
    pub(crate) id: RunId,
    pub(crate) spec: RunSpec,
}

impl KnownRun {
    /// The run that a text means.
    pub(crate) fn find(text: &str, context: &Context) -> Result<Self, CliError> {
        let (site, store) = open(context)?;
        let record = find_one(&store, Kind::Run, text)?;
        let id = RunId::try_from(record.id).expect("only runs were looked for");
        Self::with(site, store, id)
    }

    /// A run by its id.
    pub(crate) fn with(site: Site, store: SqliteStore, id: RunId) -> Result<Self, CliError> {
        let view = View::load(&store, id)?;
        let run = view.get::<Run>(id).ok_or_else(|| CliError::from(Refusal::NotFound { id: id.into() }))?;
        let mut tasks: Vec<&Task> = view.all::<Task>().collect();
        tasks.sort_by_key(|task| task.place);
        let spec = RunSpec { tasks: tasks.into_iter().map(|task| task.spec.clone()).collect(), ..run.spec.clone() };
        Ok(Self { site, store, id, spec })
    }

    /// Carries out a person's command on the run.
    pub(crate) fn execute(&self, command: &Command) -> Result<(), CliError> {
        let mut engine = Engine::open(&self.store as &dyn Store, self.id)?;
        clock::not_before(engine.newest_at());
        tollhouse::carry_out(&mut engine, command, &Actor::Person(person()), clock::at())?;
        Ok(())
    }

    /// Where the run is now.
    pub(crate) fn status(&self) -> Result<RunStatus, CliError> {
        let view = View::load(&self.store, self.id)?;
        run_status(&view, self.id, clock::now()).ok_or_else(|| Refusal::NotFound { id: self.id.into() }.into())
    }

    /// Whether some program that lives, or may live, drives it.
    pub(crate) fn is_driven(&self) -> Result<bool, CliError> {
        let view = View::load(&self.store, self.id)?;
        let seen = look_at_conductor(&self.store, &view, self.id)?;
        Ok(seen.is_some_and(|seen| seen.liveness != Liveness::Gone))
    }

    /// Has a conductor do something with the run.
    pub(crate) fn drive(
        &self,
        context: &Context,
        act: impl FnOnce(&Conductor<'_>, &mut dyn FnMut(&Progress<'_>)) -> Result<RunStatus, RunnerError>,
    ) -> Result<RunStatus, CliError> {
        let Self { site, store, spec, .. } = self;
        Driving { site, store, spec, branch: &spec.target }.go(context, act)
    }
}

/// The ledger, to be written; an error where there is none.
pub(crate) fn open(context: &Context) -> Result<(Site, SqliteStore), CliError> {
    let site = context.site()?;
    crate::context::read_ledger(&site)?;
    let store = site.open_ledger()?;
    Ok((site, store))
}

/// Which misses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    Critical,
    All,
}

/// Prints where a run is, and says what that means.
pub(crate) fn tell(status: &RunStatus, strictness: Strictness, context: &mut Context) -> Result<Answer, CliError> {
    let printed = status::print(status, context);
    // The answer stands, also where nobody reads the result.
    match printed {
        Err(error) if error.body.code == CLOSED_PIPE => Ok(answer(status, strictness)),
        printed => printed.map(|()| answer(status, strictness)),
    }
}

fn answer(status: &RunStatus, strictness: Strictness) -> Answer {
    let clean = status.run.outcome == Some(RunOutcome::Clean);
    match status.run.state {
        RunState::Succeeded if clean || strictness == Strictness::Critical => Answer::Yes,
        RunState::Pending | RunState::Running | RunState::Paused => Answer::Waits,
        _ => Answer::No,
    }
}

/// Whether a command failed because a living program drives the run.
pub(crate) fn is_driven_by_another(error: &CliError) -> bool {
    error.body.code == "already_driven"
}

/// A record's run, where it has one.
pub(crate) fn run_of(record: &tollhouse::Record) -> Result<RunId, CliError> {
    record.run.ok_or_else(|| {
        CliError::new(crate::error::ErrorKind::Conflict, "no_run", format!("{} belongs to no run", record.id))
            .hint("`toll log` shows where it came from")
    })
}
