//! Plan and configuration: text in, what a run keeps out, or every problem at once, each with its place.
//!
//! Pure: the caller reads the files. Nothing in a text is ever ignored: what is not known, or not there yet, is a problem.

mod absence;
mod additions;
mod check;
mod config;
mod cycle;
mod gates;
mod graph;
mod json;
mod manifest;
mod nearest;
mod node;
mod order;
mod person;
mod policy;
mod problem;
mod read;
mod resolve;
mod route;
mod scope;
mod single;
mod sound;
mod tasks;
mod workstreams;

pub use absence::target_missing;
pub use additions::{AdditionsDraft, KnownTasks, read_additions, resolve_additions};
pub use check::branch_problem;
pub use config::{ProjectSpec, durability_of, read_project};
pub use manifest::Manifest;
pub use order::gates_in_order;
pub(crate) use order::with_needed;
pub use person::read_configuration;
pub(crate) use policy::widening;
pub use problem::{Problem, Source};
pub use resolve::{Defaults, PromptTexts, bare, resolve, without_tasks};
pub use route::{Complexity, RouteRule};
pub(crate) use scope::Claim;
pub use scope::{Clash, clash, scopes_may_overlap};
pub use single::{SingleTask, single};
pub(crate) use sound::spec_problems;
pub use tasks::{PlanDraft, read_plan};
