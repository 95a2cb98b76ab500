//! The tables against docs/lifecycles.json, and their grids for a reader of the diff.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::entity::{AttemptEnd, Candidate, Conductor, ErrorClass, GateEnd, Lease, Process, RunOutcome};
use crate::id::{AttemptId, TaskId};
use crate::time::Timestamp;

/// (from, event) → every state that a guard can choose.
type Table = BTreeMap<(String, String), BTreeSet<String>>;

const NOW: Timestamp = Timestamp::EPOCH;

fn words(text: &str) -> String {
    text.to_owned()
}

fn run_events() -> Vec<RunEvent> {
    let reason = || words("because");
    vec![
        RunEvent::Start { base: words("c0ffee") },
        RunEvent::Pause { reason: reason() },
        RunEvent::Resume { reason: reason() },
        RunEvent::Cancel { reason: reason() },
        RunEvent::Drained,
        RunEvent::TasksDone { commit: None },
        RunEvent::Accept { outcome: RunOutcome::Clean },
        RunEvent::Reject { reason: reason() },
        RunEvent::Fix { reason: reason() },
        RunEvent::Fail { reason: reason() },
        RunEvent::Quarantine { reason: reason() },
    ]
}

fn task_events() -> Vec<TaskEvent> {
    let reason = || words("because");
    let class = ErrorClass::Unknown;
    let mut events = vec![
        TaskEvent::Release,
        TaskEvent::Hold { blocked_by: vec![] },
        TaskEvent::Unblock,
        TaskEvent::Lease {
            lease: Lease { attempt: AttemptId::from_parts(NOW, 1), worker: words("w"), epoch: 1, deadline: NOW },
        },
        TaskEvent::ReportSuccess { patch: None },
        TaskEvent::Interrupt { reason: reason() },
        TaskEvent::Ask { question: reason(), until: NOW },
        TaskEvent::Pass,
        TaskEvent::Due,
        TaskEvent::Requeue { reason: reason(), say: None },
        TaskEvent::Cancel { reason: reason() },
        TaskEvent::Skip { reason: reason() },
    ];
    for to in [MissedTo::Skipped, MissedTo::Failed] {
        events.push(TaskEvent::DependencyFailed { to, reason: reason() });
    }
    for then in [RetryOr::Retrying { due: NOW }, RetryOr::Failed] {
        events.push(TaskEvent::ReportFailure { then, class, reason: reason() });
        events.push(TaskEvent::Overdue { then, reason: reason() });
        events.push(TaskEvent::Lose { then, reason: reason() });
        events.push(TaskEvent::Refuse { then, class, reason: reason() });
    }
    for to in [DecideTo::Queued, DecideTo::Validating, DecideTo::Failed] {
        events.push(TaskEvent::Decide { to, reason: reason(), say: None });
        events.push(TaskEvent::Expire { to, reason: reason() });
    }
    events
}

fn patch_events() -> Vec<PatchEvent> {
    let reason = || words("because");
    vec![
        PatchEvent::Validate { verdicts: vec![] },
        PatchEvent::Reject { reason: reason() },
        PatchEvent::Quarantine { rule: words("scope"), reason: reason(), verdicts: vec![] },
        PatchEvent::Enqueue,
        PatchEvent::Apply { candidate: Candidate { tree: words("c0ffee"), parent: words("c0ffee") }, verdicts: vec![] },
        PatchEvent::Conflict { reason: reason(), target: words("c0ffee") },
        PatchEvent::Retry,
        PatchEvent::Verify,
        PatchEvent::Rebase { reason: reason() },
        PatchEvent::Land { commit: words("c0ffee") },
        PatchEvent::RollBack { commit: words("c0ffee") },
        PatchEvent::Release { reason: reason(), waive: vec![], allow: vec![] },
        PatchEvent::Drop { reason: reason() },
    ]
}

fn gate_run_events() -> Vec<GateRunEvent> {
    let end = || Box::new(GateEnd::default());
    vec![
        GateRunEvent::Start,
        GateRunEvent::Hold { blocked_by: vec![] },
        GateRunEvent::Release,
        GateRunEvent::Skip { reason: words("because") },
        GateRunEvent::Pass { end: end() },
        GateRunEvent::Fail { end: end() },
        GateRunEvent::Break { end: end() },
    ]
}

fn attempt_events() -> Vec<AttemptEvent> {
    let end = || Box::new(AttemptEnd::default());
    vec![
        AttemptEvent::Succeed { end: end() },
        AttemptEvent::Fail { end: end() },
        AttemptEvent::TimeOut { end: end() },
        AttemptEvent::Interrupt { end: end() },
        AttemptEvent::Lose { end: end() },
        AttemptEvent::Cancel { end: end() },
        AttemptEvent::Record { end: end() },
    ]
}

fn effect_events() -> Vec<EffectEvent> {
    let reason = || words("because");
    vec![
        EffectEvent::Start { owner: words("w"), epoch: 1, until: NOW, process: None },
        EffectEvent::Withdraw { reason: reason() },
        EffectEvent::Finish,
        EffectEvent::Fail { reason: reason() },
        EffectEvent::Lose { reason: reason() },
        EffectEvent::Retry { reason: reason() },
    ]
}

