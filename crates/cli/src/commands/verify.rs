//! `toll verify`: is the ledger what it says?

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::audit::{Audit, AuditedArchive, audit};
use tollhouse::verify::{Finding, Verified};

use crate::context::{Context, read_ledger, told_if_less};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::printer::Look;

/// Show that the ledger was not edited: hash chains, records, what landed
///
/// Hashes all of history anew, folds each record from its events and compares it with what is stored, hashes the texts of patches
/// and what agents and gates printed where they lie beside the ledger, and compares what landed with the ledger. Archives that are at hand are read
/// with the ledger, as if nothing had been taken out. Changes nothing; others may go on meanwhile. Exit status 1 where anything
/// was found.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Only the history after this position, the number at the beginning of a line of `toll log`
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u64,
}

/// What was verified, and what was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifyReport {
    /// Whether nothing was found.
    pub(crate) sound: bool,
    /// How many events were read.
    pub(crate) events: u64,
    /// How many records were folded from them and compared.
    pub(crate) records: u64,
    /// How many streams the events belong to: the runs, and the project.
    pub(crate) streams: u64,
    /// How many contents beside the ledger were hashed anew: what agents and gates printed at length.
    pub(crate) blobs: u64,
    /// How many texts of patches were hashed anew.
    pub(crate) texts: u64,
    /// How many commits that landed were compared with the ledger.
    pub(crate) landed: u64,
    /// How many commits on the same branches were landed with another ledger, or with one that this one took the place of.
    pub(crate) foreign: u64,
    /// The ledger's archives.
    pub(crate) archives: Vec<VerifiedArchive>,
    /// How durable what this project records is: `full` or `normal`.
    pub(crate) durability: &'static str,
    /// How many things were found.
    pub(crate) findings_count: u64,
    /// The first of them.
    pub(crate) findings: Vec<Finding>,
}

/// Runs that were taken out of the ledger.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifiedArchive {
    /// The file, in the folder of the ledger's archives.
    pub(crate) file: String,
    /// How many runs were taken out to it.
    pub(crate) runs: u64,
    /// How many events.
    pub(crate) events: u64,
    /// Whether it was there, and was read with the ledger. Where it was not, nobody looked at what is in it.
    pub(crate) at_hand: bool,
}

pub(crate) fn run(args: &VerifyArgs, context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let less_durable = told_if_less(site.durability);
    let store = read_ledger(&site)?;
    let Audit { ledger, blobs, texts, landed, foreign, archives } = audit(&site, &store, args.since)?;
    let sound = ledger.is_sound();
    let Verified { events, records, streams, findings_count, findings } = ledger;
    let report = VerifyReport {
        sound,
        events,
        records,
        streams,
        blobs,
        texts,
        landed,
        foreign,
        archives: archives.into_iter().map(VerifiedArchive::from).collect(),
        durability: site.durability.as_str(),
        findings_count,
        findings,
    };
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        show(&report, &less_durable, context)?;
    }
    Ok(if sound { Answer::Yes } else { Answer::No })
}

fn show(report: &VerifyReport, less_durable: &str, context: &mut Context) -> Result<(), CliError> {
    let VerifyReport { events, records, streams, blobs, texts, landed, foreign, findings_count, .. } = report;
    let mut lines = Vec::new();
    for Finding { place, what, .. } in &report.findings {
        lines.push(format!("{}  {place}: {what}", context.printer.paint(Look::Bad, "found")));
    }
    let kept = report.findings.len() as u64;
    if *findings_count > kept {
        lines.push(format!("and {} more", findings_count - kept));
    }
    let read = format!(
        "{events} events in {streams} streams, {records} records, {texts} texts of patches, {blobs} contents, {landed} landed commits{less_durable}"
    );
    lines.push(if report.sound {
        format!("{}  {read}", context.printer.paint(Look::Good, "sound"))
    } else {
        format!("{} is not as it was written ({read})", counted(*findings_count))
    });
    context.printer.out(&lines.join("\n"))?;
    for VerifiedArchive { file, runs, events, .. } in report.archives.iter().filter(|archive| !archive.at_hand) {
        context
            .printer
            .remark(&format!("the archive {file} is not at hand: nobody looked at its {events} events (runs: {runs})"));
    }
    if *foreign > 0 {
        context.printer.remark(&format!(
            "{foreign} commits on these branches were landed with another ledger, or with one that this one took the place of"
        ));
    }
    if !report.sound {
        context.printer.remark(
            "keep a copy of the ledger's folder as it is; `toll restore FILE --ledger PATH` makes one from a backup",
        );
    }
    Ok(())
}

impl From<AuditedArchive> for VerifiedArchive {
    fn from(AuditedArchive { file, runs, events, is_at_hand }: AuditedArchive) -> Self {
        Self { file, runs, events, at_hand: is_at_hand }
    }
}

fn counted(findings: u64) -> String {
    if findings == 1 { "1 thing".to_owned() } else { format!("{findings} things") }
}
