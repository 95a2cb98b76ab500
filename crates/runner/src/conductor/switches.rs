//! The switches of what runs, by what it runs for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tollhouse_core::RecordId;

use crate::process::{Force, KillSwitch};

/// The switches of what runs, by what it runs for.
#[derive(Debug, Default)]
pub(super) struct Switches(Mutex<SwitchBoard>);

#[derive(Debug, Default)]
struct SwitchBoard {
    all_thrown: Option<Force>,
    by_subject: BTreeMap<RecordId, KillSwitch>,
}

impl Switches {
    /// The switch of an attempt or a gate run.
    pub(super) fn of(&self, subject: impl Into<RecordId>) -> KillSwitch {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let switch = board.by_subject.entry(subject.into()).or_default().clone();
        if let Some(force) = board.all_thrown {
            switch.throw_with(force);
        }
        switch
    }

    /// Ends all that runs, and what is begun from now on.
    pub(super) fn throw_all(&self, force: Force) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if board.all_thrown >= Some(force) {
            return;
        }
        board.all_thrown = Some(force);
        board.by_subject.values().for_each(|switch| switch.throw_with(force));
    }
}
