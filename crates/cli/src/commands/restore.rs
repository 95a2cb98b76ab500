//! `toll restore`: a backup as the ledger of this repository.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::RunnerError;
use tollhouse::backup::{self, Unsound};

use crate::context::{Context, require_person, told_if_less, unreadable};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::signals::Signals;

/// Take a backup back, into a repository that has no ledger
///
/// The file is checked and its ledger verified, as `toll verify` does, before anything is put in place; then all of it is, or nothing.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// What `toll backup` wrote
    file: PathBuf,
    /// Restore a ledger that is not sound, too, to look into it
    #[arg(long)]
    anyway: bool,
}

/// What was restored.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RestoreReport {
    /// The backup.
    pub(crate) file: String,
    /// The ledger that it became.
    pub(crate) ledger: String,
    /// How many events it holds.
    pub(crate) events: u64,
    /// How many patches it holds.
    pub(crate) patches: u64,
    /// How many contents beside the ledger it holds: what agents and gates printed at length.
    pub(crate) blobs: u64,
    /// How many things in it are not as they must be: 0, but where `--anyway` was given.
    pub(crate) findings_count: u64,
    /// How durable what this project records is from now on: `full` or `normal`.
    pub(crate) durability: &'static str,
}

pub(crate) fn run(args: &RestoreArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("restore")?;
    let site = context.site()?;
    let signals = Signals::listen()?;
    let unsound = if args.anyway { Unsound::Restored } else { Unsound::Refused };
    let from = context.dir.join(&args.file);
    let restored = backup::restore(&site, &from, unsound, signals.interrupted());
    let done = restored.map_err(|error| match error {
        RunnerError::Io { what: "read", path, source } if path == from => unreadable(&args.file, &source),
        error => signals.name(error),
    })?;
    let (file, ledger) = (args.file.display().to_string(), site.ledger.display().to_string());
    if context.printer.json {
        let (events, patches, blobs, findings_count) = (done.events, done.patches, done.blobs, done.findings);
        let durability = site.durability.as_str();
        let report = RestoreReport { file, ledger, events, patches, blobs, findings_count, durability };
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        let durability = told_if_less(site.durability);
        let unsound = if done.findings > 0 { ", not sound" } else { "" };
        let holds = format!("{} events, {} patches{unsound}{durability}", done.events, done.patches);
        context.printer.out(&format!("restored {ledger} ({holds})"))?;
        if done.findings > 0 {
            context.printer.remark("it was restored as it is: `toll verify` says what was found");
        }
    }
    Ok(Answer::Yes)
}
