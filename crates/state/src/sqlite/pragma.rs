//! How a connection is set up: one table, every line of which is read back.
//!
//! SQLite ignores a pragma that it does not know and a value that it cannot take, so nothing counts as set that was not
//! read back. Nothing else in the crate sets a pragma, but for the two that identify the file, the one that has a new file
//! give pages back, and those that hold while something is rewritten or taken out.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;

use super::error::{failed, not_openable, opening};
use crate::store::{Durability, StoreError};

/// One line of the table.
struct Pragma {
    name: &'static str,
    value: &'static str,
    scope: Scope,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Set on every connection.
    Connection,
    /// Kept in the file; set by a connection that may write.
    File,
    /// Cannot be changed in a file that exists.
    Fixed,
}

const FULL: &str = "2";
const NORMAL: &str = "1";

const PRAGMAS: &[Pragma] = &[
    // First, so that whatever follows waits for its turn. Milliseconds.
    Pragma { name: "busy_timeout", value: "10000", scope: Scope::Connection },
    // FULL: a commit that was reported is on disk, also after a power cut. NORMAL, by choice, leaves that to the next checkpoint.
    Pragma { name: "synchronous", value: FULL, scope: Scope::Connection },
    // On macOS, fsync alone does not reach the disk. Elsewhere these two say nothing.
    Pragma { name: "fullfsync", value: "1", scope: Scope::Connection },
    Pragma { name: "checkpoint_fullfsync", value: "1", scope: Scope::Connection },
    Pragma { name: "foreign_keys", value: "1", scope: Scope::Connection },
    // A schema that somebody tampered with calls no function with side effects.
    Pragma { name: "trusted_schema", value: "0", scope: Scope::Connection },
    Pragma { name: "cell_size_check", value: "1", scope: Scope::Connection },
    // So many pages in the write-ahead log before they are carried over. SQLite's 1000 has the same pages carried over, and the
    // file synced, several times as often.
    Pragma { name: "wal_autocheckpoint", value: "4000", scope: Scope::Connection },
    // Kibibytes of pages that a connection keeps.
    Pragma { name: "cache_size", value: "-16384", scope: Scope::Connection },
    Pragma { name: "journal_mode", value: "wal", scope: Scope::File },
    // The order of texts is that of their bytes in UTF-8.
    Pragma { name: "encoding", value: "UTF-8", scope: Scope::Fixed },
];

impl Pragma {
    fn value(&self, durability: Durability) -> &'static str {
        match (self.name, durability) {
            ("synchronous", Durability::Normal) => NORMAL,
            _ => self.value,
        }
    }
}

/// How often the file's own pragmas are tried again while others have the file. Each turn waits for `busy_timeout`.
const TURNS_MAX: u32 = 100;

/// Sets what a connection needs before it touches the file.
pub(super) fn set_connection(connection: &Connection, path: &Path, durability: Durability) -> Result<(), StoreError> {
    // A plan that does not look at the values that are bound is made once, not each time that one is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(|error| opening(path, &error))?;
    set(connection, path, (Scope::Connection, durability))
}

/// Sets what is kept in the file.
///
/// Changing the journal mode is the one thing that does not wait for its turn. So where others are at it, this takes a
/// turn in the ordinary way, and tries again.
pub(super) fn set_file(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    for _ in 0..TURNS_MAX {
        match set(connection, path, (Scope::File, Durability::Full)) {
            Err(StoreError::Busy { .. }) => {
                connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(|error| opening(path, &error))?;
            }
            done => return done,
        }
    }
    set(connection, path, (Scope::File, Durability::Full))
}

/// Refuses a connection on which any line of the table does not hold.
pub(super) fn verify(connection: &Connection, path: &Path, durability: Durability) -> Result<(), StoreError> {
    for pragma in PRAGMAS {
        let (name, value) = (pragma.name, pragma.value(durability));
        let actual = read(connection, name).map_err(|error| opening(path, &error))?;
        // Nothing is written to an archive, so it needs no log and nothing beside it, and can be read where nobody may write.
        let is_closed = name == "journal_mode" && actual == "delete" && is_archive(connection);
        if actual != value && !is_closed {
            return Err(not_openable(path, format!("its {name} is {actual}, not {value}")));
        }
    }
    Ok(())
}

fn is_archive(connection: &Connection) -> bool {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM origin)", [], |row| row.get(0)).unwrap_or(false)
}

/// Every line of the table as it is read back, and the version of the schema.
pub(super) fn settings(connection: &Connection) -> Result<Vec<(&'static str, String)>, StoreError> {
    let names = PRAGMAS.iter().map(|pragma| pragma.name).chain(["user_version"]);
    let read = |name| Ok((name, read(connection, name).map_err(|error| failed("read a setting", &error))?));
    names.map(read).collect()
}

fn set(connection: &Connection, path: &Path, (scope, durability): (Scope, Durability)) -> Result<(), StoreError> {
    for pragma in PRAGMAS.iter().filter(|pragma| pragma.scope == scope) {
        // Some answer with a row, some do not; what counts is what `verify` reads.
        connection
            .pragma(None, pragma.name, pragma.value(durability), |_| Ok(()))
            .map_err(|error| opening(path, &error))?;
    }
    Ok(())
}

fn read(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, name, |row| {
        Ok(match row.get(0)? {
            Value::Null => String::new(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => text,
            Value::Blob(_) => "a blob".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_table_is_compared_with_what_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let connection = Connection::open(&path).unwrap();
        set_connection(&connection, &path, Durability::Full).unwrap();
        set_file(&connection, &path).unwrap();
        verify(&connection, &path, Durability::Full).unwrap();

        for (name, other) in [("synchronous", "1"), ("foreign_keys", "0"), ("busy_timeout", "5"), ("fullfsync", "0")] {
            connection.pragma(None, name, other, |_| Ok(())).unwrap();
            let refusal = verify(&connection, &path, Durability::Full).unwrap_err().to_string();
            assert!(refusal.contains(&format!("its {name} is {other}, not ")), "{refusal}");
            set_connection(&connection, &path, Durability::Full).unwrap();
        }
        verify(&connection, &path, Durability::Full).unwrap();
        verify(&connection, &path, Durability::Normal).unwrap_err();
        set_connection(&connection, &path, Durability::Normal).unwrap();
        verify(&connection, &path, Durability::Normal).unwrap();
    }
}
