//! One example of each refusal and error, for the list of all messages.

use tollhouse_core::entity::UnreadableRecord;
use tollhouse_core::lifecycle::IllegalTransition;
use tollhouse_core::{Kind, Money, RecordId, Timestamp, examples};
use tollhouse_state::{CommitError, StoreError};

use crate::engine::EngineError;
use crate::refusal::Refusal;
use crate::view::ViewError;

fn id(kind: Kind) -> RecordId {
    RecordId::from_parts(kind, Timestamp::from_micros(0), 0)
}

/// One example of each refusal.
pub fn refusals() -> Vec<Refusal> {
    type R = Refusal;
    let text = |text: &str| text.to_owned();
    let dollars = |dollars: i64| Money::from_nanos(dollars * 1_000_000_000);
    let (run, task, patch, effect) = (id(Kind::Run), id(Kind::Task), id(Kind::Patch), id(Kind::Effect));
    let illegal = IllegalTransition { kind: Kind::Patch, state: "committed", event: "drop" };
    examples!(R {
        R::AlreadyFinished { .. } => [R::AlreadyFinished { id: effect, state: "done" }],
        R::StaleLease { .. } => [R::StaleLease { id: effect, given: 1, current: 2 }],
        R::NotInTable(_) => [R::NotInTable(illegal.clone())],
        R::NotFound { .. } => [R::NotFound { id: run }],
        R::IdReused { .. } => [R::IdReused { id: run }],
        R::KeyReused { .. } => [R::KeyReused { key: text("job-4711"), id: run }],
        R::AlreadyDriven { .. } => [R::AlreadyDriven { id: run, by: text("process 4711 on box") }],
        R::Landing { .. } => [R::Landing { id: patch }],
        R::RunRests { .. } => [R::RunRests { id: effect, state: "paused" }],
        R::NotHeld { .. } => [R::NotHeld { id: patch, state: "quarantined" }],
        R::TaskInTheWay { .. } => [
            R::TaskInTheWay { id: patch, task: text("backoff"), state: "retrying" },
            R::TaskInTheWay { id: patch, task: text("backoff"), state: "completed" },
        ],
        R::PatchInTheWay { .. } => [R::PatchInTheWay { id: task, patch, state: "queued" }],
        R::DependentsMissed { .. } => [R::DependentsMissed { id: task, dependents: text("docs, notes") }],
        R::NameTaken { .. } => [R::NameTaken { name: text("box-1"), by: id(Kind::Worker) }],
        R::WorkerNotIdle { .. } => [R::WorkerNotIdle { id: id(Kind::Worker), state: "busy" }],
        R::NotDriven { .. } => [R::NotDriven { id: run }],
        R::RunOver { .. } => [R::RunOver { id: run, state: "failed" }, R::RunOver { id: task, state: "failed" }],
        R::RunEnds { .. } => [R::RunEnds { id: run, reason: text("backoff is critical and failed") }],
        R::BudgetSpent { .. } => [R::BudgetSpent { id: run, spent: dollars(24), limit: dollars(25) }],
        R::NotOver { .. } => [R::NotOver { id: run, state: "running" }],
        R::Purged { .. } => [R::Purged { id: patch }],
        R::PurgeUnderWay { .. } => [R::PurgeUnderWay { id: run }],
        R::NothingToPurge { .. } => [R::NothingToPurge { id: effect }],
        R::NothingLeft { .. } => [R::NothingLeft { id: run }],
        R::NoSuchTask { .. } => [R::NoSuchTask { id: run, task: text("backof") }],
        R::NotWaivable { .. } => [R::NotWaivable { rule: text("git_directory") }],
        R::BadGlob { .. } => [R::BadGlob { glob: text("src/[a"), what: text("unclosed character class; missing ']'") }],
        R::BadSpec { .. } => [
            R::BadSpec { problems: vec![text("task `b` needs unknown task `a`"), text("two tasks are named `c`")] },
        ],
        R::BadTasks { .. } => [R::BadTasks { problems: vec![text("tasks need each other: b → c → b")] }],
        R::TaskAtWork { .. } => [R::TaskAtWork { id: id(Kind::Workstream), task: text("backoff"), state: "running" }],
        R::WorkstreamOver { .. } => [
            R::WorkstreamOver { id: task, workstream: text("core"), state: "failed" },
        ],
        R::WrongOutcome { .. } => [R::WrongOutcome { id: effect, work: "gate", outcome: "landed" }],
    })
}

/// One example of each way in which a ledger cannot be read; those of its store are `tollhouse_state::examples`.
pub fn view_errors() -> Vec<ViewError> {
    type E = ViewError;
    let unreadable = UnreadableRecord { id: id(Kind::Task), what: "missing field `spec`".to_owned() };
    let event = E::Event {
        position: 12,
        name: "lease".to_owned(),
        record: id(Kind::Task),
        what: "a task that is completed takes no lease".to_owned(),
    };
    examples!(E {
        E::Store(_) => [E::Store(StoreError::Busy { op: "read" })],
        E::Record(_) => [E::Record(unreadable.clone())],
        E::Event { .. } => [event],
    })
}

/// One example of each way in which a command is not carried out.
pub fn engine_errors() -> Vec<EngineError> {
    type E = EngineError;
    examples!(E {
        E::Refused(_) => [E::Refused(Refusal::NotFound { id: id(Kind::Run) })],
        E::Commit(_) => [E::Commit(CommitError::Backend(StoreError::DiskFull { op: "commit" }))],
        E::View(_) => [E::View(ViewError::Store(StoreError::Denied { op: "read" }))],
    })
}
