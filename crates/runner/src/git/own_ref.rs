//! Refs that one of us alone writes: under `refs/tollhouse/`, each named after the record that it is for.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use git2::{Error, ErrorCode, Oid, Repository};

use super::ledger_repo::io_error;
use crate::folders::make_on_disk;

/// How long a lock is given: whoever lives holds it for milliseconds.
const PATIENCE: Duration = Duration::from_millis(200);

/// Sets `refs/tollhouse/<name>`. A lock that outlives our patience was left by a program that was killed while it wrote
/// the same ref: nobody else writes it.
pub(super) fn set(repo: &Repository, git_dir: &Path, name: &str, id: Oid, log: &str) -> Result<(), Error> {
    let full = format!("refs/tollhouse/{name}");
    // libgit2 makes the folders of a ref and puts only the innermost on disk.
    if let Some(folder) = git_dir.join(&full).parent() {
        make_on_disk(folder, 0o777).map_err(|error| io_error(folder, &error))?;
    }
    let write = || repo.reference(&full, id, true, log).map(drop);
    match write() {
        Err(error) if error.code() == ErrorCode::Locked => {
            thread::sleep(PATIENCE);
            if let Err(error) = write() {
                if error.code() != ErrorCode::Locked {
                    return Err(error);
                }
                // Where it cannot be removed, writing says so once more.
                let _ = fs::remove_file(git_dir.join(format!("{full}.lock")));
                return write();
            }
            Ok(())
        }
        done => done,
    }
}
