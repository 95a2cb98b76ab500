//! Why a ledger cannot be backed up, or a backup not be restored.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::Trouble;

/// Why a ledger cannot be backed up, or a backup not be restored. Nothing was changed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupProblem {
    /// Something is in the place of what would be written.
    #[error("{path} is there already")]
    Exists {
        /// What is there.
        path: PathBuf,
        /// What the reader can do.
        hint: &'static str,
    },
    /// What the ledger names is not to be found.
    #[error("the ledger is damaged: {what}")]
    Damaged {
        /// What is missing, or cannot be read.
        what: String,
    },
    /// It is some other file.
    #[error("{path} is not a backup of a ledger: {what}")]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What shows it.
        what: String,
    },
    /// It is not what was written.
    #[error("{path} is truncated or damaged: {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It is what was written, and what was written is no sound ledger.
    #[error("{path} holds a ledger that is not sound: {what}")]
    Unsound {
        /// The file.
        path: PathBuf,
        /// The first things that were found, and how many more there are.
        what: String,
    },
    /// A later version wrote it.
    #[error("{path} has the backup format {found}, and this program knows formats up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        found: u64,
        /// The newest that is known.
        known: u64,
    },
}

impl BackupProblem {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "exists",
            Self::Damaged { .. } => "ledger_damaged",
            Self::NotABackup { .. } => "not_a_backup",
            Self::Corrupt { .. } | Self::Unsound { .. } => "backup_damaged",
            Self::Newer { .. } => "backup_newer",
        }
    }

    /// What kind of trouble it is.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Exists { .. } => Trouble::Conflict,
            _ => Trouble::Ledger,
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Exists { hint, .. } => hint,
            Self::Damaged { .. } => "keep a copy of the ledger's folder as it is; `toll doctor` says more",
            Self::NotABackup { .. } => "`toll backup FILE` writes one",
            Self::Corrupt { .. } => "copy it again from where it was written; nothing was restored",
            Self::Unsound { .. } => {
                "take an earlier backup; nothing was restored. To look into this one, `--anyway` restores it as it is"
            }
            Self::Newer { .. } => "restore it with the version of `toll` that wrote it, or a later one",
        }
    }
}
