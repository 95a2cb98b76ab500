//! The lock of a folder whose files come and go under names of their own: that of the contents, and that of the archives.
//!
//! Of contents it is shared by those who are about to name one, and alone for who takes one away. Of archives it is alone for
//! whoever makes one, and for whoever forgets what could be on its way to one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use crate::error::RunnerError;
use crate::folders::{make_on_disk, sync_folder};

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
    /// Waits for the lock for as long as others hold it: that of contents for the time it takes to write one or to take one away,
    /// that of archives for the time it takes to make some. A folder that is not there yet is made.
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
    make_on_disk(dir, 0o700).map_err(|source| io_error("make", dir, source))?;
    // Before the lock, so that whoever finds it need not ask whether the folder's name is on disk.
    sync_folder(dir.parent().unwrap_or(Path::new("/")))?;
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock);
    opened.map_err(|source| io_error("write", lock, source))
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> RunnerError {
    RunnerError::Io { what, path: path.to_owned(), source }
}
