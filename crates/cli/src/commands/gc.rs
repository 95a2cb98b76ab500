//! `toll gc`: takes away what was left behind and nobody needs.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::archive::{Archived, Archiving};
use tollhouse::blobs::{Blobs, Sweep, sweep};
use tollhouse::leftovers::{Fate, LeftoverKind};
use tollhouse::purge::Purging;
use tollhouse::traces;

use super::driving::open;
use crate::context::{Context, person, project, require_person};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::table::table;

/// Take away what was left behind, and runs whose time on the ledger is over
///
/// Workspaces whose work is safe go, with processes, refs and locks that were left. What a run that is not over may need stays,
/// and so does what may hold work that is nowhere else. What agents and gates printed goes once no record names it.
///
/// Runs that are over for longer than `[ledger] retain` says leave the ledger for an archive, a file of this day in the folder
/// `archive` beside it, with the texts of their patches and what was printed. `--ledger` reads it as a ledger, and `toll verify` reads
/// both as one. Without `retain`, runs stay for ever.
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
    /// How durable what this project records is: `full` or `normal`.
    pub(crate) durability: &'static str,
    /// What was found.
    pub(crate) found: Vec<GcRow>,
    /// What was kept beside the ledger, such as what agents and gates printed, is named by no record, and is at least an hour old.
    pub(crate) blobs: GcBlobs,
    /// The runs whose time on the ledger is over.
    pub(crate) archived: GcArchived,
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

/// Runs that left the ledger for an archive, or would.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GcArchived {
    /// How many runs.
    pub(crate) runs: u64,
    /// How many events.
    pub(crate) events: u64,
    /// The archives that they are in now.
    pub(crate) files: Vec<String>,
    /// By how many bytes the ledger's file is smaller.
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
    let retention = project(&site)?.retention;
    let archiving = Archiving { site: &site, store: &store, person: person() };
    if !args.dry_run {
        traces::settle_gates(&store, &person())?;
    }
    let found = traces::find(&site, &store)?;
    let failed = if args.dry_run { Vec::new() } else { traces::clear(&site, &found)? };
    // After the workspaces, because a run stays as long as one of its own is there; and after locks of the dead.
    let archived = if args.dry_run {
        archiving.look(&retention)?
    } else {
        Purging { site: &site, store: &store, person: person() }.finish()?;
        archiving.archive(&retention)?
    };
    let swept = sweep(&store, &Blobs::of(&site), if args.dry_run { Sweep::Look } else { Sweep::Take })?;
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
    let Archived { files, runs, events, bytes } = archived;
    let archived = GcArchived { runs, events, files, bytes };
    let report =
        GcReport { dry_run: args.dry_run, durability: site.durability.as_str(), found: rows, blobs, archived, failed };
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
    if report.found.is_empty() && count == 0 && report.archived.runs == 0 {
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
    let GcArchived { runs, events, files, .. } = &report.archived;
    if *runs > 0 {
        let fate = if report.dry_run { "would be archived" } else { "archived" };
        let what = format!("{}, {events} events", if *runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") });
        let files = if files.is_empty() { String::new() } else { format!(", in {}", files.join(" and ")) };
        rows.push(vec![fate.to_owned(), what, format!("over for longer than [ledger] retain says{files}")]);
    }
    table(&rows)
}
