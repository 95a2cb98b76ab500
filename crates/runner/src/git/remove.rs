//! Removing a folder with all that an agent may have left in it: folders without permissions, folders within each other
//! without end. No link is followed: what it leads to is not ours to remove, nor to open up.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode as Permissions, OFlags};
use rustix::io::Errno;

/// How many folders within each other are open at once. What is deeper is moved up, so that neither file handles nor the
/// stack run out.
const DEPTH_MAX: usize = 32;

/// How often a folder is emptied again that somebody still writes to.
const TRIES: usize = 8;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Removes a folder, a file or a link. What is not there is removed.
///
/// # Errors
///
/// The first thing that the system refuses; all that can be removed is.
pub(super) fn remove_all(path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let removed = match rustix::fs::openat(CWD, parent, flags, Permissions::empty()) {
        Ok(parent) => remove_in(&parent, name.as_encoded_bytes()),
        Err(error) => Err(error),
    };
    match removed {
        Err(Errno::NOENT) => Ok(()),
        removed => Ok(removed?),
    }
}

fn remove_in(parent: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return rustix::fs::unlinkat(parent, name, AtFlags::empty());
    }
    let root = open(parent.as_fd(), name)?;
    let mut removal = Removal { root: &root, moved: 0, number: 0 };
    let mut tries = 1;
    loop {
        removal.empty(&root, 0)?;
        match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
            // Something deep was moved up, or somebody still writes.
            Err(Errno::NOTEMPTY | Errno::EXIST) if removal.moved > 0 || tries < TRIES => {
                tries += usize::from(removal.moved == 0);
                removal.moved = 0;
            }
            removed => return removed,
        }
    }
}

struct Removal<'a> {
    root: &'a OwnedFd,
    /// How many folders were moved up since the root was emptied last.
    moved: u64,
    /// The number of the one that was moved last.
    number: u64,
}

impl Removal<'_> {
    /// Removes all that is in a folder, as far as possible; gives the first thing that was not.
    fn empty(&mut self, folder: &OwnedFd, depth: usize) -> Result<(), Errno> {
        let mut result = Ok(());
        for (name, kind) in list(folder)? {
            let removed = match kind {
                FileType::Directory => self.folder(folder, &name, depth),
                _ => rustix::fs::unlinkat(folder, name.as_slice(), AtFlags::empty()),
            };
            match removed {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    fn folder(&mut self, parent: &OwnedFd, name: &[u8], depth: usize) -> Result<(), Errno> {
        let folder = open(parent.as_fd(), name)?;
        if depth >= DEPTH_MAX {
            return self.move_up(parent, name);
        }
        let emptied = self.empty(&folder, depth + 1);
        drop(folder);
        emptied?;
        rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
    }

    /// Moves a folder to the top, where the next look finds it.
    fn move_up(&mut self, parent: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
        loop {
            self.number += 1;
            let to = format!("deep-{}", self.number);
            match rustix::fs::renameat(parent, name, self.root, to.as_str()) {
                // The agent has one of that name.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        self.moved += 1;
        Ok(())
    }
}

/// The names in a folder, and what they are.
fn list(folder: &OwnedFd) -> Result<Vec<(Vec<u8>, FileType)>, Errno> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
            kind => kind,
        };
        entries.push((name.to_vec(), kind));
    }
    Ok(entries)
}

/// Opens a folder that its owner may then read, search and change.
fn open(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let folder = match rustix::fs::openat(parent, name, FOLDER, Permissions::empty()) {
        Err(Errno::ACCESS) => {
            make_readable(parent, name)?;
            rustix::fs::openat(parent, name, FOLDER, Permissions::empty())?
        }
        opened => opened?,
    };
    let mode = Permissions::from_raw_mode(rustix::fs::fstat(&folder)?.st_mode);
    if !mode.contains(Permissions::RWXU) {
        rustix::fs::fchmod(&folder, Permissions::RWXU)?;
    }
    Ok(folder)
}

/// Linux changes no mode by name without following links, but a folder can be opened for nothing but being named.
#[cfg(target_os = "linux")]
fn make_readable(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(parent, name, flags, Permissions::empty())?;
    rustix::fs::chmod(format!("/proc/self/fd/{}", folder.as_raw_fd()), Permissions::RWXU)
}

#[cfg(not(target_os = "linux"))]
fn make_readable(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    rustix::fs::chmodat(parent, name, Permissions::RWXU, AtFlags::SYMLINK_NOFOLLOW)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    /// A folder around, and in it the one to be removed.
    fn scene() -> (tempfile::TempDir, PathBuf) {
        let around = tempfile::tempdir().unwrap();
        let dir = around.path().join("workspace");
        fs::create_dir(&dir).unwrap();
        (around, dir)
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_not_there_is_removed() {
        let (_around, dir) = scene();
        remove_all(&dir).unwrap();
        remove_all(&dir).unwrap();
        remove_all(&dir.join("below")).unwrap();
    }

    #[test]
    fn folders_without_permissions_are_removed_with_what_is_in_them() {
        let (_around, dir) = scene();
        for (folder, bits) in [("none", 0o000), ("read", 0o500), ("search", 0o100)] {
            fs::create_dir_all(dir.join(folder).join("below")).unwrap();
            fs::write(dir.join(folder).join("file"), "x").unwrap();
            set_mode(&dir.join(folder).join("below"), bits);
            set_mode(&dir.join(folder), bits);
        }
        set_mode(&dir, 0o000);
        remove_all(&dir).unwrap();
        assert!(!dir.exists());
    }

    #[test]
    fn folder_that_a_link_leads_to_stays_as_it_is() {
        let (around, dir) = scene();
        let other = around.path().join("other");
        fs::create_dir_all(other.join("below")).unwrap();
        set_mode(&other.join("below"), 0o500);
        set_mode(&other, 0o500);
        symlink(&other, dir.join("link")).unwrap();
        remove_all(&dir).unwrap();
        let modes = [mode(&other), mode(&other.join("below"))];
        set_mode(&other, 0o700);
        assert_eq!(modes, [0o500, 0o500]);
    }

    #[test]
    fn link_in_place_of_the_folder_is_removed_and_not_what_it_leads_to() {
        let (around, dir) = scene();
        let other = around.path().join("other");
        fs::create_dir_all(other.join("below")).unwrap();
        set_mode(&other, 0o500);
        fs::remove_dir(&dir).unwrap();
        symlink(&other, &dir).unwrap();
        remove_all(&dir).unwrap();
        assert!(dir.symlink_metadata().is_err());
        let left = mode(&other);
        set_mode(&other, 0o700);
        assert_eq!(left, 0o500);
    }

    #[test]
    fn folders_within_each_other_are_removed_however_many_there_are() {
        let (_around, dir) = scene();
        let mut folder = open(CWD, dir.as_os_str().as_encoded_bytes()).unwrap();
        for _ in 0..5000 {
            rustix::fs::mkdirat(&folder, "d", Permissions::RWXU).unwrap();
            folder = open(folder.as_fd(), b"d").unwrap();
        }
        drop(folder);
        remove_all(&dir).unwrap();
        assert!(!dir.exists());
    }
}
