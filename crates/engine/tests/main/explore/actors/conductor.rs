//! Conductors: the one that drives, which does what is asked for and looks for what was lost, and the stale ones before it.

use tollhouse_core::Span;
use tollhouse_core::entity::{Effect, Work};
use tollhouse_core::lifecycle::{EffectState, RunState};
use tollhouse_engine::{Command, Found, Liveness, Seen, Witness};

use super::doing::{any_outcome, findings, outcomes};
use crate::explore::settings::{Allowance, Setting};
use crate::explore::world::{By, Move, Probe, Then, World};
use crate::world::{claimant, process};

pub(super) fn moves(world: &World, setting: &Setting) -> Vec<Move> {
    let mut moves = takeovers(world);
    let Some(epoch) = world.run().conductor.as_ref().map(|conductor| conductor.epoch) else { return moves };
    if world.run().state == RunState::Pending {
        let start = Command::StartRun { run: world.run, base: world.head() };
        moves.push(of_conductor(world, "the run begins", None, start));
    }
    let rests = matches!(world.run().state, RunState::Paused | RunState::Canceling);
    for effect in world.view.all::<Effect>() {
        match effect.state {
            EffectState::Requested | EffectState::Started if world.is_for_worker(effect) => {}
            EffectState::Requested if !rests || matches!(effect.work, Work::Kill { .. }) => {
                moves.push(of_conductor(world, "claims", Some(effect), claim(world, effect, epoch)));
            }
            EffectState::Started => moves.extend(outcomes(world, setting, effect).into_iter().map(|went| {
                let command =
                    Command::Report { effect: effect.id, epoch: effect.epoch, outcome: Box::new(went.outcome) };
                Move { then: went.then, takes: went.takes, ..of_conductor(world, went.what, Some(effect), command) }
            })),
            EffectState::Unknown => moves.extend(findings(world, effect).into_iter().map(|(what, found, then)| {
                let command = Command::Settle { effect: effect.id, by: Witness::Conductor(epoch), found };
                Move { then, ..of_conductor(world, what, Some(effect), command) }
            })),
            _ => {}
        }
    }
    moves
}

/// What comes in about an attempt comes in a moment later: patches are younger than those before.
fn of_conductor(world: &World, what: &'static str, effect: Option<&Effect>, command: Command) -> Move {
    let brings_patch = effect.is_some_and(|effect| matches!(effect.work, Work::Spawn { .. }));
    let at = if brings_patch { world.next_moment() } else { world.now };
    let about = effect.map(|effect| effect.id.into());
    Move { what, about, by: By::Conductor, command, at, then: Then::Nothing, takes: |_| {} }
}

fn drive(world: &World, seen: Option<Seen>) -> Command {
    let pid = u32::try_from(world.run().conductors + 1).expect("a small number");
    Command::Drive { run: world.run, process: process(pid), seen }
}

fn takeovers(world: &World) -> Vec<Move> {
    let run = world.run();
    let Some(present) = &run.conductor else {
        return vec![of_conductor(world, "a conductor takes the run", None, drive(world, None))];
    };
    let mut moves = Vec::new();
    if world.left.has(world.left.deaths) {
        let seen = Seen { epoch: present.epoch, liveness: Liveness::Gone };
        let takes = |left: &mut Allowance| left.trouble(|left| &mut left.deaths);
        let what = "the conductor dies, and another takes the run";
        moves.push(Move { takes, ..of_conductor(world, what, None, drive(world, Some(seen))) });
    }
    if world.left.steps_down > 0 {
        let command = Command::StepDown { run: world.run, epoch: present.epoch };
        let takes = |left: &mut Allowance| left.steps_down -= 1;
        moves.push(Move { takes, ..of_conductor(world, "the conductor gives the run back", None, command) });
    }
    moves
}

fn claim(world: &World, effect: &Effect, conductor: u64) -> Command {
    let until = world.now.after(Span::from_secs(600));
    Command::Claim { effect: effect.id, by: claimant(conductor), until }
}

