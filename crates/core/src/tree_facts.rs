//! Facts about the tree that a patch produced, which its text cannot show. The runner finds them; policy judges them.

use crate::path::RepoPath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry of the resulting tree that the patch touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TreeEntryFact {
    /// Where it is.
    pub path: RepoPath,
    /// Git's mode, as in `120000`.
    pub mode: String,
    /// Bytes of content.
    pub size_bytes: u64,
    /// What a symbolic link points to.
    pub link_target: Option<RepoPath>,
}

/// A file whose new content is one that it had before, on the landing branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OlderContent {
    /// The file.
    pub path: RepoPath,
    /// The commit whose work would be undone: the newest one that replaced that content.
    pub undoes: String,
}

/// What the runner found in the tree that a patch produced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TreeFacts {
    /// The entries that the patch added or changed.
    pub entries: Vec<TreeEntryFact>,
    /// Paths of the tree that differ by case only from one that the patch added, in pairs.
    pub case_clashes: Vec<(RepoPath, RepoPath)>,
    /// Files that would go back to an older content that the patch did not start from.
    pub older_contents: Vec<OlderContent>,
    /// Paths whose landed change would not be the patch's change.
    pub not_conserved: Vec<RepoPath>,
}
