//! A copy of the whole ledger in a file of its own, taken while others go on writing.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::error::{damaged, failed};
use crate::store::StoreError;

/// Writes the ledger, as one commit left it, to a file that must not be there yet. One statement is one snapshot, and in
/// a write-ahead log a reader keeps nobody from writing.
pub(super) fn copy(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    // As bytes, because a path need not be UTF-8.
    let path = ToSqlOutput::Borrowed(ValueRef::Text(to.as_os_str().as_encoded_bytes()));
    connection.execute("VACUUM INTO ?1", [path]).map(drop).map_err(|error| failed("copy the ledger", &error))
}

/// Refuses a file whose pages do not hold together.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let read = || {
        let mut statement = connection.prepare("PRAGMA quick_check(5)")?;
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
    };
    let said = read().map_err(|error| failed("check the ledger", &error))?.join("; ");
    if said == "ok" { Ok(()) } else { Err(damaged("the ledger", said)) }
}