/// What a stale conductor, a second one, and one that says a thing twice try in vain.
pub(super) fn probes(world: &World) -> Vec<Probe> {
    let run = world.run();
    let epoch = run.conductor.as_ref().map_or(0, |conductor| conductor.epoch);
    let rests = matches!(run.state, RunState::Paused | RunState::Canceling);
    let mut probes = second_conductors(world);
    let mut has_finished = false;
    for effect in world.view.all::<Effect>() {
        let probe = |what, command, codes| Probe { what, about: Some(effect.id.into()), command, codes };
        let outcome = any_outcome(effect);
        let report = |epoch| Command::Report { effect: effect.id, epoch, outcome: Box::new(outcome.clone()) };
        let look = |by| Command::Settle { effect: effect.id, by, found: Found::outcome(outcome.clone()) };
        let stale: &[&str] = &["stale_lease"];
        match effect.state {
            EffectState::Requested => {
                if rests && !matches!(effect.work, Work::Kill { .. }) {
                    let codes = &["run_rests", "stale_lease"];
                    probes.push(probe("begins in a run that rests:", claim(world, effect, epoch), codes));
                }
                let stale_claim = claim(world, effect, run.conductors.wrapping_sub(1));
                probes.push(probe("a stale conductor claims", stale_claim, stale));
                // Asked for again, whoever had it before is too late.
                let codes: &[&str] = if effect.epoch == 0 { &["not_in_table"] } else { stale };
                probes.push(probe("is reported and nobody claimed it:", report(effect.epoch), codes));
                probes.push(probe("a conductor looks for what nobody began:", look(Witness::Conductor(epoch)), stale));
            }
            EffectState::Started => {
                probes.push(probe(
                    "is claimed twice:",
                    claim(world, effect, epoch),
                    &["not_in_table", "stale_lease", "run_rests"],
                ));
                probes.push(probe("a stale conductor reports", report(effect.epoch - 1), stale));
                probes.push(probe("a conductor looks for what another does:", look(Witness::Conductor(epoch)), stale));
            }
            EffectState::Unknown => {
                probes.push(probe("who lost it reports", report(effect.epoch), stale));
                let by = Witness::Conductor(run.conductors.wrapping_sub(1));
                probes.push(probe("a stale conductor looks for", look(by), stale));
                probes.push(probe("anybody looks for", look(Witness::Anybody(Liveness::Gone)), stale));
            }
            EffectState::Done | EffectState::Failed if !has_finished => {
                has_finished = true;
                let over: &[&str] = &["already_finished"];
                probes.push(probe("is reported twice:", report(effect.epoch), over));
                probes.push(probe("is claimed when it is over:", claim(world, effect, epoch), over));
                probes.push(probe("is looked for when it is over:", look(Witness::Conductor(epoch)), over));
            }
            _ => {}
        }
    }
    probes
}

fn second_conductors(world: &World) -> Vec<Probe> {
    let Some(present) = &world.run().conductor else { return Vec::new() };
    let at_once = Liveness::OutOfSight { last_seen: Some(world.now) };
    let seen = |epoch, liveness| Some(Seen { epoch, liveness });
    let driven: &[&str] = &["already_driven"];
    let probe = |what, seen| Probe { what, about: None, command: drive(world, seen), codes: driven };
    let step_down = Command::StepDown { run: world.run, epoch: present.epoch - 1 };
    vec![
        probe("a second conductor has not looked at the first", None),
        probe("a second conductor sees the first alive", seen(present.epoch, Liveness::Alive)),
        probe("a second conductor saw one before the first gone", seen(present.epoch - 1, Liveness::Gone)),
        probe("a second conductor cannot see the first, which was just there", seen(present.epoch, at_once)),
        Probe {
            what: "a stale conductor gives the run back",
            about: None,
            command: step_down,
            codes: &["stale_lease"],
        },
    ]
}
