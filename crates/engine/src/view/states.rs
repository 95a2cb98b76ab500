//! Which records of a run are in which state.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::{Kind, RecordId, RunId};

/// The ids of a run's records, by kind and state: what is finished costs nothing to pass over.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ByState {
    ids: BTreeMap<(RunId, Kind, &'static str), BTreeSet<RecordId>>,
}

impl ByState {
    /// Notes that a record of a run is in a state now, and in which it was.
    pub(super) fn note(&mut self, (run, id): (RunId, RecordId), before: Option<&'static str>, now: &'static str) {
        if before == Some(now) {
            return;
        }
        if let Some(before) = before
            && let std::collections::btree_map::Entry::Occupied(mut ids) = self.ids.entry((run, id.kind(), before))
        {
            ids.get_mut().remove(&id);
            if ids.get().is_empty() {
                ids.remove();
            }
        }
        self.ids.entry((run, id.kind(), now)).or_default().insert(id);
    }

    /// The ids of a run's records of a kind in a state.
    pub(super) fn ids(&self, run: RunId, kind: Kind, state: &'static str) -> impl Iterator<Item = RecordId> + '_ {
        self.ids.get(&(run, kind, state)).into_iter().flatten().copied()
    }
}
