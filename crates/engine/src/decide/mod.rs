//! The decision: from records, a command, a time and a seed to changes. A function, and nothing else.

mod acceptance;
mod addition;
mod archive;
mod breaker;
mod budget;
mod cancel;
mod conductor;
mod draft;
mod effect;
mod ending;
mod gate;
mod hold;
mod lease;
mod needs;
mod patch;
mod person;
mod purge;
mod recovery;
mod redaction;
mod retry;
mod route;
mod run;
mod settle;
mod submit;
mod task;
mod winding;
mod worker;
mod workstream;

use tollhouse_core::{Change, RecordId, RunId, Stream, Version};

use crate::command::{At, Command};
use crate::refusal::Refusal;
use crate::view::View;
use draft::{Draft, Will};
pub(crate) use hold::waits_for_word;
pub(crate) use lease::next_trial;
pub(crate) use winding::{able, can_be_done, can_do, next_deadline, standstill};

pub use acceptance::is_awaited;
pub use lease::next_task;

/// What becomes true, and what it rests on. No change at all is a decision too: the command was seen before, or there
/// is nothing to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// What changes, in order.
    pub changes: Vec<Change>,
    /// What it rests on.
    pub relies_on: Vec<(RecordId, Version)>,
    /// The stream whose newest event it follows: it rests on the set of all that belongs to that stream. Absent where the
    /// records that it names say all.
    pub follows: Option<Stream>,
}

/// Decides one command, and everything that follows from it in other lifecycles.
///
/// # Errors
/// The command is refused; nothing changes.
///
/// ```
/// use tollhouse_core::{RunId, Timestamp};
/// use tollhouse_engine::{At, Command, Refusal, View, decide};
///
/// let at = At { now: Timestamp::from_micros(1_700_000_000_000_000), seed: 7 };
/// let run = RunId::from_parts(at.now, 1);
/// let refusal = decide(&View::default(), &Command::Tick { run }, at).unwrap_err();
/// assert_eq!(refusal, Refusal::NotFound { id: run.into() });
/// ```
pub fn decide(view: &View, command: &Command, at: At) -> Result<Decision, Refusal> {
    let mut draft = Draft::new(view, at);
    draft.follow(if command.is_override() { Will::Person } else { Will::Rule });
    let settled = handle(&mut draft, &redaction::redacted(command))?;
    draft.follow(Will::Rule);
    if let Some(run) = settled {
        settle::settle(&mut draft, run)?;
    }
    let follows = followed(command, settled);
    let (changes, relies_on) = draft.finish();
    Ok(if changes.is_empty() { Decision::default() } else { Decision { changes, relies_on, follows } })
}

/// The stream that a decision follows, where it rests on more than the records that it names.
fn followed(command: &Command, settled: Option<RunId>) -> Option<Stream> {
    match command {
        // That no living worker has its name.
        Command::RegisterWorker { .. } => Some(Stream::Project),
        Command::Drive { run, .. } | Command::StepDown { run, .. } | Command::PauseRun { run, .. } => {
            Some(Stream::Run(*run))
        }
        _ => settled.map(Stream::Run),
    }
}

/// Does what the command says; the answer is the run in which something may follow from it.
fn handle(draft: &mut Draft<'_>, command: &Command) -> Result<Option<RunId>, Refusal> {
    match command {
        Command::CreateRun { run, spec, started_by, legacy } => {
            run::create(draft, *run, spec, started_by, legacy.as_ref()).map(|()| None)
        }
        Command::SubmitPatch { run, spec, started_by, base, patch } => {
            submit::submit(draft, *run, (spec, started_by, base), patch).map(|()| Some(*run))
        }
        Command::AddTasks { run, tasks, added_by } => addition::add(draft, *run, tasks, added_by).map(|()| Some(*run)),
        Command::Drive { run, process, seen } => conductor::drive(draft, *run, process, *seen).map(|()| Some(*run)),
        Command::StepDown { run, epoch } => conductor::step_down(draft, *run, *epoch).map(|()| None),
        Command::StartRun { run, base } => run::start(draft, *run, base).map(|()| Some(*run)),
        Command::Tick { run } => task::tick(draft, *run).map(|()| Some(*run)),
        Command::PauseRun { run, reason } => run::pause(draft, *run, reason).map(|()| Some(*run)),
        Command::ResumeRun { run, reason } => run::resume(draft, *run, reason).map(|()| Some(*run)),
        Command::CancelRun { run, reason } => cancel::cancel(draft, *run, reason).map(|()| Some(*run)),
        Command::QuarantineRun { run, reason } => cancel::quarantine(draft, *run, reason).map(|()| Some(*run)),
        Command::ChangeBudget { budget, limit, reason } => budget::change(draft, *budget, *limit, reason),
        Command::OverrideTask { task, wish, reason } => person::task(draft, *task, wish, reason).map(Some),
        Command::OverridePatch { patch, wish, reason } => person::patch(draft, *patch, wish, reason),
        Command::OverrideWorkstream { workstream, wish, reason } => {
            workstream::person(draft, *workstream, *wish, reason).map(Some)
        }
        Command::Purge { record, reason } => purge::ask(draft, *record, reason).map(|()| None),
        Command::Archive { archive } => archive::ask(draft, archive).map(|()| None),
        Command::CreateGateRun { gate_run, gate, tree, parent } => {
            gate::create_by_hand(draft, *gate_run, gate, tree, parent).map(|()| None)
        }
        Command::RegisterWorker { worker, newcomer } => worker::register(draft, *worker, newcomer).map(|()| None),
        Command::LookAtWorker { worker, seen } => worker::look(draft, *worker, seen),
        Command::OverrideWorker { worker, wish, reason } => worker::word(draft, *worker, *wish, reason).map(|()| None),
        Command::Work { worker } => lease::work(draft, *worker).map(|()| None),
        Command::Claim { effect, by, until } => effect::claim(draft, *effect, by, *until).map(|()| None),
        Command::Settle { effect, by, found } => recovery::settle(draft, *effect, *by, found),
        Command::Report { effect, epoch, outcome } => effect::report(draft, *effect, *epoch, outcome),
    }
}
