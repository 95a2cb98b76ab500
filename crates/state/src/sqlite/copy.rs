//! A copy of the whole ledger in a file of its own, taken while others go on writing.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::error::{damaged, failed};
use super::schema;
use crate::store::StoreError;

/// Writes the ledger, as one commit left it, to a file that must not be there yet. One statement is one snapshot, and in
/// a write-ahead log a reader keeps nobody from writing.
pub(super) fn copy(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    // As bytes, because a path need not be UTF-8.
    let path = ToSqlOutput::Borrowed(ValueRef::Text(to.as_os_str().as_encoded_bytes()));
    connection.execute("VACUUM INTO ?1", [path]).map(drop).map_err(|error| failed("copy the ledger", &error))
}

/// Refuses a file whose pages do not hold together, which lacks a table, an index or a trigger, or whose tables do not hold
/// together: what is kept twice, so that it can be searched for,
/// must be the same twice.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let said = texts(connection, "PRAGMA integrity_check(5)")?.join("; ");
    if said != "ok" {
        return Err(damaged("the ledger", said));
    }
    if let Some(missing) = schema::missing(connection).map_err(|error| failed("check the ledger", &error))? {
        return Err(damaged("the ledger", format!("it has no {missing} any more")));
    }
    let is_in_parts = !texts(connection, IS_IN_PARTS)?.is_empty();
    let of_commits = if is_in_parts { COMMIT_OF_SOME } else { COMMIT_OF_ALL };
    let checks = KEPT_TWICE.into_iter().chain([(of_commits, "it names events that are not its own")]);
    for (sql, what) in checks {
        if let Some(first) = texts(connection, sql)?.first() {
            return Err(damaged(first, what));
        }
    }
    Ok(())
}

/// Each names the first place where two tables do not say the same.
const KEPT_TWICE: [(&str, &str); 5] = [
    ("SELECT 'record ' || id FROM record WHERE NOT json_valid(keys) LIMIT 1", "its keys are not JSON"),
    (
        "SELECT 'record ' || record_key.record FROM record_key LEFT JOIN record ON record.id = record_key.record
         WHERE NOT EXISTS (SELECT 1 FROM json_each(record.keys) AS own
                           WHERE own.key = record_key.name AND own.value = record_key.value) LIMIT 1",
        "it is found by a key that it does not have",
    ),
    (
        "SELECT 'record ' || record.id FROM record, json_each(record.keys) AS own
         WHERE NOT EXISTS (SELECT 1 FROM record_key
                           WHERE record = record.id AND name = own.key AND value = own.value) LIMIT 1",
        "it is not found by a key that it has",
    ),
    (
        "SELECT 'the tally of records' FROM
          (SELECT run, kind, state, records FROM record_tally WHERE records <> 0
           UNION ALL
           SELECT run, kind, state, -count(*) FROM record WHERE run IS NOT NULL GROUP BY run, kind, state)
         GROUP BY run, kind, state HAVING sum(records) <> 0 LIMIT 1",
        "it is not that of the records that there are",
    ),
    (
        "SELECT 'event ' || position FROM event LEFT JOIN commit_log ON commit_log.id = event.commit_id
         WHERE position < first OR position > last OR first IS NULL LIMIT 1",
        "its commit does not name it",
    ),
];

/// A commit's events begin and end where it says.
const COMMIT_OF_ALL: &str = "SELECT 'commit ' || commit_log.id FROM commit_log
     LEFT JOIN event AS a ON a.position = first LEFT JOIN event AS z ON z.position = last
     WHERE a.commit_id IS NOT commit_log.id OR z.commit_id IS NOT commit_log.id LIMIT 1";

/// Where runs are in archives, some events of a commit may be elsewhere, and the others are where it says.
const COMMIT_OF_SOME: &str = "SELECT 'commit ' || commit_log.id FROM commit_log
     LEFT JOIN event AS a ON a.position = first LEFT JOIN event AS z ON z.position = last
     WHERE coalesce(a.commit_id, commit_log.id) <> commit_log.id OR coalesce(z.commit_id, commit_log.id) <> commit_log.id
       OR NOT EXISTS (SELECT 1 FROM event WHERE position BETWEEN first AND last AND commit_id = commit_log.id) LIMIT 1";

/// Whether some of what the file's history was is elsewhere.
const IS_IN_PARTS: &str = "SELECT 'yes' WHERE EXISTS (SELECT 1 FROM origin)
     OR EXISTS (SELECT 1 FROM archived)";

fn texts(connection: &Connection, sql: &str) -> Result<Vec<String>, StoreError> {
    let read = || {
        let mut statement = connection.prepare(sql)?;
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
    };
    read().map_err(|error| failed("check the ledger", &error))
}
