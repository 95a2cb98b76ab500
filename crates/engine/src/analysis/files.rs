//! Which scopes match no file that is there.

use tollhouse_core::RepoPath;

use crate::policy::{Globs, is_literal, literal_prefix};

/// More paths are not compared with globs in one search: what is not known then is not told.
const COMPARED_MAX: usize = 2_000_000;

/// The files of a tree.
///
/// ```
/// # use tollhouse_engine::analysis::Files;
/// let files = Files::new(vec!["src/lib.rs".into()]);
/// let mut search = files.search();
/// assert_eq!((search.is_any_matched("src/**"), search.is_any_matched("doc/**")), (Some(true), Some(false)));
/// ```
#[derive(Debug, Clone)]
pub struct Files {
    paths: Vec<RepoPath>,
}

impl Files {
    /// With these paths, in any order.
    pub fn new(mut paths: Vec<RepoPath>) -> Self {
        paths.sort_unstable();
        Self { paths }
    }

    /// To be asked about globs.
    pub fn search(&self) -> Search<'_> {
        Search { paths: &self.paths, left: COMPARED_MAX }
    }
}

/// Files that are asked about globs, for as long as it takes no time that is felt.
#[derive(Debug)]
pub struct Search<'f> {
    paths: &'f [RepoPath],
    left: usize,
}

impl Search<'_> {
    /// Whether the glob matches any of them; `None` where so many were compared by now that it is not looked for.
    pub fn is_any_matched(&mut self, glob: &str) -> Option<bool> {
        if is_literal(glob) {
            return Some(self.paths.binary_search(&glob.into()).is_ok());
        }
        let prefix = literal_prefix(glob);
        let begin = self.paths.partition_point(|path| path.as_bytes() < prefix.as_bytes());
        let candidates = self.paths[begin..].iter().take_while(|path| path.as_bytes().starts_with(prefix.as_bytes()));
        let globs = Globs::new(&[glob.to_owned()]);
        for path in candidates {
            self.left = self.left.checked_sub(1)?;
            if globs.matches(path) {
                return Some(true);
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        Files::new(["src/lib.rs", "src/a/b.rs", "README.md", "src2/x"].map(RepoPath::from).to_vec())
    }

    #[test]
    fn a_glob_matches_where_a_file_does() {
        for (glob, expected) in [
            ("src/**", true),
            ("src/*.rs", true),
            ("src/*.py", false),
            ("**/*.rs", true),
            ("**/*.zig", false),
            ("README.md", true),
            ("README", false),
            ("README.md*", true),
            ("src", false),
            ("src?/x", true),
            ("docs/**", false),
            ("zz*", false),
        ] {
            assert_eq!(files().search().is_any_matched(glob), Some(expected), "{glob}");
        }
    }

    #[test]
    fn what_was_not_looked_for_is_unknown() {
        let files = files();
        let mut search = Search { left: 3, ..files.search() };
        assert_eq!(search.is_any_matched("**/*.zig"), None);
        assert_eq!((search.is_any_matched("README.md"), search.is_any_matched("docs/**")), (Some(true), Some(false)));
    }
}
