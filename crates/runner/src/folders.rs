//! Folders: made for their owner alone, and the names in them put on disk.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::error::RunnerError;

/// Makes a folder that only its owner reads, if it is not there yet.
pub(crate) fn make_folder(dir: &Path) -> Result<(), RunnerError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| RunnerError::Io { what: "make", path: dir.to_owned(), source })
}

/// Makes a folder, and those above it that are not there, with their names on disk. What is there stays as it is, and was put on
/// disk by whoever made it.
pub(crate) fn make_on_disk(dir: &Path, mode: u32) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = match dir.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => Path::new("/"),
    };
    make_on_disk(above, mode)?;
    let make = || match DirBuilder::new().mode(mode).create(dir) {
        // Somebody else did meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        answer => answer,
    };
    match make() {
        // Somebody took the empty folder above away meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_on_disk(above, mode).and_then(|()| make())?,
        answer => answer?,
    }
    File::open(above)?.sync_all()
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
