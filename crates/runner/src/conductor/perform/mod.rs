//! Doing one effect: from what the records say to facts. What went wrong is a fact, too.

mod attempt;
mod desk;
mod gate;
mod landing;

use tollhouse_core::entity::{Attempt, Effect, ErrorClass, GateRun, Patch, Run, Task, Work};
use tollhouse_core::spec::{AgentSpec, CommitAuthor, WorkspaceSpec};
use tollhouse_core::{AttemptId, RunId};
use tollhouse_engine::patch::content_hash;
use tollhouse_engine::{Outcome, View};

use super::switches::Switches;
use crate::ailment::Ailment;
use crate::error::RunnerError;
use crate::failpoint::around;
use crate::git::{GitError, LandProblem};
use crate::site::Site;

pub(crate) use attempt::new_patch;
pub(super) use attempt::read_what_was_left;
pub(super) use desk::{Desk, clear_away};
pub(super) use gate::{Place, clear as clear_gate, run_gate};

/// What every effect is done with.
#[derive(Debug)]
pub(super) struct Hands<'a> {
    pub(super) site: &'a Site,
    pub(super) person: &'a str,
    pub(super) switches: &'a Switches,
}

/// What an effect needs to know of its run.
#[derive(Debug, Clone)]
pub(super) struct RunFacts {
    pub(super) id: RunId,
    pub(super) target: String,
    pub(super) land_on: String,
    /// The newest commit that landed in this run.
    pub(super) landed: Option<String>,
    workspace: WorkspaceSpec,
    author: CommitAuthor,
    trace: String,
}

impl RunFacts {
    /// What the records say of an effect's run.
    pub(super) fn of(effect: &Effect, view: &View) -> Option<Self> {
        let run = view.get::<Run>(effect.run?)?;
        Some(Self {
            id: run.id,
            target: run.spec.target.clone(),
            land_on: run.spec.land_on.clone(),
            landed: newest_landed(view, run.id),
            workspace: run.spec.workspace.clone(),
            author: run.spec.author.clone(),
            trace: tollhouse_engine::trace_of(tollhouse_core::Stream::Run(run.id)),
        })
    }
}

/// One effect with all that it needs to know, so that it can be done on a thread of its own.
#[derive(Debug)]
pub(super) enum Assignment {
    Spawn {
        run: RunFacts,
        task: Box<Task>,
        attempt: Box<Attempt>,
        agent: AgentSpec,
    },
    Kill {
        attempt: AttemptId,
    },
    Apply {
        run: RunFacts,
        patch: Box<Patch>,
    },
    Gate {
        run: RunFacts,
        task: Option<String>,
        gate_run: Box<GateRun>,
    },
    Land {
        run: RunFacts,
        patch: Box<Patch>,
        agent: Option<String>,
    },
    /// The records do not have what it needs.
    Impossible {
        what: String,
    },
}

impl Assignment {
    /// Gathers what an effect needs from the records.
    pub(super) fn of(effect: &Effect, view: &View) -> Self {
        Self::gather(effect, view).unwrap_or_else(|| Self::Impossible {
            what: format!("the ledger does not hold what effect {} is about", effect.id),
        })
    }

