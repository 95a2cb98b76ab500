//! What is on a branch, for whoever compares it with what should be.

use std::collections::BTreeSet;

use git2::{Error, Oid};

use super::{Project, ProjectProblem};

/// A commit as it is, as far as it says what landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its id.
    pub id: Oid,
    /// Its tree.
    pub tree: Oid,
    /// Its first parent; none for a root, or where a shallow clone ends.
    pub parent: Option<Oid>,
    /// Its message, with bytes that are not UTF-8 replaced.
    pub message: String,
}

impl Project {
    /// Shows a commit and those before it, newest first, along first parents, up to one that was shown already.
    ///
    /// # Errors
    ///
    /// Whatever `show` says, or where an object is missing or damaged.
    pub fn walk_back<E: From<ProjectProblem>>(
        &self,
        tip: Oid,
        shown: &mut BTreeSet<Oid>,
        mut show: impl FnMut(CommitFacts) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut next = Some(tip);
        while let Some(id) = next.filter(|id| shown.insert(*id)) {
            let facts = self.commit_facts(id).map_err(ProjectProblem::from)?;
            next = facts.parent.filter(|parent| self.has_commit(*parent));
            show(facts)?;
        }
        Ok(())
    }

    fn commit_facts(&self, id: Oid) -> Result<CommitFacts, Error> {
        let commit = self.repo().find_commit(id)?;
        Ok(CommitFacts {
            id,
            tree: commit.tree_id(),
            parent: commit.parent_id(0).ok(),
            message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
        })
    }

    /// Whether a commit is in the repository.
    pub fn has_commit(&self, id: Oid) -> bool {
        self.repo().find_commit(id).is_ok()
    }
}
