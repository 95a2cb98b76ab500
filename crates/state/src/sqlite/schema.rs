//! What a ledger's file looks like, how an older one is brought up to date, and how any other file is told from it.
//!
//! It must never change a file that is not a ledger, or one of a newer schema.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::{not_openable, opening};
use crate::store::StoreError;

/// Marks a file as a ledger: "TOLL" in ASCII.
const APPLICATION_ID: i64 = 0x544F_4C4C;

/// The migration at index n leads from schema n to n + 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../migrations/sqlite/0002_workers_and_money.sql"),
    include_str!("../../migrations/sqlite/0003_digests.sql"),
    include_str!("../../migrations/sqlite/0004_tallies.sql"),
    include_str!("../../migrations/sqlite/0005_archives.sql"),
];

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// A database without anything in it.
    Blank,
    /// A ledger that has run this many migrations.
    Ledger(usize),
}

/// Refuses a file that is not a ledger of the present schema.
pub(super) fn expect_current(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match identify(connection, path)? {
        Identity::Blank => Err(not_openable(path, "it is empty")),
        Identity::Ledger(version) if version < MIGRATIONS.len() => {
            Err(not_openable(path, "it has an older schema; opening it for writing updates it"))
        }
        Identity::Ledger(_) => Ok(()),
    }
}

/// Brings a ledger up to date.
pub(super) fn update(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    match identify(connection, path)? {
        Identity::Blank => Err(not_openable(path, "it is empty")),
        Identity::Ledger(version) if version == MIGRATIONS.len() => Ok(()),
        Identity::Ledger(_) => migrate(connection, path),
    }
}

/// Brings a ledger up to date, and makes a blank file one.
pub(super) fn create_or_update(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    match identify(connection, path)? {
        Identity::Ledger(version) if version == MIGRATIONS.len() => Ok(()),
        Identity::Blank => {
            give_back_in_slices(connection).map_err(|error| opening(path, &error))?;
            migrate(connection, path)
        }
        Identity::Ledger(_) => migrate(connection, path),
    }
}

/// Has a file that is to be made give what is free back to the file system a little at a time. It has to be said before anything
/// is in it. Running the pragma would write the file's first page by itself, and others would find a database without a schema;
/// it holds for this connection once it is [compiled](https://www.sqlite.org/pragma.html), and the first page comes with the schema.
fn give_back_in_slices(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare("PRAGMA auto_vacuum = 2").map(drop)
}

/// Runs what is missing, all or nothing. Of several processes that start at once, one does it and the others see it done.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| opening(path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let done = match identify(&transaction, path)? {
        Identity::Blank => 0,
        Identity::Ledger(version) => version,
    };
    for migration in &MIGRATIONS[done..] {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    let version = i64::try_from(MIGRATIONS.len()).expect("there are few migrations");
    transaction.pragma_update(None, "user_version", version).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// A table, index, trigger or view that a ledger of the present schema has and this one has not.
pub(super) fn missing(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let model = Connection::open_in_memory()?;
    for migration in MIGRATIONS {
        model.execute_batch(migration)?;
    }
    let there = objects(connection)?;
    Ok(objects(&model)?.into_iter().find(|object| !there.contains(object)))
}

fn objects(connection: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = connection.prepare("SELECT type || ' ' || name FROM sqlite_schema")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn identify(connection: &Connection, path: &Path) -> Result<Identity, StoreError> {
    let (application, version, objects) = connection
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id),
                    (SELECT user_version FROM pragma_user_version),
                    (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        )
        .map_err(|error| opening(path, &error))?;
    if (application, version, objects) == (0, 0, 0) {
        return Ok(Identity::Blank);
    }
    if application != APPLICATION_ID {
        return Err(not_openable(path, "it is a database of another program"));
    }
    match usize::try_from(version) {
        Ok(version @ 1..) if version <= MIGRATIONS.len() => Ok(Identity::Ledger(version)),
        Ok(version @ 1..) => {
            let known = MIGRATIONS.len();
            Err(not_openable(path, format!("it has schema {version}, and this program knows schemas up to {known}")))
        }
        _ => Err(not_openable(path, format!("it says that its schema is {version}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_appears_with_its_schema() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut connection = Connection::open(&path).unwrap();
        give_back_in_slices(&connection).unwrap();
        assert_eq!(path.metadata().unwrap().len(), 0, "whoever looks now finds nothing");
        migrate(&mut connection, &path).unwrap();
        let mode = connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(mode, 2);
    }
}
