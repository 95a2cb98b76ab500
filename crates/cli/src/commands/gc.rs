//! `toll gc`: takes away what was left behind and nobody needs.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::blobs::{Blobs, Sweep, sweep};
use tollhouse::leftovers::{Fate, LeftoverKind};
use tollhouse::purge::Purging;
use tollhouse::traces;

use super::driving::open;
use crate::context::{Context, person, require_person};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::table::table;

/// Take away what was left behind: workspaces whose work is safe, processes, refs, locks
///
/// What a run that is not over may need stays, and so does what may hold work that is nowhere else. What agents and gates printed
/// goes once no record names it.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
}

/// What was found, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GcReport {
    /// Whether it was only looked.
    pub(crate) dry_run: bool,
    /// What was found.
    pub(crate) found: Vec<GcRow>,
    /// What was kept beside the ledger, such as what agents and gates printed, is named by no record, and is at least an hour old.
    pub(crate) blobs: GcBlobs,
    /// How much of it could not be taken away.
    pub(crate) failed: u64,
}

/// Contents that no record names.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GcBlobs {
    /// How many went, or would go.
    pub(crate) count: u64,
    /// How many bytes that gives back.
    pub(crate) bytes: u64,
}

/// One thing that was left.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GcRow {
    /// What it is.
    pub(crate) kind: LeftoverKind,
    /// Where it is.
    pub(crate) place: String,
    /// Whether it may go.
    pub(crate) fate: Fate,
    /// Why; where it should have gone and could not, what the machine says.
    pub(crate) why: String,
}

pub(crate) fn run(args: &GcArgs, context: &mut Context) -> Result<Answer, CliError> {
    if !args.dry_run {
        require_person("gc")?;
    }
    let (site, store) = open(context)?;
    if !args.dry_run {
        traces::settle_gates(&store, &person())?;
        Purging { site: &site, store: &store, person: person() }.finish()?;
    }
    let found = traces::find(&site, &store)?;
    let swept = sweep(&store, &Blobs::of(&site), if args.dry_run { Sweep::Look } else { Sweep::Take })?;
    let failed = if args.dry_run { Vec::new() } else { traces::clear(&site, &found)? };
    let why = |place: &str, why: &str| {
        let failure = failed.iter().find(|(failed, _)| failed == place);
        failure.map_or_else(|| why.to_owned(), |(_, error)| format!("cannot be removed: {error}"))
    };
    let mut rows: Vec<GcRow> = found
        .iter()
        .map(|left| GcRow {
            kind: left.kind,
            place: left.place.clone(),
            fate: left.fate,
            why: why(&left.place, left.why),
        })
        .collect();
    rows.extend(swept.failed.iter().map(|(place, error)| GcRow {
        kind: LeftoverKind::Blob,
        place: place.clone(),
        fate: Fate::Goes,
        why: format!("cannot be removed: {error}"),
    }));
    let failed = (failed.len() + swept.failed.len()) as u64;
    let blobs = GcBlobs { count: swept.count, bytes: swept.bytes };
    let report = GcReport { dry_run: args.dry_run, found: rows, blobs, failed };
    let answer = if report.failed == 0 { Answer::Yes } else { Answer::No };
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        context.printer.out(&show(&report))?;
    }
    Ok(answer)
}

fn show(report: &GcReport) -> String {
    let GcBlobs { count, bytes } = report.blobs;
    if report.found.is_empty() && count == 0 {
        return "nothing was left".to_owned();
    }
    let fate = |row: &GcRow| match (row.fate, report.dry_run) {
        (Fate::Stays, _) => "stays",
        (Fate::Goes, true) => "would go",
        (Fate::Goes, false) => "gone",
    };
    let mut rows: Vec<Vec<String>> =
        report.found.iter().map(|row| vec![fate(row).to_owned(), row.place.clone(), row.why.clone()]).collect();
    if count > 0 {
        let fate = if report.dry_run { "would go" } else { "gone" };
        let what = if count == 1 { "1 content".to_owned() } else { format!("{count} contents") };
        rows.push(vec![fate.to_owned(), format!("{what}, {bytes} bytes"), "no record names it".to_owned()]);
    }
    table(&rows)
}
