//! Folders: made for their owner alone, and the names in them put on disk.

use std::fs::{self, DirBuilder, File};
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

/// Puts the names in a folder, and in all folders below it, on disk. Links are not followed.
pub(crate) fn sync_folders(dir: &Path) -> Result<(), RunnerError> {
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let read = |source| RunnerError::Io { what: "read", path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            if entry.file_type().map_err(read)?.is_dir() {
                folders.push(entry.path());
            }
        }
        sync_folder(&folder)?;
    }
    Ok(())
}
