//! Who does something in a simulation: one file an actor.

mod bystander;
mod conductor;
mod mortal;
mod outside;
mod overseer;
mod person;
mod whim;
mod worker;

pub(super) use bystander::Bystander;
pub(super) use conductor::{Conductor, Machine};
pub(super) use outside::Outside;
pub(super) use overseer::Overseer;
pub(super) use person::Person;
pub(super) use worker::SharedWorker;

use tollhouse_core::Timestamp;

use super::invariants::Broken;
use super::stage::{Halt, Stage};
use crate::refusal::Refusal;

/// Somebody who does something now and then. It reaches the ledger only through the [`Stage`].
pub(super) trait Acting<'s> {
    /// Does what is to be done now; the answer is when it will look again, by virtual time. `None`: never.
    fn act(&mut self, stage: &mut Stage<'s>) -> Result<Option<Timestamp>, Broken>;
}

/// A refusal that no actor should meet.
fn never(claim: &'static str, refusal: &Refusal) -> Halt {
    Halt::Broken(Broken { claim, what: refusal.to_string() })
}
