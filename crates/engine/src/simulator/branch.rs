//! The landing branch: commits, each on the one before it, and a head that moves by compare-and-swap.

use std::ops::Deref;

use tollhouse_core::PatchId;
use tollhouse_core::entity::Candidate;

/// The landing branch. What is on it, oldest first: the id of the patch that landed, or other words for what somebody else
/// put there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branch {
    commits: Vec<String>,
    trees: Vec<Option<String>>,
}

impl Branch {
    /// The commit that it stands at.
    pub fn head(&self) -> String {
        format!("head{}", self.commits.len())
    }

    /// Somebody else puts a commit on it.
    pub fn move_by_others(&mut self) {
        self.commits.push("somebody else's".to_owned());
        self.trees.push(None);
    }

    /// Somebody takes back what a patch changed, with a commit of its own. One that is there already is found.
    pub fn revert(&mut self, patch: PatchId) -> String {
        if let Some(commit) = self.revert_of(patch) {
            return commit;
        }
        self.commits.push(revert_of(patch));
        self.trees.push(None);
        format!("commit{}", self.commits.len())
    }

    /// The commit that took back what a patch changed, if one did.
    pub fn revert_of(&self, patch: PatchId) -> Option<String> {
        let name = revert_of(patch);
        self.commits.iter().position(|landed| *landed == name).map(|place| format!("commit{}", place + 1))
    }

    /// The commit that a patch landed as, if it did.
    pub fn commit_of(&self, patch: PatchId) -> Option<String> {
        self.place_of(patch).map(|place| format!("commit{}", place + 1))
    }

    /// The tree that a patch landed with, if it did.
    pub fn tree_of(&self, patch: PatchId) -> Option<&str> {
        self.trees.get(self.place_of(patch)?)?.as_deref()
    }

    /// Moves to a candidate, if it stands where the candidate was made. A patch that is there already is found, not landed
    /// again.
    pub fn land(&mut self, patch: PatchId, candidate: &Candidate) -> Option<String> {
        if self.place_of(patch).is_none() && candidate.parent == self.head() {
            self.commits.push(patch.to_string());
            self.trees.push(Some(candidate.tree.clone()));
        }
        self.commit_of(patch)
    }

    fn place_of(&self, patch: PatchId) -> Option<usize> {
        let name = patch.to_string();
        self.commits.iter().position(|landed| *landed == name)
    }
}

fn revert_of(patch: PatchId) -> String {
    format!("revert of {patch}")
}

impl Deref for Branch {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.commits
    }
}

impl<const N: usize> PartialEq<[String; N]> for Branch {
    fn eq(&self, other: &[String; N]) -> bool {
        self.commits == other
    }
}
