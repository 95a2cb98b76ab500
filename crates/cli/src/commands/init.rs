//! `toll init`: looks around and writes `tollhouse.toml`.

use std::io::Write;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::RunnerError;
use tollhouse::detect::{detect, render};

use crate::context::{CONFIG, Context, require_person};
use crate::document::Document;
use crate::error::{Answer, CliError, ErrorKind};

/// Look at the build and the tests, and write tollhouse.toml
///
/// Asks nothing and touches nothing else.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Print it and write nothing
    #[arg(long)]
    print: bool,
    /// Write it even where there is one
    #[arg(long)]
    force: bool,
}

/// What was found, and what was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InitReport {
    /// The file; null where it was only printed.
    pub(crate) written: Option<String>,
    /// The names of the gates that were found.
    pub(crate) gates: Vec<String>,
    /// What the file holds.
    pub(crate) content: String,
}

pub(crate) fn run(args: &InitArgs, context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let target = site.project()?.likely_target().map_err(RunnerError::from)?;
    let found = detect(&site.root);
    let file = render(&found, &target);
    let path = site.root.join(CONFIG);
    if !args.print {
        require_person("init")?;
        write(&path, &file, args.force)?;
    }
    let found_doubts = found.gates.iter().any(|gate| gate.doubt.is_some());
    let gates = found.gates.iter().map(|gate| gate.name.clone()).collect::<Vec<_>>();
    if context.printer.json {
        let written = (!args.print).then(|| path.display().to_string());
        context.printer.out(&Document::new(InitReport { written, gates, content: file }).to_json())?;
    } else if args.print {
        context.printer.out_bytes(file.as_bytes())?;
    } else {
        let found = if gates.is_empty() {
            "no gates found: add some".to_owned()
        } else {
            format!("gates: {}", gates.join(", "))
        };
        context.printer.out(&format!("wrote {CONFIG} ({found})"))?;
        if found_doubts {
            context.printer.note("what is not sure is marked in it: look at that first");
        }
        context.printer.note("next: name an agent in it, `toll check`, then `toll do \"…\"`");
    }
    Ok(Answer::Yes)
}

fn write(path: &std::path::Path, content: &str, force: bool) -> Result<(), CliError> {
    if !force && path.symlink_metadata().is_ok() {
        return Err(CliError::new(ErrorKind::Conflict, "exists", format!("{CONFIG} is there already"))
            .hint("`toll init --print` shows what would be written; `--force` writes it"));
    }
    // Beside it first, then in its place: never half a file.
    let written = put(path, content);
    Ok(written.map_err(|source| RunnerError::Io { what: "write", path: path.to_owned(), source })?)
}

fn put(path: &std::path::Path, content: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(path);
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(permissions)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
