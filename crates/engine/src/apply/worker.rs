//! Workers.

use tollhouse_core::entity::Worker;
use tollhouse_core::lifecycle::{AttemptState, IllegalTransition, WokenTo, WorkerEvent, WorkerState};
use tollhouse_core::{Severity, Span, Timestamp};

use super::{Apply, fold};

impl Apply for Worker {
    type Event = WorkerEvent;

    fn apply(current: Option<Self>, event: &WorkerEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let before = current.as_ref().map(|before| before.state);
        let mut worker = fold!(current, event, WorkerState, WorkerEvent::Created { worker } => worker);
        worker.was = None;
        match event {
            WorkerEvent::Created { .. } | WorkerEvent::Ready | WorkerEvent::Drained => {}
            WorkerEvent::Assign { holding, workstream } => {
                worker.holds = Some(holding.clone());
                worker.workstream.clone_from(workstream);
                worker.attempts += 1;
                worker.reason = None;
            }
            WorkerEvent::Release { ended } => let_go(&mut worker, *ended, at),
            WorkerEvent::Resume { reason, .. } => {
                worker.resumed_at = Some(at);
                worker.reason = Some(reason.clone());
            }
            WorkerEvent::Silent { reason } => {
                worker.was = before;
                worker.reason = Some(reason.clone());
            }
            WorkerEvent::Heartbeat { to } => {
                // Idle though it held something: the lease is no longer its own.
                if *to == WokenTo::Idle {
                    let_go(&mut worker, AttemptState::Lost, at);
                }
                worker.reason = None;
            }
            WorkerEvent::Crash { reason } => {
                let_go(&mut worker, AttemptState::Lost, at);
                worker.reason = Some(reason.clone());
            }
            WorkerEvent::Pause { reason } | WorkerEvent::Drain { reason } | WorkerEvent::Terminate { reason } => {
                worker.reason = Some(reason.clone());
            }
        }
        worker.finished_at = worker.state.is_finished().then_some(at);
        Ok(worker)
    }

