//! The one way from here onto the ledger: a command, decided and committed, between two failpoints.

use tollhouse_core::entity::Effect;
use tollhouse_core::{Actor, Event};
use tollhouse_engine::{At, Command, Engine, EngineError};
use tollhouse_state::Store;

use crate::failpoint::around;

/// Has a command decided and committed; the answer is the events that came since the last call, its own included.
///
/// # Errors
/// The command is refused, or the ledger fails; then nothing changed.
pub fn carry_out(
    engine: &mut Engine<&dyn Store>,
    command: &Command,
    actor: &Actor,
    at: At,
) -> Result<Vec<Event>, EngineError> {
    around(&point(engine, command), || engine.execute(command, actor, at))
}

/// The name of the failpoints: the command, and what its effect does.
fn point(engine: &Engine<&dyn Store>, command: &Command) -> String {
    let effect = command.effect().and_then(|effect| engine.view().get::<Effect>(effect));
    match effect {
        Some(effect) => format!("commit.{}.{}", command.name(), effect.work.name()),
        None => format!("commit.{}", command.name()),
    }
}
