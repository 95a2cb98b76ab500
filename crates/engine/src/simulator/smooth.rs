//! A run in which everything goes well, for whoever needs a history and not a world.

use tollhouse_core::entity::{Candidate, Effect, ExitStatus, Run, Work};
use tollhouse_core::lifecycle::{EffectState, RunState};
use tollhouse_core::{Actor, RunId, Span, Timestamp, TreeFacts};
use tollhouse_state::{MemoryStore, Store};

use super::plan::{claimant, new_patch, process, spec, task};
use crate::command::{At, Command};
use crate::engine::Engine;
use crate::outcome::{AttemptFacts, GateFacts, Outcome};

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The store has so many events.
    Events(u64),
    /// All of them landed.
    Done,
}

/// A ledger in which a run of so many tasks landed all of them at their first try.
///
/// ```
/// use tollhouse_engine::simulator::smooth_run;
/// use tollhouse_engine::verify::verify;
/// assert!(verify(&smooth_run(3), 0)?.is_sound());
/// # Ok::<(), tollhouse_state::StoreError>(())
/// ```
pub fn smooth_run(tasks: usize) -> MemoryStore {
    let store = MemoryStore::new();
    drive_smoothly(&store, tasks, Until::Done, Timestamp::from_micros(1_700_000_000_000_000));
    store
}

/// Drives a new run of so many tasks in a store, and begins at this time.
///
/// # Panics
/// Where the store has a run that began so, or fails.
pub fn drive_smoothly<S: Store>(store: &S, tasks: usize, until: Until, from: Timestamp) {
    let (mut now, mut seed, mut newest) = (from, 0, 0);
    let run = RunId::from_parts(now, 1);
    let mut engine = Engine::open(store, run).expect("the store can be read");
    let mut say = |engine: &mut Engine<&S>, command: &Command| {
        (now, seed) = (now.after(Span::from_millis(5)), seed + 1);
        let made = engine.execute(command, &Actor::Worker("runner".into()), At { now, seed });
        let made = made.expect("nothing is refused");
        newest = made.last().map_or(newest, |event| event.position);
        (now, newest)
    };
    let names: Vec<String> = (0..tasks).map(|number| format!("task-{number:06}")).collect();
    let plan = Box::new(spec(names.iter().map(|name| task(name, &[])).collect(), 8));
    say(&mut engine, &Command::CreateRun { run, spec: plan, started_by: "ada".into(), legacy: None });
    say(&mut engine, &Command::Drive { run, process: process(1), seen: None });
    let (mut now, mut newest) = say(&mut engine, &Command::StartRun { run, base: "c0ffee".into() });
    while engine.view().get::<Run>(run).is_some_and(|run| run.state == RunState::Running) {
        if matches!(until, Until::Events(most) if newest >= most) {
            return;
        }
        let Some(effect) = engine.view().in_states::<Effect>(run, &[EffectState::Requested]).next().cloned() else {
            (now, newest) = say(&mut engine, &Command::Tick { run });
            continue;
        };
        let (id, until) = (effect.id, now.after(Span::from_secs(600)));
        say(&mut engine, &Command::Claim { effect: id, by: claimant(1), until });
        let epoch = engine.view().get::<Effect>(id).map_or(0, |effect| effect.epoch);
        let outcome = Box::new(well_done(&effect.work));
        (now, newest) = say(&mut engine, &Command::Report { effect: id, epoch, outcome });
    }
    say(&mut engine, &Command::StepDown { run, epoch: 1 });
}

fn well_done(work: &Work) -> Outcome {
    match work {
        Work::Spawn { attempt } => Outcome::Spawned(AttemptFacts {
            exit: Some(ExitStatus::Code(0)),
            change: Some(new_patch("src/lib.rs", &attempt.to_string(), "c0ffee")),
            ..AttemptFacts::default()
        }),
        Work::Apply { patch } => Outcome::Applied {
            candidate: Candidate { tree: format!("tree of {patch}"), parent: "c0ffee".into() },
            facts: TreeFacts::default(),
        },
        Work::Gate { .. } => Outcome::Gated(GateFacts { exit: Some(ExitStatus::Code(0)), ..GateFacts::default() }),
        Work::Land { patch } => Outcome::Landed { commit: format!("commit of {patch}") },
        Work::Kill { .. } => Outcome::Killed,
        Work::Purge { .. } => Outcome::Purged { left: String::new() },
        Work::Archive { .. } => Outcome::Archived,
    }
}
