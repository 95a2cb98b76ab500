//! A sample of every event but those that make a record: of an event that carries a choice, one a choice.

use crate::entity::{AttemptEnd, Candidate, Conductor, ErrorClass, GateEnd, Holding, Lease, Process, RunOutcome};
use crate::id::{AttemptId, RunId, TaskId};
use crate::lifecycle::*;
use crate::money::Money;
use crate::time::Timestamp;

pub(super) const NOW: Timestamp = Timestamp::EPOCH;

/// `samples!(Event but Created { Variant => [sample, …], … })`. A variant without a sample does not compile.
macro_rules! samples {
    ($of:ident but $($left_out:ident),+ { $($variant:ident => [$($sample:expr),+ $(,)?]),* $(,)? }) => {{
        const _: fn(&$of) = |event| match event {
            $($of::$left_out { .. })|+ => {}
            $($of::$variant { .. } => {})*
        };
        let samples: Vec<$of> = vec![$($({
            let sample: $of = $sample;
            assert!(matches!(&sample, $of::$variant { .. }), "{} stands at another event's place", sample.name());
            sample
        }),+),*];
        samples
    }};
}

fn because() -> String {
    "because".to_owned()
}

fn commit() -> String {
    "c0ffee".to_owned()
}

fn attempt_id() -> AttemptId {
    AttemptId::from_parts(NOW, 1)
}

fn conductor() -> Conductor {
    let process = Process { host: "here".to_owned(), boot: "1".to_owned(), pid: 1, started: "1".to_owned() };
    Conductor { process, epoch: 1, since: NOW }
}

pub(super) fn run() -> Vec<RunEvent> {
    use RunEvent as E;
    samples!(RunEvent but Created {
        Start => [E::Start { base: commit() }],
        Grant => [E::Grant { task: TaskId::from_parts(NOW, 1), epoch: 1 }],
        Drive => [E::Drive { conductor: conductor() }],
        StepDown => [E::StepDown { epoch: 1 }],
        Pause => [E::Pause { reason: because() }],
        Resume => [E::Resume { reason: because() }],
        Cancel => [E::Cancel { reason: because() }],
        Drained => [E::Drained],
        TasksDone => [E::TasksDone { commit: None }],
        Accept => [E::Accept { outcome: RunOutcome::Clean }],
        Reject => [E::Reject { reason: because() }],
        Fix => [E::Fix { reason: because() }],
        Fail => [E::Fail { reason: because() }],
        Quarantine => [E::Quarantine { reason: because() }],
    })
}

pub(super) fn task() -> Vec<TaskEvent> {
    use TaskEvent as E;
    let class = ErrorClass::Unknown;
    let (retry, fail) = (RetryOr::Retrying { due: NOW }, RetryOr::Failed);
    let lease = || Lease { attempt: attempt_id(), worker: "w".to_owned(), agent: None, epoch: 1, deadline: NOW };
    let decide = |to| E::Decide { to, reason: because(), say: None };
    let expire = |to| E::Expire { to, reason: because() };
    samples!(TaskEvent but Created, Inherited {
        Release => [E::Release],
        Hold => [E::Hold { blocked_by: vec![] }],
        Unblock => [E::Unblock],
        Need => [E::Need { needs: vec!["a".to_owned()] }],
        DependencyFailed => [
            E::DependencyFailed { to: MissedTo::Skipped, reason: because() },
            E::DependencyFailed { to: MissedTo::Failed, reason: because() },
        ],
        Lease => [E::Lease { lease: lease() }],
        ReportSuccess => [E::ReportSuccess { patch: None }],
        ReportFailure => [
            E::ReportFailure { then: retry, class, reason: because() },
            E::ReportFailure { then: fail, class, reason: because() },
        ],
        Overdue => [E::Overdue { then: retry, reason: because() }, E::Overdue { then: fail, reason: because() }],
        Interrupt => [E::Interrupt { reason: because() }],
        Lose => [E::Lose { then: retry, reason: because() }, E::Lose { then: fail, reason: because() }],
        Ask => [E::Ask { question: because(), until: NOW }],
        Decide => [decide(DecideTo::Queued), decide(DecideTo::Validating), decide(DecideTo::Failed)],
        Expire => [expire(DecideTo::Queued), expire(DecideTo::Validating), expire(DecideTo::Failed)],
        Pass => [E::Pass],
        Refuse => [
            E::Refuse { then: retry, class, reason: because() },
            E::Refuse { then: fail, class, reason: because() },
        ],
        Due => [E::Due],
        Requeue => [E::Requeue { reason: because(), say: None }],
        Cancel => [E::Cancel { reason: because() }],
        Skip => [E::Skip { reason: because() }],
    })
}

pub(super) fn attempt() -> Vec<AttemptEvent> {
    use AttemptEvent as E;
    let end = || Box::new(AttemptEnd::default());
    samples!(AttemptEvent but Created {
        Succeed => [E::Succeed { end: end() }],
        Fail => [E::Fail { end: end() }],
        TimeOut => [E::TimeOut { end: end() }],
        Interrupt => [E::Interrupt { end: end() }],
        Lose => [E::Lose { end: end() }],
        Cancel => [E::Cancel { end: end() }],
        Record => [E::Record { end: end() }],
    })
}

