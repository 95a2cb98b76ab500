//! Who does something: what each may do in a world, and what each must be refused.
//!
//! Each run has one conductor at a time, and those before it are stale. Shared workers hold what they were given.

mod clock;
mod conductor;
mod doing;
mod person;
mod worker;

use super::settings::Setting;
use super::world::{Move, Probe, World};

/// All that may happen next.
pub(super) fn moves(world: &World, setting: &Setting) -> Vec<Move> {
    let mut moves = conductor::moves(world, setting);
    moves.extend(worker::moves(world, setting));
    moves.extend(clock::moves(world));
    moves.extend(person::moves(world));
    moves
}

/// All that must be refused now.
pub(super) fn probes(world: &World) -> Vec<Probe> {
    let mut probes = conductor::probes(world);
    probes.extend(worker::probes(world));
    probes.extend(clock::probes(world));
    probes.extend(person::probes(world));
    probes
}
