//! What landed in a run, by file, so that nobody has to look at all of it for one.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::Patch;
use tollhouse_core::lifecycle::PatchState;
use tollhouse_core::{PatchId, RepoPath, RunId, Timestamp};

/// When a patch landed, and which one.
pub(crate) type Landing = (Option<Timestamp>, PatchId);

/// The patches that landed and were not taken back: always what follows from the records alone, in whatever order they came.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Landed {
    by_run: BTreeMap<RunId, BTreeMap<RepoPath, BTreeSet<Landing>>>,
}

impl Landed {
    pub(super) fn newest(&self, run: RunId, file: &RepoPath) -> impl Iterator<Item = Landing> + '_ {
        self.by_run.get(&run).and_then(|files| files.get(file)).into_iter().flatten().rev().copied()
    }

    /// Notes that a patch is something else now, and what it was.
    pub(super) fn note(&mut self, before: Option<&Patch>, now: &Patch) {
        if let Some((run, landing)) = before.and_then(landing_of) {
            self.take_out(run, landing, now);
        }
        if let Some((run, landing)) = landing_of(now) {
            let files = self.by_run.entry(run).or_default();
            for file in &now.description.files {
                files.entry(file.path.clone()).or_default().insert(landing);
            }
        }
    }

    fn take_out(&mut self, run: RunId, landing: Landing, patch: &Patch) {
        let Some(files) = self.by_run.get_mut(&run) else { return };
        for file in &patch.description.files {
            if let Some(landings) = files.get_mut(&file.path) {
                landings.remove(&landing);
                if landings.is_empty() {
                    files.remove(&file.path);
                }
            }
        }
        if files.is_empty() {
            self.by_run.remove(&run);
        }
    }
}

fn landing_of(patch: &Patch) -> Option<(RunId, Landing)> {
    let run = patch.run.filter(|_| patch.state == PatchState::Committed)?;
    Some((run, (patch.finished_at, patch.id)))
}
