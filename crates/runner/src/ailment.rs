//! What ails the machine or a repository, told from what the system and libgit2 say: the few causes that have a remedy of
//! their own.

use std::io;

use crate::error::Trouble;

/// A cause that has a remedy of its own, whatever was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ailment {
    /// Nothing is left to write on.
    DiskFull,
    /// A file or folder may not be read or written.
    Denied,
    /// Another program holds a lock, or left one behind.
    Locked,
    /// An object of a repository is missing or damaged.
    ObjectMissing,
}

impl Ailment {
    /// The cause behind an error of the system.
    pub(crate) fn of_io(error: &io::Error) -> Option<Self> {
        use io::ErrorKind as K;
        match error.kind() {
            K::StorageFull | K::QuotaExceeded => Some(Self::DiskFull),
            K::PermissionDenied | K::ReadOnlyFilesystem => Some(Self::Denied),
            // Libraries pass on what they were told as an error within an error.
            K::Other => error.get_ref()?.downcast_ref::<git2::Error>().and_then(Self::of_git),
            _ => None,
        }
    }

    /// The cause behind an error of libgit2, which passes on the system's words and not its numbers.
    pub(crate) fn of_git(error: &git2::Error) -> Option<Self> {
        use git2::{ErrorClass, ErrorCode};
        let says = |words: &[&str]| words.iter().any(|word| error.message().contains(word));
        // Before locks: the file of a lock, too, may not be writable.
        if says(&["No space left on device", "Disk quota exceeded", "Disc quota exceeded"]) {
            return Some(Self::DiskFull);
        }
        if says(&["Permission denied", "Operation not permitted", "Read-only file system"]) {
            return Some(Self::Denied);
        }
        if is_locked(error) {
            return Some(Self::Locked);
        }
        let odb = matches!(error.class(), ErrorClass::Odb | ErrorClass::Zlib);
        (odb && error.code() != ErrorCode::InvalidSpec).then_some(Self::ObjectMissing)
    }

    /// A stable name for programs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::Denied => "denied",
            Self::Locked => "locked",
            Self::ObjectMissing => "object_missing",
        }
    }

    /// What the reader can do.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::DiskFull => {
                "free some space and try again: `toll doctor` shows which disks, `toll gc` gives back workspaces"
            }
            Self::Denied => {
                "it must be readable and writable by whoever runs `toll`; `toll doctor` looks at the folders"
            }
            Self::Locked => {
                "try again once no other git program runs; a lock file that stays then was left behind: remove it"
            }
            Self::ObjectMissing => {
                "`git fsck` shows what is missing or damaged; fetch it again, or `toll restore` takes a backup of the ledger back"
            }
        }
    }

    /// What kind of trouble it is.
    pub(crate) const fn trouble(self) -> Trouble {
        match self {
            Self::Locked => Trouble::Conflict,
            Self::DiskFull | Self::Denied | Self::ObjectMissing => Trouble::Machine,
        }
    }
}

/// Libgit2 says it in two ways: that the lock is held, and that its file could not be made.
pub(crate) fn is_locked(error: &git2::Error) -> bool {
    error.code() == git2::ErrorCode::Locked
        || error.message().contains("lock file")
        || error.message().contains("locked file")
}

/// What libgit2 says, in a fragment: without the names of its classes and the numbers of its codes.
pub(crate) fn told(error: &git2::Error) -> String {
    let what = match Ailment::of_git(error) {
        Some(Ailment::DiskFull) => "the disk is full",
        Some(Ailment::Denied) => "a file of a repository may not be read or written",
        Some(Ailment::Locked) => "another program holds a lock of the repository",
        Some(Ailment::ObjectMissing) => "an object of a repository is missing or damaged",
        None => "the repository cannot be used",
    };
    format!("{what}: {}", error.message())
}

#[cfg(test)]
mod tests {
    use git2::{Error, ErrorClass, ErrorCode};

    use super::*;

    fn os(message: &str) -> Error {
        Error::new(ErrorCode::GenericError, ErrorClass::Os, message)
    }

    #[test]
    fn a_full_disk_is_known_by_the_words_of_libgit2() {
        let error = os("failed to write chunk: No space left on device");
        assert_eq!(Ailment::of_git(&error), Some(Ailment::DiskFull));
        assert_eq!(told(&error), "the disk is full: failed to write chunk: No space left on device");
    }

    #[test]
    fn a_lock_that_may_not_be_made_is_no_lock_that_is_held() {
        let error = os("failed to create locked file '/r/refs/heads/x.lock': Permission denied");
        assert_eq!(Ailment::of_git(&error), Some(Ailment::Denied));
    }

    #[test]
    fn an_object_that_is_not_there_is_told_from_a_branch_that_is_not_there() {
        let object = Error::new(ErrorCode::NotFound, ErrorClass::Odb, "object not found - no match for id (12ab)");
        let branch = Error::new(ErrorCode::NotFound, ErrorClass::Reference, "reference 'refs/heads/x' not found");
        assert_eq!(Ailment::of_git(&object), Some(Ailment::ObjectMissing));
        assert_eq!(Ailment::of_git(&branch), None);
    }

    #[test]
    fn a_real_repository_says_that_an_object_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let repo = git2::Repository::init_bare(dir.path()).unwrap();
        let id = git2::Oid::from_str("0123456789012345678901234567890123456789").unwrap();
        let error = repo.find_blob(id).unwrap_err();
        assert_eq!(Ailment::of_git(&error), Some(Ailment::ObjectMissing), "{error}");
    }
}
