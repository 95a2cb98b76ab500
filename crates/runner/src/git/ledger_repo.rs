//! The ledger's own repository: bare, ours alone, with a configuration that we wrote.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{Config, Error, Odb, Oid, Repository, RepositoryOpenFlags};
use thiserror::Error;
use tollhouse_engine::patch::Mode;

use crate::ailment::told;
use crate::failpoint::around;
use crate::folders::make_on_disk;

use super::own_ref;
use super::tree::{Entries, Entry, write_entries};

/// All that libgit2 is to know. Objects are on disk before success is reported; nothing is collected behind our back; no
/// attributes of the user are read.
const CONFIG: &str = "\
[core]
\trepositoryformatversion = 0
\tbare = true
\tfilemode = true
\tlogAllRefUpdates = false
\tfsync = all
\tfsyncObjectFiles = true
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\thooksPath = /dev/null
[gc]
\tauto = 0
[tollhouse]
\townRepository = true
";

/// The line by which we know what we made.
const MARK: &str = "ownRepository = true";

/// Why the ledger's repository cannot be opened.
#[derive(Debug, Error)]
pub enum LedgerRepoProblem {
    /// A file of it cannot be read or written.
    #[error("cannot use {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something that we did not make is in its place.
    #[error("{0} is there already, and is not a repository that a ledger made")]
    Foreign(PathBuf),
    /// A line end in a path cannot be written to git's list of lenders.
    #[error("the path of the repository has a line end in it: {0:?}")]
    LineEnd(PathBuf),
    /// libgit2 refuses.
    #[error("{}", told(.0))]
    Git(#[from] Error),
}

/// The ledger's own bare repository, which borrows the objects of the maintainer's.
///
/// Patches, candidates and landed commits are made here. No global or system configuration counts.
pub struct LedgerRepo {
    dir: PathBuf,
    lenders: Vec<PathBuf>,
    repo: Repository,
}

/// What was made on a commit, as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The commit that it was made on.
    pub base: Oid,
    /// The tree that it gave.
    pub tree: Oid,
    /// The id of the patch's text.
    pub blob: Oid,
    /// The text of the patch.
    pub text: Vec<u8>,
}

impl LedgerRepo {
    /// Opens the repository in a folder of its own, or makes it, with mode 0700.
    ///
    /// # Errors
    ///
    /// [`LedgerRepoProblem`].
    pub fn open_or_create(dir: &Path, project_objects: &Path) -> Result<Self, LedgerRepoProblem> {
        if is_foreign(dir) {
            return Err(LedgerRepoProblem::Foreign(dir.to_owned()));
        }
        around("git.make_ledger_repo", || Self::make(dir, project_objects))
    }

    fn make(dir: &Path, project_objects: &Path) -> Result<Self, LedgerRepoProblem> {
        for folder in ["objects/info", "objects/pack", "refs/heads"].map(|folder| dir.join(folder)) {
            make_on_disk(&folder, 0o700).map_err(|source| LedgerRepoProblem::Io { path: folder, source })?;
        }
        let lenders = objects_dirs(project_objects)?;
        write_if_other(&dir.join("config"), CONFIG.as_bytes())?;
        write_if_other(&dir.join("HEAD"), b"ref: refs/heads/none\n")?;
        write_if_other(&dir.join("objects/info/alternates"), &alternates(&lenders)?)?;
        Ok(Self { repo: open(dir)?, dir: dir.to_owned(), lenders })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folders of objects that a workspace borrows from: ours first, then the project's.
    pub(super) fn objects_dirs(&self) -> Vec<PathBuf> {
        std::iter::once(self.dir.join("objects")).chain(self.lenders.iter().cloned()).collect()
    }

    pub(super) fn repo(&self) -> &Repository {
        &self.repo
    }

    pub(super) fn odb(&self) -> Result<Odb<'_>, Error> {
        self.repo.odb()
    }

    /// The tree of a commit.
    ///
    /// # Errors
    ///
    /// libgit2's, where there is no such commit.
    pub fn tree_of(&self, commit: Oid) -> Result<Oid, Error> {
        Ok(self.repo.find_commit(commit)?.tree_id())
    }

