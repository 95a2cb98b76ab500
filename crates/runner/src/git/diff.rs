//! The text of a patch between two trees, proven by applying it.

use git2::{Delta, Diff, DiffFindOptions, DiffFormat, DiffLineType, DiffOptions, Error, Oid};
use thiserror::Error;
use tollhouse_engine::patch::{PatchProblem, parse};

use crate::ailment::told;

use super::{Conflict, LedgerRepo, candidate};

/// Why there is no text for a change.
#[derive(Debug, Error)]
pub enum DiffProblem {
    /// The text that came out cannot be read back.
    #[error("the patch cannot be read back: {0}")]
    Unreadable(PatchProblem),
    /// The text that came out does not fit what it was made from.
    #[error("the patch does not fit its own base: {0}")]
    Misfit(#[source] Conflict),
    /// The text that came out makes another tree.
    #[error("the patch makes the tree {made}, and should make {wanted}")]
    OtherTree {
        /// The tree that it makes.
        made: Oid,
        /// The tree that it was made from.
        wanted: Oid,
    },
    /// An object is missing or damaged.
    #[error("{}", told(.0))]
    Git(#[from] Error),
}

/// The change between two trees as a git unified diff: whole ids, binary content, renames found. Empty where they are the same.
/// No attributes or configuration of the user count.
///
/// # Errors
///
/// [`DiffProblem`], also where the text would not make exactly the new tree of the old one.
pub fn diff_text(repo: &LedgerRepo, old: Oid, new: Oid) -> Result<Vec<u8>, DiffProblem> {
    if old == new {
        return Ok(Vec::new());
    }
    let text = print(&find(repo, old, new)?)?;
    let diff = parse(&text).map_err(|mut problems| DiffProblem::Unreadable(problems.remove(0)))?;
    match candidate(repo, &diff, Some(old), old)?.map_err(DiffProblem::Misfit)?.tree {
        made if made == new => Ok(text),
        made => Err(DiffProblem::OtherTree { made, wanted: new }),
    }
}

fn find(repo: &LedgerRepo, old: Oid, new: Oid) -> Result<Diff<'_>, Error> {
    let (old, new) = (repo.repo().find_tree(old)?, repo.repo().find_tree(new)?);
    let mut options = DiffOptions::new();
    options.context_lines(3).id_abbrev(40).show_binary(true).indent_heuristic(true);
    let mut diff = repo.repo().diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))?;
    diff.find_similar(Some(DiffFindOptions::new().renames(true).rename_limit(1000)))?;
    Ok(diff)
}

fn print(diff: &Diff<'_>) -> Result<Vec<u8>, Error> {
    // Deletions first: where one file takes the place of another, git reads them in this order only.
    let (mut deletions, mut rest) = (Vec::new(), Vec::new());
    diff.print(DiffFormat::Patch, |delta, _, line| {
        let text = if delta.status() == Delta::Deleted { &mut deletions } else { &mut rest };
        // libgit2 says that binary files differ where only their mode or name does.
        if line.origin_value() == DiffLineType::Binary && delta.old_file().id() == delta.new_file().id() {
            return true;
        }
        if let origin @ ('+' | '-' | ' ') = line.origin() {
            text.push(u8::try_from(origin).expect("the mark is ASCII"));
        }
        text.extend_from_slice(line.content());
        true
    })?;
    deletions.append(&mut rest);
    Ok(deletions)
}
