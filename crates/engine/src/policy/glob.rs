//! Globs as policy means them: `**` crosses folders, `*` does not, case counts.

use globset::{Candidate, Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use tollhouse_core::RepoPath;

/// A longer glob is refused: what it would compile to grows with it.
const LENGTH_MAX: usize = 1000;

/// What makes a glob more than a name.
const SPECIAL: [char; 6] = ['*', '?', '[', '{', '}', '\\'];

/// What is wrong with a glob, if anything: a fragment for a sentence that names it.
///
/// ```
/// # use tollhouse_engine::policy::glob_problem;
/// assert_eq!(glob_problem("src/**"), None);
/// assert_eq!(glob_problem("/src").as_deref(), Some("begins with `/`; paths are relative to the root of the repository"));
/// ```
pub fn glob_problem(glob: &str) -> Option<String> {
    let in_matcher = || compile(glob).and_then(|glob| GlobSet::new([glob])).err();
    shape_problem(glob).or_else(|| in_matcher().map(|error| error.kind().to_string().to_lowercase()))
}

/// What is wrong with a glob before it is compiled, if anything.
fn shape_problem(glob: &str) -> Option<String> {
    if glob.is_empty() {
        return Some("is empty".to_owned());
    }
    if glob.len() > LENGTH_MAX {
        return Some(format!("is longer than {LENGTH_MAX} bytes"));
    }
    if glob.starts_with('/') {
        return Some("begins with `/`; paths are relative to the root of the repository".to_owned());
    }
    if glob.ends_with('/') {
        return Some(format!("matches no file; write `{glob}**` for all in the folder"));
    }
    let impossible = glob.split('/').find(|part| matches!(*part, "" | "." | ".."));
    impossible.map(|part| format!("matches no file, for no path has a part like `{part}`"))
}

/// The regular expression, over bytes, of what a glob matches; `None` where it cannot be read.
pub(crate) fn expression_of(glob: &str) -> Option<String> {
    if shape_problem(glob).is_some() {
        return None;
    }
    compile(glob).ok().map(|glob| glob.regex().to_owned())
}

fn compile(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build()
}

/// Globs that are asked often.
#[derive(Debug, Clone)]
pub(crate) struct Globs {
    set: GlobSet,
    /// Those that cannot be read, which match nothing.
    pub(crate) unreadable: Vec<String>,
}

impl Globs {
    pub(crate) fn new<'a>(globs: impl IntoIterator<Item = &'a String>) -> Self {
        let mut builder = GlobSetBuilder::new();
        let mut unreadable = Vec::new();
        for glob in globs {
            match compile(glob) {
                Ok(readable) if glob_problem(glob).is_none() => _ = builder.add(readable),
                _ => unreadable.push(glob.clone()),
            }
        }
        // Each is small enough; all of them together may not be.
        let set = builder.build().unwrap_or_else(|_| {
            unreadable.push("all of them together".to_owned());
            GlobSet::default()
        });
        Self { set, unreadable }
    }

    pub(crate) fn matches(&self, path: &RepoPath) -> bool {
        self.set.is_match_candidate(&Candidate::from_bytes(path.as_bytes()))
    }
}

/// What every path that a glob matches begins with.
pub(crate) fn literal_prefix(glob: &str) -> &str {
    glob.find(SPECIAL).map_or(glob, |end| &glob[..end])
}

/// Whether a glob is the name of one file.
pub(crate) fn is_literal(glob: &str) -> bool {
    !glob.contains(SPECIAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        Globs::new(&[glob.to_owned()]).matches(&RepoPath::from(path))
    }

    #[test]
    fn two_stars_cross_folders_and_one_does_not() {
        for (glob, path, expected) in [
            ("src/**", "src/a/b.rs", true),
            ("src/**", "src", false),
            ("src/*", "src/a/b.rs", false),
            ("**/*.md", "README.md", true),
            ("src/**/a", "src/a", true),
            ("SRC/**", "src/a", false),
            ("src/?", "src/ab", false),
            ("{a,b}/**", "b/c", true),
        ] {
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        }
    }

    #[test]
    fn strange_bytes_in_a_path_do_not_hide_it() {
        let secrets = Globs::new(&["secrets/**".to_owned(), "keys/*".to_owned()]);
        for path in [&b"secrets/a\nb"[..], b"secrets/\xff\xfe", b"keys/\n", b"keys/\xff", b"keys/a\r\nb"] {
            assert!(secrets.matches(&RepoPath::new(path)), "{path:?}");
        }
    }

    #[test]
    fn a_glob_that_can_match_nothing_is_a_problem() {
        for glob in ["", "/a", "a/", "./a", "a/../b", "a//b", "a/[", "{a", "a\\"] {
            assert!(glob_problem(glob).is_some(), "{glob}");
        }
        for glob in ["a", "**", "*", "a/**/b", "{a,b}", "[!a]b", "é/*", "a b"] {
            assert_eq!(glob_problem(glob), None, "{glob}");
        }
    }

    #[test]
    fn a_glob_that_would_compile_to_a_giant_is_a_problem_and_no_crash() {
        let nested = "{".repeat(400) + "a" + &"}".repeat(400);
        assert!(glob_problem(&nested).is_some());
        assert!(glob_problem(&"[a-z]".repeat(300)).is_some());
        let _ = glob_problem(&"{a,b,*?[x-z]}".repeat(70));
    }

    #[test]
    fn an_unreadable_glob_is_told_and_matches_nothing() {
        let globs = Globs::new(&["a/[".to_owned(), "b".to_owned()]);
        assert_eq!(globs.unreadable, ["a/["]);
        assert!(globs.matches(&RepoPath::from("b")));
    }
}
