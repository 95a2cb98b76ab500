//! The records that name contents.

use tollhouse_core::{Kind, Record};
use tollhouse_engine::names_blobs;
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
