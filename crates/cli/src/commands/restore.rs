//! `toll restore`: a backup as the ledger of this repository.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::{RunnerError, backup};

use crate::context::{Context, require_person, unreadable};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::signals::Signals;

/// Take a backup back, into a repository that has no ledger
///
/// The file is checked before anything is put in place; then all of it is, or nothing.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// What `toll backup` wrote
    file: PathBuf,
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
}

pub(crate) fn run(args: &RestoreArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("restore")?;
    let site = context.site()?;
    let signals = Signals::listen()?;
    let from = context.dir.join(&args.file);
    let restored = backup::restore(&site, &from, signals.interrupted());
    let done = restored.map_err(|error| match error {
        RunnerError::Io { what: "read", path, source } if path == from => unreadable(&args.file, &source),
        error => signals.name(error),
    })?;
    let (file, ledger) = (args.file.display().to_string(), site.ledger.display().to_string());
    if context.printer.json {
        let (events, patches, blobs) = (done.events, done.patches, done.blobs);
        let report = RestoreReport { file, ledger, events, patches, blobs };
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        context.printer.out(&format!("restored {ledger} ({} events, {} patches)", done.events, done.patches))?;
    }
    Ok(Answer::Yes)
}
