//! The maintainer's repository: read, and written only under `refs/tollhouse/`, in objects, and at the landing branch.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use git2::{Error, ErrorCode, Oid, Repository, RepositoryOpenFlags, RepositoryState};
use thiserror::Error;

use crate::ailment::{Ailment, told};
use crate::failpoint::around;

use super::Signature;
use super::discover::{Place, find};
use super::ledger_repo::{pinned_names, sync_dir};
use super::own_ref;

/// Why a folder cannot be worked with, or a name in its repository means nothing.
#[derive(Debug, Error)]
pub enum ProjectProblem {
    /// Neither the folder nor one above it is in a repository.
    #[error("{path} is not in a git repository")]
    NotARepository {
        /// Where the search began.
        path: PathBuf,
    },
    /// The repository has no checkout.
    #[error("{path} is a bare repository")]
    Bare {
        /// The repository.
        path: PathBuf,
    },
    /// Nothing was committed yet.
    #[error("the repository at {path} has no commits yet")]
    NoCommits {
        /// The checkout.
        path: PathBuf,
    },
    /// Its objects are named by SHA-256.
    #[error("the repository at {path} has the object format sha256")]
    Sha256 {
        /// The git folder.
        path: PathBuf,
    },
    /// Its refs are in the reftable format.
    #[error("the repository at {path} stores its refs as reftable")]
    Reftable {
        /// The git folder.
        path: PathBuf,
    },
    /// It belongs to another user, and its owner was not declared safe.
    #[error("the repository at {path} belongs to somebody else")]
    OwnedByAnother {
        /// The checkout.
        path: PathBuf,
    },
    /// There is no branch of this name.
    #[error("there is no branch {name}")]
    NoBranch {
        /// The name.
        name: String,
    },
    /// Nothing that git knows has this name.
    #[error("there is no commit {rev}")]
    NoCommit {
        /// The name, as it was given.
        rev: String,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// libgit2 refuses.
    #[error("{}", told(.0))]
    Git(#[from] Error),
}

impl ProjectProblem {
    /// The cause behind it, where that has a remedy of its own.
    pub(crate) fn ailment(&self) -> Option<Ailment> {
        match self {
            Self::Unreadable { source, .. } => Ailment::of_io(source),
            Self::Git(error) => Ailment::of_git(error),
            _ => None,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        if let Some(ailment) = self.ailment() {
            return ailment.code();
        }
        match self {
            Self::NotARepository { .. } => "not_a_repository",
            Self::Bare { .. } => "bare_repository",
            Self::NoCommits { .. } => "no_commits",
            Self::Sha256 { .. } => "sha256_repository",
            Self::Reftable { .. } => "reftable_repository",
            Self::OwnedByAnother { .. } => "repository_owned_by_another",
            Self::NoBranch { .. } => "no_branch",
            Self::NoCommit { .. } => "no_commit",
            Self::Unreadable { .. } => "unreadable",
            Self::Git(_) => "git",
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> String {
        if let Some(ailment) = self.ailment() {
            return ailment.hint().to_owned();
        }
        match self {
            Self::NotARepository { .. } => "go to a checkout of your project, or make one with `git init`".to_owned(),
            Self::Bare { path } => format!("make a checkout: `git -C {} worktree add ../checkout`", path.display()),
            Self::NoCommits { .. } => "make a first commit: `git commit --allow-empty -m start`".to_owned(),
            Self::Sha256 { .. } => {
                "only repositories with SHA-1 objects work as yet: use `toll` in one of those".to_owned()
            }
            Self::Reftable { .. } => "convert it: `git refs migrate --ref-format=files`".to_owned(),
            Self::OwnedByAnother { path } => {
                format!("if you trust it: `git config --global --add safe.directory {}`", path.display())
            }
            Self::NoBranch { name } => {
                format!("`git branch {name}` makes it; `target` in tollhouse.toml names another one")
            }
            Self::NoCommit { .. } => "`git log --all --oneline` shows what there is".to_owned(),
            Self::Unreadable { .. } => "check that it is there and that you may read it".to_owned(),
            Self::Git(_) => "`git fsck` checks the repository; `toll doctor` looks at the rest".to_owned(),
        }
    }
}

/// Where HEAD of a checkout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// On a branch.
    Branch {
        /// Its name, as in `main`.
        name: String,
        /// Its commit.
        commit: Oid,
    },
    /// On a commit.
    Detached {
        /// The commit.
        commit: Oid,
    },
}

impl Head {
    /// The commit that is checked out.
    pub fn commit(&self) -> Oid {
        match self {
            Self::Branch { commit, .. } | Self::Detached { commit } => *commit,
        }
    }
}

/// The repository of the maintainer, as seen from one checkout.
pub struct Project {
    place: Place,
    repo: Repository,
}

impl Project {
    /// Finds the repository from any folder of a checkout, linked worktrees too. Environment variables of git do not count.
    ///
    /// # Errors
    ///
    /// A [`ProjectProblem`] for each kind of repository that does not work.
    pub fn discover(dir: &Path) -> Result<Self, ProjectProblem> {
        let place = find(dir)?;
        let path = place.worktree.clone();
        let flags = RepositoryOpenFlags::NO_SEARCH;
        let repo = Repository::open_ext(&place.worktree, flags, std::iter::empty::<&std::ffi::OsStr>());
        let repo = repo.map_err(|error| match error.code() {
            ErrorCode::Owner => ProjectProblem::OwnedByAnother { path: path.clone() },
            _ => ProjectProblem::Git(error),
        })?;
        if repo.is_bare() {
            return Err(ProjectProblem::Bare { path });
        }
        let project = Self { place, repo };
        project.head()?;
        Ok(project)
    }

    /// The folder of this checkout.
    pub fn root(&self) -> &Path {
        &self.place.worktree
    }

    /// The git folder of this checkout: its HEAD and index.
    pub fn git_dir(&self) -> &Path {
        &self.place.git_dir
    }

    /// The git folder that all worktrees share; the ledger lives in it.
    pub fn common_dir(&self) -> &Path {
        &self.place.common_dir
    }

    /// The folder of the repository's objects.
    pub fn objects_dir(&self) -> PathBuf {
        self.place.common_dir.join("objects")
    }

    pub(super) fn repo(&self) -> &Repository {
        &self.repo
    }

    /// Where HEAD of this checkout is now.
    ///
    /// # Errors
    ///
    /// [`ProjectProblem::NoCommits`] on a branch without a commit.
    pub fn head(&self) -> Result<Head, ProjectProblem> {
        let head = self.repo.head().map_err(|error| match error.code() {
            ErrorCode::UnbornBranch | ErrorCode::NotFound => {
                ProjectProblem::NoCommits { path: self.place.worktree.clone() }
            }
            _ => ProjectProblem::Git(error),
        })?;
        let commit = head.peel_to_commit()?.id();
        match head.name_bytes().strip_prefix(b"refs/heads/") {
            Some(name) => Ok(Head::Branch { name: String::from_utf8_lossy(name).into_owned(), commit }),
            None => Ok(Head::Detached { commit }),
        }
    }

    /// The commit that a name means: a branch, a tag, an id, `main~2`.
    ///
    /// # Errors
    ///
    /// [`ProjectProblem::NoCommit`].
    pub fn resolve(&self, rev: &str) -> Result<Oid, ProjectProblem> {
        let missing = |_| ProjectProblem::NoCommit { rev: rev.to_owned() };
        let object = self.repo.revparse_single(rev).map_err(missing)?;
        Ok(object.peel_to_commit().map_err(missing)?.id())
    }

    /// The commit of a local branch, if there is one.
    ///
    /// # Errors
    ///
    /// libgit2's, where the branch is damaged.
    pub fn branch(&self, name: &str) -> Result<Option<Oid>, ProjectProblem> {
        match self.repo.find_reference(&format!("refs/heads/{name}")) {
            Ok(reference) => Ok(Some(reference.peel_to_commit()?.id())),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a commit is an ancestor of another, or the same.
    ///
    /// # Errors
    ///
    /// libgit2's, where one of them is not there.
    pub fn is_ancestor(&self, ancestor: Oid, commit: Oid) -> Result<bool, ProjectProblem> {
        Ok(ancestor == commit || self.repo.graph_descendant_of(commit, ancestor)?)
    }

    /// The commit of a local branch that must be there.
    ///
    /// # Errors
    ///
    /// [`ProjectProblem::NoBranch`].
    pub fn require_branch(&self, name: &str) -> Result<Oid, ProjectProblem> {
        self.branch(name)?.ok_or_else(|| ProjectProblem::NoBranch { name: name.to_owned() })
    }

    /// The branch that work starts from where nobody says: that of the remote `origin`, else `main` or `master`, else
    /// `init.defaultBranch`, else the one checked out. Only a branch that is there.
    ///
    /// # Errors
    ///
    /// [`ProjectProblem::NoBranch`] where none of them is.
    pub fn default_branch(&self) -> Result<String, ProjectProblem> {
        let there = |name: &String| matches!(self.branch(name), Ok(Some(_)));
        let remote = self.repo.find_reference("refs/remotes/origin/HEAD").ok();
        let remote = remote.and_then(|reference| {
            let target = reference.symbolic_target_bytes()?.strip_prefix(b"refs/remotes/origin/")?.to_vec();
            String::from_utf8(target).ok()
        });
        let configured = self.repo.config().and_then(|mut config| config.snapshot()?.get_string("init.defaultbranch"));
        let current = match self.head() {
            Ok(Head::Branch { name, .. }) => Some(name),
            _ => None,
        };
        let named = ["main", "master"].map(|name| Some(name.to_owned()));
        let [main, master] = named;
        let found = [remote, main, master, configured.ok(), current].into_iter().flatten().find(there);
        found.ok_or_else(|| ProjectProblem::NoBranch { name: "main".to_owned() })
    }

    /// A branch that git cannot have beside the one of this name: `toll` beside `toll/main`, or the other way round.
    pub fn branch_in_the_way(&self, name: &str) -> Option<String> {
        let parents = name.match_indices('/').map(|(at, _)| name[..at].to_owned());
        let is_branch = |name: &String| self.repo.find_reference(&format!("refs/heads/{name}")).is_ok();
        let below = || {
            let mut inside = self.repo.references_glob(&format!("refs/heads/{name}/*")).ok()?;
            let first = inside.next()?.ok()?;
            first.name().ok().map(|name| name.trim_start_matches("refs/heads/").to_owned())
        };
        parents.into_iter().find(is_branch).or_else(below)
    }

    /// What is not finished in this checkout, as in `merge`; `None` where nothing is.
    pub fn unfinished(&self) -> Option<&'static str> {
        Some(match self.repo.state() {
            RepositoryState::Clean => return None,
            RepositoryState::Merge => "merge",
            RepositoryState::Revert | RepositoryState::RevertSequence => "revert",
            RepositoryState::CherryPick | RepositoryState::CherryPickSequence => "cherry-pick",
            RepositoryState::Bisect => "bisection",
            RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => "rebase",
            RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => "series of patches",
        })
    }

    /// What kind of checkout this is, as in `a linked worktree, shallow`.
    pub fn kind(&self) -> String {
        let is_linked = self.place.git_dir != self.place.common_dir;
        let is_submodule = !is_linked && self.place.worktree.join(".git").is_file();
        let is_sparse = self.repo.config().and_then(|config| config.get_bool("core.sparsecheckout")).unwrap_or(false);
        let checkout = match (is_linked, is_submodule) {
            (true, _) => "a linked worktree",
            (_, true) => "a checkout whose git folder is elsewhere",
            _ => "a checkout",
        };
        let more = [(self.repo.is_shallow(), ", shallow"), (is_sparse, ", sparse")];
        std::iter::once(checkout).chain(more.into_iter().filter(|(is, _)| *is).map(|(_, word)| word)).collect()
    }

    /// How many refs of ours keep objects in this repository.
    pub fn pins(&self) -> usize {
        self.repo.references_glob("refs/tollhouse/*").map_or(0, Iterator::count)
    }

    /// What the maintainer told git to ignore beside the `.gitignore` files: the text of the file that `core.excludesFile`
    /// names, then that of the repository's own `info/exclude`.
    pub fn excludes(&self) -> Vec<u8> {
        let named = self.repo.config().and_then(|config| config.get_path("core.excludesfile"));
        let mut text = named.ok().and_then(|path| fs::read(path).ok()).unwrap_or_default();
        text.push(b'\n');
        text.extend(fs::read(self.place.common_dir.join("info/exclude")).unwrap_or_default());
        text
    }

    /// Who commits here, where git is told so.
    pub fn person(&self) -> Option<Signature> {
        let signature = self.repo.signature().ok()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Signature { name: text(signature.name_bytes()), email: text(signature.email_bytes()) })
    }

    /// Keeps an object and all that it reaches under `refs/tollhouse/<name>`, instead of what was there; durably.
    ///
    /// # Errors
    ///
    /// libgit2's, where the name is not valid or the object not in this repository.
    pub fn pin(&self, name: &str, id: Oid) -> Result<(), ProjectProblem> {
        around("git.pin", || {
            own_ref::set(&self.repo, &self.place.common_dir, name, id, "tollhouse: pin")?;
            self.sync_ref(&format!("refs/tollhouse/{name}"))
        })
    }

    /// The names of all that is pinned, in order.
    ///
    /// # Errors
    ///
    /// libgit2's, where the refs cannot be read.
    pub fn pinned_names(&self) -> Result<Vec<String>, ProjectProblem> {
        Ok(pinned_names(&self.repo)?)
    }

    /// What is pinned under a name.
    pub fn pinned(&self, name: &str) -> Option<Oid> {
        self.repo.refname_to_id(&format!("refs/tollhouse/{name}")).ok()
    }

    /// Lets go of what was pinned; nothing to do where there is nothing.
    ///
    /// # Errors
    ///
    /// libgit2's, where the ref cannot be removed.
    pub fn unpin(&self, name: &str) -> Result<(), ProjectProblem> {
        match self.repo.find_reference(&format!("refs/tollhouse/{name}")) {
            Ok(mut reference) => around("git.unpin", || Ok(reference.delete()?)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a ref that was just written on disk. libgit2 does so only where the user's configuration says it.
    pub(super) fn sync_ref(&self, name: &str) -> Result<(), ProjectProblem> {
        let path = self.place.common_dir.join(name);
        let folder = path.parent().expect("a ref has a folder");
        let result = match File::open(&path) {
            Ok(file) => file.sync_all().and_then(|()| sync_dir(folder)),
            // Packed meanwhile, by a program that had to sync it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        result.map_err(|source| ProjectProblem::Unreadable { path, source })
    }
}
