//! Tree objects as bytes: names stay bytes, and any mode that a repository has is kept.

use std::collections::BTreeMap;

use git2::{Error, ErrorClass, ErrorCode, ObjectType, Odb, Oid};
use tollhouse_core::RepoPath;
use tollhouse_engine::patch::Mode;

/// Folders deeper than this are neither read nor written: no source tree has them, and each level costs a file handle.
pub(super) const DEPTH_MAX: usize = 128;

/// The mode of a folder in a tree.
const FOLDER: u32 = 0o40_000;

/// One entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mode: Mode,
    pub(super) id: Oid,
}

impl Entry {
    pub(super) fn folder(id: Oid) -> Self {
        Self { mode: Mode::new(FOLDER).expect("the mode has five digits"), id }
    }

    pub(super) fn is_folder(self) -> bool {
        self.mode.bits() & 0o170_000 == FOLDER
    }

    pub(super) fn is_submodule(self) -> bool {
        self.mode.bits() & 0o170_000 == Mode::SUBMODULE.bits()
    }

    pub(super) fn is_link(self) -> bool {
        self.mode.bits() & 0o170_000 == Mode::LINK.bits()
    }

    pub(super) fn is_executable(self) -> bool {
        self.mode.bits() & 0o111 != 0
    }
}

/// What one folder holds, by name.
pub(super) type Entries = BTreeMap<Vec<u8>, Entry>;

pub(super) fn read_entries(odb: &Odb<'_>, tree: Oid) -> Result<Entries, Error> {
    let object = odb.read(tree)?;
    if object.kind() != ObjectType::Tree {
        return Err(damaged("the object is no tree"));
    }
    let mut rest = object.data();
    let mut entries = Entries::new();
    while !rest.is_empty() {
        let (name, entry, after) = parse_entry(rest).ok_or_else(|| damaged("the tree object is damaged"))?;
        entries.insert(name.to_vec(), entry);
        rest = after;
    }
    Ok(entries)
}

fn parse_entry(text: &[u8]) -> Option<(&[u8], Entry, &[u8])> {
    let blank = text.iter().position(|byte| *byte == b' ')?;
    let mode = u32::from_str_radix(std::str::from_utf8(&text[..blank]).ok()?, 8).ok()?;
    let rest = &text[blank + 1..];
    let end = rest.iter().position(|byte| *byte == 0)?;
    let id = Oid::from_bytes(rest.get(end + 1..end + 21)?).ok()?;
    Some((&rest[..end], Entry { mode: Mode::new(mode)?, id }, &rest[end + 21..]))
}

