//! The lock of the folder: shared by those who are about to name a content, alone for who takes one away.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::store::io_error;
use crate::error::RunnerError;

/// The file whose lock it is. It is never removed. Where it is, the folder's own name is on disk.
const FILE: &str = "lock";

/// How it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// With others.
    Shared,
    /// Alone.
    Alone,
}

/// The lock, held until this is dropped; the system takes it back from the dead.
pub(crate) struct Lock {
    /// Closing it gives the lock back.
    _file: File,
}

impl Lock {
    /// Waits for the lock, which nobody holds for longer than it takes to write one content or to take one away. A folder that
    /// is not there yet is made.
    pub(crate) fn take(dir: &Path, hold: Hold) -> Result<Self, RunnerError> {
        let path = dir.join(FILE);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(dir, &path)?,
            opened => opened.map_err(|source| io_error("read", &path, source))?,
        };
        let operation = match hold {
            Hold::Shared => FlockOperation::LockShared,
            Hold::Alone => FlockOperation::LockExclusive,
        };
        retry_on_intr(|| flock(&file, operation)).map_err(|error| io_error("lock", &path, error.into()))?;
        Ok(Self { _file: file })
    }
}

fn make(dir: &Path, lock: &Path) -> Result<File, RunnerError> {
    make_folder(dir)?;
    // Before the lock, so that whoever finds it need not ask whether the folder's name is on disk.
    sync_folder(dir.parent().unwrap_or(Path::new("/")))?;
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock);
    opened.map_err(|source| io_error("write", lock, source))
}

/// Makes a folder that only its owner reads, if it is not there yet.
pub(super) fn make_folder(dir: &Path) -> Result<(), RunnerError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| io_error("make", dir, source))
}

/// Puts the names in a folder on disk.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), RunnerError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io_error("write", dir, source))
}
