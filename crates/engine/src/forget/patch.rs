//! Patches: their titles, and what rules said of them. Paths, counts and hashes stay; the text itself lies in git.

use tollhouse_core::entity::{Patch, RuleVerdict};
use tollhouse_core::lifecycle::PatchEvent;

use super::{Forget, PURGED, gone};

impl Forget for Patch {
    fn forget(&mut self) {
        PURGED.clone_into(&mut self.title);
        details_gone(&mut self.verdicts);
    }

    fn forget_event(event: &mut PatchEvent) {
        match event {
            PatchEvent::Created { patch } => patch.forget(),
            PatchEvent::Validate { verdicts }
            | PatchEvent::Quarantine { verdicts, .. }
            | PatchEvent::Apply { verdicts, .. } => details_gone(verdicts),
            _ => {}
        }
    }
}

fn details_gone(verdicts: &mut [RuleVerdict]) {
    for verdict in verdicts {
        gone(&mut verdict.detail);
    }
}
