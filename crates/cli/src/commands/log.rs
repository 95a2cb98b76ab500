//! `toll log`: what happened, and what was printed.

use std::time::Duration;

use clap::Args;
use tollhouse::entity::{Attempt, Entity, GateRun, Output};
use tollhouse::report::EventRow;
use tollhouse::{Cursor, Event, Kind, Order, Record, Severity, Site, Store, ViewError, blobs::Blobs};

use crate::context::{Context, read_ledger};
use crate::document::{Document, OutputDocument};
use crate::error::{Answer, CliError, ErrorKind};
use crate::lookup::find_any;
use crate::printer::{Look, Printer};
use crate::table::brief;

/// How many events are read at a time.
const PAGE: u32 = 256;

/// Show what happened, or what an agent or a gate printed
///
/// `toll log --json --limit 0 > events.jsonl` exports every event, one a line and the oldest first, however many there are. `--since`
/// with the position of the last one goes on where an earlier export ended. No ledger is made of it again: `toll backup` is for
/// that.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Of what: a run, task, attempt, patch or gate run [default: everything]
    id: Option<String>,
    /// Show what the agent or the gate printed instead of events
    #[arg(long, requires = "id")]
    output: bool,
    /// Only events after this position, the number at the beginning of a line
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u64,
    /// Only events of one kind: run, task, attempt, patch, `gate_run`, effect, worker, workstream, breaker,
    /// `cost_entry` or budget
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Kind>,
    /// Show at most the last so many; 0 for all
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: u32,
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("one of {} is meant", names.join(", "))
    })
}

pub(crate) fn run(args: &LogArgs, context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let store = read_ledger(&site)?;
    let record = args.id.as_ref().map(|text| find_any(&store, text)).transpose()?;
    if let (true, Some(record)) = (args.output, &record) {
        return output(&site, &store, record, context);
    }
    let cursor = Cursor {
        after: args.since,
        stream: record.as_ref().filter(|record| record.kind() == Kind::Run).map(Record::stream),
        record: record.as_ref().filter(|record| record.kind() != Kind::Run).map(|record| record.id),
        kind: args.kind,
        limit: (args.limit > 0).then_some(args.limit),
        order: if args.since > 0 || args.limit == 0 { Order::Oldest } else { Order::Newest },
    };
    print(&store, cursor, context)?;
    Ok(Answer::Yes)
}

/// Prints what is on the ledger now: the newest events as one page, others page by page, so that never all of them are in memory.
fn print(store: &impl Store, cursor: Cursor, context: &mut Context) -> Result<(), CliError> {
    if cursor.order == Order::Newest {
        return print_page(&store.events(&cursor)?, context);
    }
    let newest = store.wait_for(0, Duration::ZERO)?;
    let mut left = cursor.limit.map_or(u64::MAX, u64::from);
    let mut page = cursor;
    while left > 0 {
        page.limit = Some(u32::try_from(left).unwrap_or(PAGE).min(PAGE));
        let mut events = store.events(&page)?;
        // Who writes on and on does not keep it from its end.
        events.retain(|event| event.position <= newest);
        let Some(last) = events.last() else { break };
        page.after = last.position;
        left -= events.len() as u64;
        print_page(&events, context)?;
    }
    Ok(())
}

fn print_page(events: &[Event], context: &mut Context) -> Result<(), CliError> {
    if events.is_empty() {
        return Ok(());
    }
    let told = events
        .iter()
        .map(EventRow::from)
        .map(|row| if context.printer.json { Document::new(row).to_json() } else { line(&row, &context.printer) });
    let text = told.collect::<Vec<_>>().join("\n");
    context.printer.out(&text)?;
    Ok(())
}

/// One event on one line.
pub(crate) fn line(row: &EventRow, printer: &Printer) -> String {
    let look = match row.severity {
        Severity::Info => Look::Dim,
        Severity::Warning => Look::Odd,
        Severity::Error => Look::Bad,
    };
    let told = [row.reason.clone(), fact(row)].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let reason = if told.is_empty() { told } else { format!("  {}", brief(&told, 100)) };
    format!(
        "{:>6} {} {:9} {} {} → {}{}",
        row.position,
        &row.at.to_string()[11..23],
        row.kind.as_str(),
        printer.paint(Look::Dim, &row.record.random_part()[..6]),
        row.event,
        printer.paint(look, &row.state),
        reason,
    )
}

/// What an event says beyond its reason, where a person would ask for it.
fn fact(row: &EventRow) -> Option<String> {
    let text = |pointer: &str| row.body.pointer(pointer).map(|value| value.to_string().replace('"', ""));
    let list = |pointer: &str| {
        let values = row.body.pointer(pointer)?.as_array()?.iter().filter_map(|value| value.as_str());
        let values: Vec<&str> = values.collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    match (row.kind, row.event.as_str()) {
        (Kind::Run, "drive") => {
            let (pid, host) = (text("/conductor/process/pid")?, text("/conductor/process/host")?);
            Some(format!("process {pid} on {}", host.split_whitespace().next().unwrap_or_default()))
        }
        (Kind::Task, "inherited") => Some(format!("done before, in {}", text("/task/source")?)),
        (Kind::Patch, "release") => {
            let allowed = list("/allow").map(|globs| format!("allowed: {globs}"));
            let waived = list("/waive").map(|rules| format!("waived: {rules}"));
            Some([allowed, waived].into_iter().flatten().collect::<Vec<_>>().join("; ")).filter(|fact| !fact.is_empty())
        }
        _ => None,
    }
}

fn output(site: &Site, store: &impl Store, record: &Record, context: &mut Context) -> Result<Answer, CliError> {
    let printed: Option<Output> = match record.kind() {
        Kind::Attempt => Attempt::from_record(record).map_err(ViewError::from)?.end.and_then(|end| end.output),
        Kind::GateRun => GateRun::from_record(record).map_err(ViewError::from)?.end.and_then(|end| end.output),
        Kind::Task => return output_of_newest_attempt(site, store, record, context),
        other => {
            return Err(CliError::new(ErrorKind::Usage, "no_output", format!("a {other} prints nothing"))
                .hint("name an attempt, a task or a gate run"));
        }
    };
    let Some(printed) = printed else {
        return Err(CliError::new(ErrorKind::NotFound, "no_output", format!("{} has printed nothing yet", record.id))
            .hint(format!("`toll explain {}` says where it is", record.id)));
    };
    let printed = Blobs::of(site).whole(printed)?;
    if context.printer.json {
        context.printer.out(&Document::new(OutputDocument { id: record.id.to_string(), output: printed }).to_json())?;
    } else {
        context.printer.out_bytes(printed.text.as_bytes())?;
    }
    Ok(Answer::Yes)
}

fn output_of_newest_attempt(
    site: &Site,
    store: &impl Store,
    task: &Record,
    context: &mut Context,
) -> Result<Answer, CliError> {
    let find = tollhouse::Find {
        kind: Some(Kind::Attempt),
        parent: Some(task.id),
        order: Order::Newest,
        limit: Some(1),
        ..tollhouse::Find::default()
    };
    match store.find(&find)?.pop() {
        Some(attempt) => output(site, store, &attempt, context),
        None => Err(CliError::new(ErrorKind::NotFound, "no_output", format!("{} was not tried yet", task.id))
            .hint(format!("`toll explain {}` says what it waits for", task.id))),
    }
}
