//! `toll resume`: goes on with a run that was paused, or whose program died.

use clap::Args;

use super::driving::{KnownRun, Strictness, open, tell};
use crate::context::{Context, require_person};
use crate::error::{Answer, CliError};

/// Go on with a run that was paused, or whose program died
///
/// What was begun is looked at first: what landed is found and not landed again, processes that were left are ended, and
/// what they did is kept as evidence.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Its id or a prefix of it; @ is the newest
    #[arg(default_value = "@")]
    run: String,
    /// Exit with 1 if any task failed, not only a critical one
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: &ResumeArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("resume")?;
    super::supersede::settle(&open(context)?.0, context)?;
    let run = KnownRun::find(&args.run, context)?;
    let reason = context.reason_or("a person let it go on");
    let status = run.drive(context, |conductor, watch| conductor.resume(run.id, &reason, watch))?;
    tell(&status, if args.strict { Strictness::All } else { Strictness::Critical }, context)
}