    fn event_name(event: &WorkerEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &WorkerEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &WorkerEvent) -> Severity {
        match event {
            WorkerEvent::Crash { .. } => Severity::Error,
            WorkerEvent::Pause { .. } | WorkerEvent::Silent { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

/// Takes from a worker what it holds, and counts how that ended.
fn let_go(worker: &mut Worker, ended: AttemptState, at: Timestamp) {
    let Some(holding) = worker.holds.take() else { return };
    let held = at.since(holding.since);
    worker.busy = Span::from_millis(worker.busy.as_millis().saturating_add(held.as_millis()));
    match ended {
        AttemptState::Failed | AttemptState::TimedOut => worker.failures += 1,
        AttemptState::Lost => worker.lost += 1,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use tollhouse_core::entity::{Holding, Process};
    use tollhouse_core::lifecycle::ResumeTo;
    use tollhouse_core::{AttemptId, RunId, TaskId, WorkerId};

    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn because() -> String {
        "because".to_owned()
    }

    fn created() -> WorkerEvent {
        let process = Process { host: because(), boot: because(), pid: 1, started: because() };
        WorkerEvent::Created {
            worker: Box::new(Worker {
                id: WorkerId::from_parts(Timestamp::EPOCH, 1),
                run: None,
                name: "one".to_owned(),
                process,
                capabilities: BTreeSet::new(),
                state: WorkerState::Spawning,
                was: None,
                holds: None,
                workstream: None,
                attempts: 0,
                failures: 0,
                lost: 0,
                busy: Span::default(),
                reason: None,
                registered_at: Timestamp::EPOCH,
                resumed_at: None,
                finished_at: None,
            }),
        }
    }

    fn assign(at: Timestamp) -> WorkerEvent {
        let holding = Holding {
            run: RunId::from_parts(Timestamp::EPOCH, 1),
            task: TaskId::from_parts(Timestamp::EPOCH, 1),
            attempt: AttemptId::from_parts(Timestamp::EPOCH, 1),
            epoch: 1,
            since: at,
        };
        WorkerEvent::Assign { holding, workstream: Some("parser".to_owned()) }
    }

    /// A worker after these events, one a second.
    fn after(events: impl IntoIterator<Item = WorkerEvent>) -> Worker {
        let mut worker: Option<Worker> = None;
        for (event, at) in [created(), WorkerEvent::Ready].into_iter().chain(events).zip(0..) {
            worker = Some(Worker::apply(worker, &event, second(at)).unwrap());
        }
        worker.unwrap()
    }

    #[test]
    fn what_a_crashed_worker_held_is_lost() {
        let worker = after([assign(second(2)), WorkerEvent::Crash { reason: because() }]);
        assert_eq!((worker.holds, worker.attempts, worker.lost, worker.failures), (None, 1, 1, 0));
        assert_eq!((worker.busy, worker.finished_at), (Span::from_secs(1), Some(second(3))));
    }

    #[test]
    fn a_crashed_worker_that_held_nothing_lost_nothing() {
        assert_eq!(after([WorkerEvent::Crash { reason: because() }]).lost, 0);
    }

    #[test]
    fn only_attempts_that_ended_badly_count_as_failures() {
        let failures = |ended| after([assign(second(2)), WorkerEvent::Release { ended }]).failures;
        assert_eq!([AttemptState::Failed, AttemptState::TimedOut].map(failures), [1, 1]);
        let others = [AttemptState::Succeeded, AttemptState::Interrupted, AttemptState::Canceled, AttemptState::Lost];
        assert_eq!(others.map(failures), [0; 4]);
    }

    #[test]
    fn a_silent_worker_says_what_it_was_until_it_speaks_again() {
        let silent = || WorkerEvent::Silent { reason: because() };
        let worker = after([assign(second(2)), silent()]);
        assert_eq!((worker.was, worker.holds.is_some()), (Some(WorkerState::Busy), true));
        let worker = after([assign(second(2)), silent(), WorkerEvent::Heartbeat { to: WokenTo::Busy }]);
        assert_eq!((worker.was, worker.holds.is_some(), worker.lost), (None, true, 0));
        let worker = after([assign(second(2)), silent(), WorkerEvent::Heartbeat { to: WokenTo::Idle }]);
        assert_eq!((worker.was, worker.holds.is_some(), worker.lost), (None, false, 1));
    }

    #[test]
    fn a_worker_remembers_its_workstream_and_when_it_was_resumed() {
        let worker = after([
            assign(second(2)),
            WorkerEvent::Pause { reason: because() },
            WorkerEvent::Release { ended: AttemptState::Failed },
            WorkerEvent::Resume { to: ResumeTo::Idle, reason: because() },
        ]);
        assert_eq!((worker.workstream.as_deref(), worker.resumed_at), (Some("parser"), Some(second(5))));
    }

    fn any_event() -> impl Strategy<Value = WorkerEvent> {
        prop_oneof![
            Just(assign(second(2))),
            Just(WorkerEvent::Release { ended: AttemptState::Lost }),
            Just(WorkerEvent::Pause { reason: because() }),
            Just(WorkerEvent::Drain { reason: because() }),
            Just(WorkerEvent::Drained),
            Just(WorkerEvent::Silent { reason: because() }),
            Just(WorkerEvent::Heartbeat { to: WokenTo::Idle }),
            Just(WorkerEvent::Heartbeat { to: WokenTo::Paused }),
            Just(WorkerEvent::Crash { reason: because() }),
        ]
    }

    proptest! {
        #[test]
        fn an_idle_worker_holds_nothing_and_only_a_silent_one_was_something(
            events in proptest::collection::vec(any_event(), 0..30)
        ) {
            let mut worker = after([]);
            for event in events {
                let Ok(next) = Worker::apply(Some(worker.clone()), &event, second(9)) else { continue };
                worker = next;
                prop_assert!(worker.state != WorkerState::Idle || worker.holds.is_none());
                prop_assert!(worker.state != WorkerState::Busy || worker.holds.is_some());
                prop_assert_eq!(worker.state == WorkerState::Unresponsive, worker.was.is_some());
                prop_assert_eq!(worker.state.is_finished(), worker.finished_at.is_some());
            }
        }
    }
}
