//! Every text about work passes the redactor on its way in: what is decided, stored and shown is what it lets through.
//!
//! Work itself (patches, trees, paths) is kept as it is.

use tollhouse_core::entity::Output;
use tollhouse_core::spec::{RunSpec, TaskSpec};

use crate::command::{Command, TaskWish};
use crate::outcome::{Found, Outcome};
use crate::secret::redact;

/// The command with every text about work redacted.
pub(super) fn redacted(command: &Command) -> Command {
    let mut command = command.clone();
    match &mut command {
        Command::CreateRun { spec, .. } => run(spec),
        Command::AddTasks { tasks, .. } => tasks.iter_mut().for_each(|addition| task(&mut addition.spec)),
        Command::Report { outcome, .. } => self::outcome(outcome),
        Command::SubmitPatch { spec, patch, .. } => {
            run(spec);
            text(&mut patch.title);
        }
        Command::Settle { found: Found::Outcome(outcome), .. } => self::outcome(outcome),
        Command::OverrideTask { wish: TaskWish::Retry { say: Some(say) }, reason, .. } => {
            text(say);
            text(reason);
        }
        Command::PauseRun { reason, .. }
        | Command::ResumeRun { reason, .. }
        | Command::CancelRun { reason, .. }
        | Command::QuarantineRun { reason, .. }
        | Command::ChangeBudget { reason, .. }
        | Command::OverrideTask { reason, .. }
        | Command::OverridePatch { reason, .. }
        | Command::OverrideWorker { reason, .. }
        | Command::Purge { reason, .. }
        | Command::OverrideWorkstream { reason, .. }
        | Command::Settle { found: Found::NotDone { reason }, .. } => text(reason),
        Command::StartRun { .. }
        | Command::Tick { .. }
        | Command::Archive { .. }
        | Command::CreateGateRun { .. }
        | Command::RegisterWorker { .. }
        | Command::LookAtWorker { .. }
        | Command::Work { .. }
        | Command::Claim { .. }
        | Command::Drive { .. }
        | Command::StepDown { .. } => {}
    }
    command
}

fn run(spec: &mut RunSpec) {
    if let Some(objective) = &mut spec.objective {
        text(objective);
    }
    spec.labels.values_mut().for_each(text);
    spec.tasks.iter_mut().for_each(task);
}

fn task(spec: &mut TaskSpec) {
    text(&mut spec.prompt);
    spec.labels.values_mut().for_each(text);
}

fn outcome(outcome: &mut Outcome) {
    match outcome {
        Outcome::Vanished { facts, reason } => {
            printed(facts.output.as_mut());
            text(reason);
        }
        Outcome::Spawned(facts) => {
            printed(facts.output.as_mut());
            if let Some(trouble) = &mut facts.trouble {
                text(trouble);
            }
        }
        Outcome::Gated(facts) => {
            printed(facts.output.as_mut());
            if let Some(trouble) = &mut facts.trouble {
                text(trouble);
            }
        }
        Outcome::Conflicted { files, .. } => files.iter_mut().for_each(|(_, why)| text(why)),
        Outcome::Lost { reason } | Outcome::Failed { reason, .. } | Outcome::Stopped { reason } => text(reason),
        Outcome::Killed
        | Outcome::Purged { .. }
        | Outcome::Archived
        | Outcome::Applied { .. }
        | Outcome::Landed { .. } => {}
    }
}

fn printed(output: Option<&mut Output>) {
    if let Some(output) = output {
        text(&mut output.text);
    }
}

fn text(text: &mut String) {
    if let std::borrow::Cow::Owned(redacted) = redact(text) {
        *text = redacted;
    }
}
