//! Where a branch is checked out, or held by a rebase or a bisection: it must not be moved under anybody's feet.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Project;

impl Project {
    /// The worktrees, main or linked, where a branch is checked out, or where a rebase or a bisection will come back to it.
    /// Read from files, so it holds for worktrees whose folder is on a disk that is not there.
    pub fn worktrees_with_branch_checked_out(&self, branch: &str) -> Vec<PathBuf> {
        let common = self.common_dir();
        let mut found = Vec::new();
        if !self.main_is_bare() && holds(common, branch) {
            found.push(self.main_worktree());
        }
        let Ok(entries) = fs::read_dir(common.join("worktrees")) else { return found };
        for git_dir in entries.flatten().map(|entry| entry.path()).filter(|dir| holds(dir, branch)) {
            found.push(linked_worktree(&git_dir));
        }
        found.sort();
        found
    }

    fn main_is_bare(&self) -> bool {
        let config = git2::Config::open(&self.common_dir().join("config"));
        config.and_then(|config| config.get_bool("core.bare")).unwrap_or(false)
    }

    fn main_worktree(&self) -> PathBuf {
        let common = self.common_dir();
        if common == self.git_dir() {
            return self.root().to_owned();
        }
        let config = git2::Config::open(&common.join("config"));
        match config.and_then(|config| config.get_path("core.worktree")) {
            Ok(path) => common.join(path),
            Err(_) => common.parent().filter(|_| common.ends_with(".git")).unwrap_or(common).to_owned(),
        }
    }
}

fn linked_worktree(git_dir: &Path) -> PathBuf {
    let Ok(text) = fs::read(git_dir.join("gitdir")) else { return git_dir.to_owned() };
    let dot_git = git_dir.join(OsStr::from_bytes(text.trim_ascii_end()));
    dot_git.parent().unwrap_or(&dot_git).to_owned()
}

fn holds(git_dir: &Path, branch: &str) -> bool {
    let full = format!("refs/heads/{branch}");
    let read = |name: &str| fs::read(git_dir.join(name)).unwrap_or_default();
    let head = match fs::read_link(git_dir.join("HEAD")) {
        Ok(target) => target.as_os_str().as_bytes().to_vec(),
        Err(_) => read("HEAD"),
    };
    let head = head.trim_ascii_end();
    let on_head = head.strip_prefix(b"ref:").unwrap_or(head).trim_ascii_start() == full.as_bytes();
    let rebased = ["rebase-merge/head-name", "rebase-apply/head-name"]
        .into_iter()
        .any(|name| read(name).trim_ascii_end() == full.as_bytes());
    // A rebase may take further branches with it: name, old id and new id on three lines each.
    let updated = read("rebase-merge/update-refs").split(|byte| *byte == b'\n').any(|line| line == full.as_bytes());
    let start = read("BISECT_START");
    let start = start.trim_ascii_end();
    on_head || rebased || updated || start == branch.as_bytes() || start == full.as_bytes()
}