macro_rules! table_of {
    ($state:ident, $events:expr) => {{
        let mut table = Table::new();
        for state in $state::ALL {
            for event in $events {
                if let Ok(next) = $state::next(Some(*state), &event) {
                    let key = (state.to_string(), event.name().to_owned());
                    table.entry(key).or_default().insert(next.to_string());
                }
            }
        }
        table
    }};
}

fn table_in_docs(name: &str) -> Table {
    let docs: Value = serde_json::from_str(include_str!("../../../../docs/lifecycles.json")).unwrap();
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
    let docs: Value = serde_json::from_str(include_str!("../../../../docs/lifecycles.json")).unwrap();
    docs[name][which].as_array().unwrap().iter().map(|state| state.as_str().unwrap().to_owned()).collect()
}

macro_rules! same_as_docs {
    ($name:literal, $state:ident, $events:expr) => {{
        assert_eq!(table_of!($state, $events), table_in_docs($name));
        assert_eq!($state::NAMES.to_vec(), states_in_docs($name, "states"));
        let which = |is: fn($state) -> bool| -> Vec<&str> {
            $state::ALL.iter().filter(|state| is(**state)).map(|state| state.as_str()).collect()
        };
        assert_eq!(which($state::is_terminal), states_in_docs($name, "terminal"));
        assert_eq!(which($state::is_finished), states_in_docs($name, "finished"));
    }};
}

#[test]
fn run_table_is_the_one_in_the_docs() {
    same_as_docs!("run", RunState, run_events());
}

#[test]
fn task_table_is_the_one_in_the_docs() {
    same_as_docs!("task", TaskState, task_events());
}

#[test]
fn patch_table_is_the_one_in_the_docs() {
    same_as_docs!("patch", PatchState, patch_events());
}

#[test]
fn gate_run_table_is_the_one_in_the_docs() {
    same_as_docs!("gate_run", GateRunState, gate_run_events());
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
    let process = Process { host: words("here"), boot: words("1"), pid: 1, started: words("1") };
    let drive = RunEvent::Drive { conductor: Conductor { process, epoch: 1, since: NOW } };
    for state in RunState::ALL {
        assert_eq!(RunState::next(Some(*state), &drive), Ok(*state));
        assert_eq!(RunState::next(Some(*state), &RunEvent::StepDown { epoch: 1 }), Ok(*state));
    }
    assert!(RunState::next(None, &drive).is_err());
}

#[test]
fn only_what_is_verified_can_be_approved() {
    let approve = PatchEvent::Approve { reason: words("because") };
    for state in PatchState::ALL {
        let next = PatchState::next(Some(*state), &approve).ok();
        assert_eq!(next, (*state == PatchState::Verified).then_some(PatchState::Verified), "{state}");
    }
}

/// A grid of a table: a row a state, with every event that it takes and where that leads.
fn grid(table: &Table, states: &[&str]) -> String {
    let row = |state: &&str| {
        let moves: Vec<String> = table
            .iter()
            .filter(|((from, _), _)| from == state)
            .map(|((_, event), to)| format!("{event}→{}", to.iter().map(String::as_str).collect::<Vec<_>>().join("|")))
            .collect();
        format!("{state:13} {}", if moves.is_empty() { "·".to_owned() } else { moves.join("  ") })
    };
    let mut rows: Vec<String> = states.iter().map(row).collect();
    rows.push(String::new());
    rows.join("\n")
}

#[test]
fn attempt_grid() {
    expect_test::expect![[r#"
        running       cancel→canceled  fail→failed  interrupt→interrupted  lose→lost  succeed→succeeded  time_out→timed_out
        succeeded     record→succeeded
        failed        record→failed
        timed_out     record→timed_out
        interrupted   record→interrupted
        lost          record→lost
        canceled      record→canceled
    "#]].assert_eq(&grid(&table_of!(AttemptState, attempt_events()), AttemptState::NAMES));
}

#[test]
fn effect_grid() {
    expect_test::expect![[r#"
        requested     start→started  withdraw→failed
        started       fail→failed  finish→done  lose→unknown
        done          ·
        failed        ·
        unknown       fail→failed  finish→done  retry→requested
    "#]]
    .assert_eq(&grid(&table_of!(EffectState, effect_events()), EffectState::NAMES));
}

#[test]
fn nothing_leaves_a_terminal_state() {
    for state in PatchState::ALL.iter().filter(|state| state.is_terminal()) {
        for event in patch_events() {
            assert!(PatchState::next(Some(*state), &event).is_err(), "{state} takes {}", event.name());
        }
    }
    for state in TaskState::ALL.iter().filter(|state| state.is_terminal()) {
        for event in task_events() {
            assert!(TaskState::next(Some(*state), &event).is_err(), "{state} takes {}", event.name());
        }
    }
}
