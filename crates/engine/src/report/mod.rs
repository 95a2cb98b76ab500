//! What people and programs are shown: serialisable structs, made from records and nothing else, that every door prints.

mod check;
mod doctor;
mod explanation;
mod lists;
mod outline;
mod progress;
mod short_ids;
mod status;
mod workers;

pub use check::{
    Basis, CheckFacts, CheckReport, CheckWarning, CheckedGates, CheckedMoment, CheckedSchedule, CheckedTask, Conflict,
    CriticalPath, TimeBound, WhatIf, check_report,
};
pub use doctor::{Check, CheckState, Finding};
pub use explanation::{Explanation, explain};
pub use lists::{EventRow, GateRow, PatchRow, RunRow, TaskRow, WorkstreamRow};
pub use outline::{RunOutline, SHOWN_FIRST, Stillness};
pub use progress::{
    AgentProgress, AttemptCounts, BreakerProgress, BudgetProgress, Eta, EtaOmission, EtaUnknown, FailureCount,
    FinishRange, ProgressFacts, Quiet, Rates, RemainingPath, RunProgress, TaskCounts, TimeRange, WaitCounts, WaitsFor,
    WorkerFigures, WorkerProgress, WorkstreamProgress, run_progress,
};
pub use short_ids::ShortIds;
pub use status::{RunCounts, RunStatus, run_status, waits_to_land};
pub use workers::{HeldRow, WorkerRow};
