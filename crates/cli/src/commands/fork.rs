//! `toll fork`: goes on from a run that is over, in a new one.

use clap::Args;
use tollhouse::{View, fork_of};

use super::driving::{KnownRun, Strictness, tell};
use super::execute::execute;
use crate::context::{Context, require_person};
use crate::error::{Answer, CliError};

/// Go on from a run that is over, in a new one: what was done there stays done
///
/// Done is also what was skipped by a person, or landed because one released its patch. Agents and gates are those of the
/// run that is over, as they were configured then.
#[derive(Debug, Args)]
pub(crate) struct ForkArgs {
    /// Its id or a prefix of it; @ is the newest
    #[arg(default_value = "@")]
    run: String,
    /// Do this task again, by its id in the plan, and all that comes after it
    #[arg(long, value_name = "TASK")]
    from: Option<String>,
    /// Exit with 1 if any task failed, not only a critical one
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: &ForkArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("fork")?;
    let run = KnownRun::find(&args.run, context)?;
    let (spec, legacy) = fork_of(&View::load(&run.store, run.id)?, run.id, args.from.as_deref())?;
    let status = execute(&spec, Some(legacy), &run.site, context)?;
    tell(&status, &run.site, if args.strict { Strictness::All } else { Strictness::Critical }, context)
}
