//! The hands of Tollhouse: git, workspaces, agents, gates, processes.
//!
//! The runner does what the engine asked for and says how it went. It decides nothing that the engine could decide.

mod ailment;
pub mod archive;
pub mod audit;
pub mod backup;
mod belongings;
pub mod blobs;
pub mod clock;
pub mod conductor;
pub mod detect;
pub mod doctor;
pub mod environment;
mod errands;
pub mod error;
#[cfg(feature = "testing")]
pub mod examples;
pub mod failpoint;
mod folders;
pub mod git;
pub mod handwork;
pub mod leftovers;
mod lock;
pub mod own_config;
pub mod process;
pub mod purge;
mod records;
pub mod site;
mod texts;
pub mod workspace;
