//! The folders that work which is to be forgotten was done in.

use std::fs;
use std::path::{Path, PathBuf};

use tollhouse_core::{Kind, Record, RunId};

use crate::error::RunnerError;
use crate::git::{GitError, Workspace};
use crate::process::{GRACE, end_strays};
use crate::site::Site;

/// The folders of these records, as far as there are any: workspaces, what lies beside them, and checkouts of gates.
pub(super) fn of(site: &Site, records: &[Record]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for record in records {
        match record.kind() {
            Kind::Run => {
                let run = RunId::try_from(record.id).ok();
                found.extend(run.into_iter().flat_map(|run| children(&site.run_dir(run))));
            }
            Kind::Attempt | Kind::GateRun => {
                let dir = record.run.map_or_else(|| site.workspaces.join("by-hand"), |run| site.run_dir(run));
                let end = format!("-{}", &record.id.random_part()[..8]);
                found.extend(children(&dir).into_iter().filter(|path| is_named(path, &end)));
            }
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Ends what still runs there, and removes it.
pub(super) fn remove(dir: &Path) -> Result<(), RunnerError> {
    end_strays(dir, GRACE);
    Workspace::remove(dir).map_err(GitError::from)?;
    if let Some(parent) = dir.parent() {
        // Only where nothing is left in it.
        let _ = fs::remove_dir(parent);
    }
    Ok(())
}

fn is_named(path: &Path, end: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.strip_suffix(".notes").unwrap_or(&name).ends_with(end)
}

fn children(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
