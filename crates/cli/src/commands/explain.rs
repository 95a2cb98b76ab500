//! `toll explain`: why something is where it is.

use clap::Args;
use tollhouse::entity::{Entity, Patch};
use tollhouse::lifecycle::PatchState;
use tollhouse::report::{Explanation, explain};
use tollhouse::{Find, Kind, Order, Record, RecordId, Refusal, Store, View, look_at_conductor};

use crate::context::{Context, read_ledger};
use crate::document::Document;
use crate::error::{Answer, CliError, ErrorKind};
use crate::lookup::{find_any, newest};
use crate::printer::{Look, Printer};

/// Say why a run, task, patch or gate run is where it is
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// An id or a prefix of it, a task's or gate's name, a commit, or @ for the newest run [default: the newest refusal,
    /// else the newest run]
    id: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs, context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let store = read_ledger(&site)?;
    let record = match &args.id {
        Some(text) => find_any(&store, text)?,
        None => newest_refusal(&store)?,
    };
    let (view, seen) = if let Some(run) = record.run {
        let view = View::load(&store, run)?;
        let seen = look_at_conductor(&store, &view, run)?;
        (view, seen)
    } else {
        let ids: Vec<RecordId> = [Some(record.id), record.parent].into_iter().flatten().collect();
        (View::of(&store, &ids)?, None)
    };
    let explanation = explain(&view, record.id, seen).ok_or(Refusal::NotFound { id: record.id })?;
    if context.printer.json {
        context.printer.out(&Document::new(explanation).to_json())?;
    } else {
        let text = show(&explanation, &context.printer);
        context.printer.out(&text)?;
    }
    Ok(Answer::Yes)
}

fn newest_refusal(store: &impl Store) -> Result<Record, CliError> {
    let states = vec![PatchState::Quarantined.as_str().to_owned()];
    let find = Find { kind: Some(Patch::KIND), states, order: Order::Newest, limit: Some(1), ..Find::default() };
    match store.find(&find)?.pop() {
        Some(record) => Ok(record),
        None => newest(store, Kind::Run)?.ok_or_else(|| {
            CliError::new(ErrorKind::NotFound, "not_found", "nothing was refused, and nothing has run")
                .hint("`toll do PROMPT` or `toll run PLAN` starts a run")
        }),
    }
}

fn show(explanation: &Explanation, printer: &Printer) -> String {
    let mut lines = vec![format!(
        "{} {} {} is {}",
        explanation.kind,
        printer.paint(Look::Bold, &explanation.name),
        printer.paint(Look::Dim, &explanation.id.to_string()),
        printer.paint(Look::Bold, &explanation.state),
    )];
    lines.extend(
        explanation.because.iter().map(|why| format!("  because  {}", end_of(why).replace('\n', "\n           "))),
    );
    if let Some(next) = &explanation.next {
        lines.push(format!("  next     {next}"));
    }
    lines.join("\n")
}

/// How many lines of a reason are shown: what a gate printed may be long, and its end says most.
const LINES_MAX: usize = 20;

/// The first line of a reason and the end of what follows.
fn end_of(why: &str) -> String {
    let lines: Vec<&str> = why.trim_end().lines().collect();
    if lines.len() <= LINES_MAX + 2 {
        return lines.join("\n");
    }
    let left_out = lines.len() - 1 - LINES_MAX;
    format!("{}\n… {left_out} lines left out …\n{}", lines[0], lines[lines.len() - LINES_MAX..].join("\n"))
}
