//! The clock: somebody looks at it when the next deadline has passed, and may do so at any time before.

use tollhouse_core::Timestamp;
use tollhouse_core::entity::Task;
use tollhouse_engine::{Command, next_deadline};

use crate::explore::world::{By, Move, Probe, Then, World};

/// The next time at which a task's records say that something is due, or at which a trial of an agent may go.
fn next_due(world: &World) -> Option<Timestamp> {
    let tasks = world.view.all::<Task>();
    let of_tasks = tasks.flat_map(|task| [task.due_at, task.lease.as_ref().map(|lease| lease.deadline)]).flatten();
    of_tasks.chain(next_deadline(&world.view, world.run)).min()
}

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
    next_due(world).map(tick).into_iter().collect()
}

pub(super) fn probes(world: &World) -> Vec<Probe> {
    if next_due(world).is_some_and(|due| due <= world.now) {
        return Vec::new();
    }
    let command = Command::Tick { run: world.run };
    vec![Probe { what: "somebody looks at the clock, and nothing is due", about: None, command, codes: &[] }]
}
