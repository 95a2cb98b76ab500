//! Branches that go out to a person, and what they hold when they come back.

use git2::{Error, ErrorCode, Oid};
use tollhouse_core::Timestamp;

use crate::failpoint::around;

use super::{Kept, LedgerRepo, Project, ProjectProblem, Signature};

/// How many commits of a branch are looked at.
const COMMITS_MAX: usize = 1000;

/// A commit, as far as a submission wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// All of its message.
    pub message: String,
    /// Who wrote it, as in `Ada <ada@example.org>`.
    pub author: String,
}

/// Makes a commit of what was kept, on what it was made on, in the ledger's repository.
///
/// # Errors
///
/// libgit2's, where an object is missing or the disk refuses.
pub fn kept_commit(
    repo: &LedgerRepo,
    kept: &Kept,
    message: &str,
    who: &Signature,
    time: Timestamp,
) -> Result<Oid, Error> {
    let who = who.at(time)?;
    let git = repo.repo();
    let (tree, parent) = (git.find_tree(kept.tree)?, git.find_commit(kept.base)?);
    around("git.commit", || git.commit(None, &who, &who, message, &tree, &[&parent]))
}

impl Project {
    /// Makes a branch that is not there yet; the answer is whether it was made. Durable when it returns.
    ///
    /// # Errors
    ///
    /// libgit2's, where the disk refuses.
    pub fn make_branch(&self, name: &str, commit: Oid) -> Result<bool, ProjectProblem> {
        let name = format!("refs/heads/{name}");
        let made =
            around("git.branch", || self.repo().reference(&name, commit, false, "tollhouse: checkout").map(drop));
        match made {
            Ok(()) => self.sync_ref(&name).map(|()| true),
            Err(error) if error.code() == ErrorCode::Exists => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether two commits hold the same files.
    ///
    /// # Errors
    ///
    /// libgit2's, where one of them is missing.
    pub fn hold_the_same(&self, one: Oid, other: Oid) -> Result<bool, ProjectProblem> {
        let tree = |commit| self.repo().find_commit(commit).map(|commit| commit.tree_id());
        Ok(tree(one)? == tree(other)?)
    }

    /// The newest commit that two share, if they share one.
    ///
    /// # Errors
    ///
    /// libgit2's, where an object is missing.
    pub fn merge_base(&self, one: Oid, other: Oid) -> Result<Option<Oid>, ProjectProblem> {
        match self.repo().merge_base(one, other) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The commits that a tip has over a base, newest first.
    ///
    /// # Errors
    ///
    /// libgit2's, where an object is missing.
    pub fn history(&self, tip: Oid, base: Oid) -> Result<Vec<Written>, ProjectProblem> {
        let mut walk = self.repo().revwalk()?;
        walk.push(tip)?;
        walk.hide(base)?;
        let mut found = Vec::new();
        for id in walk.take(COMMITS_MAX) {
            let commit = self.repo().find_commit(id?)?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let author = commit.author();
            found.push(Written {
                message: text(commit.message_bytes()),
                author: format!("{} <{}>", text(author.name_bytes()), text(author.email_bytes())),
            });
        }
        Ok(found)
    }
}
