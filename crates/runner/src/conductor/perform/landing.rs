//! The way to the branch: a candidate tree, then a commit and a compare-and-swap.

use tollhouse_core::Stream;
use tollhouse_core::entity::{Candidate, ErrorClass, Patch};
use tollhouse_core::spec::CommitAuthor;
use tollhouse_engine::Outcome;
use tollhouse_engine::patch::parse;
use tollhouse_engine::verify::Anchor;

use super::{Hands, RunFacts};
use crate::clock;
use crate::conductor::head::head_in_run;
use crate::error::RunnerError;
use crate::failpoint::around;
use crate::git::{
    self, GitError, LEDGER_TRAILER, LandOutcome, Landing, Oid, PATCH_TRAILER, RUN_TRAILER, Signature, candidate,
    with_trailers,
};

/// Makes a candidate tree on the present landing branch.
pub(super) fn apply(hands: &Hands<'_>, run: &RunFacts, patch: &Patch) -> Result<Outcome, RunnerError> {
    let repo = hands.site.open_repo()?;
    let project = hands.site.project()?;
    let head = head_in_run(&project, run)?;
    project.pin(&format!("runs/{}/{}", run.id, patch.id), head.commit)?;
    let text = repo.blob(&patch.blob)?;
    let diff = parse(&text).map_err(|problems| GitError::unreadable_diff(&problems))?;
    let base = Oid::from_str(&patch.base).map_err(GitError::from)?;
    Ok(match around("git.candidate", || candidate(&repo, &diff, Some(base), head.commit))? {
        Ok(made) => {
            repo.put_on_disk().map_err(GitError::from)?;
            Outcome::Applied {
                candidate: Candidate { tree: made.tree.to_string(), parent: head.commit.to_string() },
                facts: made.facts,
            }
        }
        Err(conflict) => Outcome::Conflicted { target: head.commit.to_string(), files: conflict.files },
    })
}

/// Commits a verified candidate and moves the landing branch to it.
pub(super) fn land(
    hands: &Hands<'_>,
    run: &RunFacts,
    patch: &Patch,
    agent: Option<&str>,
) -> Result<Outcome, RunnerError> {
    let Some(stands) = &patch.candidate else {
        let reason = "it has no candidate tree".to_owned();
        return Ok(Outcome::Failed { class: ErrorClass::PlanInconsistent, reason });
    };
    let repo = hands.site.open_repo()?;
    let project = hands.site.project()?;
    // A compare-and-swap that was done and not recorded is found, never repeated.
    if let Some(commit) = project.find_landed(&run.land_on, &patch.id.to_string())? {
        return Ok(Outcome::Landed { commit: commit.to_string() });
    }
    let head = head_in_run(&project, run)?;
    if head.commit.to_string() != stands.parent {
        return Ok(Outcome::Lost { reason: format!("{} moved to {}", run.land_on, head.commit) });
    }
    let mut trailers = vec![(PATCH_TRAILER, patch.id.to_string()), (RUN_TRAILER, run.id.to_string())];
    // So that who edits the ledger would have to edit what landed, too.
    if let Some(ledger) = hands.site.read_ledger()?
        && let Some(head) = Anchor::of(&ledger, Stream::Run(run.id))?
    {
        trailers.push((LEDGER_TRAILER, head.to_string()));
    }
    let time = clock::now();
    // As git knows them, else by the name that they act under.
    let person = project.person().unwrap_or_else(|| signature_of(hands.person));
    let landing = Landing {
        branch: run.land_on.clone(),
        expected: head.landing,
        tree: Oid::from_str(&stands.tree).map_err(GitError::from)?,
        parent: head.commit,
        message: with_trailers(&patch.title, &trailers),
        author: match &patch.author {
            Some(handed_in) => signature_of(handed_in),
            None => author(&run.author, agent, &person),
        },
        committer: Signature { name: "Tollhouse".to_owned(), email: "tollhouse@localhost".to_owned() },
        time,
    };
    let landed = match git::land(&project, &repo, &landing) {
        Ok(landed) => landed,
        // It may have failed after the branch had moved: what counts is the branch.
        Err(error) => match project.find_landed(&run.land_on, &patch.id.to_string()) {
            Ok(Some(commit)) => LandOutcome::Landed { commit },
            _ => return Err(error.into()),
        },
    };
    Ok(match landed {
        LandOutcome::Landed { commit } => Outcome::Landed { commit: commit.to_string() },
        LandOutcome::Lost { found } => {
            let found = found.map_or("nowhere".to_owned(), |found| found.to_string());
            Outcome::Lost { reason: format!("{} is at {found}, not where it was", run.land_on) }
        }
    })
}

/// Whose name the commit carries as its author.
fn author(wanted: &CommitAuthor, agent: Option<&str>, person: &Signature) -> Signature {
    match (wanted, agent) {
        (CommitAuthor::Agent, Some(agent)) => {
            Signature { name: agent.to_owned(), email: format!("{agent}@agents.tollhouse.local") }
        }
        (CommitAuthor::Agent, None) | (CommitAuthor::Me, _) => person.clone(),
        (CommitAuthor::Named(text), _) => signature_of(text),
    }
}

/// Reads `Name <mail>`; a name alone gets an address that leads nowhere.
fn signature_of(text: &str) -> Signature {
    match text.split_once('<') {
        Some((name, mail)) => {
            Signature { name: name.trim().to_owned(), email: mail.trim_end_matches('>').trim().to_owned() }
        }
        None => Signature { name: text.to_owned(), email: "nobody@localhost".to_owned() },
    }
}
