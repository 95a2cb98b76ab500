//! Writing a backup, while other `toll`s may write to the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use tar::{Builder, Header};
use tollhouse_core::entity::Patch;
use tollhouse_state::SqliteStore;

use super::layout::{ABOUT, CHECKSUMS, LEDGER, Part, REPO, part, place_of};
use super::{BackupProblem, FORMAT, Hashing, events, go_on, patches};
use crate::blobs::{BlobProblem, Blobs, named_by};
use crate::clock;
use crate::error::RunnerError;
use crate::git::loose;
use crate::site::Site;
use crate::texts::text_of;

/// What was backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The size of the file.
    pub bytes: u64,
    /// How many events it holds.
    pub events: u64,
    /// How many patches it holds, each with its text.
    pub patches: u64,
    /// How many contents beside the ledger it holds: what agents and gates printed at length.
    pub blobs: u64,
}

/// Writes a ledger to one file that must not be there yet. The file appears when all of it is on disk, or not at all.
///
/// # Errors
/// [`BackupProblem`], or the machine fails.
pub fn backup(site: &Site, store: &SqliteStore, to: &Path, interrupted: &AtomicBool) -> Result<Backup, RunnerError> {
    let exists = || BackupProblem::Exists { path: to.to_owned(), hint: "name a file that is not there yet" };
    if to.symlink_metadata().is_ok() {
        return Err(exists().into());
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source| RunnerError::Io { what: "write", path: to.to_owned(), source };
    let scratch = tempfile::Builder::new().prefix(".toll-backup-").tempdir_in(folder).map_err(failed)?;
    // The database first, then the rest: whatever the ledger names was in its place before the ledger named it, and nothing
    // leaves it. The other way round, a commit in between would name what was not copied.
    let copy = scratch.path().join(LEDGER);
    store.copy_to(&copy)?;
    let ledger = SqliteStore::open_read_only(&copy)?;
    let (patches, named, events) = (patches(&ledger)?, named_by(&ledger)?, events(&ledger)?);
    drop(ledger);
    let files = Files::look(site)?;
    let lent = lent_texts(site, &patches, &files, interrupted)?;

    let file = tempfile::NamedTempFile::new_in(scratch.path()).map_err(failed)?;
    let mut archive = Archive::new(file.as_file(), failed);
    archive.text(ABOUT, &about(events, patches.len(), named.len()))?;
    archive.file(LEDGER, &copy)?;
    for (name, content) in files.refs.iter().chain(&lent) {
        archive.text(&format!("{REPO}/{name}"), content)?;
    }
    for name in &files.objects {
        go_on(interrupted)?;
        archive.file(&format!("{REPO}/{name}"), &site.repo.join(name))?;
    }
    for blob in &named {
        go_on(interrupted)?;
        archive.text(&place_of(blob), &content_of(site, blob)?)?;
    }
    archive.finish()?;

    file.as_file().sync_all().map_err(failed)?;
    let bytes = file.as_file().metadata().map_err(failed)?.len();
    file.persist_noclobber(to).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists().into(),
        _ => failed(error.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Backup { bytes, events, patches: patches.len() as u64, blobs: named.len() as u64 })
}

/// A content, if it is what the ledger says.
fn content_of(site: &Site, blob: &str) -> Result<Vec<u8>, RunnerError> {
    Blobs::of(site).get(blob).map_err(|error| match error {
        RunnerError::Blob(problem @ (BlobProblem::Missing { .. } | BlobProblem::Differs { .. })) => {
            BackupProblem::Damaged { what: problem.to_string() }.into()
        }
        error => error,
    })
}

fn about(events: u64, patches: usize, blobs: usize) -> Vec<u8> {
    let about = serde_json::json!({
        "tollhouse_backup": FORMAT,
        "written_by": concat!("toll ", env!("CARGO_PKG_VERSION")),
        "written_at": clock::now(),
        "events": events,
        "patches": patches,
        "blobs": blobs,
    });
    format!("{about:#}\n").into_bytes()
}

/// What the ledger's own repository holds.
#[derive(Default)]
struct Files {
    /// Names and contents.
    refs: BTreeMap<String, Vec<u8>>,
    /// Names.
    objects: BTreeSet<String>,
}

impl Files {
    /// Reads the refs before it lists the objects: what a ref names was there before it.
    fn look(site: &Site) -> Result<Self, RunnerError> {
        let mut files = Self::default();
        if site.read_repo()?.is_none() {
            return Ok(files);
        }
        let failed = |source| RunnerError::Io { what: "read", path: site.repo.clone(), source };
        for top in ["HEAD", "config", "packed-refs", "refs"] {
            for name in below(&site.repo, top).map_err(failed)? {
                match fs::read(site.repo.join(&name)) {
                    Ok(content) => drop(files.refs.insert(name, content)),
                    // Let go of meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(error)),
                }
            }
        }
        let objects = below(&site.repo, "objects").map_err(failed)?;
        files.objects = objects.into_iter().filter(|name| part(name) == Some(Part::Object)).collect();
        Ok(files)
    }
}

/// The files at or below a name that belong into a backup.
fn below(root: &Path, top: &str) -> io::Result<Vec<String>> {
    let (mut found, mut next) = (Vec::new(), vec![top.to_owned()]);
    while let Some(name) = next.pop() {
        match fs::symlink_metadata(root.join(&name)) {
            Ok(metadata) if metadata.is_dir() => {
                for entry in fs::read_dir(root.join(&name))? {
                    // No name of ours is anything but ASCII.
                    next.extend(entry?.file_name().to_str().map(|inner| format!("{name}/{inner}")));
                }
            }
            Ok(metadata) if metadata.is_file() && part(&name).is_some() => found.push(name),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.sort();
    Ok(found)
}

/// Sees to it that the text of every patch is at hand and is what the ledger says. The ones that lie in the maintainer's
/// repository only, because the same text was committed there, are given as files to be taken along.
fn lent_texts(
    site: &Site,
    patches: &[Patch],
    files: &Files,
    interrupted: &AtomicBool,
) -> Result<BTreeMap<String, Vec<u8>>, RunnerError> {
    let mut lent = BTreeMap::new();
    if patches.is_empty() {
        return Ok(lent);
    }
    let repo = site.open_repo()?;
    for patch in patches {
        go_on(interrupted)?;
        let text = text_of(&repo, patch).map_err(|(_, what)| BackupProblem::Damaged { what })?;
        let name = loose::place_of(&patch.blob);
        if !files.objects.contains(&name) {
            let packed = loose::blob(&text).map_err(|source| RunnerError::Io {
                what: "pack",
                path: name.clone().into(),
                source,
            })?;
            lent.insert(name, packed);
        }
    }
    Ok(lent)
}

/// A tar in the making, with the checksums of what is in it.
struct Archive<'a, E> {
    tar: Builder<&'a File>,
    checksums: Vec<u8>,
    failed: E,
}

impl<'a, E: Fn(io::Error) -> RunnerError> Archive<'a, E> {
    fn new(file: &'a File, failed: E) -> Self {
        Self { tar: Builder::new(file), checksums: Vec::new(), failed }
    }

    fn file(&mut self, name: &str, path: &Path) -> Result<(), RunnerError> {
        let unreadable = |source| RunnerError::Io { what: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        self.append(name, size, file)
    }

    fn text(&mut self, name: &str, content: &[u8]) -> Result<(), RunnerError> {
        self.append(name, content.len() as u64, content)
    }

    fn append(&mut self, name: &str, size: u64, content: impl Read) -> Result<(), RunnerError> {
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(clock::now().as_micros() / 1_000_000).unwrap_or_default());
        let mut content = Hashing::new(content.take(size));
        self.tar.append_data(&mut header, name, &mut content).map_err(&self.failed)?;
        writeln!(self.checksums, "{}  {name}", content.finish()).map_err(&self.failed)
    }

    fn finish(mut self) -> Result<(), RunnerError> {
        let checksums = std::mem::take(&mut self.checksums);
        self.text(CHECKSUMS, &checksums)?;
        self.tar.finish().map_err(&self.failed)
    }
}
