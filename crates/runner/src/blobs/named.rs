//! The records that name contents, page by page.

use tollhouse_core::{Kind, Record, RecordId};
use tollhouse_engine::names_blobs;
use tollhouse_state::{Find, Store, StoreError};

use crate::error::RunnerError;

/// How many records are read at a time: with the longest prompts, some tens of megabytes.
const PAGE: u32 = 64;

/// Hands over every record that may name contents, one after the other. A record that cannot be read is told of, and passed over
/// where that is no error to who is told.
pub(crate) fn each_naming<S: Store + ?Sized>(
    store: &S,
    mut unreadable: impl FnMut(StoreError) -> Result<(), StoreError>,
    mut take: impl FnMut(&Record) -> Result<(), RunnerError>,
) -> Result<(), RunnerError> {
    for kind in Kind::ALL.iter().copied().filter(|kind| names_blobs(*kind)) {
        let mut find = Find { kind: Some(kind), limit: Some(PAGE), ..Find::default() };
        loop {
            match store.find(&find) {
                Ok(records) => {
                    let Some(last) = records.last() else { break };
                    (find.after, find.limit) = (Some(last.id), Some(PAGE));
                    for record in &records {
                        take(record)?;
                    }
                }
                // Somewhere on the page: ever smaller ones lead to it.
                Err(StoreError::Damaged { .. }) if find.limit > Some(1) => {
                    find.limit = find.limit.map(|limit| limit / 2);
                }
                Err(error) => {
                    let place = damaged_record(&error).filter(|id| find.after != Some(*id));
                    unreadable(error)?;
                    // Where nobody knows which one it is, nobody knows what comes after it.
                    let Some(id) = place else { break };
                    (find.after, find.limit) = (Some(id), Some(PAGE));
                }
            }
        }
    }
    Ok(())
}

/// The record that cannot be read, as the store names it.
fn damaged_record(error: &StoreError) -> Option<RecordId> {
    match error {
        StoreError::Damaged { place, .. } => place.strip_prefix("record ")?.parse().ok(),
        _ => None,
    }
}
