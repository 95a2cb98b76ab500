//! A patch as it was read: which files, from what to what, with which content.

use std::fmt;

use tollhouse_core::RepoPath;

use super::identity::lines_hash;
use super::{BinaryPatch, ChangeKind, Description, FileChange};

/// A patch: file by file, in the order of its text.
///
/// ```
/// let text = b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n";
/// let diff = tollhouse_engine::patch::parse(text).unwrap();
/// assert_eq!(diff.describe().lines_added(), 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// What happens to each file. One file may come twice; then the second starts from what the first made.
    pub files: Vec<FilePatch>,
}

/// What a patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// Before; `None` for a new file.
    pub old: Option<Side>,
    /// After; `None` for a deletion.
    pub new: Option<Side>,
    /// What happens.
    pub kind: ChangeKind,
    /// How the bytes change.
    pub content: Content,
}

/// A file before or after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Where it is.
    pub path: RepoPath,
    /// Its mode, where the patch says it.
    pub mode: Option<Mode>,
    /// Git's id of its content, 40 hex digits, where the patch has it in full.
    pub blob: Option<String>,
}

/// A file mode as git writes it: six octal digits. Any value is kept; policy says which may land.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(u32);

impl Mode {
    /// A plain file.
    pub const FILE: Self = Self(0o100_644);
    /// A file that may be executed.
    pub const EXECUTABLE: Self = Self(0o100_755);
    /// A symbolic link.
    pub const LINK: Self = Self(0o120_000);
    /// A commit of another repository.
    pub const SUBMODULE: Self = Self(0o160_000);

    /// Takes the bits as git's tree objects hold them; `None` above six octal digits.
    pub fn new(bits: u32) -> Option<Self> {
        (bits <= 0o777_777).then_some(Self(bits))
    }

    /// The bits as git's tree objects hold them.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether it is one of the two modes of regular files that git makes.
    pub fn is_regular(self) -> bool {
        self == Self::FILE || self == Self::EXECUTABLE
    }

    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let well_formed = (5..=6).contains(&text.len()) && text.iter().all(|digit| (b'0'..=b'7').contains(digit));
        let bits = text.iter().fold(0u32, |bits, digit| (bits << 3) | u32::from(digit & 7));
        well_formed.then_some(Self(bits))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06o}", self.0)
    }
}

/// How the bytes of a file change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Not at all: only the path or the mode does, or the file is empty.
    None,
    /// Line by line. Never empty; in the order of the old file, without overlaps.
    Text(Vec<Hunk>),
    /// As a whole.
    Binary(BinaryPatch),
}

/// A stretch of lines with what surrounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// Where the header puts it in the old file: its first line, from 1; the line before it where it has no old lines.
    pub old_start: usize,
    /// The same in the new file.
    pub new_start: usize,
    /// The lines, in the order of the text.
    pub lines: Vec<Line>,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which side it is on.
    pub kind: LineKind,
    /// Its bytes with its line end; only the last line of a file may be without.
    pub text: Vec<u8>,
}

/// Which side of a patch a line is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Both.
    Context,
    /// Before only.
    Removed,
    /// After only.
    Added,
}

impl Diff {
    /// What the patch does, without its content.
    pub fn describe(&self) -> Description {
        Description { files: self.files.iter().map(FilePatch::describe).collect() }
    }
}

impl FilePatch {
    /// Where the file is after the patch; before it, for a deletion.
    pub fn path(&self) -> &RepoPath {
        let side = self.new.as_ref().or(self.old.as_ref());
        &side.expect("a file patch has one side at least").path
    }

    /// A hash of its lines of a kind, in order.
    fn lines_id(&self, kind: LineKind) -> Option<String> {
        let Content::Text(hunks) = &self.content else { return None };
        let lines = hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.kind == kind);
        lines_hash(lines.map(|line| line.text.as_slice()))
    }

    fn describe(&self) -> FileChange {
        let count = |kind| match &self.content {
            Content::Text(hunks) => hunks.iter().map(|hunk| hunk.count(kind)).sum::<usize>() as u64,
            Content::None | Content::Binary(_) => 0,
        };
        let moved = matches!(self.kind, ChangeKind::Renamed | ChangeKind::Copied);
        let mode = |side: &Option<Side>| side.as_ref().and_then(|side| side.mode).map(|mode| mode.to_string());
        FileChange {
            path: self.path().clone(),
            old_path: self.old.as_ref().filter(|_| moved).map(|side| side.path.clone()),
            kind: self.kind,
            old_mode: mode(&self.old),
            new_mode: mode(&self.new),
            lines_added: count(LineKind::Added),
            lines_removed: count(LineKind::Removed),
            binary: matches!(self.content, Content::Binary(_)),
            added_id: self.lines_id(LineKind::Added),
            removed_id: self.lines_id(LineKind::Removed),
        }
    }
}

impl Hunk {
    /// The lines that it expects to find.
    pub fn old_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter(|line| line.kind != LineKind::Added).map(|line| line.text.as_slice())
    }

    /// The lines that it puts there.
    pub fn new_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter(|line| line.kind != LineKind::Removed).map(|line| line.text.as_slice())
    }

    fn count(&self, kind: LineKind) -> usize {
        self.lines.iter().filter(|line| line.kind == kind).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_keeps_what_git_would_normalise() {
        let mode = Mode::parse(b"104755").unwrap();
        assert_eq!(mode.to_string(), "104755");
        assert!(!mode.is_regular());
        assert_eq!(Mode::parse(b"10064"), Some(Mode(0o10064)));
        assert_eq!(Mode::parse(b"100648"), None);
        assert_eq!(Mode::parse(b"7777777"), None);
    }
}
