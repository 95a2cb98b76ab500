//! `toll runs`: the list of runs.

use clap::Args;
use tollhouse::archives::Archives;
use tollhouse::entity::{Entity, Run};
use tollhouse::report::{RunRow, ShortIds};
use tollhouse::{Find, Kind, Order, Store};

use super::execute::label;
use crate::context::Context;
use crate::document::{Document, Runs};
use crate::error::{Answer, CliError};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};
use crate::table::{brief, table};

/// List the runs, newest first
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Show at most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Only runs older than this one: where the last page ended
    #[arg(long, value_name = "RUN")]
    after: Option<String>,
    /// Only runs with this label
    #[arg(long, value_name = "K=V", value_parser = label)]
    label: Option<(String, String)>,
}

pub(crate) fn run(args: &RunsArgs, context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let (mut rows, mut archives) = (Vec::<RunRow>::new(), 0);
    if let Some(store) = site.read_ledger()? {
        let after = args.after.as_ref().map(|text| find_one(&store, Kind::Run, text)).transpose()?.map(|run| run.id);
        let limit = Some(args.limit.saturating_add(1));
        let key = args.label.as_ref().map(|(name, value)| (format!("label:{name}"), value.clone()));
        let find = Find { kind: Some(Kind::Run), order: Order::Newest, after, limit, key, ..Find::default() };
        for record in store.find(&find)? {
            rows.push((&Run::from_record(&record).map_err(tollhouse::ViewError::from)?).into());
        }
        archives = if rows.is_empty() { Archives::of(&store)?.iter().count() } else { 0 };
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
    if context.printer.json {
        context.printer.out(&Document::new(Runs { runs: rows, next }).to_json())?;
    } else if rows.is_empty() && args.label.is_some() {
        context.printer.note("no run has this label");
    } else if rows.is_empty() && archives > 0 {
        context.printer.note("all runs are in archives: `toll runs --ledger PATH` shows those of one");
    } else if rows.is_empty() {
        context.printer.note("no runs yet: `toll do PROMPT` or `toll run PLAN` makes the first");
    } else {
        let text = show(&rows, &context.printer);
        context.printer.out(&text)?;
        if let Some(next) = next {
            let narrowed = args.label.as_ref().map(|(name, value)| format!(" --label {name}={value}"));
            context.printer.note(&format!("older ones: toll runs --after {next}{}", narrowed.unwrap_or_default()));
        }
    }
    Ok(Answer::Yes)
}

fn show(rows: &[RunRow], printer: &Printer) -> String {
    let ids = ShortIds::of(rows.iter().map(|row| row.id.into()));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                ids.of_one(row.id.into()),
                super::status::paint_run(printer, row),
                row.plan.clone(),
                row.created_at.to_string()[..19].replace('T', " "),
                printer.paint(Look::Dim, &brief(row.reason.as_deref().unwrap_or_default(), 70)),
            ]
        })
        .collect();
    table(&cells)
}
