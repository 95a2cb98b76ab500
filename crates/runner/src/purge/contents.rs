//! What is to be removed, and where it lies.

use std::collections::BTreeSet;
use std::time::SystemTime;

use tollhouse_core::entity::{Attempt, Entity, GateRun, Output, Patch};
use tollhouse_core::lifecycle::PatchEvent;
use tollhouse_core::{Event, Kind, Record, RecordId};
use tollhouse_engine::forget::forgotten;
use tollhouse_engine::{EngineError, ViewError, blobs_of};
use tollhouse_state::{Cursor, Rewrite, Store, StoreError};

use super::{Forgotten, workspaces};
use crate::blobs::{Blobs, each_naming};
use crate::error::RunnerError;
use crate::git::{GitError, Oid, Unwanted};
use crate::site::Site;

/// The contents of records that are to be forgotten together.
pub(super) struct Contents {
    pub(super) records: Vec<Record>,
    pub(super) told: Forgotten,
    pub(super) rewrite: Rewrite,
    blobs: BTreeSet<String>,
    /// In the ledger's repository.
    unwanted: Unwanted,
    /// The names of pins in the maintainer's.
    borrowed: Vec<String>,
}

impl Contents {
    pub(super) fn of(site: &Site, store: &dyn Store, records: Vec<Record>) -> Result<Self, RunnerError> {
        let mut contents = Self {
            told: Forgotten { records: records.len() as u64, ..Forgotten::default() },
            records: Vec::new(),
            rewrite: Rewrite::default(),
            blobs: BTreeSet::new(),
            unwanted: Unwanted::default(),
            borrowed: Vec::new(),
        };
        for record in &records {
            let events = store.events(&Cursor { record: Some(record.id), ..Cursor::default() })?;
            contents.take(record, &events)?;
        }
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
        let printed: Option<Output> = match record.kind() {
            Kind::Attempt => read::<Attempt>(record)?.end.and_then(|end| end.output),
            Kind::GateRun => read::<GateRun>(record)?.end.and_then(|end| end.output),
            _ => None,
        };
        self.blobs.extend(printed.and_then(|printed| printed.blob));
        match record.kind() {
            Kind::Attempt => self.unwanted.pins.push(format!("attempts/{}", record.id)),
            Kind::Patch => self.take_patch(&read::<Patch>(record)?, events),
            _ => {}
        }
        if let (Some(run), Kind::Attempt | Kind::Patch) = (record.run, record.kind()) {
            self.borrowed.push(format!("runs/{run}/{}", record.id));
        }
        Ok(())
    }

    fn take_patch(&mut self, patch: &Patch, events: &[Event]) {
        self.told.patches += 1;
        self.told.landed.extend(patch.commit.clone());
        self.unwanted.pins.push(format!("submissions/{}", patch.id));
        self.borrowed.push(format!("submissions/{}", patch.id));
        let candidates = events.iter().filter_map(|event| match serde_json::from_str(&event.event.body) {
            Ok(PatchEvent::Apply { candidate, .. }) => Some(candidate.tree),
            _ => None,
        });
        let ids = candidates.chain([patch.blob.clone()]).chain(patch.commit.clone());
        self.unwanted.ids.extend(ids.filter_map(|id| Oid::from_str(&id).ok()));
    }

    /// The contents beside the ledger that no other record names.
    fn unnamed_blobs(&self, store: &dyn Store, gone: &[Record]) -> Result<BTreeSet<String>, RunnerError> {
        let mut left = self.blobs.clone();
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
    pub(super) fn remove_patches(&self, site: &Site, since: SystemTime) -> Result<(), RunnerError> {
        if let Some(repo) = site.read_repo()? {
            repo.forget(&self.unwanted, since).map_err(GitError::from)?;
        }
        let project = site.project()?;
        self.borrowed.iter().try_for_each(|name| project.unpin(name)).map_err(GitError::from)?;
        Ok(())
    }
}

fn read<T: Entity>(record: &Record) -> Result<T, RunnerError> {
    T::from_record(record).map_err(|error| EngineError::from(ViewError::from(error)).into())
}
