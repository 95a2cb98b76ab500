//! Where work starts and what the next landing stands on.

use tollhouse_core::spec::RunSpec;

use crate::error::RunnerError;
use crate::git::{GitError, Oid, Project};

use super::perform::RunFacts;

/// The commit that work starts from, and the landing branch as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The commit that the next change stands on.
    pub commit: Oid,
    /// Where the landing branch is; `None` where there is none yet.
    pub landing: Option<Oid>,
    /// Where the target is.
    pub target: Oid,
}

impl Head {
    /// The branch whose commit work starts from: the target, but where something landed ahead of it.
    pub fn branch<'s>(&self, spec: &'s RunSpec) -> &'s str {
        if self.commit == self.target { &spec.target } else { &spec.land_on }
    }
}

/// Where the landing branch stands when a run begins, the target taken in where it moved ahead.
///
/// # Errors
/// There is no target, or both branches have commits that the other lacks.
pub fn landing_head(project: &Project, target: &str, land_on: &str) -> Result<Head, RunnerError> {
    match look(project, target, land_on)? {
        Look::One(head) => Ok(head),
        Look::Diverged { .. } => Err(RunnerError::Diverged { land_on: land_on.to_owned(), target: target.to_owned() }),
    }
}

/// Where the landing branch stands while a run goes on. What a person commits to the target meanwhile, beside what has
/// landed already, waits for the next run: it must not stop this one.
///
/// # Errors
/// There is no target, or what this run landed is not on the branch any more.
pub(super) fn head_in_run(project: &Project, run: &RunFacts) -> Result<Head, RunnerError> {
    let head = match look(project, &run.target, &run.land_on)? {
        Look::One(head) => head,
        Look::Diverged { landing, target } => Head { commit: landing, landing: Some(landing), target },
    };
    if let Some(landed) = &run.landed {
        let id = Oid::from_str(landed).map_err(GitError::from)?;
        if !project.is_ancestor(id, head.commit)? {
            return Err(RunnerError::LandingRewritten { branch: run.land_on.clone(), commit: landed.clone() });
        }
    }
    Ok(head)
}

enum Look {
    One(Head),
    Diverged { landing: Oid, target: Oid },
}

fn look(project: &Project, target: &str, land_on: &str) -> Result<Look, RunnerError> {
    let landing = project.branch(land_on)?;
    let Some(target_commit) = project.branch(target)? else {
        return Err(RunnerError::NoTarget { branch: target.to_owned() });
    };
    let commit = match landing {
        None => target_commit,
        Some(landing) if project.is_ancestor(target_commit, landing)? => landing,
        Some(landing) if project.is_ancestor(landing, target_commit)? => target_commit,
        Some(landing) => return Ok(Look::Diverged { landing, target: target_commit }),
    };
    Ok(Look::One(Head { commit, landing, target: target_commit }))
}
