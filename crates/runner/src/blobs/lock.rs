//! The lock of the folder: shared by those who are about to name a content, alone for who takes one away.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::BlobProblem;
use super::store::io_error;
use crate::error::RunnerError;

/// The file whose lock it is. It is never removed. Where it is, the folder's own name is on disk.
const FILE: &str = "lock";

/// It is held for a few writes; whoever holds it for longer was stopped.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is tried.
const LOOK: Duration = Duration::from_millis(5);

/// How it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// With others.
    Shared,
    /// Alone.
    Alone,
}

/// The lock, held until this is dropped; the system takes it back from the dead.
pub(super) struct Lock {
    /// Closing it gives the lock back.
    _file: File,
}

impl Lock {
    /// Waits for the lock. A folder that is not there yet is made.
    pub(super) fn take(dir: &Path, hold: Hold) -> Result<Self, RunnerError> {
        let path = dir.join(FILE);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(dir, &path)?,
            opened => opened.map_err(|source| io_error("read", &path, source))?,
        };
        let operation = match hold {
            Hold::Shared => FlockOperation::NonBlockingLockShared,
            Hold::Alone => FlockOperation::NonBlockingLockExclusive,
        };
        let began = Instant::now();
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if began.elapsed() < PATIENCE => thread::sleep(LOOK),
                Err(Errno::WOULDBLOCK) => return Err(BlobProblem::Busy { path }.into()),
                Err(error) => return Err(io_error("lock", &path, error.into())),
            }
        }
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
pub(super) fn sync_folder(dir: &Path) -> Result<(), RunnerError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io_error("write", dir, source))
}
