//! Why a content cannot be read, where it is not the machine's doing.

use std::path::PathBuf;

use thiserror::Error;

/// Why a content cannot be read.
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
    Differs {
        /// Its name: the SHA-256 of what it should be.
        digest: String,
        /// Its file.
        path: PathBuf,
    },
}

impl BlobProblem {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "blob_missing",
            Self::Differs { .. } => "blob_differs",
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> &'static str {
        "its end is in the ledger: `toll log ID --json`; all of it may be in a backup. `toll verify` finds all that are amiss"
    }
}
