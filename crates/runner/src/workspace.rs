//! Making a workspace or a gate checkout ready: untracked files copied in, the setup program run.

use std::fs;
use std::path::{Component, Path};

use tollhouse_core::entity::{ExitStatus, end_of};
use tollhouse_core::limits;
use tollhouse_core::spec::WorkspaceSpec;

use crate::environment::Environment;
use crate::error::RunnerError;
use crate::git::{GitError, LedgerRepo, Oid, Workspace};
use crate::process::{How, Job, KillSwitch, argv};
use crate::site::Site;

/// How the preparation went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// Ready for work.
    Ready {
        /// Lines of a gitignore file: what is no work, wherever it comes from.
        excludes: Vec<String>,
        /// What was there when the work began: what preparation did to it is not the agent's.
        tree: Oid,
    },
    /// It cannot be made ready.
    Failed {
        /// Why, in words.
        reason: String,
    },
}

/// Copies what the configuration names, then runs its setup program.
///
/// # Errors
/// The machine fails. What the configuration or the setup program got wrong is an answer.
pub fn prepare(
    site: &Site,
    repo: &LedgerRepo,
    workspace: &Workspace,
    spec: &WorkspaceSpec,
    environment: &Environment,
    switch: &KillSwitch,
) -> Result<Prepared, RunnerError> {
    // What the maintainer told git to ignore beside the .gitignore files.
    let mut excludes: Vec<String> =
        String::from_utf8_lossy(&site.project()?.excludes()).lines().map(str::to_owned).collect();
    let base = workspace.base();
    for name in &spec.copy {
        // A copy of a tracked file would carry uncommitted work into what lands.
        if repo.holds(base, name).map_err(GitError::from)? {
            let reason = format!("[workspace] copy: {name} is tracked by git, so it is in the workspace already");
            return Ok(Prepared::Failed { reason });
        }
        if let Err(reason) = copy_in(&site.root, workspace.dir(), name) {
            return Ok(Prepared::Failed { reason });
        }
        excludes.push(format!("/{name}"));
    }
    let Some(setup) = &spec.setup else { return Ok(Prepared::Ready { excludes, tree: base }) };
    let timeout = Some(limits::GATE_TIMEOUT_DEFAULT.as_duration());
    let job = Job { argv: argv(setup), dir: workspace.dir(), environment, stdin: Vec::new(), timeout };
    let failed = |why: String| Ok(Prepared::Failed { reason: format!("setup `{setup}`: {why}") });
    let ended = match job.run(switch) {
        Ok(ended) => ended,
        Err(error) => return failed(error.to_string()),
    };
    match (ended.how, ended.exit) {
        (How::ByItself, ExitStatus::Code(0)) => {
            let tree = workspace.snapshot(repo, &excludes)?.tree;
            Ok(Prepared::Ready { excludes, tree })
        }
        (How::ByItself, exit) => failed(format!("{exit}\n{}", end_of(&ended.output.text, limits::FEEDBACK_BYTES_MAX))),
        (How::TimedOut, _) => failed(format!("it took longer than {}", limits::GATE_TIMEOUT_DEFAULT)),
        (How::Killed, _) => failed("it was stopped".to_owned()),
    }
}

fn copy_in(root: &Path, workspace: &Path, name: &str) -> Result<(), String> {
    let relative = Path::new(name);
    if name.is_empty() || !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!("[workspace] copy: {name} is not a path inside the repository"));
    }
    // A link of the tree may lead anywhere, also back to the very file that is to be copied.
    let is_link = |folder: &&Path| workspace.join(folder).symlink_metadata().is_ok_and(|found| found.is_symlink());
    let folders = relative.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    if let Some(link) = folders.into_iter().find(is_link) {
        return Err(format!("[workspace] copy: {name}: {} is a link in the tree", link.display()));
    }
    let from = root.join(relative);
    let to = workspace.join(relative);
    let copied = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| copy_tree(&from, &to));
    copied.map_err(|error| format!("[workspace] copy: {name}: {error}"))
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    if !kind.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_copied_through_a_link_of_the_tree() {
        let around = tempfile::tempdir().unwrap();
        let place = |name: &str| around.path().join(name);
        for folder in ["root", "workspace", "outside"] {
            fs::create_dir(place(folder)).unwrap();
        }
        fs::write(place("outside/env"), "secret").unwrap();
        symlink(place("outside"), place("root/conf")).unwrap();
        symlink(place("outside"), place("workspace/conf")).unwrap();
        let copied = copy_in(&place("root"), &place("workspace"), "conf/env");
        assert_eq!(copied, Err("[workspace] copy: conf/env: conf is a link in the tree".to_owned()));
        assert_eq!(fs::read_to_string(place("outside/env")).unwrap(), "secret");
    }

    #[test]
    fn folder_is_copied_with_all_that_is_in_it() {
        let around = tempfile::tempdir().unwrap();
        let (root, workspace) = (around.path().join("root"), around.path().join("workspace"));
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir(&workspace).unwrap();
        fs::write(root.join("a/b/c"), "c").unwrap();
        copy_in(&root, &workspace, "a").unwrap();
        assert_eq!(fs::read_to_string(workspace.join("a/b/c")).unwrap(), "c");
    }

    #[test]
    fn name_that_leads_elsewhere_is_refused() {
        for name in ["", ".", "..", "../x", "/etc/passwd", "a/../../x"] {
            let copied = copy_in(Path::new("/nowhere"), Path::new("/nowhere"), name);
            assert_eq!(copied, Err(format!("[workspace] copy: {name} is not a path inside the repository")));
        }
    }
}