    /// Whether a tree holds something at a path.
    ///
    /// # Errors
    ///
    /// libgit2's, where there is no such tree.
    pub fn holds(&self, tree: Oid, path: &str) -> Result<bool, Error> {
        match self.repo.find_tree(tree)?.get_path(Path::new(path)) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The content of a blob.
    ///
    /// # Errors
    ///
    /// libgit2's, where there is no such blob.
    pub fn blob(&self, id: &str) -> Result<Vec<u8>, Error> {
        Ok(self.repo.find_blob(Oid::from_str(id)?)?.content().to_vec())
    }

    /// Keeps what was made on a commit, its tree and the text of the patch, under `refs/tollhouse/<name>`; gives the id of the
    /// text. Durable when it returns.
    ///
    /// # Errors
    ///
    /// libgit2's, where the disk refuses.
    pub fn keep(&self, name: &str, base: Oid, tree: Oid, text: &[u8]) -> Result<Oid, Error> {
        around("git.keep", || {
            let odb = self.odb()?;
            let blob = odb.write(git2::ObjectType::Blob, text)?;
            let entries =
                [(b"patch".to_vec(), Entry { mode: Mode::FILE, id: blob }), (b"tree".to_vec(), Entry::folder(tree))];
            let both = write_entries(&odb, &Entries::from(entries))?;
            self.pin(name, self.plain_commit("kept", both, base)?)?;
            Ok(blob)
        })
    }

    /// What was kept under a name.
    ///
    /// # Errors
    ///
    /// libgit2's, where what was kept is damaged.
    pub fn kept(&self, name: &str) -> Result<Option<Kept>, Error> {
        let Some(id) = self.pinned(name) else { return Ok(None) };
        let commit = self.repo.find_commit(id)?;
        let both = commit.tree()?;
        let entry =
            |name: &str| both.get_name(name).map(|entry| entry.id()).ok_or_else(|| Error::from_str("no such entry"));
        let blob = entry("patch")?;
        let text = self.repo.find_blob(blob)?.content().to_vec();
        Ok(Some(Kept { base: commit.parent_id(0)?, tree: entry("tree")?, blob, text }))
    }

    /// The tree with this id, or the one of the commit with it.
    ///
    /// # Errors
    ///
    /// libgit2's, where neither is there.
    pub fn peeled_tree(&self, id: &str) -> Result<Oid, Error> {
        let object = self.repo.find_object(Oid::from_str(id)?, None)?;
        Ok(object.peel_to_tree()?.id())
    }

    /// A commit of a candidate tree on its parent, for a gate's checkout. The same for the same ids.
    ///
    /// # Errors
    ///
    /// libgit2's, where the tree or the parent is not there.
    pub fn candidate_commit(&self, tree: &str, parent: &str) -> Result<Oid, Error> {
        around("git.candidate_commit", || {
            let commit = self.plain_commit("candidate", Oid::from_str(tree)?, Oid::from_str(parent)?)?;
            self.put_on_disk()?;
            Ok(commit)
        })
    }

    fn plain_commit(&self, message: &str, tree: Oid, parent: Oid) -> Result<Oid, Error> {
        let who = git2::Signature::new("Tollhouse", "tollhouse@localhost", &git2::Time::new(0, 0))?;
        let (tree, parent) = (self.repo.find_tree(tree)?, self.repo.find_commit(parent)?);
        self.repo.commit(None, &who, &who, message, &tree, &[&parent])
    }

    /// Keeps an object and all that it reaches under `refs/tollhouse/<name>` of this repository, instead of what was there; durably.
    ///
    /// # Errors
    ///
    /// libgit2's, where the name or the id is not valid.
    pub fn pin(&self, name: &str, id: Oid) -> Result<(), Error> {
        self.put_on_disk()?;
        own_ref::set(&self.repo, &self.dir, name, id, "pin")
    }

    /// Puts what was written here on disk: libgit2 does so with an object and the folder that it lies in, and not with that folder's
    /// own name.
    ///
    /// # Errors
    ///
    /// The system's, where the disk refuses.
    pub fn put_on_disk(&self) -> Result<(), Error> {
        let objects = self.dir.join("objects");
        sync_dir(&objects).map_err(|error| io_error(&objects, &error))
    }

    /// The names of all that is pinned, in order.
    ///
    /// # Errors
    ///
    /// libgit2's, where the refs cannot be read.
    pub fn pinned_names(&self) -> Result<Vec<String>, Error> {
        pinned_names(&self.repo)
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
    pub fn unpin(&self, name: &str) -> Result<(), Error> {
        match self.repo.find_reference(&format!("refs/tollhouse/{name}")) {
            Ok(mut reference) => reference.delete(),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// What the system says of a file, as libgit2 would.
pub(super) fn io_error(path: &Path, error: &io::Error) -> Error {
    Error::from_str(&format!("cannot write {}: {error}", path.display()))
}

/// The names of all refs under `refs/tollhouse/`, without that, in order.
pub(super) fn pinned_names(repo: &Repository) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for name in repo.references_glob("refs/tollhouse/*")?.names() {
        names.extend(name?.strip_prefix("refs/tollhouse/").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Whether a folder holds something that is not ours: then nothing of it is touched. An empty one is free, and so is one
/// whose making was cut off.
fn is_foreign(dir: &Path) -> bool {
    match fs::read_to_string(dir.join("config")) {
        Ok(config) => !config.contains(MARK),
        // Ours has its configuration before anything else but folders, and files on their way there.
        Err(_) => fs::read_dir(dir).is_ok_and(|entries| {
            let names = entries.flatten().map(|entry| entry.file_name());
            let is_ours = |name: &[u8]| matches!(name, b"objects" | b"refs" | b"config") || name.starts_with(b".tmp");
            names.into_iter().any(|name| !is_ours(name.as_bytes()))
        }),
    }
}

/// A handle on the repository in a folder; each thread needs its own.
pub(super) fn open(dir: &Path) -> Result<Repository, Error> {
    let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::BARE | RepositoryOpenFlags::NO_DOTGIT;
    let repo = Repository::open_ext(dir, flags, std::iter::empty::<&OsStr>())?;
    // From here on, nothing but our own file is the configuration.
    repo.set_config(&Config::open(&dir.join("config"))?)?;
    Ok(repo)
}

/// A folder of objects and those that it borrows from, all absolute: libgit2 follows relative ones no further than one step.
fn objects_dirs(first: &Path) -> Result<Vec<PathBuf>, LedgerRepoProblem> {
    const LENDERS_MAX: usize = 64;
    let mut found = vec![canonical(first)?];
    let mut at = 0;
    while at < found.len() && found.len() < LENDERS_MAX {
        let dir = found[at].clone();
        let text = fs::read(dir.join("info/alternates")).unwrap_or_default();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#') {
            // A lender that is gone lends nothing; git says so, too, and goes on.
            if let Ok(lender) = dir.join(OsStr::from_bytes(line)).canonicalize()
                && !found.contains(&lender)
            {
                found.push(lender);
            }
        }
        at += 1;
    }
    Ok(found)
}

fn canonical(path: &Path) -> Result<PathBuf, LedgerRepoProblem> {
    path.canonicalize().map_err(|source| LedgerRepoProblem::Io { path: path.to_owned(), source })
}

/// The text of an `alternates` file.
pub(super) fn alternates(dirs: &[PathBuf]) -> Result<Vec<u8>, LedgerRepoProblem> {
    let mut text = Vec::new();
    for dir in dirs {
        let bytes = dir.as_os_str().as_bytes();
        if bytes.contains(&b'\n') {
            return Err(LedgerRepoProblem::LineEnd(dir.clone()));
        }
        text.extend_from_slice(bytes);
        text.push(b'\n');
    }
    Ok(text)
}

/// Writes a file as a whole, durably, unless it is the same already.
fn write_if_other(path: &Path, content: &[u8]) -> Result<(), LedgerRepoProblem> {
    let problem = |source| LedgerRepoProblem::Io { path: path.to_owned(), source };
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let folder = path.parent().expect("the path is a file in a folder of ours");
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(problem)?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(problem)?;
    file.persist(path).map_err(|error| problem(error.error))?;
    sync_dir(folder).map_err(problem)
}

/// Puts the names in a folder on disk.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}
