//! One file a command: its arguments, what it does, how it shows that.

pub(crate) mod backup;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod driving;
pub(crate) mod execute;
pub(crate) mod explain;
pub(crate) mod fork;
pub(crate) mod gate;
pub(crate) mod gc;
pub(crate) mod init;
pub(crate) mod land;
pub(crate) mod log;
pub(crate) mod patch;
pub(crate) mod pause;
pub(crate) mod purge;
pub(crate) mod restore;
pub(crate) mod resume;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod submit;
mod supersede;
pub(crate) mod sync;
pub(crate) mod task;
pub(crate) mod verify;
pub(crate) mod worker;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::{Answer, CliError};

/// Carries out what was asked for.
pub(crate) fn run(cli: &Cli, context: &mut Context) -> Result<Answer, CliError> {
    match &cli.command {
        None => status::run(&status::StatusArgs::default(), context),
        Some(Command::Demo(args)) => demo::run(args, context),
        Some(Command::Init(args)) => init::run(args, context),
        Some(Command::Check(args)) => check::run(args, context),
        Some(Command::Do(args)) => execute::run_single(args, context),
        Some(Command::Run(args)) => execute::run_plan(args, context),
        Some(Command::Runs(args)) => runs::run(args, context),
        Some(Command::Status(args)) => status::run(args, context),
        Some(Command::Log(args)) => log::run(args, context),
        Some(Command::Explain(args)) => explain::run(args, context),
        Some(Command::Task(args)) => task::run(args, context),
        Some(Command::Patch(args)) => patch::run(args, context),
        Some(Command::Worker(args)) => worker::run(args, context),
        Some(Command::Gate(args)) => gate::run(args, context),
        Some(Command::Submit(args)) => submit::run(args, context),
        Some(Command::Land(args)) => land::run(args, context),
        Some(Command::Sync(args)) => sync::run(args, context),
        Some(Command::Resume(args)) => resume::run(args, context),
        Some(Command::Pause(args)) => pause::run(args, context),
        Some(Command::Cancel(args)) => cancel::run(args, context),
        Some(Command::Fork(args)) => fork::run(args, context),
        Some(Command::Purge(args)) => purge::run(args, context),
        Some(Command::Gc(args)) => gc::run(args, context),
        Some(Command::Verify(args)) => verify::run(args, context),
        Some(Command::Doctor(args)) => doctor::run(args, context),
        Some(Command::Backup(args)) => backup::run(args, context),
        Some(Command::Restore(args)) => restore::run(args, context),
        Some(Command::Schema(args)) => schema::run(args, context),
        Some(Command::Completions(args)) => completions::run(args, context),
    }
}
