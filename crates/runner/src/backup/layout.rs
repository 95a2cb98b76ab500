//! What stands in a backup, and under which names.

/// First: what it is, and of which format.
pub(super) const ABOUT: &str = "backup.json";

/// The database.
pub(super) const LEDGER: &str = "ledger.db";

/// The folder of the ledger's own repository.
pub(super) const REPO: &str = "repo.git";

/// The folder of the contents that the ledger names.
pub(super) const BLOBS: &str = "blobs";

/// Last: a line for each file before it, as `sha256sum --check` reads them. Where it is missing, the end is.
pub(super) const CHECKSUMS: &str = "checksums.txt";

/// What a file inside the repository's folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Lets `git` open what was unpacked by hand. Every machine writes its own, so these are not taken back.
    Setup,
    /// A ref, or many in one file.
    Ref,
    /// An object, or many in one file.
    Object,
}

/// What a path inside the repository's folder is; `None` for what has no place in a backup. Above all not for the list of
/// lenders: it names folders of the machine that it was written on.
pub(super) fn part(path: &str) -> Option<Part> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["HEAD" | "config"] => Some(Part::Setup),
        ["packed-refs"] => Some(Part::Ref),
        ["refs", rest @ ..] if !rest.is_empty() && rest.iter().all(|part| is_ref_part(part)) => Some(Part::Ref),
        ["objects", "pack", name] => is_pack(name).then_some(Part::Object),
        ["objects", folder, name] if is_hex(folder, 2) && is_hex(name, 38) => Some(Part::Object),
        _ => None,
    }
}

/// The name of a content by its place in a backup.
pub(super) fn blob(name: &str) -> Option<String> {
    let (folder, name) = name.strip_prefix(BLOBS)?.strip_prefix('/')?.split_once('/')?;
    (is_hex(folder, 2) && is_hex(name, 62)).then(|| format!("{folder}{name}"))
}

/// The place of a content in a backup.
pub(super) fn place_of(blob: &str) -> String {
    let (folder, name) = blob.split_at_checked(2).unwrap_or(("", blob));
    format!("{BLOBS}/{folder}/{name}")
}

fn is_ref_part(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !part.is_empty() && part.bytes().all(plain) && !part.starts_with('.') && part.strip_suffix(".lock").is_none()
}

fn is_pack(name: &str) -> bool {
    let stem = name.strip_prefix("pack-").and_then(|name| name.split_once('.'));
    stem.is_some_and(|(id, kind)| is_hex(id, 40) && matches!(kind, "pack" | "idx"))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_has_one_place_in_a_backup() {
        let digest = "0a".repeat(32);
        assert_eq!(blob(&place_of(&digest)), Some(digest.clone()));
        for path in ["blobs", "blobs/lock", "blobs/0a/../../x", "blobs/0a/0a", &place_of(&digest.to_uppercase())] {
            assert_eq!(blob(path), None, "{path}");
        }
        assert_eq!(blob(&format!("blobs/{digest}")), None);
        assert_eq!(blob(&format!("{}/x", place_of(&digest))), None);
    }

    #[test]
    fn only_what_a_ledgers_repository_has_is_part_of_a_backup() {
        let object = format!("objects/0a/{}", "b".repeat(38));
        let pack = format!("objects/pack/pack-{}.idx", "c".repeat(40));
        for (path, expected) in [
            ("HEAD", Some(Part::Setup)),
            ("refs/tollhouse/base/01J-x", Some(Part::Ref)),
            ("packed-refs", Some(Part::Ref)),
            (object.as_str(), Some(Part::Object)),
            (pack.as_str(), Some(Part::Object)),
            ("", None),
            ("refs", None),
            ("refs/../../config", None),
            ("refs/heads/x.lock", None),
            ("refs/heads//x", None),
            ("refs/heads/.x", None),
            ("/refs/heads/x", None),
            ("objects/info/alternates", None),
            ("objects/0a/../../config", None),
            ("hooks/post-commit", None),
        ] {
            assert_eq!(part(path), expected, "{path}");
        }
    }
}
