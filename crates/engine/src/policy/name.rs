//! Names as file systems see them: several spellings are one file on some of them.

/// The name that a file system which ignores case, and what HFS+ and NTFS ignore, would look up.
pub(super) fn folded(part: &[u8]) -> String {
    let text = String::from_utf8_lossy(part);
    // NTFS: what follows a colon names a stream of the same file.
    let name = text.split(':').next().unwrap_or_default();
    let visible: String = name.chars().filter(|c| !is_ignorable(*c)).collect();
    visible.trim_end_matches(['.', ' ']).to_lowercase()
}

/// Code points that HFS+ leaves out when it compares names.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Whether a part of a path is `.git` in some spelling, its short NTFS name included.
pub(crate) fn is_git_name(part: &[u8]) -> bool {
    let name = folded(part);
    let short = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    name == ".git" || name.strip_prefix("git~").is_some_and(short)
}

/// The parts of a path, for systems that part it at `/` and for those that part it at `\` too.
pub(super) fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| matches!(byte, b'/' | b'\\'))
}

/// Whether a path could be, on some system, a place outside the folder that it is relative to, or no place at all.
pub(super) fn leaves_repository(path: &[u8]) -> bool {
    let drive = matches!(path, [letter, b':', ..] if letter.is_ascii_alphabetic());
    drive
        || path.starts_with(b"\\")
        || path.contains(&0)
        || path.split(|byte| *byte == b'/').any(|part| part.is_empty() || part == b".")
        || parts(path).any(|part| part == b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_is_known_in_every_spelling() {
        for name in [
            ".git",
            ".GIT",
            ".Git",
            ".git.",
            ".git ",
            ".git. .",
            "git~1",
            "GIT~1",
            "GIT~2",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".gi\u{202a}t",
            ".git\u{206f}",
            ".git::$INDEX_ALLOCATION",
            ".git:x",
            "Git~1 ",
        ] {
            assert!(is_git_name(name.as_bytes()), "{name:?}");
        }
        for name in [".github", ".gitignore", "git", "git~", "git~x", ".git2", "a.git", "..git", ""] {
            assert!(!is_git_name(name.as_bytes()), "{name:?}");
        }
    }

    #[test]
    fn only_plain_relative_paths_stay_inside() {
        for path in
            ["/a", "", "a//b", "a/", "../a", "a/..", "a/./b", ".", "a\\..\\b", "\\\\host\\a", "C:\\a", "c:a", "a\0b"]
        {
            assert!(leaves_repository(path.as_bytes()), "{path:?}");
        }
        for path in ["a", "a/b", ".a", "..a", "a..b/c", "...", "é/ü", "a\\b", "1:2"] {
            assert!(!leaves_repository(path.as_bytes()), "{path:?}");
        }
    }
}
