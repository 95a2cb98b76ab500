//! Finding the maintainer's repository by its files, and what libgit2 could not say about it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::Config;

use super::ProjectProblem;

/// Where the parts of a repository are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The folder of the checkout.
    pub(super) worktree: PathBuf,
    /// Its own git folder: HEAD, index.
    pub(super) git_dir: PathBuf,
    /// The folder that all worktrees share: config, objects, refs.
    pub(super) common_dir: PathBuf,
}

/// Looks in the folder and in those above it.
pub(super) fn find(dir: &Path) -> Result<Place, ProjectProblem> {
    let start = dir.canonicalize().map_err(|source| ProjectProblem::Unreadable { path: dir.to_owned(), source })?;
    for folder in start.ancestors() {
        let dot_git = folder.join(".git");
        if let Some(git_dir) = git_dir(&dot_git)? {
            return place(folder, git_dir);
        }
        if is_git_dir(folder) {
            return match folder.parent().filter(|_| folder.file_name() == Some(".git".as_ref())) {
                Some(worktree) => place(worktree, folder.to_owned()),
                None => Err(ProjectProblem::Bare { path: folder.to_owned() }),
            };
        }
    }
    Err(ProjectProblem::NotARepository { path: start })
}

fn place(worktree: &Path, git_dir: PathBuf) -> Result<Place, ProjectProblem> {
    let common_dir = match fs::read(git_dir.join("commondir")) {
        Ok(text) => {
            let path = git_dir.join(std::ffi::OsStr::from_bytes(text.trim_ascii_end()));
            path.canonicalize().map_err(|source| ProjectProblem::Unreadable { path, source })?
        }
        Err(_) => git_dir.clone(),
    };
    check_format(&common_dir)?;
    Ok(Place { worktree: worktree.to_owned(), git_dir, common_dir })
}

/// The git folder that `.git` is or names; `None` where it is neither.
fn git_dir(dot_git: &Path) -> Result<Option<PathBuf>, ProjectProblem> {
    if dot_git.is_dir() {
        return Ok(is_git_dir(dot_git).then(|| dot_git.to_owned()));
    }
    let Ok(text) = fs::read(dot_git) else { return Ok(None) };
    let Some(target) = text.strip_prefix(b"gitdir: ") else { return Ok(None) };
    let target = Path::new(std::ffi::OsStr::from_bytes(target.trim_ascii_end()));
    let path = dot_git.parent().unwrap_or(Path::new("/")).join(target);
    let found = path.canonicalize().map_err(|source| ProjectProblem::Unreadable { path, source })?;
    Ok(Some(found))
}

fn is_git_dir(path: &Path) -> bool {
    let head = path.join("HEAD");
    let objects = path.join("objects").is_dir() && path.join("refs").is_dir();
    (objects || path.join("commondir").is_file()) && head.symlink_metadata().is_ok()
}

/// Refuses the formats that libgit2 does not know, with a better word than libgit2 has.
fn check_format(common_dir: &Path) -> Result<(), ProjectProblem> {
    let path = common_dir.join("config");
    let Ok(config) = Config::open(&path) else { return Ok(()) };
    let is = |key: &str, value: &str| config.get_string(key).is_ok_and(|text| text.eq_ignore_ascii_case(value));
    if is("extensions.objectformat", "sha256") {
        return Err(ProjectProblem::Sha256 { path: common_dir.to_owned() });
    }
    if is("extensions.refstorage", "reftable") {
        return Err(ProjectProblem::Reftable { path: common_dir.to_owned() });
    }
    Ok(())
}
