//! `toll status`: one run, at a glance.

mod outlook;

use std::collections::BTreeMap;

use clap::Args;
use tollhouse::entity::{Run, RunOutcome};
use tollhouse::lifecycle::{GateRunState, PatchState, RunState, TaskState};
use tollhouse::report::{PatchRow, ProgressFacts, RunProgress, RunRow, RunStatus, ShortIds, TaskRow, run_progress};
use tollhouse::spec::Crew;
use tollhouse::{Engine, Kind, PatchId, RunId, SqliteStore, View, clock, look_at_conductor};

use super::check::history;
use crate::context::{Context, read_ledger};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};
use crate::table::{brief, table};

/// Of a run with more tasks not all are shown: nobody reads them.
const TASKS_SHOWN_MAX: usize = 200;

/// Show one run: what it did, what was set aside and why, how far it is
///
/// How long it may still take is told from how long attempts took, where that was seen of all that is left; else why it is
/// unknown.
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
    let mut status = super::driving::status_of(&store, id)?;
    status.progress = progress(&store, id)?.map(Box::new);
    print(&status, context)?;
    Ok(Answer::Yes)
}

/// How far a run is, as far as this machine can see.
fn progress(store: &SqliteStore, id: RunId) -> Result<Option<RunProgress>, CliError> {
    let mut view = View::load(store, id)?;
    let seen = look_at_conductor(store, &view, id)?;
    if view.get::<Run>(id).is_some_and(|run| run.spec.crew == Crew::Shared && !run.state.is_finished()) {
        view = Engine::open_fleet(store)?.view().clone();
    }
    let history = history::beside(store, Some(id))?;
    Ok(run_progress(&view, id, clock::now(), &ProgressFacts { history: Some(&history), seen }))
}

