//! Every record of a kind, page by page.

use tollhouse_core::{Kind, Record, RecordId};
use tollhouse_state::{Find, Store, StoreError};

use crate::error::RunnerError;

/// How many records are read at a time: with the longest prompts, some tens of megabytes.
const PAGE: u32 = 64;

/// Hands over every record of a kind, one after the other. `unreadable` is told of one that is damaged: either that ends it, or
/// the record is passed over.
pub(crate) fn each_record<S: Store + ?Sized>(
    store: &S,
    kind: Kind,
    mut unreadable: impl FnMut(StoreError) -> Result<(), StoreError>,
    mut take: impl FnMut(&Record) -> Result<(), RunnerError>,
) -> Result<(), RunnerError> {
    let mut find = Find { kind: Some(kind), limit: Some(PAGE), ..Find::default() };
    loop {
        match store.find(&find) {
            Ok(records) => {
                let Some(last) = records.last() else { return Ok(()) };
                (find.after, find.limit) = (Some(last.id), Some(PAGE));
                records.iter().try_for_each(&mut take)?;
            }
            // Somewhere on the page: ever smaller ones lead to it.
            Err(StoreError::Damaged { .. }) if find.limit > Some(1) => find.limit = find.limit.map(|limit| limit / 2),
            Err(StoreError::Damaged { place, what }) => {
                let id: Option<RecordId> = place.strip_prefix("record ").and_then(|text| text.parse().ok());
                unreadable(StoreError::Damaged { place, what })?;
                // Where nobody knows which one it is, nobody knows what comes after it.
                let Some(id) = id.filter(|id| find.after != Some(*id)) else { return Ok(()) };
                (find.after, find.limit) = (Some(id), Some(PAGE));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
