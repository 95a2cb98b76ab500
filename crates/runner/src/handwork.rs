//! Work that goes out to a person as a branch, and comes back as one.

use tollhouse_core::PatchId;
use tollhouse_core::entity::Patch;

use crate::clock;
use crate::conductor::{HandedIn, new_patch};
use crate::error::RunnerError;
use crate::git::{
    CHECKOUT_TRAILER, GitError, LedgerRepo, Oid, Project, Signature, Written, diff_text, kept_commit, trailer,
    with_trailers,
};
use crate::site::Site;

/// A patch as a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// The branch.
    pub branch: String,
    /// Its commit: the patch on what it was made on.
    pub commit: Oid,
}

/// Makes a branch of a patch, in the maintainer's repository. Nothing is checked out.
///
/// # Errors
/// There is such a branch already, or what the patch did is not kept any more.
pub fn check_out(site: &Site, patch: &Patch) -> Result<CheckedOut, RunnerError> {
    let (repo, project) = (site.open_repo()?, site.project()?);
    let name = match patch.attempt {
        Some(attempt) => format!("attempts/{attempt}"),
        None => format!("submissions/{}", patch.id),
    };
    let kept = repo.kept(&name).map_err(GitError::from)?;
    let kept = kept.filter(|kept| kept.blob.to_string() == patch.blob);
    let kept = kept.ok_or(RunnerError::NotKept { patch: patch.id })?;
    let branch = format!("toll/patch-{}", &patch.id.random_part()[..8].to_ascii_lowercase());
    let message = with_trailers(&patch.title, &[(CHECKOUT_TRAILER, patch.id.to_string())]);
    let nobody = || Signature { name: "Tollhouse".to_owned(), email: "tollhouse@localhost".to_owned() };
    let who = project.person().unwrap_or_else(nobody);
    let commit = kept_commit(&repo, &kept, &message, &who, clock::now()).map_err(GitError::from)?;
    project.import(&repo, commit)?;
    if project.make_branch(&branch, commit)? {
        return Ok(CheckedOut { branch, commit });
    }
    Err(RunnerError::BranchExists { branch })
}

/// Whether there is what is to be handed in. To be asked before a ledger is made, so that what is refused leaves nothing
/// behind.
///
/// # Errors
/// There is no such commit, the two share nothing, or the branch changes nothing.
pub fn may_hand_in(site: &Site, rev: &str, base: Option<&str>, onto: Oid) -> Result<(), RunnerError> {
    let project = site.project()?;
    let (tip, base) = tip_and_base(&project, rev, base, onto)?;
    if project.hold_the_same(tip, base)? { Err(nothing_to_submit(rev, base)) } else { Ok(()) }
}

fn nothing_to_submit(rev: &str, base: Oid) -> RunnerError {
    RunnerError::NothingToSubmit { branch: rev.to_owned(), base: base.to_string() }
}

fn tip_and_base(project: &Project, rev: &str, base: Option<&str>, onto: Oid) -> Result<(Oid, Oid), RunnerError> {
    let tip = project.resolve(rev)?;
    let base = match base {
        Some(base) => project.resolve(base)?,
        None => project.merge_base(tip, onto)?.ok_or_else(|| RunnerError::Unrelated { branch: rev.to_owned() })?,
    };
    Ok((tip, base))
}

/// Reads what a branch has over another commit, and keeps it in the ledger's repository.
///
/// `onto` is the commit that it is to land on; without `base`, what the two share is what it was made on.
///
/// # Errors
/// There is no such commit, the two share nothing, or the branch changes nothing.
pub fn hand_in(site: &Site, rev: &str, base: Option<&str>, onto: Oid) -> Result<HandedIn, RunnerError> {
    let (repo, project) = (site.open_repo()?, site.project()?);
    let (tip, base) = tip_and_base(&project, rev, base, onto)?;
    let id = PatchId::from_parts(clock::now(), clock::random_id_bits());
    // Pinned in the lender before anything borrows.
    project.pin(&format!("submissions/{id}"), tip)?;
    let (before, after) = (tree(&repo, base)?, tree(&repo, tip)?);
    let text = diff_text(&repo, before, after)?;
    if text.is_empty() {
        project.unpin(&format!("submissions/{id}"))?;
        return Err(nothing_to_submit(rev, base));
    }
    let change = new_patch(&text, base)?;
    let blob = repo.keep(&format!("submissions/{id}"), base, after, &text).map_err(GitError::from)?;
    let history = project.history(tip, base)?;
    let written: Vec<String> =
        history.iter().filter_map(|commit| trailer(&commit.message, CHECKOUT_TRAILER).map(str::to_owned)).collect();
    Ok(HandedIn {
        id,
        change: tollhouse_engine::NewPatch { blob: blob.to_string(), ..change },
        title: title(rev, &history),
        author: history.first().map(|commit| commit.author.clone()),
        replaces: written.first().and_then(|text| text.parse().ok()),
    })
}

/// Lets go of what was handed in and is in no run.
pub(crate) fn take_back(site: &Site, id: PatchId) -> Result<(), RunnerError> {
    let name = format!("submissions/{id}");
    site.open_repo()?.unpin(&name).map_err(GitError::from)?;
    Ok(site.project()?.unpin(&name)?)
}

fn tree(repo: &LedgerRepo, commit: Oid) -> Result<Oid, RunnerError> {
    Ok(repo.tree_of(commit).map_err(GitError::from)?)
}

/// One commit, not counting what a checkout made, speaks for itself; several go by their branch.
fn title(rev: &str, history: &[Written]) -> String {
    let subject = |commit: &&Written| commit.message.lines().next().unwrap_or_default().to_owned();
    let made = |commit: &&Written| trailer(&commit.message, CHECKOUT_TRAILER).is_none();
    let own: Vec<String> = history.iter().filter(made).map(|commit| subject(&commit)).collect();
    match (own.as_slice(), history) {
        ([only], _) => only.clone(),
        // A branch that comes back as it went out.
        ([], [only]) => subject(&only),
        _ => rev.to_owned(),
    }
}
