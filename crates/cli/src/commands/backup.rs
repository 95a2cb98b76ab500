//! `toll backup`: the ledger in one file.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::archives::Archives;
use tollhouse::backup;

use crate::context::{Context, read_ledger, require_person, told_if_less};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::signals::Signals;

/// Write the ledger, with the texts of all patches, to one file
///
/// The file is a plain tar. It holds what the ledger alone has, what agents and gates printed too, and not what your repository
/// has anyway: `toll restore` takes it back into a clone of the same project. Runs may go on meanwhile.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Where to; must not be there yet
    file: PathBuf,
}

/// What was backed up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackupReport {
    /// The file.
    pub(crate) file: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// How many events it holds.
    pub(crate) events: u64,
    /// How many patches it holds.
    pub(crate) patches: u64,
    /// How many contents beside the ledger it holds: what agents and gates printed at length.
    pub(crate) blobs: u64,
    /// How durable what this project records is: `full` or `normal`.
    pub(crate) durability: &'static str,
}

pub(crate) fn run(args: &BackupArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("backup")?;
    let site = context.site()?;
    let store = read_ledger(&site)?;
    let signals = Signals::listen()?;
    let to = context.dir.join(&args.file);
    let done = backup::backup(&site, &store, &to, signals.interrupted()).map_err(|error| signals.name(error))?;
    let file = args.file.display().to_string();
    if context.printer.json {
        let (events, patches, blobs) = (done.events, done.patches, done.blobs);
        let durability = site.durability.as_str();
        let report = BackupReport { file, bytes: done.bytes, events, patches, blobs, durability };
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        let durability = told_if_less(site.durability);
        let holds = format!("{} events, {} patches, {} bytes{durability}", done.events, done.patches, done.bytes);
        context.printer.out(&format!("wrote {file} ({holds})"))?;
        let archives = Archives::of(&store)?.iter().count();
        if archives > 0 {
            context
                .printer
                .remark(&format!("archives are not in it ({archives}): `toll backup FILE --ledger PATH` takes each"));
        }
        context.printer.remark("your commits are not in it: `toll restore` takes it back into a clone of this project");
    }
    Ok(Answer::Yes)
}