/// Prints a run as the result of a command.
pub(crate) fn print(status: &RunStatus, context: &mut Context) -> Result<(), CliError> {
    if context.printer.json {
        context.printer.out(&Document::new(status.clone()).to_json())?;
    } else {
        let text = show(status, &context.printer);
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

fn show(status: &RunStatus, printer: &Printer) -> String {
    let counts = status.counts;
    // What was handed in has no tasks.
    let done = match counts.tasks {
        0 => String::new(),
        tasks => format!("{} of {tasks} tasks done · ", counts.completed),
    };
    let mut lines = vec![format!(
        "{} {} · {} · {done}{} landed on {} · {}",
        printer.paint(Look::Bold, &status.run.plan),
        printer.paint(Look::Dim, &ShortIds::default().of_one(status.run.id.into())),
        paint_run(printer, &status.run),
        counts.landed,
        status.run.land_on,
        status.elapsed,
    )];
    if let Some(reason) = &status.run.reason {
        lines.push(format!("  {reason}"));
    }
    if status.is_abandoned() {
        lines.push("  nothing drives it".to_owned());
    }
    lines.push(String::new());
    let rows = rows(status, printer);
    lines.push(table(&rows));
    let of_tasks = rows.len() - status.patches.iter().filter(|patch| patch.task.is_none()).count();
    if let Some(more) = status.tasks.len().checked_sub(of_tasks).filter(|more| *more > 0) {
        let text = format!("{more} more: toll task list --run {}", status.run.id.random_part());
        lines.push(format!("  {}  {}", printer.paint(Look::Dim, "…"), printer.paint(Look::Dim, &text)));
    }
    for workstream in &status.workstreams {
        let why = workstream.reason.as_deref().map(|why| format!(": {}", brief(why, 90))).unwrap_or_default();
        let own = status.progress.iter().flat_map(|progress| &progress.workstreams);
        let own = own.filter(|own| own.id == Some(workstream.id)).map(|own| &own.counts);
        let done = own.map(outlook::done_of).next().map(|done| format!(", {done}")).unwrap_or_default();
        lines.push(format!("  workstream {} is {}{done}{why}", workstream.name, workstream.state));
    }
    let outlook: Vec<String> = status.progress.iter().flat_map(|progress| outlook::lines(progress)).collect();
    if !outlook.is_empty() {
        lines.push(String::new());
        lines.extend(outlook);
    }
    if let Some(next) = &status.next {
        lines.push(String::new());
        lines.push(format!("  next  {next}"));
    }
    lines.join("\n")
}

/// The tasks, and the patches that no task made. Of very many tasks those that failed, wait for somebody or are under way, and then
/// the others that are neither done nor yet to begin.
fn rows(status: &RunStatus, printer: &Printer) -> Vec<Vec<String>> {
    let ids = ShortIds::of(status.patches.iter().map(|patch| patch.id.into()));
    let patches: BTreeMap<PatchId, &PatchRow> = status.patches.iter().map(|patch| (patch.id, patch)).collect();
    let are_many = status.tasks.len() > TASKS_SHOWN_MAX;
    let mut shown: Vec<&TaskRow> = status.tasks.iter().collect();
    if are_many {
        shown.retain(|task| interest(task.state).is_some());
        shown.sort_by_key(|task| interest(task.state));
        shown.truncate(TASKS_SHOWN_MAX);
    }
    let of_task = |task: &TaskRow| task.patch.and_then(|id| patches.get(&id).copied());
    let mut rows: Vec<Vec<String>> =
        shown.into_iter().map(|task| row(task, of_task(task), status, (&ids, printer))).collect();
    let handed_in = status.patches.iter().filter(|patch| patch.task.is_none());
    rows.extend(handed_in.map(|patch| patch_row(patch, &ids, printer)));
    rows
}

/// Which of very many tasks are shown first; none where one is of many like it.
const fn interest(state: TaskState) -> Option<u8> {
    use TaskState as S;
    match state {
        S::Failed => Some(0),
        S::Waiting => Some(1),
        S::Running | S::Validating => Some(2),
        S::Retrying => Some(3),
        S::Canceled => Some(4),
        S::Pending | S::Blocked | S::Queued | S::Completed | S::Skipped => None,
    }
}

/// A patch that no task made.
fn patch_row(patch: &PatchRow, ids: &ShortIds, printer: &Printer) -> Vec<String> {
    let (look, mark) = match patch.state {
        PatchState::Committed => (Look::Good, "✓"),
        PatchState::Quarantined => (Look::Bad, "✗"),
        PatchState::Dropped | PatchState::RolledBack => (Look::Odd, "-"),
        _ => (Look::Dim, "·"),
    };
    let detail = match patch.state {
        PatchState::Committed => size(patch),
        _ => brief(patch.reason.as_deref().unwrap_or_default(), 90),
    };
    let cell = format!("{} {}", ids.of_one(patch.id.into()), where_it_is(patch));
    let (mark, title) = (printer.paint(look, mark), brief(&patch.title, 60));
    vec![format!("  {mark}"), title, cell, printer.paint(Look::Dim, &detail)]
}

/// The commit that a patch landed as, or its state.
fn where_it_is(patch: &PatchRow) -> String {
    match (patch.state, patch.commit.as_deref()) {
        (PatchState::Committed, Some(commit)) => commit[..commit.len().min(10)].to_owned(),
        (state, _) => state.to_string(),
    }
}

fn size(patch: &PatchRow) -> String {
    let s = if patch.files == 1 { "" } else { "s" };
    format!("{} file{s}, +{} −{}", patch.files, patch.lines_added, patch.lines_removed)
}

fn row(
    task: &TaskRow,
    patch: Option<&PatchRow>,
    status: &RunStatus,
    (ids, printer): (&ShortIds, &Printer),
) -> Vec<String> {
    let (look, mark) = match task.state {
        TaskState::Completed => (Look::Good, "✓"),
        TaskState::Failed => (Look::Bad, "✗"),
        TaskState::Canceled | TaskState::Skipped => (Look::Odd, "-"),
        TaskState::Running | TaskState::Validating => (Look::Bold, "▸"),
        _ => (Look::Dim, "·"),
    };
    let tries = match task.attempts_used {
        0 | 1 => String::new(),
        n => format!("{n} tries"),
    };
    let patch_cell =
        patch.map_or(String::new(), |patch| format!("{} {}", ids.of_one(patch.id.into()), where_it_is(patch)));
    vec![
        format!("  {}", printer.paint(look, mark)),
        task.name.clone(),
        printer.paint(look, task.state.as_str()),
        tries,
        patch_cell,
        printer.paint(Look::Dim, &detail(task, patch, status)),
    ]
}

/// What a person wants to know of a task that its state does not say.
fn detail(task: &TaskRow, patch: Option<&PatchRow>, status: &RunStatus) -> String {
    if task.state == TaskState::Blocked {
        return format!("waits for {}", task.blocked_by.join(", "));
    }
    if task.state == TaskState::Completed {
        return patch.map_or(String::new(), size);
    }
    if task.state == TaskState::Validating {
        let running = status
            .gate_runs
            .iter()
            .filter(|gate_run| gate_run.patch == task.patch && gate_run.state == GateRunState::Running);
        let names: Vec<&str> = running.map(|gate_run| gate_run.gate.as_str()).collect();
        return if names.is_empty() { "at the gate".to_owned() } else { format!("gate {}", names.join(", ")) };
    }
    brief(task.reason.as_deref().unwrap_or_default(), 90)
}
