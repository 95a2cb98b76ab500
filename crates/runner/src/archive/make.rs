//! Writing an archive: all of it, or nothing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tollhouse_core::RunId;
use tollhouse_core::entity::{Archive, ArchivedRun};
use tollhouse_engine::archives::{Absent, Archives};
use tollhouse_engine::verify::{Finding, ledger_name, verify_without};
use tollhouse_state::{SqliteStore, StoreError};

use super::name;
use crate::belongings::Belongings;
use crate::blobs::{Blobs, named_by, verify_blobs};
use crate::clock;
use crate::error::RunnerError;
use crate::failpoint::around;
use crate::folders::{sync_folder, sync_folders};
use crate::git::GitError;
use crate::site::Site;
use crate::texts::verify_texts;

/// How the folder is named in which one is made. Whoever has the lock alone makes one, or finds one of somebody who was killed.
pub(crate) const SCRATCH: &str = ".toll-archive-";

/// Writes an archive of these runs, of which there is at least one. It appears once all of it is on disk and was compared with what
/// it says of itself.
pub(super) fn archive(site: &Site, store: &SqliteStore, runs: &[ArchivedRun]) -> Result<Archive, RunnerError> {
    let dir = &site.archives;
    let failed = |source| RunnerError::Io { what: "write", path: dir.clone(), source };
    let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(dir).map_err(failed)?;
    let ledger = ledger_name(store)?.unwrap_or_default();
    let archives = Archives::of(store)?;
    let file = name::free(dir, |name| archives.name(name), clock::now());
    let place = site.with_ledger(scratch.path().join(&file));
    let ids: Vec<RunId> = runs.iter().map(|archived| archived.run).collect();
    store.archive_to(&place.ledger, &ledger, &ids)?;
    let copy = SqliteStore::open_read_only(&place.ledger)?;
    let mut belongings = Belongings::default();
    for run in &ids {
        belongings.take_run(&copy, *run)?;
    }
    copy_belongings((site, &place), &named_by(&copy)?, &belongings)?;
    compare(&place, &copy)?;
    drop(copy);
    put_on_disk(&place, scratch.path())?;
    around("effect.place_archive", || put_in_place(&place, &site.archive(&file)))?;
    let mut runs = runs.iter().cloned();
    let oldest = runs.next().expect("an archive has a run");
    Ok(Archive { file, ledger, oldest, newer: runs.collect() })
}

fn copy_belongings(
    (site, place): (&Site, &Site),
    blobs: &BTreeSet<String>,
    belongings: &Belongings,
) -> Result<(), RunnerError> {
    for blob in blobs {
        Blobs::of(place).put(&Blobs::of(site).get(blob)?)?;
    }
    if let Some(repo) = site.read_repo()? {
        repo.copy_to(&place.open_repo()?, &belongings.objects).map_err(GitError::from)?;
    }
    Ok(())
}

/// Refuses what is not as it was written: then it stays in the ledger, where `toll verify` says what is wrong with it.
pub(super) fn compare(place: &Site, copy: &SqliteStore) -> Result<(), RunnerError> {
    copy.check()?;
    let mut verified = verify_without(copy, 0, &Absent::all_else())?;
    verify_blobs(copy, &Blobs::of(place), &mut verified)?;
    verify_texts(copy, place.read_repo()?.as_ref(), &mut verified)?;
    match verified.findings.into_iter().next() {
        None => Ok(()),
        Some(Finding { place, what, .. }) => Err(StoreError::Damaged { place, what }.into()),
    }
}

/// Contents, objects and refs are on disk since they were written, but not every folder that was made for them.
fn put_on_disk(place: &Site, scratch: &Path) -> Result<(), RunnerError> {
    File::open(&place.ledger).and_then(|file| file.sync_all()).map_err(|source| io_error(&place.ledger, source))?;
    sync_folders(scratch)
}

/// The database last: without it, nothing is an archive.
fn put_in_place(from: &Site, to: &Site) -> Result<(), RunnerError> {
    let dir = to.ledger.parent().unwrap_or(Path::new("."));
    for (from, to) in [(&from.blobs, &to.blobs), (&from.repo, &to.repo), (&from.ledger, &to.ledger)] {
        if from.symlink_metadata().is_ok() {
            fs::rename(from, to).map_err(|source| io_error(to, source))?;
            sync_folder(dir)?;
        }
    }
    Ok(())
}

fn io_error(path: &Path, source: std::io::Error) -> RunnerError {
    RunnerError::Io { what: "write", path: PathBuf::from(path), source }
}
