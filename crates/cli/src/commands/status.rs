//! `toll status`: one run, at a glance.

use clap::Args;
use tollhouse::entity::RunOutcome;
use tollhouse::lifecycle::{GateRunState, PatchState, RunState, TaskState};
use tollhouse::report::{PatchRow, RunRow, RunStatus, TaskRow, run_status, short_id};
use tollhouse::{Kind, Liveness, RecordId, RunId, View, clock, look_at_conductor};

use crate::context::{Context, read_ledger};
use crate::document::Document;
use crate::error::{Answer, CliError, ErrorKind};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};
use crate::table::{brief, table};

/// Show one run: what it did, what was set aside and why
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
    let view = View::load(&store, id)?;
    let status = run_status(&view, id, clock::now()).ok_or_else(|| {
        CliError::new(ErrorKind::NotFound, "not_found", format!("there is no {id}"))
            .hint("`toll runs` shows what there is")
    })?;
    let seen = look_at_conductor(&store, &view, id)?;
    let is_gone = seen.is_some_and(|seen| seen.liveness == Liveness::Gone);
    let status = if is_gone { status.abandoned() } else { status };
    print(&status, context)?;
    Ok(Answer::Yes)
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
    let mut lines = vec![format!(
        "{} {} · {} · {} of {} tasks done · {} landed on {} · {}",
        printer.paint(Look::Bold, &status.run.plan),
        printer.paint(Look::Dim, &short_id(status.run.id.into(), [])),
        paint_run(printer, &status.run),
        counts.completed,
        counts.tasks,
        counts.landed,
        status.run.land_on,
        status.elapsed,
    )];
    if let Some(reason) = &status.run.reason {
        lines.push(format!("  {reason}"));
    }
    if status.driven_by.is_none() && matches!(status.run.state, RunState::Running | RunState::Canceling) {
        lines.push("  nothing drives it".to_owned());
    }
    lines.push(String::new());
    let ids: Vec<RecordId> = status.patches.iter().map(|patch| patch.id.into()).collect();
    let rows: Vec<Vec<String>> = status.tasks.iter().map(|task| row(task, status, &ids, printer)).collect();
    lines.push(table(&rows));
    if let Some(next) = &status.next {
        lines.push(format!("\nnext: {}", printer.paint(Look::Bold, next)));
    }
    lines.join("\n")
}

fn row(task: &TaskRow, status: &RunStatus, ids: &[RecordId], printer: &Printer) -> Vec<String> {
    let patch = task.patch.and_then(|id| status.patches.iter().find(|patch| patch.id == id));
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
    let patch_cell = patch.map_or(String::new(), |patch| {
        let state = match patch.state {
            PatchState::Committed => {
                patch.commit.as_deref().map_or("landed", |commit| &commit[..commit.len().min(10)]).to_owned()
            }
            other => other.to_string(),
        };
        format!("{} {state}", short_id(patch.id.into(), ids))
    });
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
        return patch.map_or(String::new(), |patch| {
            format!(
                "{} file{}, +{} −{}",
                patch.files,
                if patch.files == 1 { "" } else { "s" },
                patch.lines_added,
                patch.lines_removed
            )
        });
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
