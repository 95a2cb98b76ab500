//! `toll cancel`: ends a run before its end.

use std::time::Duration;

use clap::Args;
use tollhouse::Command;
use tollhouse::process::end_strays;

use super::driving::KnownRun;
use super::pause::settled;
use super::status;
use crate::context::{Context, require_person};
use crate::error::{Answer, CliError};

/// End a run: what runs in it is ended, and what has not landed will not
///
/// A landing that has begun is finished first. What landed stays landed; what was refused or dropped stays readable.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// Its id or a prefix of it; @ is the newest
    #[arg(default_value = "@")]
    run: String,
    /// End its programs at once, without asking them first
    #[arg(long)]
    kill: bool,
    /// Stop it for safety: it is over at once, also one that failed, and nothing of it can be let in again. Needs --reason
    #[arg(long)]
    quarantine: bool,
}

pub(crate) fn run(args: &CancelArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("cancel")?;
    let run = KnownRun::find(&args.run, context)?;
    if args.quarantine {
        let reason = context.required_reason("cancel --quarantine")?;
        run.execute(&Command::QuarantineRun { run: run.id, reason })?;
    } else {
        let reason = context.reason_or("a person asked for it");
        run.execute(&Command::CancelRun { run: run.id, reason })?;
    }
    if args.kill {
        end_strays(&run.site.run_dir(run.id), Duration::ZERO);
    }
    let status = settled(&run, context, |status| status.run.state.is_finished())?;
    status::print(&status, &run.site, context)?;
    Ok(Answer::Yes)
}
