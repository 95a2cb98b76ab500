//! The clock: somebody looks at it when the next deadline has passed, and may do so at any time before.

use tollhouse_core::Timestamp;
use tollhouse_engine::Command;

use crate::explore::world::{By, Move, Probe, Then, World};

pub(super) fn moves(world: &World) -> Vec<Move> {
    let tick = |due: Timestamp| Move {
        what: "the clock reaches the next deadline",
        about: None,
        by: By::Clock,
        command: Command::Tick { run: world.run },
        at: due.max(world.now),
        then: Then::Nothing,
        takes: |_| {},
    };
    world.next_due().map(tick).into_iter().collect()
}

pub(super) fn probes(world: &World) -> Vec<Probe> {
    if world.next_due().is_some_and(|due| due <= world.now) {
        return Vec::new();
    }
    let command = Command::Tick { run: world.run };
    vec![Probe { what: "somebody looks at the clock, and nothing is due", about: None, command, codes: &[] }]
}
