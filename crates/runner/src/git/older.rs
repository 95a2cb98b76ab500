//! Silent reverts: a patch made from an old checkout puts back what somebody's landed work had replaced.

use std::collections::BTreeMap;

use git2::{Error, Odb, Oid};
use tollhouse_core::RepoPath;
use tollhouse_engine::patch::OlderContent;

use super::LedgerRepo;
use super::tree::{Edits, Entries, entry_at, read_entries};

/// How many commits are looked at, along first parents.
const COMMITS_MAX: usize = 200;

/// A path that is looked for: what is left of it below a folder, and which of the wanted it is.
type Wanted<'a> = (&'a [u8], &'a RepoPath);

/// The written files whose new content is one that they had before on the way to a commit, unless it is what the base has there.
pub(super) fn older_contents(
    repo: &LedgerRepo,
    commit: Oid,
    base_tree: Option<Oid>,
    edits: &Edits,
) -> Result<Vec<OlderContent>, Error> {
    let odb = repo.odb()?;
    let mut wanted = BTreeMap::new();
    for (path, entry) in edits {
        let Some(entry) = entry else { continue };
        let base = base_tree.map_or(Ok(None), |base| entry_at(&odb, base, path))?;
        if base.is_none_or(|base| base.id != entry.id) {
            wanted.insert(path, entry.id);
        }
    }
    let mut found = Vec::new();
    let mut newer = repo.repo().find_commit(commit)?;
    for _ in 0..COMMITS_MAX {
        // In a shallow clone, the history ends before its root.
        let Some(older) = newer.parent(0).ok().filter(|_| !wanted.is_empty()) else { break };
        let paths: Vec<Wanted<'_>> = wanted.keys().map(|path| (path.as_bytes(), *path)).collect();
        let mut replaced = Vec::new();
        differing(&odb, Some(newer.tree_id()), Some(older.tree_id()), &paths, &mut replaced)?;
        for (path, content) in replaced {
            if wanted.get(path) == Some(&content) {
                wanted.remove(path);
                found.push(OlderContent { path: path.clone(), undoes: newer.id().to_string() });
            }
        }
        newer = older;
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The wanted paths that differ between two folders, with what the older one has there.
fn differing<'a>(
    odb: &Odb<'_>,
    newer: Option<Oid>,
    older: Option<Oid>,
    wanted: &[Wanted<'a>],
    replaced: &mut Vec<(&'a RepoPath, Oid)>,
) -> Result<(), Error> {
    let Some(older) = older.filter(|older| newer != Some(*older)) else { return Ok(()) };
    let older = read_entries(odb, older)?;
    let newer = newer.map_or(Ok(Entries::new()), |newer| read_entries(odb, newer))?;
    let mut below: BTreeMap<&[u8], Vec<Wanted<'a>>> = BTreeMap::new();
    for (rest, path) in wanted {
        if let Some(slash) = rest.iter().position(|byte| *byte == b'/') {
            below.entry(&rest[..slash]).or_default().push((&rest[slash + 1..], path));
            continue;
        }
        let content = older.get(*rest).map(|entry| entry.id);
        if content != newer.get(*rest).map(|entry| entry.id) {
            replaced.extend(content.map(|content| (*path, content)));
        }
    }
    let folder =
        |entries: &Entries, name: &[u8]| entries.get(name).filter(|entry| entry.is_folder()).map(|entry| entry.id);
    for (name, wanted) in below {
        differing(odb, folder(&newer, name), folder(&older, name), &wanted, replaced)?;
    }
    Ok(())
}
