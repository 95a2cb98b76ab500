//! `toll purge`: forgets what something says, and keeps its hashes.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::purge::{Forgotten, Purging};
use tollhouse::{EngineError, RecordId, Refusal, RunnerError, SqliteStore};

use super::driving::open;
use crate::context::{Context, person, require_person};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::lookup::find_any;

/// Forget what a run, task, attempt, patch or gate run says, with all that hangs on it; its hashes stay
///
/// Prompts, outputs, titles, words to agents and labels are replaced by `[purged]`; contents beside the ledger, the texts of
/// patches and workspaces are removed. Ids, states, hashes, sizes, costs, times and the reasons of events stay, and so does
/// what landed: that is yours. What is on a backup stays there. Only of what is over, and it cannot be taken back.
#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// Its id or a prefix of it, a name in a plan; @ is the newest run
    id: String,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
}

/// What was forgotten, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PurgeReport {
    /// Whether it was only looked.
    pub(crate) dry_run: bool,
    /// How durable what this project records is: `full` or `normal`.
    pub(crate) durability: &'static str,
    /// What was named.
    pub(crate) id: RecordId,
    /// How many records say nothing any more.
    pub(crate) records: u64,
    /// How many events of theirs.
    pub(crate) events: u64,
    /// How many patches, with their texts.
    pub(crate) patches: u64,
    /// How many contents beside the ledger.
    pub(crate) blobs: u64,
    /// How many folders that something was worked in.
    pub(crate) workspaces: u64,
    /// How many of the events have a reason of several lines, which may quote what was printed. Reasons stay.
    pub(crate) long_reasons: u64,
    /// The commits that landed of it, which stay with all that is in them.
    pub(crate) landed: Vec<String>,
}

pub(crate) fn run(args: &PurgeArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("purge")?;
    let reason = if args.dry_run { String::new() } else { context.required_reason("purge")? };
    let (site, store) = open(context)?;
    let record = find_any(&store, &args.id)?;
    let purging = Purging { site: &site, store: &store, person: person() };
    let forgotten = if args.dry_run { purging.look(record.id) } else { purging.purge(record.id, &reason) };
    let forgotten = forgotten.map_err(|error| missed(&store, record.id, error))?;
    if forgotten.records == 0 {
        return Err(Refusal::NothingToPurge { id: record.id }.into());
    }
    let Forgotten { records, events, long_reasons, blobs, patches, workspaces, landed } = forgotten;
    let (dry_run, durability) = (args.dry_run, site.durability.as_str());
    let report = PurgeReport {
        dry_run,
        durability,
        id: record.id,
        records,
        events,
        patches,
        blobs,
        workspaces,
        long_reasons,
        landed,
    };
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        context.printer.out(&show(&report))?;
        remark(&report, context);
    }
    Ok(Answer::Yes)
}

/// What was there and is not any more was taken out to an archive meanwhile: then it is said to which.
fn missed(store: &SqliteStore, id: RecordId, error: RunnerError) -> CliError {
    match (&error, find_any(store, &id.to_string())) {
        (RunnerError::Engine(EngineError::Refused(Refusal::NotFound { .. })), Err(told)) => told,
        _ => error.into(),
    }
}

fn show(report: &PurgeReport) -> String {
    let PurgeReport { id, records, events, patches, blobs, workspaces, .. } = report;
    let purged = if report.dry_run { "would purge" } else { "purged" };
    format!(
        "{purged} {id}: {records} records, {events} events, {patches} patches, {blobs} contents, {workspaces} workspaces"
    )
}

/// What is not gone.
fn remark(report: &PurgeReport, context: &mut Context) {
    for commit in &report.landed {
        context.printer.remark(&format!("{commit} landed, and stays with all that is in it"));
    }
    if report.long_reasons > 0 {
        let count = report.long_reasons;
        context.printer.remark(&format!("the reasons of {count} events stay, and may quote what was printed"));
    }
}
