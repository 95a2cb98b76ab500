//! Contents by their names.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::BlobProblem;
use crate::error::RunnerError;
use crate::failpoint::around;
use crate::folders::{make_folder, sync_folder};
use crate::lock::{Hold, Lock};
use crate::site::Site;

/// How the names of files begin that are on their way to another name.
const TEMPORARY: &str = ".tmp-blob-";

/// The contents beside a ledger, each named by its SHA-256 in 64 hexadecimal digits: `ab/cdef…` in their folder.
///
/// ```
/// # use tollhouse_runner::blobs::Blobs;
/// # let scratch = tempfile::tempdir()?;
/// let blobs = Blobs::at(scratch.path().join("blobs"));
/// let digest = blobs.put(b"3 tests passed\n")?;
/// assert_eq!(blobs.get(&digest)?, b"3 tests passed\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    /// Those that go with a ledger.
    pub fn of(site: &Site) -> Self {
        Self::at(&site.blobs)
    }

    /// Those in a folder. It is made once something is put into it.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps a content; the answer is its name. Once it is given, the content is on disk, and for the next hour nobody takes it
    /// away, so that there is time to commit what names it. One that is there already is not written again.
    ///
    /// # Errors
    /// The machine fails: then nothing half-written is under the content's name.
    pub fn put(&self, content: &[u8]) -> Result<String, RunnerError> {
        let digest = written(Sha256::digest(content).as_slice());
        around("blob.put", || self.write(&digest, content))?;
        Ok(digest)
    }

    fn write(&self, digest: &str, content: &[u8]) -> Result<(), RunnerError> {
        let path = self.path(digest);
        let folder = path.parent().unwrap_or(&self.dir);
        // Held to the end: between a look at the age of what is there and taking it away, nothing is put in its place.
        let _lock = Lock::take(&self.dir, Hold::Shared)?;
        if holds(&path, content)? {
            let touched = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            touched.map_err(|source| io_error("write", &path, source))?;
        } else {
            let failed = |source| io_error("write", &path, source);
            make_folder(folder)?;
            let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&self.dir).map_err(failed)?;
            file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
            around("blob.place", || file.persist(&path)).map_err(|error| failed(error.error))?;
        }
        // Also where it was there: whoever put it there may not have come to this yet.
        sync_folder(folder)?;
        sync_folder(&self.dir)
    }

    /// A content. It needs the memory of the content, whatever else may lie in its place.
    ///
    /// # Errors
    /// [`BlobProblem::Missing`], [`BlobProblem::Differs`], or the machine fails.
    pub fn get(&self, digest: &str) -> Result<Vec<u8>, RunnerError> {
        // First without keeping anything: only of what its name says is it known how large it may be.
        let bytes = self.read(digest, u64::MAX, |_| {})?;
        let mut content = Vec::new();
        self.read(digest, bytes, |piece| content.extend_from_slice(piece))?;
        Ok(content)
    }

    /// Sees whether a content is there and what its name says, in little memory however large it is.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn check(&self, digest: &str) -> Result<(), RunnerError> {
        self.read(digest, u64::MAX, |_| {}).map(drop)
    }

    /// Hands over what is under a name, piece by piece, up to so many bytes; the answer is how many there are. Only at its end is
    /// it known whether it is what its name says.
    fn read(&self, digest: &str, bytes_max: u64, mut take: impl FnMut(&[u8])) -> Result<u64, RunnerError> {
        let missing = || BlobProblem::Missing { digest: digest.to_owned() };
        // Whatever else a record may say is no path to follow.
        if !is_digest(digest) {
            return Err(missing().into());
        }
        let path = self.path(digest);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => missing().into(),
            _ => io_error("read", &path, source),
        };
        // Of what is no file, reading may never end.
        if !path.symlink_metadata().map_err(failed)?.is_file() {
            return Err(BlobProblem::Differs { digest: digest.to_owned(), path }.into());
        }
        let mut file = File::open(&path).map_err(failed)?;
        let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 64 * 1024], 0);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    bytes += length as u64;
                    if bytes > bytes_max {
                        return Err(BlobProblem::Differs { digest: digest.to_owned(), path }.into());
                    }
                    hash.update(&buffer[..length]);
                    take(&buffer[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        if written(hash.finalize().as_slice()) == digest {
            return Ok(bytes);
        }
        Err(BlobProblem::Differs { digest: digest.to_owned(), path }.into())
    }

    /// Takes a content away, unless somebody put it again since a time. One that is not there is passed over.
    ///
    /// # Errors
    /// The machine fails.
    pub(crate) fn forget(&self, digest: &str, since: SystemTime) -> Result<(), RunnerError> {
        let path = self.path(digest);
        if !is_digest(digest) || !path.is_file() {
            return Ok(());
        }
        let _lock = Lock::take(&self.dir, Hold::Alone)?;
        let changed = path.symlink_metadata().and_then(|metadata| metadata.modified());
        let removed = match changed {
            Ok(changed) if changed < since => around("blob.forget", || fs::remove_file(&path)),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// Where a content is, or would be.
    pub(super) fn path(&self, digest: &str) -> PathBuf {
        let (folder, name) = digest.split_at_checked(2).unwrap_or(("", digest));
        self.dir.join(folder).join(name)
    }
}

/// Whether a name is one that a content can have.
pub(super) fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a file is there and holds this; what was damaged is written again.
fn holds(path: &Path, content: &[u8]) -> Result<bool, RunnerError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() && metadata.len() == content.len() as u64 => {
            Ok(fs::read(path).map_err(|source| io_error("read", path, source))? == content)
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(io_error("read", path, source)),
    }
}

/// In hexadecimal digits.
fn written(hash: &[u8]) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

pub(super) fn io_error(what: &'static str, path: &Path, source: io::Error) -> RunnerError {
    RunnerError::Io { what, path: path.to_owned(), source }
}
