//! The tables against docs/lifecycles.json, and their grids for a reader of the diff.

mod document;
mod machine;
mod samples;

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use serde_json::Value;

use self::machine::{Machine, Table, all};
use self::samples::NOW;
use super::*;
use crate::entity::{Conductor, Process};
use crate::id::TaskId;

fn docs() -> Value {
    serde_json::from_str(include_str!("../../../../../docs/lifecycles.json")).unwrap()
}

fn table_in_docs(name: &str) -> Table {
    let docs = docs();
    let next = docs[name]["next"].as_object().unwrap();
    next.iter()
        .flat_map(|(from, events)| {
            events.as_object().unwrap().iter().map(move |(event, targets)| {
                let targets = targets.as_array().unwrap().iter().map(|target| target.as_str().unwrap().to_owned());
                ((from.clone(), event.clone()), targets.collect())
            })
        })
        .collect()
}

fn states_in_docs(name: &str, which: &str) -> Vec<String> {
    docs()[name][which].as_array().unwrap().iter().map(|state| state.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_kind_has_its_lifecycle() {
    let names: Vec<&str> = all().iter().map(|machine| machine.name).collect();
    assert_eq!(names, Kind::ALL.map(Kind::as_str));
    for (machine, kind) in all().iter().zip(Kind::ALL) {
        assert_eq!(machine.states, kind.states(), "{kind}");
    }
}

#[test]
fn every_table_is_the_one_in_the_docs() {
    let names: BTreeSet<String> = docs().as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, all().iter().map(|machine| machine.name.to_owned()).collect());
    for machine in all() {
        let name = machine.name;
        assert_eq!(machine.table(), table_in_docs(name), "{name}");
        assert_eq!(machine.states.to_vec(), states_in_docs(name, "states"), "{name}");
        assert_eq!(machine.terminal, states_in_docs(name, "terminal"), "{name}");
        assert_eq!(machine.finished, states_in_docs(name, "finished"), "{name}");
    }
}

#[test]
fn nothing_leaves_a_terminal_state() {
    for machine in all() {
        let leaves = machine.moves.iter().find(|(from, _, to)| from != to && machine.terminal.contains(from));
        assert_eq!(leaves, None, "{}", machine.name);
    }
}

#[test]
fn every_unfinished_state_can_be_left() {
    for machine in all() {
        let left = |state: &&str| machine.moves.iter().any(|(from, _, to)| from == state && to != state);
        let stuck = machine.states.iter().find(|state| !machine.finished.contains(state) && !left(state));
        assert_eq!(stuck, None, "{}", machine.name);
    }
}

#[test]
fn granting_a_lease_moves_a_running_run_and_no_other() {
    let grant = RunEvent::Grant { task: TaskId::from_parts(NOW, 1), epoch: 1 };
    for state in RunState::ALL {
        let next = RunState::next(Some(*state), &grant);
        assert_eq!(next.is_ok(), *state == RunState::Running, "{state}");
    }
}

#[test]
fn who_drives_a_run_moves_it_nowhere() {
    let process = Process { host: "here".to_owned(), boot: "1".to_owned(), pid: 1, started: "1".to_owned() };
    let drive = RunEvent::Drive { conductor: Conductor { process, epoch: 1, since: NOW } };
    for state in RunState::ALL {
        assert_eq!(RunState::next(Some(*state), &drive), Ok(*state));
        assert_eq!(RunState::next(Some(*state), &RunEvent::StepDown { epoch: 1 }), Ok(*state));
    }
    assert!(RunState::next(None, &drive).is_err());
}

#[test]
fn only_what_was_judged_can_be_approved() {
    let approve = PatchEvent::Approve { reason: "because".to_owned() };
    for state in PatchState::ALL {
        let next = PatchState::next(Some(*state), &approve).ok();
        let was_judged = matches!(state, PatchState::Applied | PatchState::Verified);
        assert_eq!(next, was_judged.then_some(*state), "{state}");
    }
}

/// A row a state, with every event that it takes and where that leads.
fn grid(machine: &Machine) -> String {
    let row = |state: &&str| {
        let lead = |event: &&str| format!("{event}→{}", machine.targets(state, event).join("|"));
        let moves: Vec<String> = machine.events_of(state).iter().map(lead).collect();
        format!("{state:13} {}", if moves.is_empty() { "·".to_owned() } else { moves.join("  ") })
    };
    machine.states.iter().map(|state| row(state) + "\n").collect()
}

#[track_caller]
fn assert_grid(name: &str, expected: &Expect) {
    expected.assert_eq(&grid(all().iter().find(|machine| machine.name == name).unwrap()));
}

#[test]
fn run_grid() {
    assert_grid(
        "run",
        &expect![[r#"
        pending       start→running  drive→pending  step_down→pending  cancel→canceled
        running       grant→running  drive→running  step_down→running  pause→paused  cancel→canceling  tasks_done→verifying  fail→failed  quarantine→quarantined
        paused        drive→paused  step_down→paused  resume→running  cancel→canceling  quarantine→quarantined
        verifying     drive→verifying  step_down→verifying  cancel→canceling  accept→succeeded  reject→failed  fix→running  quarantine→quarantined
        canceling     drive→canceling  step_down→canceling  drained→canceled  quarantine→quarantined
        succeeded     drive→succeeded  step_down→succeeded
        failed        drive→failed  step_down→failed  quarantine→quarantined
        quarantined   drive→quarantined  step_down→quarantined
        canceled      drive→canceled  step_down→canceled
    "#]],
    );
}

#[test]
fn task_grid() {
    assert_grid(
        "task",
        &expect![[r#"
            pending       release→queued  hold→blocked  need→pending  dependency_failed→failed|skipped  cancel→canceled  skip→skipped
            blocked       unblock→pending  need→blocked  dependency_failed→failed|skipped  cancel→canceled  skip→skipped
            queued        lease→running  cancel→canceled  skip→skipped
            running       report_success→validating  report_failure→retrying|failed  overdue→retrying|failed  interrupt→queued  lose→retrying|failed  ask→waiting  cancel→canceled
            validating    ask→waiting  pass→completed  refuse→retrying|failed  cancel→canceled
            retrying      due→queued  cancel→canceled  skip→skipped
            waiting       decide→queued|validating|failed  expire→queued|validating|failed  cancel→canceled  skip→skipped
            completed     ·
            failed        requeue→queued
            canceled      ·
            skipped       ·
        "#]],
    );
}

#[test]
fn attempt_grid() {
    assert_grid(
        "attempt",
        &expect![[r#"
        running       succeed→succeeded  fail→failed  time_out→timed_out  interrupt→interrupted  lose→lost  cancel→canceled
        succeeded     record→succeeded
        failed        record→failed
        timed_out     record→timed_out
        interrupted   record→interrupted
        lost          record→lost
        canceled      record→canceled
    "#]],
    );
}

#[test]
fn patch_grid() {
    assert_grid(
        "patch",
        &expect![[r#"
            created       validate→validated  reject→dropped  quarantine→quarantined  drop→dropped
            validated     quarantine→quarantined  enqueue→queued  drop→dropped
            queued        quarantine→quarantined  apply→applied  conflict→apply_failed  drop→dropped
            applied       quarantine→quarantined  verify→verified  doubt→applied  approve→applied  rebase→queued  drop→dropped
            apply_failed  quarantine→quarantined  retry→queued  drop→dropped
            verified      quarantine→quarantined  approve→verified  rebase→queued  land→committed  drop→dropped
            committed     roll_back→rolled_back
            rolled_back   ·
            quarantined   release→created  drop→dropped
            dropped       ·
        "#]],
    );
}

#[test]
fn gate_run_grid() {
    assert_grid(
        "gate_run",
        &expect![[r#"
        pending       start→running  hold→blocked  skip→skipped
        blocked       release→pending  skip→skipped
        running       pass→passed  fail→failed  break→error
        passed        ·
        failed        ·
        error         ·
        skipped       ·
    "#]],
    );
}

#[test]
fn effect_grid() {
    assert_grid(
        "effect",
        &expect![[r#"
        requested     start→started  withdraw→failed
        started       finish→done  fail→failed  lose→unknown
        done          ·
        failed        ·
        unknown       finish→done  fail→failed  retry→requested
    "#]],
    );
}

#[test]
fn worker_grid() {
    assert_grid(
        "worker",
        &expect![[r#"
        spawning      ready→idle  terminate→terminated  crash→crashed
        idle          assign→busy  pause→paused  drain→draining  terminate→terminated  silent→unresponsive  crash→crashed
        busy          release→idle  pause→paused  drain→draining  silent→unresponsive  crash→crashed
        paused        release→paused  resume→idle|busy  drain→draining  terminate→terminated  silent→unresponsive  crash→crashed
        draining      release→draining  drained→terminated  silent→unresponsive  crash→crashed
        unresponsive  heartbeat→idle|busy|paused|draining  crash→crashed
        terminated    ·
        crashed       ·
    "#]],
    );
}

#[test]
fn workstream_grid() {
    assert_grid(
        "workstream",
        &expect![[r#"
        planned       derive→blocked|ready|executing|validating|completed|failed|canceled|skipped  cancel→canceled  skip→skipped
        blocked       derive→ready|executing|validating|completed|failed|canceled|skipped  cancel→canceled  skip→skipped
        ready         derive→blocked|executing|validating|completed|failed|canceled|skipped  cancel→canceled  skip→skipped
        executing     derive→blocked|ready|validating|completed|failed|canceled|skipped  cancel→canceled  skip→skipped
        validating    derive→blocked|ready|executing|completed|failed|canceled|skipped  cancel→canceled  skip→skipped
        completed     ·
        failed        ·
        canceled      ·
        skipped       ·
    "#]],
    );
}

#[test]
fn breaker_grid() {
    assert_grid(
        "breaker",
        &expect![[r#"
        closed        fail→closed  succeed→closed  trip→open
        open          probe→half_open  extend→open
        half_open     close→closed  reopen→open
    "#]],
    );
}

#[test]
fn cost_entry_grid() {
    assert_grid(
        "cost_entry",
        &expect![[r#"
        recorded      ·
    "#]],
    );
}

#[test]
fn budget_grid() {
    assert_grid(
        "budget",
        &expect![[r#"
        ok            reserve→ok|warning|exhausted  settle→ok|warning|exhausted  correct→ok|warning|exhausted  change→ok|warning|exhausted
        warning       reserve→ok|warning|exhausted  settle→ok|warning|exhausted  correct→ok|warning|exhausted  change→ok|warning|exhausted
        exhausted     reserve→ok|warning|exhausted  settle→ok|warning|exhausted  correct→ok|warning|exhausted  change→ok|warning|exhausted
    "#]],
    );
}
