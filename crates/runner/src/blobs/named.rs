//! The records that name contents.

use std::collections::BTreeSet;

use tollhouse_core::{Kind, Record};
use tollhouse_engine::{EngineError, ViewError, blobs_of, names_blobs};
use tollhouse_state::{Store, StoreError};

use crate::error::RunnerError;
use crate::records::each_record;

/// Hands over every record that may name contents, one after the other; see [`each_record`].
pub(crate) fn each_naming<S: Store + ?Sized>(
    store: &S,
    mut unreadable: impl FnMut(StoreError) -> Result<(), StoreError>,
    mut take: impl FnMut(&Record) -> Result<(), RunnerError>,
) -> Result<(), RunnerError> {
    let mut kinds = Kind::ALL.iter().copied().filter(|kind| names_blobs(*kind));
    kinds.try_for_each(|kind| each_record(store, kind, &mut unreadable, &mut take))
}

/// Every content that a ledger names.
pub(crate) fn named_by<S: Store + ?Sized>(store: &S) -> Result<BTreeSet<String>, RunnerError> {
    let mut named = BTreeSet::new();
    each_naming(store, Err, |record| {
        named.extend(blobs_of(record).map_err(|error| EngineError::from(ViewError::from(error)))?);
        Ok(())
    })?;
    Ok(named)
}
