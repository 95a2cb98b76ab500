//! What a patch does, in facts that policy and people can judge: no content, only names, modes and counts.

use crate::path::RepoPath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new file.
    Added,
    /// New content, a new mode, or both.
    Modified,
    /// Gone.
    Deleted,
    /// Another path, perhaps with other content.
    Renamed,
    /// A copy of another path, perhaps with other content.
    Copied,
}

/// One file of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileChange {
    /// Where it is after the patch (before it, for a deletion).
    pub path: RepoPath,
    /// Where it came from, for a rename or a copy.
    pub old_path: Option<RepoPath>,
    /// What happens to it.
    pub kind: ChangeKind,
    /// Git's mode before, as in `100644`; absent for a new file.
    pub old_mode: Option<String>,
    /// Git's mode after; absent for a deletion.
    pub new_mode: Option<String>,
    /// Lines added; 0 for binary content.
    pub lines_added: u64,
    /// Lines removed; 0 for binary content.
    pub lines_removed: u64,
    /// Whether the content is binary.
    pub binary: bool,
    /// A hash of the lines added, in order; absent where there are none, or nobody looked.
    #[serde(default)]
    pub added_id: Option<String>,
    /// A hash of the lines removed, in order; absent where there are none, or nobody looked.
    #[serde(default)]
    pub removed_id: Option<String>,
}

impl FileChange {
    /// Whether it takes back, line by line, what another change did to the same file.
    pub fn undoes(&self, other: &Self) -> bool {
        let known = self.added_id.is_some() || self.removed_id.is_some();
        known && self.path == other.path && self.added_id == other.removed_id && self.removed_id == other.added_id
    }
}

/// What a patch does, file by file, in the order of the patch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    /// The files.
    pub files: Vec<FileChange>,
}

impl Description {
    /// Lines added in all files.
    pub fn lines_added(&self) -> u64 {
        self.files.iter().map(|file| file.lines_added).sum()
    }

    /// Lines removed in all files.
    pub fn lines_removed(&self) -> u64 {
        self.files.iter().map(|file| file.lines_removed).sum()
    }

    /// Every path that the patch reads or writes: both sides of a rename.
    pub fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.files.iter().flat_map(|file| std::iter::once(&file.path).chain(file.old_path.as_ref()))
    }
}