    /// The name of its failpoints.
    const fn point(&self) -> &'static str {
        match self {
            Self::Spawn { .. } => "effect.spawn",
            Self::Kill { .. } => "effect.kill",
            Self::Apply { .. } => "effect.apply",
            Self::Gate { .. } => "effect.gate",
            Self::Land { .. } => "effect.land",
            Self::Impossible { .. } => "effect.none",
        }
    }

    fn gather(effect: &Effect, view: &View) -> Option<Self> {
        let run = view.get::<Run>(effect.run?)?;
        let facts = RunFacts::of(effect, view)?;
        Some(match effect.work {
            Work::Spawn { attempt } => {
                let attempt = view.get::<Attempt>(attempt)?;
                let agent = run.spec.agents.iter().find(|agent| agent.name == attempt.agent)?.clone();
                let task = Box::new(view.get::<Task>(attempt.task)?.clone());
                Self::Spawn { run: facts, task, attempt: Box::new(attempt.clone()), agent }
            }
            Work::Kill { attempt } => Self::Kill { attempt },
            // It belongs to no run.
            Work::Purge { .. } | Work::Archive { .. } => return None,
            Work::Apply { patch } => Self::Apply { run: facts, patch: Box::new(view.get::<Patch>(patch)?.clone()) },
            Work::Gate { gate_run } => {
                let gate_run = view.get::<GateRun>(gate_run)?;
                let patch = gate_run.patch.and_then(|patch| view.get::<Patch>(patch));
                let task = patch.and_then(|patch| patch.task).and_then(|task| view.get::<Task>(task));
                let task = task.map(|task| task.spec.name.clone());
                Self::Gate { run: facts, task, gate_run: Box::new(gate_run.clone()) }
            }
            Work::Land { patch } => {
                let patch = view.get::<Patch>(patch)?;
                let attempt = patch.attempt.and_then(|attempt| view.get::<Attempt>(attempt));
                let agent = attempt.map(|attempt| attempt.agent.clone());
                Self::Land { run: facts, patch: Box::new(patch.clone()), agent }
            }
        })
    }
}

fn newest_landed(view: &View, run: RunId) -> Option<String> {
    let landed = view.all::<Patch>().filter(|patch| patch.run == Some(run) && patch.commit.is_some());
    landed.max_by_key(|patch| patch.finished_at).and_then(|patch| patch.commit.clone())
}

/// The W3C trace context of an attempt or a gate run: its span is the first 64 bits of its id's hash.
fn traceparent(trace: &str, id: &str) -> String {
    format!("00-{trace}-{}-01", &content_hash(id.as_bytes())[..16])
}

/// Does one effect.
pub(super) fn perform(hands: &Hands<'_>, assignment: Assignment) -> Outcome {
    around(assignment.point(), || carry_out(hands, assignment))
}

fn carry_out(hands: &Hands<'_>, assignment: Assignment) -> Outcome {
    let done = match assignment {
        Assignment::Spawn { run, task, attempt, agent } => attempt::spawn(hands, &run, &task, &attempt, &agent),
        Assignment::Kill { attempt } => {
            hands.switches.of(attempt).throw();
            Ok(Outcome::Killed)
        }
        Assignment::Apply { run, patch } => landing::apply(hands, &run, &patch),
        Assignment::Gate { run, task, gate_run } => gate::perform(hands, &run, task.as_deref(), &gate_run),
        Assignment::Land { run, patch, agent } => landing::land(hands, &run, &patch, agent.as_deref()),
        Assignment::Impossible { what } => Ok(Outcome::Failed { class: ErrorClass::PlanInconsistent, reason: what }),
    };
    done.unwrap_or_else(|error| Outcome::Failed { class: class_of(&error), reason: error.to_string() })
}

/// What kind of failure it is when our own hands fail.
pub(super) fn class_of(error: &RunnerError) -> ErrorClass {
    match error {
        _ if error.ailment() == Some(Ailment::DiskFull) => ErrorClass::ResourceLimit,
        _ if error.ailment() == Some(Ailment::Locked) => ErrorClass::Conflict,
        // Somebody's doing, and theirs to undo: nothing is wrong with the change.
        RunnerError::LandingRewritten { .. }
        | RunnerError::NoTarget { .. }
        | RunnerError::Git(GitError::Land(LandProblem::CheckedOut { .. } | LandProblem::Busy { .. })) => {
            ErrorClass::Conflict
        }
        _ => ErrorClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_that_libgit2_tells_of_is_a_lack_of_room_and_not_the_agents_doing() {
        let message = "failed to write chunk: No space left on device";
        let error = git2::Error::new(git2::ErrorCode::GenericError, git2::ErrorClass::Os, message);
        assert_eq!(class_of(&GitError::from(error).into()), ErrorClass::ResourceLimit);
    }
}
