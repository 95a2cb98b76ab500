//! The turn to land: one program of ours at a time moves branches of a repository, whatever ledger it works for.
//!
//! The system takes the turn back when its holder dies. So whoever has it knows that a ref's lock that one of us made was
//! left behind.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use git2::Oid;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::message::{PATCH_TRAILER, trailer};
use super::{LandProblem, Project, ProjectProblem};

/// The file whose lock is the turn, in the ledger's folder in git's common directory. It is never removed.
const FILE: &str = "tollhouse/landing";

/// A landing takes milliseconds; whoever holds the turn for longer was stopped.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is tried.
const LOOK: Duration = Duration::from_millis(5);

/// How long an empty lock of a ref is given: a living program writes it in the same breath.
const EMPTY_FOR: Duration = Duration::from_secs(2);

/// The turn, held until this is dropped.
pub(super) struct Turn<'p> {
    project: &'p Project,
    /// Closing it gives the turn back.
    _file: File,
}

impl<'p> Turn<'p> {
    /// Waits for the turn.
    pub(super) fn take(project: &'p Project) -> Result<Self, LandProblem> {
        let path = project.common_dir().join(FILE);
        let unreadable = |source: io::Error| ProjectProblem::Unreadable { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unreadable)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(unreadable)?;
        let began = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { project, _file: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if began.elapsed() < PATIENCE => thread::sleep(LOOK),
                Err(Errno::WOULDBLOCK) => return Err(LandProblem::Busy { path }),
                Err(error) => return Err(unreadable(error.into()).into()),
            }
        }
    }

    /// Removes the lock of a branch that one of us left behind. A lock that belongs to somebody else stays; what it holds
    /// tells them apart.
    pub(super) fn clear_lock(&self, branch: &str) -> Result<(), ProjectProblem> {
        let lock = self.project.common_dir().join(format!("refs/heads/{branch}.lock"));
        let ours = match fs::read_to_string(&lock) {
            Ok(text) if text.is_empty() => stays_empty(&lock),
            Ok(text) => is_landing(self.project, text.trim()),
            // Not there, or nothing that we wrote.
            Err(_) => false,
        };
        if ours {
            return fs::remove_file(&lock).map_err(|source| ProjectProblem::Unreadable { path: lock, source });
        }
        Ok(())
    }
}

fn stays_empty(lock: &PathBuf) -> bool {
    let end = Instant::now() + EMPTY_FOR;
    while Instant::now() < end {
        if !fs::read(lock).is_ok_and(|text| text.is_empty()) {
            return false;
        }
        thread::sleep(LOOK);
    }
    true
}

/// Whether a lock holds what a landing writes: the id of a commit that names its patch.
fn is_landing(project: &Project, id: &str) -> bool {
    let commit = Oid::from_str(id).and_then(|id| project.repo().find_commit(id));
    commit.is_ok_and(|commit| trailer(&String::from_utf8_lossy(commit.message_bytes()), PATCH_TRAILER).is_some())
}
