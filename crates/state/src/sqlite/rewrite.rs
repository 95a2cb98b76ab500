//! Forgetting contents: others are put in their place, and no byte of them is left in the file or its log.
//!
//! SQLite keeps what was overwritten in three places: in the free room of pages, in pages that are free, and in the write-ahead
//! log. So what is freed is overwritten, the file is written anew from what it holds, and the log is emptied.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::error::failed;
use super::write::write_keys;
use crate::check::not_rewritten;
use crate::store::{EventContent, RecordContent, Rewrite, StoreError};

/// The trigger that keeps events from being changed.
const GUARD: &str = "event_is_never_changed";

/// Puts contents in the place of others. Where the file cannot be cleaned of what was there, because somebody still reads
/// it, they are in their place already and this says that it is busy.
pub(super) fn rewrite(connection: &mut Connection, rewrite: &Rewrite) -> Result<(), StoreError> {
    set_secure_delete(connection, true)?;
    let done = replace(connection, rewrite).and_then(|()| clean(connection));
    set_secure_delete(connection, false)?;
    done
}

fn replace(connection: &mut Connection, rewrite: &Rewrite) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
    for content in &rewrite.records {
        record(&transaction, content)?;
    }
    let guard: String = transaction
        .query_row("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1", [GUARD], |row| row.get(0))
        .map_err(said)?;
    transaction.execute_batch(&format!("DROP TRIGGER {GUARD}")).map_err(said)?;
    for content in &rewrite.events {
        event(&transaction, content)?;
    }
    transaction.execute_batch(&guard).map_err(said)?;
    transaction.commit().map_err(said)
}

fn record(transaction: &Transaction<'_>, content: &RecordContent) -> Result<(), StoreError> {
    let RecordContent { id, version, keys, body } = content;
    let name = id.to_string();
    let before: Option<String> = transaction
        .query_row("SELECT keys FROM record WHERE id = ?1 AND version = ?2", params![name, version], |row| row.get(0))
        .optional()
        .map_err(said)?;
    let before = before.ok_or_else(|| not_rewritten(format!("{id} is not in version {version}")))?;
    let keys_json = serde_json::to_string(keys).expect("texts can be written as JSON");
    let sql = "UPDATE record SET body = ?1, keys = ?2 WHERE id = ?3";
    transaction.execute(sql, params![body, keys_json, name]).map_err(said)?;
    if before == keys_json { Ok(()) } else { write_keys(transaction, &name, &before, keys) }
}

fn event(transaction: &Transaction<'_>, content: &EventContent) -> Result<(), StoreError> {
    let EventContent { position, record, body } = content;
    let sql = "UPDATE event SET body = ?1 WHERE position = ?2 AND record = ?3";
    match transaction.execute(sql, params![body, position, record.to_string()]).map_err(said)? {
        1 => Ok(()),
        _ => Err(not_rewritten(format!("event {position} is none of {record}"))),
    }
}

/// Writes the file anew from what it holds, and empties the log.
fn clean(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("VACUUM").map_err(said)?;
    let is_busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(said)?;
    if is_busy { Err(StoreError::Busy { op: "rewrite" }) } else { Ok(()) }
}

fn set_secure_delete(connection: &Connection, on: bool) -> Result<(), StoreError> {
    connection.pragma(None, "secure_delete", on, |_| Ok(())).map_err(said)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn said(error: rusqlite::Error) -> StoreError {
    failed("rewrite", &error)
}
