//! What `toll` understands. The doc comments are its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// A gate and a ledger for coding agents.
///
/// Every change that an agent makes enters as a patch, pays at the gate, and lands or is set aside with its reason.
/// Without a command: the newest run, at a glance.
#[derive(Debug, Parser)]
#[command(name = "toll", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Everywhere {
    /// Print one JSON document (or one a line, for a stream) on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The ledger's file [default: tollhouse/ledger.db in git's common directory]
    #[arg(long, global = true, value_name = "PATH", env = "TOLLHOUSE_LEDGER")]
    pub(crate) ledger: Option<PathBuf>,
    /// Why: kept on the ledger with what you change
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Print no progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more: each event as it happens
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// When to use colour; `NO_COLOR` is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Where a person looks
    Auto,
    /// In any case
    Always,
    /// In no case
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(commands::demo::DemoArgs),
    Init(commands::init::InitArgs),
    Check(commands::check::CheckArgs),
    Do(commands::execute::DoArgs),
    Run(commands::execute::RunArgs),
    Runs(commands::runs::RunsArgs),
    Status(commands::status::StatusArgs),
    Log(commands::log::LogArgs),
    Explain(commands::explain::ExplainArgs),
    Task(commands::task::TaskArgs),
    Patch(commands::patch::PatchArgs),
    Gate(commands::gate::GateArgs),
    Worker(commands::worker::WorkerArgs),
    Submit(commands::submit::SubmitArgs),
    Land(commands::land::LandArgs),
    Sync(commands::sync::SyncArgs),
    Resume(commands::resume::ResumeArgs),
    Pause(commands::pause::PauseArgs),
    Cancel(commands::cancel::CancelArgs),
    Fork(commands::fork::ForkArgs),
    Purge(commands::purge::PurgeArgs),
    Gc(commands::gc::GcArgs),
    Verify(commands::verify::VerifyArgs),
    Doctor(commands::doctor::DoctorArgs),
    Backup(commands::backup::BackupArgs),
    Restore(commands::restore::RestoreArgs),
    Schema(commands::schema::SchemaArgs),
    Completions(commands::completions::CompletionsArgs),
}
