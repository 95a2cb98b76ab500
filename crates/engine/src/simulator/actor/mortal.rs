//! What all programs have in common that work for long: they may die in the middle of anything, or be stopped and go on later as
//! if nothing had been.

use tollhouse_core::Timestamp;

use crate::simulator::invariants::Broken;
use crate::simulator::stage::{Halt, Life, Pid, Stage};

/// How often something happens to a program when it is about to act, of a hundred times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odds {
    /// It dies.
    pub(super) dies: u32,
    /// It is stopped.
    pub(super) stops: u32,
    /// For so many seconds at most.
    pub(super) stops_secs_max: u64,
}

/// A program that works for long.
pub(super) trait Mortal<'s> {
    /// Its process.
    fn pid(&self) -> Pid;
    /// How often something happens to it now.
    fn odds(&self) -> Odds;
    /// Does what is to be done.
    fn turn(&mut self, stage: &mut Stage<'s>) -> Result<(), Halt>;
    /// Ends; another one like it begins later.
    fn die(&mut self, stage: &mut Stage<'s>);
    /// When it looks again.
    fn next(&self, stage: &mut Stage<'_>) -> Timestamp;
}

/// Lets a program act, unless it dies or is stopped.
pub(super) fn live<'s>(program: &mut impl Mortal<'s>, stage: &mut Stage<'s>) -> Result<Option<Timestamp>, Broken> {
    let Odds { dies, stops, stops_secs_max } = program.odds();
    if stage.strikes(dies) {
        program.die(stage);
        return Ok(Some(stage.in_seconds(1, 60)));
    }
    if stage.strikes(stops) {
        stage.let_process(program.pid(), Life::Stopped);
        return Ok(Some(stage.in_seconds(1, stops_secs_max)));
    }
    stage.let_process(program.pid(), Life::Alive);
    match program.turn(stage) {
        Err(Halt::Broken(broken)) => Err(broken),
        Err(Halt::Gone) => {
            program.die(stage);
            Ok(Some(stage.in_seconds(1, 60)))
        }
        Ok(()) => Ok(Some(program.next(stage))),
    }
}
