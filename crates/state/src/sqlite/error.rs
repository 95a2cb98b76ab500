//! What SQLite says, in the words of [`StoreError`].

use std::fmt;
use std::path::Path;

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

/// The error of an operation on an open ledger.
pub(super) fn failed(op: &'static str, error: &Error) -> StoreError {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => return damaged("a row", error),
        _ => {}
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { op },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StoreError::Denied { op },
        // SQLITE_PROTOCOL is a lost race for the locks of the write-ahead log.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            StoreError::Busy { op }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged("the ledger", error),
        _ => StoreError::Failed { op, what: error.to_string() },
    }
}

/// The error of opening a file that may be anything.
pub(super) fn opening(path: &Path, error: &Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => not_openable(path, "it is not a database"),
        Some(ErrorCode::DatabaseCorrupt) => not_openable(path, "it is truncated or damaged"),
        _ => failed("open", error),
    }
}

/// A file that is no ledger, or none for us.
pub(super) fn not_openable(path: &Path, what: impl Into<String>) -> StoreError {
    StoreError::NotOpenable { path: path.display().to_string(), what: what.into() }
}

/// Something stored that was never written like this.
pub(super) fn damaged(place: impl fmt::Display, what: impl fmt::Display) -> StoreError {
    StoreError::Damaged { place: place.to_string(), what: what.to_string() }
}
