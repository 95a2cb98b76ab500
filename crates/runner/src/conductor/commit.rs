//! The one way from here onto the ledger: a command, decided and committed, between two failpoints.

use tollhouse_core::entity::Effect;
use tollhouse_core::{Actor, Event};
use tollhouse_engine::{At, Command, Engine, EngineError, ViewError};
use tollhouse_state::{CommitError, Store, StoreError};

use crate::failpoint::around;

/// Has a command decided and committed; the answer is the events that came since the last call, its own included.
///
/// Where the ledger fails, nobody knows whether it has the commit: the command is given once more under the same name, which
/// finds what got through and does nothing twice. So one failure ends no work.
///
/// # Errors
/// The command is refused, and nothing changed; or the ledger failed both times, and nobody knows.
pub fn carry_out(
    engine: &mut Engine<&dyn Store>,
    command: &Command,
    actor: &Actor,
    at: At,
) -> Result<Vec<Event>, EngineError> {
    around(&point(engine, command), || match engine.execute(command, actor, at) {
        Err(error) if may_pass(&error) => engine.execute(command, actor, at),
        outcome => outcome,
    })
}

/// Whether another try may be answered otherwise.
fn may_pass(error: &EngineError) -> bool {
    let (EngineError::Commit(CommitError::Backend(error)) | EngineError::View(ViewError::Store(error))) = error else {
        return false;
    };
    matches!(error, StoreError::Busy { .. } | StoreError::Failed { .. } | StoreError::DiskFull { .. })
}

/// The name of the failpoints: the command, and what its effect does.
fn point(engine: &Engine<&dyn Store>, command: &Command) -> String {
    let effect = command.effect().and_then(|effect| engine.view().get::<Effect>(effect));
    match effect {
        Some(effect) => format!("commit.{}.{}", command.name(), effect.work.name()),
        None => format!("commit.{}", command.name()),
    }
}
