//! What records keep outside the ledger's file: contents beside it, and objects and refs in git.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Attempt, Entity, GateRun, Output, Patch};
use tollhouse_core::lifecycle::PatchEvent;
use tollhouse_core::{Event, Kind, Record, RecordId, RunId};
use tollhouse_engine::{EngineError, ViewError};
use tollhouse_state::{Cursor, Find, Store};

use crate::error::RunnerError;
use crate::git::{Oid, Unwanted};
use crate::records::each_record;

/// What some records keep outside the ledger's file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Belongings {
    /// The contents beside the ledger, also those that are gone already.
    pub(crate) blobs: BTreeSet<String>,
    /// In the ledger's repository.
    pub(crate) objects: Unwanted,
    /// The names of pins in the maintainer's.
    pub(crate) borrowed: Vec<String>,
    /// The commits that landed, which are the maintainer's.
    pub(crate) landed: Vec<String>,
    /// How many patches.
    pub(crate) patches: u64,
}

impl Belongings {
    /// Adds those of a record, with all of its events.
    pub(crate) fn take(&mut self, record: &Record, events: &[Event]) -> Result<(), RunnerError> {
        let printed: Option<Output> = match record.kind() {
            Kind::Attempt => read::<Attempt>(record)?.end.and_then(|end| end.output),
            Kind::GateRun => read::<GateRun>(record)?.end.and_then(|end| end.output),
            _ => None,
        };
        self.blobs.extend(printed.and_then(|printed| printed.blob));
        match record.kind() {
            Kind::Attempt => self.objects.pins.push(format!("attempts/{}", record.id)),
            Kind::Patch => self.take_patch(&read::<Patch>(record)?, events),
            _ => {}
        }
        if let (Some(run), Kind::Attempt | Kind::Patch) = (record.run, record.kind()) {
            self.borrowed.push(format!("runs/{run}/{}", record.id));
        }
        Ok(())
    }

    /// Adds those of all that belongs to a run.
    pub(crate) fn take_run<S: Store>(&mut self, store: &S, run: RunId) -> Result<(), RunnerError> {
        self.borrowed.push(format!("runs/{run}/base"));
        for kind in [Kind::Attempt, Kind::Patch, Kind::GateRun] {
            for record in store.find(&Find { kind: Some(kind), run: Some(run), ..Find::default() })? {
                let events = store.events(&Cursor { record: Some(record.id), ..Cursor::default() })?;
                self.take(&record, &events)?;
            }
        }
        Ok(())
    }

    fn take_patch(&mut self, patch: &Patch, events: &[Event]) {
        self.patches += 1;
        self.landed.extend(patch.commit.clone());
        self.objects.pins.push(format!("submissions/{}", patch.id));
        self.borrowed.push(format!("submissions/{}", patch.id));
        let candidates = events.iter().filter_map(|event| match serde_json::from_str(&event.event.body) {
            Ok(PatchEvent::Apply { candidate, .. }) => Some(candidate.tree),
            _ => None,
        });
        let ids = candidates.chain(patch.commit.clone());
        self.objects.ids.extend(ids.filter_map(|id| Oid::from_str(&id).ok()));
        self.objects.texts.extend(Oid::from_str(&patch.blob));
    }
}

/// What the patches of a ledger need in its repository, but for those that are going: their texts and candidates, which no pin names.
pub(crate) fn needed_by_others<S: Store + ?Sized>(
    store: &S,
    is_going: impl Fn(RecordId) -> bool,
) -> Result<Vec<Oid>, RunnerError> {
    let mut needed = Vec::new();
    each_record(store, Kind::Patch, Err, |record| {
        if !is_going(record.id) {
            let patch = read::<Patch>(record)?;
            let candidate = patch.candidate.map(|candidate| candidate.tree);
            let ids = std::iter::once(patch.blob).chain(candidate).chain(patch.commit);
            needed.extend(ids.filter_map(|id| Oid::from_str(&id).ok()));
        }
        Ok(())
    })?;
    Ok(needed)
}

fn read<T: Entity>(record: &Record) -> Result<T, RunnerError> {
    T::from_record(record).map_err(|error| EngineError::from(ViewError::from(error)).into())
}
