//! Where things are: a maintainer's repository, the ledger's folder beside it, and the folder for workspaces.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tollhouse_core::RunId;
use tollhouse_state::{Durability, SqliteStore, StoreError};

use crate::error::RunnerError;
use crate::folders::make_on_disk;
use crate::git::{LedgerRepo, Project};

/// A ledger that is empty for longer is not being made, but was emptied.
const BEING_MADE: Duration = Duration::from_secs(1);

/// How often it is looked whether it is made.
const LOOK: Duration = Duration::from_millis(10);

/// The ledger's folder in git's common directory.
const LEDGER_DIR: &str = "tollhouse";

/// The places of one repository.
#[derive(Debug, Clone)]
pub struct Site {
    /// The root of the working copy in which `toll` was called.
    pub root: PathBuf,
    /// Git's common directory: one for all worktrees.
    pub common_dir: PathBuf,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The ledger's own repository.
    pub repo: PathBuf,
    /// The folder of the contents that the ledger names.
    pub blobs: PathBuf,
    /// The folder of the ledger's archives.
    pub archives: PathBuf,
    /// Where workspaces and gate checkouts are made.
    pub workspaces: PathBuf,
    /// How durable what is written to the ledger is. Whoever discovers a site takes it from the configuration.
    pub durability: Durability,
}

impl Site {
    /// The places of the repository that a folder is in.
    ///
    /// # Errors
    /// The folder is in no repository that we can work with, or no place for workspaces is known.
    pub fn discover(dir: &Path, ledger: Option<&Path>) -> Result<Self, RunnerError> {
        let project = Project::discover(dir)?;
        let common_dir = project.common_dir().to_owned();
        let own = common_dir.join(LEDGER_DIR);
        let usual = own.join("ledger.db");
        let ledger = place_of(ledger.unwrap_or(&usual))?;
        let place = |name: &str| if ledger == usual { own.join(name) } else { beside(&ledger, name) };
        let (repo, blobs, archives) = (place("repo.git"), place("blobs"), place("archive"));
        let workspaces = state_home()?.join("tollhouse").join(folder_name(&common_dir));
        let (root, durability) = (project.root().to_owned(), Durability::default());
        Ok(Self { root, common_dir, ledger, repo, blobs, archives, workspaces, durability })
    }

    /// The same repository with another ledger: one in this file, with what goes with it beside it.
    #[must_use]
    pub fn with_ledger(&self, ledger: PathBuf) -> Self {
        let [repo, blobs, archives] = ["repo.git", "blobs", "archive"].map(|name| beside(&ledger, name));
        Self { ledger, repo, blobs, archives, ..self.clone() }
    }

    /// The places of one of the ledger's archives.
    #[must_use]
    pub fn archive(&self, file: &str) -> Self {
        self.with_ledger(self.archives.join(file))
    }

    /// The maintainer's repository.
    ///
    /// # Errors
    /// It is not there any more, or is none that we can work with.
    pub fn project(&self) -> Result<Project, RunnerError> {
        Ok(Project::discover(&self.root)?)
    }

