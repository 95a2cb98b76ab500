//! Driving a run from the command line: signals, progress, and what is said at its end.

use std::time::Duration;

use tollhouse::entity::{Run, RunOutcome, Task};
use tollhouse::lifecycle::RunState;
use tollhouse::report::{RunStatus, run_status};
use tollhouse::spec::RunSpec;
use tollhouse::{
    Actor, Command, Conductor, Engine, Kind, Liveness, Progress, Refusal, RunId, RunnerError, Site, SqliteStore, Store,
    View, clock, look_at_conductor,
};

use super::status;
use super::supersede::supersede;
use crate::context::{Context, person};
use crate::error::{Answer, CLOSED_PIPE, CliError};
use crate::lookup::find_one;
use crate::progress::Watcher;
use crate::signals::Signals;

/// How long is waited for news before the world is looked at again: a program that dies says nothing.
const NEWS: Duration = Duration::from_millis(200);

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
        context: &mut Context,
        act: impl FnOnce(&Conductor<'_>, &mut dyn FnMut(&Progress<'_>)) -> Result<RunStatus, RunnerError>,
    ) -> Result<RunStatus, CliError> {
        let signals = Signals::listen()?;
        let mut watcher = Watcher::new(self.spec, self.branch, &context.printer);
        let conductor = Conductor::new(self.site, self.store, person(), signals.interrupted());
        let status = act(&conductor, &mut |progress| watcher.see(progress));
        watcher.finish();
        let status = status.map_err(|error| signals.name(error))?;
        for patch in status.patches.iter().filter(|patch| patch.commit.is_some()) {
            if let Some(old) = patch.replaces {
                supersede(old, patch.id, self.site, context);
            }
        }
        Ok(status)
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
        status_of(&self.store, self.id)
    }

    /// Says which command goes on with the run, where no program does.
    pub(crate) fn remark_next(&self, context: &mut Context) -> Result<(), CliError> {
        let status = self.status()?;
        if let (None, Some(next)) = (status.driven_by, status.next) {
            context.printer.remark(&format!("nothing drives its run: `{next}` goes on with it"));
        }
        Ok(())
    }

    /// Whether whoever drove the run last has given it back: one that died has not, and what it left is to be ended.
    pub(crate) fn is_given_back(&self) -> Result<bool, CliError> {
        let view = View::load(&self.store, self.id)?;
        Ok(view.get::<Run>(self.id).is_none_or(|run| run.conductor.is_none()))
    }

    /// Waits a little, or until something happens in the ledger.
    pub(crate) fn wait_for_news(&self) -> Result<(), CliError> {
        let newest = self.store.wait_for(u64::MAX, Duration::ZERO)?;
        self.store.wait_for(newest, NEWS)?;
        Ok(())
    }

    /// Refuses what could not land now.
    pub(crate) fn may_land(&self) -> Result<(), CliError> {
        Ok(Conductor::may_land(&self.site.project()?, &self.spec)?)
    }

    /// Has a conductor do something with the run.
    pub(crate) fn drive(
        &self,
        context: &mut Context,
        act: impl FnOnce(&Conductor<'_>, &mut dyn FnMut(&Progress<'_>)) -> Result<RunStatus, RunnerError>,
    ) -> Result<RunStatus, CliError> {
        let Self { site, store, spec, .. } = self;
        Driving { site, store, spec, branch: &spec.target }.go(context, act)
    }
}

/// Where a run is now, as far as this machine can see: a program that is gone drives nothing.
pub(crate) fn status_of(store: &SqliteStore, id: RunId) -> Result<RunStatus, CliError> {
    let view = View::load(store, id)?;
    let status =
        run_status(&view, id, clock::now()).ok_or_else(|| CliError::from(Refusal::NotFound { id: id.into() }))?;
    let seen = look_at_conductor(store, &view, id)?;
    Ok(if seen.is_some_and(|seen| seen.liveness == Liveness::Gone) { status.abandoned(&view) } else { status })
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
pub(crate) fn tell(
    status: &RunStatus,
    site: &Site,
    strictness: Strictness,
    context: &mut Context,
) -> Result<Answer, CliError> {
    let printed = status::print(status, site, context);
    // The answer stands, also where nobody reads the result.
    match printed {
        Err(error) if error.body.code == CLOSED_PIPE => Ok(answer(status, strictness)),
        printed => printed.map(|()| answer(status, strictness)),
    }
}

pub(crate) fn answer(status: &RunStatus, strictness: Strictness) -> Answer {
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
