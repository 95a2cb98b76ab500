//! What somebody who was killed left in the folder of the archives before the ledger spoke of it.

use std::fs;
use std::path::Path;

use tollhouse_engine::archives::Archives;
use tollhouse_engine::verify::ledger_name;
use tollhouse_state::{Cursor, SqliteStore, Store};

use super::make::SCRATCH;
use super::name;
use crate::error::RunnerError;
use crate::site::Site;

/// Removes it, where all of it is in the ledger. Whoever calls has the lock, so nobody is making one.
pub(super) fn remove(site: &Site, store: &SqliteStore) -> Result<(), RunnerError> {
    let archives = Archives::of(store)?;
    let entries: Vec<String> = fs::read_dir(&site.archives)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    for name in &entries {
        let path = site.archives.join(name);
        let stem = name.strip_suffix(".repo.git").or_else(|| name.strip_suffix(".blobs"));
        let is_beside_nothing =
            stem.is_some_and(|file| is_unnamed(&archives, file) && !entries.iter().any(|one| one == file));
        if name.starts_with(SCRATCH) || is_beside_nothing {
            remove_all(&path)?;
        } else if is_unnamed(&archives, name) && is_in(&path, store)? {
            // The database first: without it, nothing is an archive.
            let place = site.archive(name);
            for path in [&place.ledger, &place.repo, &place.blobs] {
                remove_all(path)?;
            }
        }
    }
    Ok(())
}

fn is_unnamed(archives: &Archives, file: &str) -> bool {
    name::is_plain(file) && !archives.name(file)
}

/// Whether a file is an archive of a ledger, all of whose events the ledger has. Any other is not ours to remove, and neither is
/// one that cannot be read to its end, whatever is wrong with it.
fn is_in(path: &Path, store: &SqliteStore) -> Result<bool, RunnerError> {
    const PAGE: u32 = 256;
    let Some(ledger) = ledger_name(store)? else { return Ok(false) };
    let Some(copy) = open(path).filter(|copy| copy.origin().is_ok_and(|origin| origin.as_ref() == Some(&ledger)))
    else {
        return Ok(false);
    };
    let mut after = 0;
    loop {
        let Ok(page) = copy.events(&Cursor { after, limit: Some(PAGE), ..Cursor::default() }) else { return Ok(false) };
        let Some(last) = page.last() else { return Ok(true) };
        for event in &page {
            let cursor = Cursor { after: event.position - 1, limit: Some(1), ..Cursor::default() };
            if store.events(&cursor)?.first().is_none_or(|other| other.hash != event.hash) {
                return Ok(false);
            }
        }
        after = last.position;
    }
}

/// A ledger or an archive; nothing where there is none that can be read. Whatever else is there may never end.
fn open(path: &Path) -> Option<SqliteStore> {
    if path.is_file() { SqliteStore::open_read_only(path).ok() } else { None }
}

fn remove_all(path: &Path) -> Result<(), RunnerError> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.map_err(|source| RunnerError::Io { what: "remove", path: path.to_owned(), source })
}