    /// The ledger, made if it is not there yet.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub fn open_ledger(&self) -> Result<SqliteStore, RunnerError> {
        if let Some(dir) = self.ledger.parent() {
            make_on_disk(dir, 0o777).map_err(|source| RunnerError::Io {
                what: "make",
                path: dir.to_owned(),
                source,
            })?;
        }
        Ok(SqliteStore::open_or_create_with(&self.ledger, self.durability)?)
    }

    /// The ledger, to read only; `None` where nothing was ever recorded.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn read_ledger(&self) -> Result<Option<SqliteStore>, StoreError> {
        let began = Instant::now();
        loop {
            // Where it may not be looked for, opening it says so.
            return match self.ledger.metadata() {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                // Another program may be making it right now.
                Ok(metadata) if metadata.len() == 0 && began.elapsed() < BEING_MADE => {
                    std::thread::sleep(LOOK);
                    continue;
                }
                // Nothing was recorded yet when its program was killed: what goes with a ledger in use is not there.
                Ok(metadata) if metadata.len() == 0 && !self.repo.exists() => Ok(None),
                _ => self.open_read_only().map(Some),
            };
        }
    }

    /// Opens it to read only. What a program that was killed left half written in it, SQLite takes back first, and for that it
    /// must write; who may not has to ask its owner. One of an older schema is brought up to date.
    fn open_read_only(&self) -> Result<SqliteStore, StoreError> {
        match SqliteStore::open_read_only(&self.ledger) {
            Err(StoreError::Denied { .. }) => {
                drop(SqliteStore::open_or_create_with(&self.ledger, self.durability)?);
                SqliteStore::open_read_only(&self.ledger)
            }
            // Whatever else is wrong with it, opening it leaves it as it is and says the same.
            Err(StoreError::NotOpenable { .. }) => {
                // The last to close carries the log over into the file, and only who may write can. Of an archive, nobody gets it
                // to write, and it is brought up to date all the same.
                drop(SqliteStore::open(&self.ledger));
                SqliteStore::open_read_only(&self.ledger)
            }
            opened => opened,
        }
    }

    /// The ledger's own repository, made if it is not there yet.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub fn open_repo(&self) -> Result<LedgerRepo, RunnerError> {
        Ok(LedgerRepo::open_or_create(&self.repo, &self.common_dir.join("objects"))?)
    }

    /// The ledger's own repository as it is; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn read_repo(&self) -> Result<Option<LedgerRepo>, RunnerError> {
        if self.repo.exists() { self.open_repo().map(Some) } else { Ok(None) }
    }

    /// Where a run's workspaces are made.
    pub fn run_dir(&self, run: RunId) -> PathBuf {
        self.workspaces.join(run.to_string())
    }
}

/// Makes a folder that workspaces and gate checkouts are made in, if it is not there yet.
///
/// Ext4 makes new files near their folder, and does not use again at once what was freed there: where a large workspace was
/// just removed, making the next beside it takes ten times as long. So each gets a place of its own on the disk.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make_workspaces_dir(dir: &Path) -> Result<(), RunnerError> {
    std::fs::create_dir_all(dir).map_err(|source| RunnerError::Io { what: "make", path: dir.to_owned(), source })?;
    // Advice only: other file systems do not know it, and need not.
    #[cfg(target_os = "linux")]
    if let Ok(folder) = std::fs::File::open(dir) {
        use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
        let _ = ioctl_getflags(&folder).and_then(|flags| ioctl_setflags(&folder, flags | IFlags::TOPDIR));
    }
    Ok(())
}

/// Where a ledger's file is, or will be: absolute, because workspaces elsewhere borrow from what is beside it, and with all
/// links followed, so that one ledger has one place whichever way it is named.
fn place_of(ledger: &Path) -> Result<PathBuf, RunnerError> {
    let failed = |source| RunnerError::Io { what: "find", path: ledger.to_owned(), source };
    match ledger.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !ledger.is_symlink() => {
            let absolute = std::path::absolute(ledger).map_err(failed)?;
            let folder = absolute.parent().and_then(|folder| folder.canonicalize().ok());
            Ok(match (folder, absolute.file_name()) {
                (Some(folder), Some(name)) => folder.join(name),
                _ => absolute,
            })
        }
        // Where it may not be looked for, opening it says so.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => std::path::absolute(ledger).map_err(failed),
        found => found.map_err(failed),
    }
}

/// What goes with a ledger of another name: named after it, so that two ledgers never share one.
fn beside(ledger: &Path, name: &str) -> PathBuf {
    let mut full = ledger.file_name().unwrap_or_default().to_owned();
    full.push(".");
    full.push(name);
    ledger.with_file_name(full)
}

/// `$XDG_STATE_HOME`, or where it is where nobody says.
fn state_home() -> Result<PathBuf, RunnerError> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local").join("state")))
        .ok_or(RunnerError::NoStateHome)
}

/// A folder's name for a repository: readable, and another one for each place.
fn folder_name(common_dir: &Path) -> String {
    let project = common_dir.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let readable: String = project
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' })
        .take(40)
        .collect();
    let digest = tollhouse_engine::patch::content_hash(common_dir.as_os_str().as_encoded_bytes());
    format!("{readable}-{}", &digest[..16])
}