pub(super) fn write_entries(odb: &Odb<'_>, entries: &Entries) -> Result<Oid, Error> {
    let mut order: Vec<(&Vec<u8>, &Entry)> = entries.iter().collect();
    // Git sorts folders as if their names ended with a slash.
    let end = |entry: &Entry| entry.is_folder().then_some(b'/');
    order.sort_by(|(a, x), (b, y)| a.iter().copied().chain(end(x)).cmp(b.iter().copied().chain(end(y))));
    let mut bytes = Vec::with_capacity(order.len() * 40);
    for (name, entry) in order {
        bytes.extend_from_slice(format!("{:o} ", entry.mode.bits()).as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    odb.write(ObjectType::Tree, &bytes)
}

/// The entry at a path, if there is one.
pub(super) fn entry_at(odb: &Odb<'_>, tree: Oid, path: &RepoPath) -> Result<Option<Entry>, Error> {
    let mut at = Entry::folder(tree);
    for part in path.parts() {
        if !at.is_folder() {
            return Ok(None);
        }
        match read_entries(odb, at.id)?.get(part) {
            Some(entry) => at = *entry,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// Why new entries do not fit into a tree.
#[derive(Debug)]
pub(super) enum EditProblem {
    /// A file and a folder would have the same name.
    InTheWay(RepoPath),
    Git(Error),
}

impl From<Error> for EditProblem {
    fn from(error: Error) -> Self {
        Self::Git(error)
    }
}

/// New entries by path; `None` removes one.
pub(super) type Edits = BTreeMap<RepoPath, Option<Entry>>;

/// Makes a tree with these edits; only the folders on their way are written anew.
pub(super) fn edit_tree(odb: &Odb<'_>, tree: Oid, edits: &Edits) -> Result<Oid, EditProblem> {
    let edits: Vec<Edit<'_>> = edits.iter().map(|(path, entry)| (path, path.as_bytes(), *entry)).collect();
    match edit_folder(odb, Some(tree), &edits)? {
        Some(tree) => Ok(tree),
        None => Ok(odb.write(ObjectType::Tree, b"")?),
    }
}

/// An edit: its path, what is left of that below a folder, and what comes there.
type Edit<'a> = (&'a RepoPath, &'a [u8], Option<Entry>);

fn edit_folder(odb: &Odb<'_>, tree: Option<Oid>, edits: &[Edit<'_>]) -> Result<Option<Oid>, EditProblem> {
    let before = tree.map_or(Ok(Entries::new()), |tree| read_entries(odb, tree))?;
    let mut after = before.clone();
    let mut below: BTreeMap<&[u8], Vec<Edit<'_>>> = BTreeMap::new();
    let mut here: Vec<(&RepoPath, &[u8], Entry)> = Vec::new();
    for (path, rest, entry) in edits {
        match (rest.iter().position(|byte| *byte == b'/'), entry) {
            (Some(slash), _) => below.entry(&rest[..slash]).or_default().push((path, &rest[slash + 1..], *entry)),
            (None, None) => drop(after.remove(*rest)),
            (None, Some(entry)) => here.push((path, rest, *entry)),
        }
    }
    for (name, edits) in below {
        let folder = after.get(name).copied().filter(|entry| entry.is_folder());
        match edit_folder(odb, folder.map(|entry| entry.id), &edits)? {
            Some(_) if folder.is_none() && after.contains_key(name) => {
                return Err(EditProblem::InTheWay(edits[0].0.clone()));
            }
            Some(tree) => drop(after.insert(name.to_vec(), Entry::folder(tree))),
            None if folder.is_some() => drop(after.remove(name)),
            None => {}
        }
    }
    for (path, name, entry) in here {
        if after.get(name).is_some_and(|entry| entry.is_folder()) {
            return Err(EditProblem::InTheWay(path.clone()));
        }
        after.insert(name.to_vec(), entry);
    }
    match tree {
        Some(tree) if after == before => Ok(Some(tree)),
        _ if after.is_empty() => Ok(None),
        _ => Ok(Some(write_entries(odb, &after)?)),
    }
}

/// Whether a name may not be in a tree: what a file system could take for `.git`, for another folder, or for two names.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0) {
        return true;
    }
    // HFS+ ignores these code points, NTFS what follows a colon and dots and blanks at the end.
    let ignored = |c: &char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let text: String = String::from_utf8_lossy(name).chars().filter(|c| !ignored(c)).collect();
    let text = text.split(['\\', ':']).next().unwrap_or_default().trim_end_matches(['.', ' ']).to_ascii_lowercase();
    text == ".git" || text == "git~1"
}

fn damaged(message: &str) -> Error {
    Error::new(ErrorCode::GenericError, ErrorClass::Object, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_git_folder_are_reserved() {
        for name in
            [".git", ".GIT", ".git ", ".git.", "git~1", ".git::$INDEX_ALLOCATION", ".g\u{200c}it", "..", "a/b", ""]
        {
            assert!(is_reserved(name.as_bytes()), "{name}");
        }
        for name in [".gitignore", ".github", "git", "...", "a.git"] {
            assert!(!is_reserved(name.as_bytes()), "{name}");
        }
    }
}
