//! Which untracked files of a workspace are no work: the rules of its `.gitignore` files and one list more.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules on the way from the root to a folder, the deepest last.
#[derive(Default)]
pub(super) struct Ignores {
    levels: Vec<(usize, Gitignore)>,
}

/// What kind of file a rule is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Folder,
    Other,
}

impl Ignores {
    /// Adds the rules of a folder, given the bytes of its path and of its file.
    pub(super) fn push(&mut self, folder: &[u8], text: &[u8]) {
        let mut builder = GitignoreBuilder::new("");
        let text = String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
        for line in text.lines() {
            // Git, too, goes on after a line that is no pattern.
            let _ = builder.add_line(None, line);
        }
        let prefix = if folder.is_empty() { 0 } else { folder.len() + 1 };
        self.levels.push((prefix, builder.build().unwrap_or_else(|_| Gitignore::empty())));
    }

    /// Takes the rules of the deepest folder away.
    pub(super) fn pop(&mut self) {
        self.levels.pop();
    }

    /// Whether a path is ignored, its folders not being so.
    pub(super) fn matches(&self, path: &[u8], shape: Shape) -> bool {
        for (prefix, rules) in self.levels.iter().rev() {
            let below = Path::new(OsStr::from_bytes(path.get(*prefix..).unwrap_or(path)));
            match rules.matched(below, shape == Shape::Folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeper_rules_win_over_those_above() {
        let mut ignores = Ignores::default();
        ignores.push(b"", b"*.log\n/build\n!kept.log\nout/\nbroken[\n");
        assert!(ignores.matches(b"a.log", Shape::Other));
        assert!(ignores.matches(b"build", Shape::Folder));
        assert!(!ignores.matches(b"src/build", Shape::Folder));
        assert!(!ignores.matches(b"kept.log", Shape::Other));
        assert!(!ignores.matches(b"out", Shape::Other));
        assert!(ignores.matches(b"src/out", Shape::Folder));
        ignores.push(b"src", b"!a.log\n/local\n");
        assert!(!ignores.matches(b"src/a.log", Shape::Other));
        assert!(ignores.matches(b"src/local", Shape::Other));
        ignores.pop();
        assert!(ignores.matches(b"src/a.log", Shape::Other));
    }
}
