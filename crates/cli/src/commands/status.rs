//! `toll status`: one run, at a glance.

mod glance;
mod outlook;

use clap::Args;
use glance::Glance;
use tollhouse::entity::{Run, RunOutcome};
use tollhouse::lifecycle::RunState;
use tollhouse::report::{ProgressFacts, RunOutline, RunProgress, RunRow, RunStatus, run_progress};
use tollhouse::spec::Crew;
use tollhouse::{Engine, Kind, RunId, Site, SqliteStore, View, clock, look_at_conductor};

use super::check::history;
use crate::context::{Context, read_ledger};
use crate::document::{Document, RunDocument};
use crate::error::{Answer, CliError};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};

/// Of a run with more tasks not all are shown: nobody reads them.
const TASKS_SHOWN_MAX: u32 = 200;

/// A run with more tasks is not read whole for a glance: that takes the longer the more it did, and seconds for the largest.
const TASKS_READ_MAX: u64 = 1_000;

/// Show one run: what it did, what was set aside and why, how far it is
///
/// How long it may still take is told from how long attempts took, where that was seen of all that is left; else why it is
/// unknown. Of a run of more than 1,000 tasks it tells what can be told without reading all of it; --json has the rest.
#[derive(Debug, Default, Args)]
pub(crate) struct StatusArgs {
    /// Its id or a prefix of it [default: the newest]
    run: Option<String>,
}

pub(crate) fn run(args: &StatusArgs, context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let store = read_ledger(&site)?;
    let record = find_one(&store, Kind::Run, args.run.as_deref().unwrap_or("@"))?;
    let id = RunId::try_from(record.id).expect("only runs were looked for");
    if let Some(outline) = outline(&store, id, context)? {
        let text = Glance::from(&outline).recorded(site.durability).show(&context.printer);
        context.printer.out(&text)?;
        return Ok(Answer::Yes);
    }
    let mut status = super::driving::status_of(&store, id)?;
    status.progress = progress(&store, id)?.map(Box::new);
    print(&status, &site, context)?;
    Ok(Answer::Yes)
}

/// What people are told of a very large run. A document has all of it, however large.
fn outline(store: &SqliteStore, id: RunId, context: &Context) -> Result<Option<RunOutline>, CliError> {
    if context.printer.json {
        return Ok(None);
    }
    let moment = store.snapshot()?;
    let seen = look_at_conductor(store, &View::of(&moment, &[id.into()])?, id)?;
    Ok(RunOutline::load(&moment, id, (TASKS_READ_MAX, TASKS_SHOWN_MAX), (clock::now(), seen))?)
}

/// How far a run is, as far as this machine can see.
fn progress(store: &SqliteStore, id: RunId) -> Result<Option<RunProgress>, CliError> {
    let mut view = View::load(store, id)?;
    let seen = look_at_conductor(store, &view, id)?;
    let Some(run) = view.get::<Run>(id).filter(|run| !run.state.is_finished()) else {
        return Ok(run_progress(&view, id, clock::now(), &ProgressFacts { history: None, seen }));
    };
    if run.spec.crew == Crew::Shared {
        view = Engine::open_fleet(store)?.view().clone();
    }
    let history = history::beside(store, Some(id))?;
    Ok(run_progress(&view, id, clock::now(), &ProgressFacts { history: Some(&history), seen }))
}

/// Prints a run as the result of a command.
pub(crate) fn print(status: &RunStatus, site: &Site, context: &mut Context) -> Result<(), CliError> {
    if context.printer.json {
        let document = RunDocument { status: status.clone(), durability: site.durability.as_str() };
        context.printer.out(&Document::new(document).to_json())?;
    } else {
        let text = Glance::from(status).recorded(site.durability).show(&context.printer);
        context.printer.out(&text)?;
    }
    Ok(())
}

/// A run's state in its colour.
pub(crate) fn paint_run(printer: &Printer, row: &RunRow) -> String {
    let (look, text) = match (row.state, row.outcome) {
        (RunState::Succeeded, Some(RunOutcome::WithFailures)) => (Look::Odd, "succeeded, with failures"),
        (RunState::Succeeded, _) => (Look::Good, "succeeded"),
        (RunState::Failed | RunState::Quarantined | RunState::Canceled, _) => (Look::Bad, row.state.as_str()),
        _ => (Look::Bold, row.state.as_str()),
    };
    printer.paint(look, text)
}
