//! The conductor's own lease: one program drives a run, and says every few seconds that it is alive.

use std::time::Instant;

use tollhouse_core::entity::{Process, Run};
use tollhouse_core::{RunId, limits};
use tollhouse_engine::{Engine, Liveness, Seen, View};
use tollhouse_state::{Store, StoreError};

use crate::clock;
use crate::process::{self, ProcessIdentity};

/// This program, as the ledger knows it.
pub(crate) fn this_process() -> Process {
    let ProcessIdentity { host, boot, pid, started } = ProcessIdentity::me();
    Process { host, boot, pid, started }
}

/// What can be seen of a program.
pub(crate) fn liveness_of(process: &Process) -> Liveness {
    let Process { host, boot, pid, started } = process.clone();
    match (ProcessIdentity { host, boot, pid, started }).liveness() {
        process::Liveness::Alive => Liveness::Alive,
        process::Liveness::Dead => Liveness::Gone,
        process::Liveness::OnAnotherHost => Liveness::OutOfSight { last_seen: None },
    }
}

/// What can be seen of the program that drives a run; `None` where none does.
///
/// # Errors
/// The ledger cannot be read.
pub fn look_at_conductor(store: &dyn Store, view: &View, run: RunId) -> Result<Option<Seen>, StoreError> {
    let Some(present) = view.get::<Run>(run).and_then(|run| run.conductor.as_ref()) else { return Ok(None) };
    let liveness = match liveness_of(&present.process) {
        Liveness::OutOfSight { .. } => Liveness::OutOfSight { last_seen: store.last_pulse(&run.into())? },
        seen => seen,
    };
    Ok(Some(Seen { epoch: present.epoch, liveness }))
}

/// Notes every few seconds that the run is driven.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    last: Option<Instant>,
}

impl Heartbeat {
    /// Notes it, if it is time. That a note could not be made is no reason to stop: the next one may be.
    pub(super) fn beat(&mut self, engine: &Engine<&dyn Store>, run: RunId) {
        if self.last.is_some_and(|last| last.elapsed() < limits::HEARTBEAT.as_duration()) {
            return;
        }
        self.last = Some(Instant::now());
        let _ = engine.store().pulse(&run.into(), clock::now());
    }
}
