//! Why a content cannot be read or kept, where it is not the machine's doing.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::Trouble;

/// Why a content cannot be read or kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BlobProblem {
    /// It is not there.
    #[error("the content {digest}, which the ledger names, is not there")]
    Missing {
        /// Its name: the SHA-256 of what it should be.
        digest: String,
    },
    /// It is something else.
    #[error("the content {digest} is not what its name says: {path} was changed")]
    Damaged {
        /// Its name: the SHA-256 of what it should be.
        digest: String,
        /// Its file.
        path: PathBuf,
    },
    /// Another program has the lock, and does not let go of it.
    #[error("another program holds {path}")]
    Busy {
        /// The file whose lock it is.
        path: PathBuf,
    },
}

impl BlobProblem {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "blob_missing",
            Self::Damaged { .. } => "blob_damaged",
            Self::Busy { .. } => "blobs_busy",
        }
    }

    /// What kind of trouble it is.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } => Trouble::Ledger,
            Self::Busy { .. } => Trouble::Conflict,
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::Damaged { .. } => {
                "its end is in the ledger: `toll gate show ID`, or `toll log ID --json`; all of it may be in a backup"
            }
            Self::Busy { .. } => {
                "a `toll gc` that was stopped halfway holds it: let it go on, or end it; then try again"
            }
        }
    }
}
