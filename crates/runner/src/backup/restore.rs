//! Taking a backup back, into a repository that has no ledger: all of it, or nothing.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use tar::{Archive, Entry, EntryType};
use tempfile::{TempDir, TempPath};
use tollhouse_engine::verify::{Finding, Verified};
use tollhouse_state::{SqliteStore, StoreError};

use super::layout::{ABOUT, BLOBS, CHECKSUMS, LEDGER, Part, REPO, blob, part};
use super::{BackupProblem, FORMAT, Hashing, events, go_on, patches};
use crate::audit::verify_files;
use crate::blobs::{Blobs, named_by};
use crate::error::RunnerError;
use crate::folders::{make_on_disk, sync_folder, sync_folders};
use crate::git::LedgerRepo;
use crate::site::Site;
use crate::texts::text_of;

/// Longer than what says what a backup is.
const ABOUT_BYTES_MAX: u64 = 64 * 1024;

/// How many of the things that were found in an unsound ledger are told.
const FINDINGS_TOLD_MAX: usize = 3;

/// What becomes of a backup whose files are what was written, while its ledger is not sound: history or records were edited before
/// it was backed up, or by somebody who made the checksums fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsound {
    /// It is refused.
    Refused,
    /// It is restored as it is, to be looked into.
    Restored,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many events it holds.
    pub events: u64,
    /// How many patches it holds, each with its text.
    pub patches: u64,
    /// How many contents beside the ledger it holds.
    pub blobs: u64,
    /// How many things were found in it that are not as they must be. Only where [`Unsound::Restored`] was asked for is it not 0.
    pub findings: u64,
}

/// Restores a backup as the ledger of a repository that has none.
///
/// All of it is unpacked beside the ledger's place, verified as [`crate::audit::audit`] does, but for what landed, and put on disk; then it is moved into place. What makes it a
/// ledger, the database, comes last: where that move does not happen, there still is no ledger.
///
/// # Errors
/// [`BackupProblem`], or the machine fails.
pub fn restore(site: &Site, from: &Path, unsound: Unsound, interrupted: &AtomicBool) -> Result<Restored, RunnerError> {
    expect_no_ledger(site)?;
    let unpacking = Unpacking::begin(site, from)?;
    unpacking.unpack(interrupted)?;
    let verified = unpacking.verify()?;
    if !verified.is_sound() && unsound == Unsound::Refused {
        return Err(BackupProblem::Unsound { path: from.to_owned(), what: told(&verified) }.into());
    }
    go_on(interrupted)?;
    let restored = Restored { findings: verified.findings_count, ..unpacking.count()? };
    unpacking.put_on_disk()?;
    unpacking.put_in_place(site)?;
    Ok(restored)
}

fn expect_no_ledger(site: &Site) -> Result<(), BackupProblem> {
    let is_free = |path: &Path| match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => path.symlink_metadata().is_err(),
    };
    match [&site.ledger, &site.repo, &site.blobs].into_iter().find(|path| !is_free(path)) {
        None => Ok(()),
        Some(path) => {
            let hint = "a backup never goes over a ledger: move it away, or name another place with --ledger";
            Err(BackupProblem::Exists { path: path.clone(), hint })
        }
    }
}

/// A backup on its way to a ledger's place. What was unpacked goes with it.
struct Unpacking<'a> {
    from: &'a Path,
    place: TempDir,
    repo: LedgerRepo,
}

impl<'a> Unpacking<'a> {
    fn begin(site: &Site, from: &'a Path) -> Result<Self, RunnerError> {
        let metadata = from.metadata().map_err(|source| io_error("read", from, source))?;
        if !metadata.is_file() {
            return Err(not_a_backup(from, "it is not a file").into());
        }
        let folder = site.ledger.parent().unwrap_or(Path::new("."));
        make_on_disk(folder, 0o777).map_err(|source| io_error("make", folder, source))?;
        let place = tempfile::Builder::new().prefix(".toll-restore-").tempdir_in(folder);
        let place = place.map_err(|source| io_error("write in", folder, source))?;
        // Its configuration and its lenders are written for this machine; neither is taken from the backup.
        let repo = LedgerRepo::open_or_create(&place.path().join(REPO), &site.common_dir.join("objects"))?;
        Ok(Self { from, place, repo })
    }

