//! What is to be removed, and where it lies.

use std::collections::BTreeSet;
use std::time::SystemTime;

use tollhouse_core::{Event, Record, RecordId};
use tollhouse_engine::forget::forgotten;
use tollhouse_engine::{EngineError, ViewError, blobs_of};
use tollhouse_state::{Cursor, Rewrite, Store, StoreError};

use super::{Forgotten, workspaces};
use crate::belongings::{Belongings, needed_by_others};
use crate::blobs::{Blobs, each_naming};
use crate::error::RunnerError;
use crate::git::GitError;
use crate::site::Site;

/// The contents of records that are to be forgotten together.
pub(super) struct Contents {
    pub(super) records: Vec<Record>,
    pub(super) told: Forgotten,
    pub(super) rewrite: Rewrite,
    belongings: Belongings,
}

impl Contents {
    pub(super) fn of(site: &Site, store: &dyn Store, records: Vec<Record>) -> Result<Self, RunnerError> {
        let mut contents = Self {
            told: Forgotten { records: records.len() as u64, ..Forgotten::default() },
            records: Vec::new(),
            rewrite: Rewrite::default(),
            belongings: Belongings::default(),
        };
        for record in &records {
            let events = store.events(&Cursor { record: Some(record.id), ..Cursor::default() })?;
            contents.take(record, &events)?;
        }
        contents.told.patches = contents.belongings.patches;
        contents.told.landed.clone_from(&contents.belongings.landed);
        contents.told.workspaces = workspaces::of(site, &records).len() as u64;
        contents.told.blobs = contents.unnamed_blobs(store, &records)?.len() as u64;
        contents.records = records;
        Ok(contents)
    }

    fn take(&mut self, record: &Record, events: &[Event]) -> Result<(), RunnerError> {
        let Rewrite { records, events: bodies } =
            forgotten(record, events).map_err(|error| StoreError::Damaged { place: error.place, what: error.what })?;
        self.rewrite.records.extend(records);
        self.rewrite.events.extend(bodies);
        self.told.events += events.len() as u64;
        let is_long = |event: &&Event| event.event.reason.as_ref().is_some_and(|reason| reason.contains('\n'));
        self.told.long_reasons += events.iter().filter(is_long).count() as u64;
        self.belongings.take(record, events)
    }

    /// The contents beside the ledger that no other record names.
    fn unnamed_blobs(&self, store: &dyn Store, gone: &[Record]) -> Result<BTreeSet<String>, RunnerError> {
        let mut left = self.belongings.blobs.clone();
        if left.is_empty() {
            return Ok(left);
        }
        let gone: BTreeSet<RecordId> = gone.iter().map(|record| record.id).collect();
        each_naming(store, Err, |record| {
            if !gone.contains(&record.id) {
                for digest in blobs_of(record).map_err(|error| EngineError::from(ViewError::from(error)))? {
                    left.remove(&digest);
                }
            }
            Ok(())
        })?;
        Ok(left)
    }

    pub(super) fn remove_blobs(&self, store: &dyn Store, blobs: &Blobs, since: SystemTime) -> Result<(), RunnerError> {
        self.unnamed_blobs(store, &self.records)?.iter().try_for_each(|digest| blobs.forget(digest, since))
    }

    /// Removes what is kept of patches in git: of the maintainer's repository, only what we borrowed is given back.
    pub(super) fn remove_patches(&self, site: &Site, store: &dyn Store, since: SystemTime) -> Result<(), RunnerError> {
        if let Some(repo) = site.read_repo()? {
            let going: BTreeSet<RecordId> = self.records.iter().map(|record| record.id).collect();
            let needed = needed_by_others(store, |id| going.contains(&id))?;
            repo.forget(&self.belongings.objects, &needed, since).map_err(GitError::from)?;
        }
        let project = site.project()?;
        self.belongings.borrowed.iter().try_for_each(|name| project.unpin(name)).map_err(GitError::from)?;
        Ok(())
    }
}
