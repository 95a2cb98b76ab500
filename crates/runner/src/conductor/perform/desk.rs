//! Where an attempt works, and how that is given back.

use std::fs;
use std::path::{Path, PathBuf};

use tollhouse_core::entity::{Attempt, Task};
use tollhouse_engine::secret::redact;

use crate::error::RunnerError;
use crate::git::Workspace;
use crate::process::{GRACE, end_strays};
use crate::site::make_workspaces_dir;

/// How folders of notes end.
const NOTES: &str = "notes";

/// The note that says that the agent may have begun.
const BEGUN: &str = "begun";

/// Where an attempt works: its workspace, and beside it what we tell it and what it tells us.
pub(in crate::conductor) struct Desk {
    pub(in crate::conductor) workspace: PathBuf,
    pub(in crate::conductor) notes: PathBuf,
    /// Whether the workspace is left where it is.
    stays: bool,
}

impl Desk {
    /// Where an attempt works, or worked.
    pub(in crate::conductor) fn at(run_dir: &Path, task: &Task, attempt: &Attempt) -> Self {
        // Short, because some programs cannot take long paths; the random part keeps it apart from all others.
        let name = format!("{}-{}", task.spec.name, &attempt.id.random_part()[..8]);
        Self { workspace: run_dir.join(&name), notes: run_dir.join(format!("{name}.{NOTES}")), stays: false }
    }

    /// Makes the place where an attempt is to work.
    pub(super) fn new(run_dir: &Path, task: &Task, attempt: &Attempt) -> Result<Self, RunnerError> {
        make_workspaces_dir(run_dir)?;
        let desk = Self::at(run_dir, task, attempt);
        let io = |what: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| RunnerError::Io { what, path, source }
        };
        fs::create_dir_all(&desk.notes).map_err(io("make", &desk.notes))?;
        let write = |name: &str, text: &str| {
            let path = desk.notes.join(name);
            fs::write(&path, redact(text).as_bytes()).map_err(io("write", &path))
        };
        write("prompt.md", &attempt.prompt)?;
        write("feedback.md", attempt.feedback.as_deref().unwrap_or_default())?;
        write("report.jsonl", "")?;
        Ok(desk)
    }

    /// Notes that the agent is about to begin.
    pub(super) fn note_beginning(&self) -> Result<(), RunnerError> {
        let path = self.notes.join(BEGUN);
        fs::write(&path, "").map_err(|source| RunnerError::Io { what: "write", path, source })
    }

    /// Leaves everything where it is.
    pub(in crate::conductor) fn leave(mut self) {
        self.stays = true;
    }

    /// Whether the agent may have begun.
    pub(super) fn has_begun(&self) -> bool {
        self.notes.join(BEGUN).symlink_metadata().is_ok()
    }
}

/// Removes the notes of attempts that are on the ledger, and the folder of their run if nothing else is left in it.
pub(in crate::conductor) fn clear_away(run_dir: &Path) {
    for entry in fs::read_dir(run_dir).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == NOTES) {
            // What cannot be removed stays for `gc`, which says so.
            let _ = Workspace::remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(run_dir);
}

impl Drop for Desk {
    /// Gives the workspace back, however the attempt ended. What could be read of it is reachable from a ref of the ledger. The
    /// notes stay until that is on the ledger: they say that the agent has begun.
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        end_strays(&self.workspace, GRACE);
        // What cannot be removed is no reason to lose the attempt.
        let _ = Workspace::remove(&self.workspace);
    }
}
