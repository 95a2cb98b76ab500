//! JSON documents: every one says its schema.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use tollhouse::entity::{
    Attempt, Budget, CostEntry, GateRun, Output, Patch, RoutingDecision, Task, Worker, Workstream,
};
use tollhouse::report::{
    CheckReport, EventRow, Explanation, GateRow, PatchRow, RunProgress, RunRow, RunStatus, TaskRow, WorkerRow,
};
use tollhouse::spec::GateSpec;

use crate::commands::backup::BackupReport;
use crate::commands::demo::DemoReport;
use crate::commands::doctor::DoctorReport;
use crate::commands::gc::GcReport;
use crate::commands::init::InitReport;
use crate::commands::patch::CheckoutReport;
use crate::commands::purge::PurgeReport;
use crate::commands::restore::RestoreReport;
use crate::commands::sync::SyncReport;
use crate::commands::verify::VerifyReport;
use crate::error::ErrorBody;

/// A document with its schema's name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Document<T> {
    /// The name and version of the schema.
    schema: String,
    #[serde(flatten)]
    body: T,
}

impl<T: Named + Serialize> Document<T> {
    pub(crate) fn new(body: T) -> Self {
        Self { schema: format!("{}.v1", T::NAME), body }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a document has only string keys")
    }
}

/// What has a schema of its own.
pub(crate) trait Named {
    const NAME: &'static str;
}

macro_rules! list {
    ($(#[$doc:meta])* $name:ident, $key:ident, $row:ty, $schema:literal) => {
        $(#[$doc])*
        #[derive(Debug, Serialize, JsonSchema)]
        pub(crate) struct $name {
            /// The rows, newest first.
            pub(crate) $key: Vec<$row>,
            /// Where the next page begins; null on the last one.
            pub(crate) next: Option<String>,
        }
        impl Named for $name {
            const NAME: &'static str = $schema;
        }
    };
}
list!(/// Runs.
    Runs, runs, RunRow, "runs");
list!(/// Tasks.
    Tasks, tasks, TaskRow, "tasks");
list!(/// Patches.
    Patches, patches, PatchRow, "patches");
list!(/// Gates, as the configuration defines them.
    Gates, gates, GateSpec, "gates");
list!(/// Gate runs.
    GateRuns, gate_runs, GateRow, "gate_runs");
list!(/// Workers.
    Workers, workers, WorkerRow, "workers");

/// A run at a glance, and how durable it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunDocument {
    #[serde(flatten)]
    pub(crate) status: RunStatus,
    /// How durable what this project records is: `full` or `normal`.
    pub(crate) durability: &'static str,
}

/// A task with its attempts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskDocument {
    #[serde(flatten)]
    pub(crate) task: Task,
    /// Its attempts, oldest first.
    pub(crate) attempts: Vec<Attempt>,
}

/// A patch, with its text where that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PatchDocument {
    #[serde(flatten)]
    pub(crate) patch: Patch,
    /// The unified diff; null where it was not asked for. Bytes that are not UTF-8 are replaced.
    pub(crate) diff: Option<String>,
}

/// What a program printed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OutputDocument {
    /// Of this attempt or gate run.
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) output: Output,
}

macro_rules! named {
    ($($type:ty => $name:literal),+ $(,)?) => {$(
        impl Named for $type {
            const NAME: &'static str = $name;
        }
    )+};
}
named! {
    RunDocument => "run", RunProgress => "progress", TaskDocument => "task", PatchDocument => "patch", GateRun => "gate_run",
    RoutingDecision => "routing_decision",
    Worker => "worker", Workstream => "workstream", CostEntry => "cost_entry", Budget => "budget",
    EventRow => "event", Explanation => "explanation", OutputDocument => "output",
    CheckReport => "check_report", InitReport => "init_report", SyncReport => "sync_report",
    CheckoutReport => "checkout_report", DemoReport => "demo_report", DoctorReport => "doctor_report",
    GcReport => "gc_report", PurgeReport => "purge_report", VerifyReport => "verify_report",
    BackupReport => "backup_report", RestoreReport => "restore_report", ErrorBody => "error",
}

/// A schema's name, and what makes it.
type Entry = (&'static str, fn() -> Schema);

fn entry<T: Named + JsonSchema>() -> Entry {
    (T::NAME, || schema_for!(Document<T>))
}

/// Every schema there is, by name.
pub(crate) fn schemas() -> Vec<Entry> {
    let mut all = vec![
        entry::<Runs>(),
        entry::<Tasks>(),
        entry::<Patches>(),
        entry::<Gates>(),
        entry::<GateRuns>(),
        entry::<Workers>(),
        entry::<RunDocument>(),
        entry::<RunProgress>(),
        entry::<TaskDocument>(),
        entry::<PatchDocument>(),
        entry::<GateRun>(),
        entry::<Worker>(),
        entry::<Workstream>(),
        entry::<CostEntry>(),
        entry::<RoutingDecision>(),
        entry::<Budget>(),
        entry::<EventRow>(),
        entry::<Explanation>(),
        entry::<OutputDocument>(),
        entry::<CheckReport>(),
        entry::<InitReport>(),
        entry::<SyncReport>(),
        entry::<CheckoutReport>(),
        entry::<DemoReport>(),
        entry::<DoctorReport>(),
        entry::<GcReport>(),
        entry::<PurgeReport>(),
        entry::<VerifyReport>(),
        entry::<BackupReport>(),
        entry::<RestoreReport>(),
        entry::<ErrorBody>(),
    ];
    all.sort_by_key(|(name, _)| *name);
    all
}

/// A schema as it stands in schemas/: with the one value that its name allows.
pub(crate) fn schema_text(name: &str, schema: Schema) -> String {
    let mut value = schema.to_value();
    if let Some(field) = value.pointer_mut("/properties/schema") {
        field["const"] = format!("{name}.v1").into();
    }
    value["$id"] = format!("https://tollhouse.dev/schemas/{name}.v1.json").into();
    value["title"] = format!("{name}.v1").into();
    let mut text = serde_json::to_string_pretty(&value).expect("a schema has only string keys");
    text.push('\n');
    text
}