pub(super) fn patch() -> Vec<PatchEvent> {
    use PatchEvent as E;
    let candidate = || Candidate { tree: commit(), parent: commit() };
    samples!(PatchEvent but Created {
        Validate => [E::Validate { verdicts: vec![] }],
        Reject => [E::Reject { reason: because() }],
        Quarantine => [E::Quarantine { rule: "scope".to_owned(), reason: because(), verdicts: vec![] }],
        Enqueue => [E::Enqueue],
        Apply => [E::Apply { candidate: candidate(), verdicts: vec![] }],
        Conflict => [E::Conflict { reason: because(), target: commit() }],
        Retry => [E::Retry],
        Verify => [E::Verify],
        Doubt => [E::Doubt { reason: because() }],
        Approve => [E::Approve { reason: because() }],
        Rebase => [E::Rebase { reason: because() }],
        Land => [E::Land { commit: commit() }],
        RollBack => [E::RollBack { commit: commit(), reason: because() }],
        Release => [E::Release { reason: because(), waive: vec![], allow: vec![] }],
        Drop => [E::Drop { reason: because() }],
    })
}

pub(super) fn gate_run() -> Vec<GateRunEvent> {
    use GateRunEvent as E;
    let end = || Box::new(GateEnd::default());
    samples!(GateRunEvent but Created {
        Start => [E::Start],
        Hold => [E::Hold { blocked_by: vec![] }],
        Release => [E::Release],
        Skip => [E::Skip { reason: because() }],
        Pass => [E::Pass { end: end() }],
        Fail => [E::Fail { end: end() }],
        Break => [E::Break { end: end() }],
    })
}

pub(super) fn effect() -> Vec<EffectEvent> {
    use EffectEvent as E;
    samples!(EffectEvent but Created {
        Start => [E::Start { owner: "w".to_owned(), epoch: 1, until: NOW, process: None }],
        Withdraw => [E::Withdraw { reason: because() }],
        Finish => [E::Finish { left: None }],
        Fail => [E::Fail { reason: because() }],
        Lose => [E::Lose { reason: because() }],
        Retry => [E::Retry { reason: because() }],
    })
}

pub(super) fn worker() -> Vec<WorkerEvent> {
    use WorkerEvent as E;
    let holding = || Holding {
        run: RunId::from_parts(NOW, 1),
        task: TaskId::from_parts(NOW, 1),
        attempt: attempt_id(),
        epoch: 1,
        since: NOW,
    };
    let heartbeat = |to| E::Heartbeat { to };
    samples!(WorkerEvent but Created {
        Ready => [E::Ready],
        Assign => [E::Assign { holding: holding(), workstream: None }],
        Release => [E::Release { ended: AttemptState::Succeeded }],
        Pause => [E::Pause { reason: because() }],
        Resume => [
            E::Resume { to: ResumeTo::Busy, reason: because() },
            E::Resume { to: ResumeTo::Idle, reason: because() },
        ],
        Drain => [E::Drain { reason: because() }],
        Drained => [E::Drained],
        Terminate => [E::Terminate { reason: because() }],
        Silent => [E::Silent { reason: because() }],
        Heartbeat => [
            heartbeat(WokenTo::Idle),
            heartbeat(WokenTo::Paused),
            heartbeat(WokenTo::Draining),
            heartbeat(WokenTo::Busy),
        ],
        Crash => [E::Crash { reason: because() }],
    })
}

pub(super) fn workstream() -> Vec<WorkstreamEvent> {
    use WorkstreamEvent as E;
    let derive = WorkstreamState::ALL.iter().map(|to| E::Derive { to: *to, reason: None, class: None });
    let mut events: Vec<WorkstreamEvent> = derive.collect();
    events.extend(samples!(WorkstreamEvent but Created, Derive {
        Cancel => [E::Cancel { reason: because() }],
        Skip => [E::Skip { reason: because() }],
    }));
    events
}

pub(super) fn breaker() -> Vec<BreakerEvent> {
    use BreakerEvent as E;
    samples!(BreakerEvent but Created {
        Fail => [E::Fail { reason: because() }],
        Succeed => [E::Succeed],
        Trip => [E::Trip { until: NOW, reason: because() }],
        Probe => [E::Probe { attempt: attempt_id() }],
        Close => [E::Close],
        Reopen => [E::Reopen { until: NOW, reason: because() }],
        Extend => [E::Extend { until: NOW, reason: because() }],
    })
}

pub(super) fn cost_entry() -> Vec<CostEntryEvent> {
    samples!(CostEntryEvent but Created {})
}

pub(super) fn budget() -> Vec<BudgetEvent> {
    use BudgetEvent as E;
    let amount = Money::from_nanos(1);
    let each = |event: fn(Money, BudgetState) -> E| BudgetState::ALL.iter().map(move |to| event(amount, *to));
    let mut events: Vec<BudgetEvent> = Vec::new();
    events.extend(each(|amount, to| E::Reserve { attempt: attempt_id(), amount, to }));
    events.extend(each(|cost, to| E::Settle { attempt: attempt_id(), cost, to }));
    events.extend(each(|cost, to| E::Correct { cost, to }));
    events.extend(each(|limit, to| E::Change { limit, to, reason: because() }));
    // Each choice of each is above.
    let _: Vec<BudgetEvent> = samples!(BudgetEvent but Created, Reserve, Settle, Correct, Change {});
    events
}
