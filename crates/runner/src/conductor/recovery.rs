//! Looking at the world for each effect whose runner is gone: is the commit there, is a process alive, is the workspace whole.
//!
//! It ends what is left of them, and says what it saw. What follows from that the engine decides.

use tollhouse_core::entity::{Attempt, Effect, ErrorClass, GateRun, Patch, Task, Work};
use tollhouse_engine::{AttemptFacts, Found, Outcome, View};

use super::perform::{self, Hands, RunFacts};
use crate::error::RunnerError;
use crate::git::{GitError, look_for_landed};
use crate::process::{GRACE, end_strays};

/// What became of an effect.
///
/// # Errors
/// The world cannot be looked at: the effect stays unknown, to be looked at again.
pub(super) fn look(hands: &Hands<'_>, effect: &Effect, view: &View) -> Result<Found, RunnerError> {
    let reason = effect.reason.clone().unwrap_or_else(|| "its runner is gone".to_owned());
    let Some(run) = RunFacts::of(effect, view) else {
        return Ok(Found::NotDone { reason });
    };
    match effect.work {
        Work::Kill { .. } => Ok(Found::outcome(Outcome::Killed)),
        // It only makes objects, which harm nobody; the same again makes the same.
        Work::Apply { .. } | Work::Purge { .. } | Work::Archive { .. } => Ok(Found::NotDone { reason }),
        Work::Spawn { attempt } => {
            let attempt = view.get::<Attempt>(attempt);
            let task = attempt.and_then(|attempt| view.get::<Task>(attempt.task));
            let (Some(attempt), Some(task)) = (attempt, task) else { return Ok(Found::NotDone { reason }) };
            look_at_attempt(hands, &run, (task, attempt), reason)
        }
        Work::Gate { gate_run } => {
            if let Some(gate_run) = view.get::<GateRun>(gate_run) {
                perform::clear_gate(&hands.site.run_dir(run.id), gate_run);
            }
            Ok(Found::outcome(Outcome::Stopped { reason }))
        }
        Work::Land { patch } => match view.get::<Patch>(patch) {
            Some(patch) => look_at_landing(hands, &run, patch, reason),
            None => Ok(Found::NotDone { reason }),
        },
    }
}

/// What an agent left that nobody waits for any more is evidence. Where it never began, it may begin.
fn look_at_attempt(
    hands: &Hands<'_>,
    run: &RunFacts,
    (task, attempt): (&Task, &Attempt),
    reason: String,
) -> Result<Found, RunnerError> {
    let desk = perform::Desk::at(&hands.site.run_dir(run.id), task, attempt);
    end_strays(&desk.workspace, GRACE);
    let left = perform::read_what_was_left(hands, run, attempt, &desk);
    if let Err(error) = &left
        && perform::class_of(error) == ErrorClass::ResourceLimit
    {
        // It may be read once there is room: it stays where it is until then.
        desk.leave();
        return left.map(|_| Found::NotDone { reason });
    }
    // Whatever could be read is in the ledger's repository by now.
    drop(desk);
    Ok(match left {
        Ok(Some(facts)) => Found::outcome(Outcome::Vanished { facts, reason }),
        Ok(None) => Found::NotDone { reason },
        Err(error) => {
            let reason = format!("{reason}, and what it left cannot be read: {error}");
            Found::outcome(Outcome::Vanished { facts: AttemptFacts::default(), reason })
        }
    })
}

fn look_at_landing(hands: &Hands<'_>, run: &RunFacts, patch: &Patch, reason: String) -> Result<Found, RunnerError> {
    let project = hands.site.project()?;
    let landed = look_for_landed(&project, &run.land_on, &patch.id.to_string()).map_err(GitError::from)?;
    Ok(match landed {
        Some(commit) => Found::outcome(Outcome::Landed { commit: commit.to_string() }),
        None => Found::NotDone { reason },
    })
}