    fn unpack(&self, interrupted: &AtomicBool) -> Result<(), RunnerError> {
        let file = File::open(self.from).map_err(|source| io_error("read", self.from, source))?;
        let mut archive = Archive::new(BufReader::new(file));
        let entries = archive.entries().map_err(|_| self.no_tar())?;
        let mut found = BTreeMap::new();
        let mut listed = None;
        for entry in entries {
            go_on(interrupted)?;
            let mut entry =
                entry.map_err(|error| if found.is_empty() { self.no_tar() } else { self.unreadable(&error) })?;
            let Some(name) = self.name(&entry)? else { continue };
            if found.is_empty() != (name == ABOUT) {
                let what = format!("it begins with {}", if found.is_empty() { name.as_str() } else { ABOUT });
                return Err(not_a_backup(self.from, what).into());
            }
            if found.contains_key(&name) || listed.is_some() {
                return Err(self.corrupt(format!("{name} is in it twice, or after its end")).into());
            }
            if name == CHECKSUMS {
                let mut text = String::new();
                entry.read_to_string(&mut text).map_err(|error| self.unreadable(&error))?;
                listed = Some(text);
            } else {
                let hash = self.take(&name, &mut entry)?;
                found.insert(name, hash);
            }
        }
        Ok(self.compare(&found, listed.as_deref())?)
    }

    /// The name of a file; `None` for a folder, which tells nothing. Anything else was never written by us.
    fn name<R: Read>(&self, entry: &Entry<'_, R>) -> Result<Option<String>, BackupProblem> {
        let bytes = entry.path_bytes();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let inner = shown.strip_prefix(REPO).and_then(|rest| rest.strip_prefix('/'));
        match entry.header().entry_type() {
            EntryType::Regular => {}
            EntryType::Directory => return Ok(None),
            EntryType::Symlink | EntryType::Link => {
                return Err(not_a_backup(self.from, format!("{shown:?} in it is a link")));
            }
            _ => return Err(not_a_backup(self.from, format!("{shown:?} in it is neither file nor folder"))),
        }
        let is_known = [ABOUT, LEDGER, CHECKSUMS].contains(&shown.as_str())
            || inner.and_then(part).is_some()
            || blob(&shown).is_some();
        let is_part = is_known && std::str::from_utf8(&bytes).is_ok();
        if is_part { Ok(Some(shown)) } else { Err(not_a_backup(self.from, format!("{shown:?} has no place in one"))) }
    }

    /// Takes a file, and gives its checksum.
    fn take(&self, name: &str, content: &mut impl Read) -> Result<String, RunnerError> {
        let mut content = Hashing::new(content);
        if name == ABOUT {
            let mut text = Vec::new();
            let read = (&mut content).take(ABOUT_BYTES_MAX).read_to_end(&mut text);
            read.map_err(|error| self.unreadable(&error))?;
            self.expect_known_format(&text)?;
        } else if name.strip_prefix(REPO).and_then(|rest| part(&rest[1..])) == Some(Part::Setup) {
            io::copy(&mut content, &mut io::sink()).map_err(|error| self.unreadable(&error))?;
        } else {
            let path = self.place.path().join(name);
            let folder = path.parent().unwrap_or(self.place.path());
            // Contents are their owner's only, as they were written.
            let (of_folder, of_file) = if blob(name).is_some() { (0o700, 0o600) } else { (0o777, 0o666) };
            let made = DirBuilder::new().recursive(true).mode(of_folder).create(folder);
            made.map_err(|source| io_error("make", folder, source))?;
            // A new one, always: a second one of the same name was refused.
            let file = OpenOptions::new().write(true).create_new(true).mode(of_file).open(&path);
            let mut file = file.map_err(|source| io_error("write", &path, source))?;
            copy(&mut content, &mut file)
                .map_err(|error| self.unreadable(&error))?
                .map_err(|source| io_error("write", &path, source))?;
            file.sync_all().map_err(|source| io_error("write", &path, source))?;
        }
        Ok(content.finish())
    }

