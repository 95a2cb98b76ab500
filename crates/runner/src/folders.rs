//! Folders: made for their owner alone, and the names in them put on disk.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::error::RunnerError;

/// Makes a folder that only its owner reads, if it is not there yet.
pub(crate) fn make_folder(dir: &Path) -> Result<(), RunnerError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| RunnerError::Io { what: "make", path: dir.to_owned(), source })
}

/// Puts the names in a folder on disk.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), RunnerError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| RunnerError::Io { what: "write", path: dir.to_owned(), source })
}
