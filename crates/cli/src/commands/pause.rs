//! `toll pause`: nothing new starts in a run, and what runs is ended.

use std::time::{Duration, Instant};

use clap::Args;
use tollhouse::Command;
use tollhouse::report::RunStatus;

use super::driving::{KnownRun, is_driven_by_another};
use super::status;
use crate::context::{Context, require_person};
use crate::error::{Answer, CliError};

/// How long is waited for the program that drives the run: longer than what it ends has to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Pause a run: what runs in it is ended and does not count, nothing new starts
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// Its id or a prefix of it; @ is the newest
    #[arg(default_value = "@")]
    run: String,
}

pub(crate) fn run(args: &PauseArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("pause")?;
    let run = KnownRun::find(&args.run, context)?;
    let reason = context.reason_or("a person asked for it");
    run.execute(&Command::PauseRun { run: run.id, reason })?;
    let status = settled(&run, context, |_| true)?;
    status::print(&status, &run.site, context)?;
    Ok(Answer::Yes)
}

/// Where a run is once the program that drives it has done what was asked for; where none does, this one does it.
pub(super) fn settled(
    run: &KnownRun,
    context: &mut Context,
    is_done: impl Fn(&RunStatus) -> bool,
) -> Result<RunStatus, CliError> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let status = run.status()?;
        if is_done(&status) && run.is_given_back()? {
            return Ok(status);
        }
        if status.driven_by.is_some() {
            // One that is over for good may be driven on for what was let in again.
            if is_done(&status) && status.run.state.is_finished() {
                return Ok(status);
            }
            if Instant::now() > give_up {
                let by = status.driven_by.as_deref().unwrap_or("another program");
                context.printer.remark(&format!("{by} has not ended yet what runs; `toll status` shows when it has"));
                return Ok(status);
            }
            run.wait_for_news()?;
            continue;
        }
        match run.drive(context, |conductor, watch| conductor.finish(run.id, watch)) {
            Err(error) if is_driven_by_another(&error) => {}
            finished => return finished,
        }
    }
}
