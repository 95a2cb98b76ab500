//! A person's own configuration file: where it is, and whether only they can have written it.
//!
//! What it names is run, so a file that somebody else could have written is not read. What it says is for the engine to judge.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a person's own configuration cannot be followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OwnConfigProblem {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is a folder, or a device.
    #[error("{path} is not a file")]
    NotAFile {
        /// What stands in its place.
        path: PathBuf,
    },
    /// It is not text.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Another user could have written it.
    #[error("{path} {why}")]
    Unsafe {
        /// The file or its folder.
        path: PathBuf,
        /// What lets others write it.
        why: String,
    },
}

/// Where a person's own configuration is, whether or not there is one; `None` where nobody says where their home is.
pub fn path() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let dir = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(dir.join("tollhouse").join("config.toml"))
}

/// Reads a person's own configuration; `None` where there is none.
///
/// # Errors
/// [`OwnConfigProblem`], where it is there and cannot be followed.
pub fn read(path: &Path) -> Result<Option<String>, OwnConfigProblem> {
    let unreadable = |source| OwnConfigProblem::Unreadable { path: path.to_owned(), source };
    // Where a link leads nowhere, there is something that was meant to be read.
    if let Err(error) = path.symlink_metadata() {
        let is_absent = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        return if is_absent { Ok(None) } else { Err(unreadable(error)) };
    }
    let file = path.metadata().map_err(unreadable)?;
    if !file.is_file() {
        return Err(OwnConfigProblem::NotAFile { path: path.to_owned() });
    }
    expect_own(path, &file)?;
    if let Some(folder) = path.parent() {
        expect_own(folder, &folder.metadata().map_err(unreadable)?)?;
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| OwnConfigProblem::NotText { path: path.to_owned() })?;
    Ok(Some(text))
}

/// Refuses what another user could have written. Root could write everything anyway.
fn expect_own(path: &Path, metadata: &Metadata) -> Result<(), OwnConfigProblem> {
    const WRITABLE_BY_ALL: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let me = rustix::process::geteuid().as_raw();
    let is_open = metadata.mode() & WRITABLE_BY_ALL != 0 && (metadata.is_file() || metadata.mode() & STICKY == 0);
    let why = if metadata.uid() != me && metadata.uid() != 0 {
        format!("belongs to another user, with the id {}", metadata.uid())
    } else if is_open {
        "can be written by every user".to_owned()
    } else {
        return Ok(());
    };
    Err(OwnConfigProblem::Unsafe { path: path.to_owned(), why })
}