    fn expect_known_format(&self, text: &[u8]) -> Result<(), BackupProblem> {
        let about: Option<Value> = serde_json::from_slice(text).ok();
        match about.as_ref().and_then(|about| about["tollhouse_backup"].as_u64()) {
            Some(1..=FORMAT) => Ok(()),
            Some(found) => Err(BackupProblem::Newer { path: self.from.to_owned(), found, known: FORMAT }),
            None => Err(not_a_backup(self.from, format!("{ABOUT} does not say its format"))),
        }
    }

    fn compare(&self, found: &BTreeMap<String, String>, listed: Option<&str>) -> Result<(), BackupProblem> {
        if found.is_empty() {
            return Err(self.no_tar());
        }
        let Some(listed) = listed else { return Err(self.corrupt(format!("its end, {CHECKSUMS}, is not in it"))) };
        let pairs: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once("  ")).collect();
        let listed: BTreeMap<&str, &str> = pairs.into_iter().map(|(hash, name)| (name, hash)).collect();
        let names = found.keys().map(String::as_str).chain(listed.keys().copied());
        for name in names {
            let problem = match (found.get(name), listed.get(name)) {
                (Some(hash), Some(expected)) if hash == expected => match blob(name) {
                    Some(digest) if digest != *hash => "is not what its name says",
                    _ => continue,
                },
                (Some(_), Some(_)) => "is not what was written",
                (Some(_), None) => "has no checksum",
                (None, _) => "is not in it",
            };
            return Err(self.corrupt(format!("{name} {problem}")));
        }
        if found.contains_key(LEDGER) { Ok(()) } else { Err(not_a_backup(self.from, "no ledger is in it".to_owned())) }
    }

    /// What was unpacked, as it will be opened: nobody writes to an archive.
    fn open(&self) -> Result<SqliteStore, RunnerError> {
        let opened = SqliteStore::open(self.ledger());
        opened.or_else(|error| SqliteStore::open_read_only(self.ledger()).map_err(|_| self.of_ledger(error)))
    }

    /// Verifies all of it. What landed is not compared: a backup may be older.
    fn verify(&self) -> Result<Verified, RunnerError> {
        let ledger = self.open()?;
        let snapshot = ledger.snapshot().map_err(|error| self.of_ledger(error))?;
        let contents = Blobs::at(self.place.path().join(BLOBS));
        let (verified, _) = verify_files((&ledger, &snapshot), &contents, 0).map_err(|error| self.of_reading(error))?;
        Ok(verified)
    }

    /// Sees that the text of every patch is there, and counts what there is.
    fn count(&self) -> Result<Restored, RunnerError> {
        let ledger = self.open()?;
        let patches = patches(&ledger).map_err(|error| self.of_reading(error))?;
        for patch in &patches {
            text_of(&self.repo, patch)
                .map_err(|(_, what)| self.corrupt(BackupProblem::Damaged { what }.to_string()))?;
        }
        let events = events(&ledger).map_err(|error| self.of_reading(error))?;
        let blobs = named_by(&ledger).map_err(|error| self.of_reading(error))?.len() as u64;
        Ok(Restored { events, patches: patches.len() as u64, blobs, findings: 0 })
    }

    fn put_on_disk(&self) -> Result<(), RunnerError> {
        let path = self.ledger();
        File::open(&path).and_then(|file| file.sync_all()).map_err(|source| io_error("write", &path, source))?;
        sync_folders(self.place.path())
    }

    fn put_in_place(self, site: &Site) -> Result<(), RunnerError> {
        let ledger = self.ledger();
        let Self { place, repo, .. } = self;
        drop(repo);
        // Somebody may have begun a ledger meanwhile; theirs stays. A folder goes over an empty one only.
        expect_no_ledger(site)?;
        let with_it = [(place.path().join(REPO), &site.repo), (place.path().join(BLOBS), &site.blobs)];
        // Older backups have no contents, and short work has none.
        let with_it: Vec<_> = with_it.into_iter().filter(|(from, _)| from.exists()).collect();
        let moved = with_it
            .iter()
            .try_for_each(|(from, to)| fs::rename(from, to).map_err(|source| io_error("write", to, source)));
        let moved = moved.and_then(|()| {
            TempPath::try_from_path(ledger)
                .and_then(|ledger| ledger.persist_noclobber(&site.ledger).map_err(|error| error.error))
                .map_err(|source| io_error("write", &site.ledger, source))
        });
        if let Err(error) = moved {
            // Without a ledger, the rest is nobody's, and may go as it came.
            if site.ledger.symlink_metadata().is_err() {
                for (from, to) in with_it.iter().filter(|(from, _)| !from.exists()) {
                    let _ = fs::rename(to, from);
                }
            }
            return Err(error);
        }
        sync_folder(site.ledger.parent().unwrap_or(Path::new(".")))
    }

    fn ledger(&self) -> PathBuf {
        self.place.path().join(LEDGER)
    }

    /// What reading the unpacked ledger says is true of the backup.
    fn of_reading(&self, error: RunnerError) -> RunnerError {
        match error {
            RunnerError::Store(error) => self.of_ledger(error),
            RunnerError::Backup(BackupProblem::Damaged { what }) => {
                self.corrupt(format!("its {LEDGER} is damaged: {what}")).into()
            }
            error => error,
        }
    }

    /// What the store says of the unpacked file is true of the backup.
    fn of_ledger(&self, error: StoreError) -> RunnerError {
        match error {
            StoreError::NotOpenable { what, .. } => {
                self.corrupt(format!("its {LEDGER} cannot be opened as a ledger: {what}")).into()
            }
            StoreError::Damaged { what, .. } => self.corrupt(format!("its {LEDGER} is damaged: {what}")).into(),
            other => other.into(),
        }
    }

    /// What cannot be read from its first file on is no tar.
    fn unreadable(&self, error: &io::Error) -> BackupProblem {
        self.corrupt(format!("it cannot be read to its end: {error}"))
    }

    fn no_tar(&self) -> BackupProblem {
        not_a_backup(self.from, "it is not a tar file".to_owned())
    }

    fn corrupt(&self, what: String) -> BackupProblem {
        BackupProblem::Corrupt { path: self.from.to_owned(), what }
    }
}

/// The first things that were found, and how many more there are.
fn told(verified: &Verified) -> String {
    let first = &verified.findings[..verified.findings.len().min(FINDINGS_TOLD_MAX)];
    let first: Vec<String> = first.iter().map(|Finding { place, what, .. }| format!("{place}: {what}")).collect();
    let more = verified.findings_count - first.len() as u64;
    let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
    first.join("; ") + &more
}

/// Copies, and says on which side it failed: outside what could not be read, inside what could not be written.
fn copy(from: &mut impl Read, to: &mut impl io::Write) -> io::Result<io::Result<()>> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(Ok(()));
        }
        if let Err(error) = to.write_all(&buffer[..count]) {
            return Ok(Err(error));
        }
    }
}

fn not_a_backup(path: &Path, what: impl Into<String>) -> BackupProblem {
    BackupProblem::NotABackup { path: path.to_owned(), what: what.into() }
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> RunnerError {
    RunnerError::Io { what, path: path.to_owned(), source }
}
