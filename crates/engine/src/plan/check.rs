//! What names, paths, branches and variables may look like.

use std::collections::BTreeMap;

use super::nearest::quoted;
use super::problem::{Place, Problems};
use super::read::{At, Field};
use crate::policy::{glob_problem, is_git_name};

/// A longer name fits no list that people read.
const NAME_MAX: usize = 100;

/// A longer line fits no title.
const LINE_MAX: usize = 200;

/// What a name of a task, gate or agent looks like.
const NAME_HINT: &str =
    "1 to 100 of: letters without accents, digits, `.`, `_`, `-`; no `.` or `-` first, no `.` or `.lock` last, no `..`";

/// Whether a name may go into ids, file names, branch names and commands as it is.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_branch = || {
        !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..")
            && !name.to_ascii_lowercase().ends_with(".lock")
    };
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('-') && is_branch()
}

/// Tells a name that is none.
pub(super) fn name(what: &str, name: &str, place: &Place, problems: &mut Problems) -> bool {
    let good = is_name(name);
    if !good {
        problems.wrong(place, format!("{} is no name for {what}", quoted(name)), NAME_HINT);
    }
    good
}

/// A list of globs.
pub(super) fn globs(field: &Field<'_>, problems: &mut Problems) -> Option<Vec<At<String>>> {
    let mut globs = field.word_list(problems)?;
    globs.retain(|glob| glob_is_good(glob, problems));
    Some(globs)
}

/// A list of globs that may be written, at least one.
pub(super) fn write_globs(field: &Field<'_>, problems: &mut Problems) -> Option<Vec<At<String>>> {
    if field.is_empty_list() {
        problems.wrong(&field.place, "an empty list allows nothing", "name a glob, or leave the key out");
        return None;
    }
    globs(field, problems)
}

pub(super) fn glob_is_good(glob: &At<String>, problems: &mut Problems) -> bool {
    let problem = glob_problem(&glob.value);
    if let Some(problem) = &problem {
        problems.wrong(&glob.place, format!("glob {} {problem}", quoted(&glob.value)), ());
    }
    problem.is_none()
}

/// What is wrong with a path that must stay inside the repository, if anything.
fn path_problem(path: &str) -> Option<&'static str> {
    let drive = matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let mut parts = path.split(['/', '\\']);
    if drive || path.starts_with(['/', '\\', '~']) {
        Some("is not relative to the root of the repository")
    } else if parts.clone().any(|part| part == "..") {
        Some("leads up with `..`")
    } else if parts.any(|part| is_git_name(part.as_bytes())) {
        Some("leads into the git directory")
    } else {
        None
    }
}

/// A path that stays inside the repository.
pub(super) fn inner_path(path: &At<String>, problems: &mut Problems) -> bool {
    let problem = path_problem(&path.value);
    if let Some(problem) = problem {
        problems.wrong(&path.place, format!("path {} {problem}", quoted(&path.value)), ());
    }
    problem.is_none()
}

/// What is wrong with a branch name, if anything, by git's own rules.
///
/// ```
/// # use tollhouse_engine::plan::branch_problem;
/// assert_eq!(branch_problem("toll/main"), None);
/// assert_eq!(branch_problem("-x"), Some("begins with `-`"));
/// ```
pub fn branch_problem(name: &str) -> Option<&'static str> {
    let has_bad_char = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > LINE_MAX {
        Some("is longer than 200 bytes")
    } else if name.starts_with('-') {
        Some("begins with `-`")
    } else if name.contains(has_bad_char) {
        Some("holds a blank or one of `~^:?*[\\`")
    } else if name.contains("..") {
        Some("holds `..`")
    } else if name.contains("@{") || name == "@" {
        Some("is `@` or holds `@{`")
    } else if name.ends_with('.') {
        Some("ends with `.`")
    } else if name.starts_with("refs/") || name == "HEAD" {
        Some("is a full reference; give the branch's short name")
    } else if name.split('/').any(is_bad_part) {
        Some("has a part that is empty, begins with `.` or ends with `.lock`")
    } else {
        None
    }
}

fn is_bad_part(part: &str) -> bool {
    part.is_empty() || part.starts_with('.') || part.strip_suffix(".lock").is_some()
}

/// A branch's short name.
pub(super) fn branch(field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let name = field.text(problems)?;
    if let Some(problem) = branch_problem(&name) {
        problems.wrong(&field.place, format!("branch name {} {problem}", quoted(&name)), ());
        return None;
    }
    Some(name)
}

/// Text on one line, short enough for a title.
pub(super) fn line(field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let text = field.words(problems)?;
    if text.contains(char::is_control) || text.len() > LINE_MAX {
        problems.wrong(&field.place, "expected one line", format!("at most {LINE_MAX} bytes, without line breaks"));
        return None;
    }
    Some(text)
}

/// Variables with their values.
pub(super) fn env(field: &Field<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut variables = field.text_map(problems).unwrap_or_default();
    variables.retain(|name, value| variable(name, &value.place, problems));
    variables.into_iter().map(|(name, value)| (name, value.value)).collect()
}

/// Names of variables.
pub(super) fn env_pass(field: &Field<'_>, problems: &mut Problems) -> Vec<String> {
    let mut names = field.word_list(problems).unwrap_or_default();
    names.retain(|name| variable(&name.value, &name.place, problems));
    names.into_iter().map(|name| name.value).collect()
}

fn variable(name: &str, place: &Place, problems: &mut Problems) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(plain) {
        problems.wrong(
            place,
            format!("{} is no name for a variable", quoted(name)),
            "letters, digits and `_`, not first a digit",
        );
        return false;
    }
    if name.to_ascii_uppercase().starts_with("TOLLHOUSE_") || name.eq_ignore_ascii_case("TRACEPARENT") {
        problems.wrong(place, format!("the variable `{name}` is set by toll"), "take it out");
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_names_follow_git() {
        for name in ["main", "toll/main", "a.b", "release-1", "é", "a@b"] {
            assert_eq!(branch_problem(name), None, "{name}");
        }
        for name in [
            "",
            "-x",
            "a b",
            "a..b",
            "a@{1}",
            "@",
            "a.lock",
            "a.lock/b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a\tb",
            "a\u{7f}",
            "refs/heads/main",
            "HEAD",
        ] {
            assert!(branch_problem(name).is_some(), "{name}");
        }
    }

    #[test]
    fn paths_stay_inside() {
        for path in ["/a", "..", "a/../b", ".git", "a/.GIT/b", "C:\\x", "~/x", "\\x", "a\\..\\b", ".git /x"] {
            assert!(path_problem(path).is_some(), "{path}");
        }
        for path in [".", "a", "./a", "a/b.env", ".env", ".github", "a..b"] {
            assert_eq!(path_problem(path), None, "{path}");
        }
    }

    #[test]
    fn names_are_plain() {
        for name in ["a", "retry-1.2_x", &"a".repeat(100)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a b", "a/b", "é", ".", "..", "a\n", &"a".repeat(101)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
