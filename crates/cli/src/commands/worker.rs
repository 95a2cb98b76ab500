//! `toll worker`: what executes attempts.

use clap::{Args, Subcommand};
use tollhouse::entity::{Entity, Worker};
use tollhouse::lifecycle::WorkerState;
use tollhouse::report::{ShortIds, WorkerRow};
use tollhouse::{
    Actor, Command, Engine, Find, Kind, Order, SqliteStore, Store, ViewError, WorkerId, WorkerWish, clock,
};

use super::driving::open;
use super::task::read;
use crate::context::{Context, person, read_ledger, require_person};
use crate::document::{Document, Workers};
use crate::error::{Answer, CliError};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};
use crate::table::{brief, table};

/// List workers, or say what one is to do
///
/// A worker executes attempts, one at a time. A run has workers of its own, which end with it; those that a program registered
/// are shared by all runs that want it.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(subcommand)]
    command: WorkerCommand,
}

#[derive(Debug, Subcommand)]
enum WorkerCommand {
    /// List the workers that are not over, newest first
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// Show at most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Only workers older than this one: where the last page ended
        #[arg(long, value_name = "WORKER")]
        after: Option<String>,
    },
    /// Let a worker finish what it holds, and end. Needs --reason
    Drain {
        /// Its name, its id or a prefix of it
        #[arg(value_name = "NAME")]
        worker: String,
    },
    /// Give a worker nothing new; what it holds goes on. Needs --reason
    Pause {
        /// Its name, its id or a prefix of it
        #[arg(value_name = "NAME")]
        worker: String,
    },
    /// Let a paused worker go on. Needs --reason
    Resume {
        /// Its name, its id or a prefix of it
        #[arg(value_name = "NAME")]
        worker: String,
    },
}

pub(crate) fn run(args: &WorkerArgs, context: &mut Context) -> Result<Answer, CliError> {
    match &args.command {
        WorkerCommand::List { all, limit, after } => {
            let which = if *all { Which::All } else { Which::Unfinished };
            list(which, *limit, after.as_deref(), context)?;
        }
        WorkerCommand::Drain { worker } => change(worker, WorkerWish::Drain, "worker drain", context)?,
        WorkerCommand::Pause { worker } => change(worker, WorkerWish::Pause, "worker pause", context)?,
        WorkerCommand::Resume { worker } => change(worker, WorkerWish::Resume, "worker resume", context)?,
    }
    Ok(Answer::Yes)
}

/// Which workers are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Unfinished,
    All,
}

fn list(which: Which, limit: u32, after: Option<&str>, context: &mut Context) -> Result<(), CliError> {
    let store = read_ledger(&context.site()?)?;
    let after = after.map(|text| find_one(&store, Kind::Worker, text)).transpose()?.map(|record| record.id);
    let states = match which {
        Which::All => Vec::new(),
        Which::Unfinished => {
            WorkerState::ALL.iter().filter(|state| !state.is_finished()).map(ToString::to_string).collect()
        }
    };
    let find = Find {
        kind: Some(Kind::Worker),
        states,
        order: Order::Newest,
        after,
        limit: Some(limit.saturating_add(1)),
        ..Find::default()
    };
    let now = clock::now();
    let mut rows: Vec<WorkerRow> = read::<Worker>(&store, &find)?.iter().map(|one| WorkerRow::of(one, now)).collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
    if context.printer.json {
        context.printer.out(&Document::new(Workers { workers: rows, next }).to_json())?;
    } else if rows.is_empty() {
        let all = if which == Which::Unfinished { "; `toll worker list --all` shows those that are over" } else { "" };
        context.printer.note(&format!("no worker is there: a run has its own while it goes on{all}"));
    } else {
        let text = show_list(&rows, &context.printer);
        context.printer.out(&text)?;
        if let Some(next) = next {
            context.printer.note(&format!("older ones: toll worker list --after {next}"));
        }
    }
    Ok(())
}

fn show_list(rows: &[WorkerRow], printer: &Printer) -> String {
    let ids = ShortIds::of(rows.iter().map(|row| row.id.into()));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let able: Vec<&str> = row.capabilities.iter().map(String::as_str).collect();
            let held = row.holds.map(|held| format!("holds {}", held.task.random_part()));
            vec![
                ids.of_one(row.id.into()),
                row.name.clone(),
                paint(printer, row.state),
                row.host.clone(),
                able.join(" "),
                held.unwrap_or_default(),
                format!("{:.0} % busy, {}", row.figures.utilisation * 100.0, attempts(row)),
                printer.paint(Look::Dim, &brief(row.reason.as_deref().unwrap_or_default(), 60)),
            ]
        })
        .collect();
    table(&cells)
}

fn attempts(row: &WorkerRow) -> String {
    let s = if row.figures.attempts == 1 { "" } else { "s" };
    let badly = [(row.figures.failures, "failed"), (row.figures.lost, "lost")];
    let badly = badly.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let parts: Vec<String> = std::iter::once(format!("{} attempt{s}", row.figures.attempts)).chain(badly).collect();
    parts.join(", ")
}

fn paint(printer: &Printer, state: WorkerState) -> String {
    let look = match state {
        WorkerState::Idle | WorkerState::Busy => Look::Good,
        WorkerState::Unresponsive | WorkerState::Crashed => Look::Bad,
        WorkerState::Paused | WorkerState::Draining => Look::Odd,
        WorkerState::Spawning | WorkerState::Terminated => Look::Dim,
    };
    printer.paint(look, state.as_str())
}

/// Does what a person wants of a worker, and shows where it is then.
fn change(text: &str, wish: WorkerWish, command: &str, context: &mut Context) -> Result<(), CliError> {
    require_person(command)?;
    let reason = context.required_reason(command)?;
    let (_, store) = open(context)?;
    let record = find_one(&store, Kind::Worker, text)?;
    let worker = WorkerId::try_from(record.id).expect("only workers were looked for");
    let wish = Command::OverrideWorker { worker, wish, reason };
    // A run's own worker is in the view of its run.
    let mut engine = match record.run {
        Some(run) => Engine::open(&store as &dyn Store, run)?,
        None => Engine::open_fleet(&store as &dyn Store)?,
    };
    clock::not_before(engine.newest_at());
    tollhouse::carry_out(&mut engine, &wish, &Actor::Person(person()), clock::at())?;
    show(&store, worker, context)
}

fn show(store: &SqliteStore, worker: WorkerId, context: &mut Context) -> Result<(), CliError> {
    let record = find_one(store, Kind::Worker, &worker.to_string())?;
    let worker = Worker::from_record(&record).map_err(ViewError::from)?;
    if context.printer.json {
        context.printer.out(&Document::new(worker).to_json())?;
        return Ok(());
    }
    let row = WorkerRow::of(&worker, clock::now());
    let printer = &context.printer;
    let (name, id) = (printer.paint(Look::Bold, &row.name), printer.paint(Look::Dim, &row.id.to_string()));
    let mut lines = vec![format!("{name} {id} · {} on {}", paint(printer, row.state), row.host)];
    lines.extend(row.holds.map(|held| format!("holds     {} since {}", held.task, held.since)));
    lines.extend(row.reason.as_ref().map(|reason| format!("reason    {}", reason.replace('\n', "\n          "))));
    let text = lines.join("\n");
    context.printer.out(&text)?;
    Ok(())
}
