//! What the files of a checkout looked like when they were written, so that the unchanged ones need not be read again.

use std::collections::HashMap;

use git2::Oid;

/// What the system says about a file. Any change of its content changes this, unless it falls within the same tick of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// Seconds and nanoseconds.
    pub(super) mtime: (i64, i64),
    /// Seconds and nanoseconds.
    pub(super) ctime: (i64, i64),
    pub(super) size: i64,
    pub(super) ino: i64,
    pub(super) mode: i64,
    pub(super) dev: i64,
    pub(super) uid: i64,
    pub(super) gid: i64,
}

impl From<rustix::fs::Stat> for Stat {
    fn from(stat: rustix::fs::Stat) -> Self {
        Self {
            mtime: (number(stat.st_mtime), number(stat.st_mtime_nsec)),
            ctime: (number(stat.st_ctime), number(stat.st_ctime_nsec)),
            size: number(stat.st_size),
            ino: number(stat.st_ino),
            mode: number(stat.st_mode),
            dev: number(stat.st_dev),
            uid: number(stat.st_uid),
            gid: number(stat.st_gid),
        }
    }
}

/// The types of the fields differ from system to system.
fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(-1)
}

/// The files of a checkout by path. A value: it lives as long as the workspace, in memory.
#[derive(Debug, Clone, Default)]
pub struct StatCache {
    files: HashMap<Vec<u8>, (Stat, Oid)>,
    /// The newest time of any file in it.
    newest: (i64, i64),
}

impl StatCache {
    pub(super) fn insert(&mut self, path: Vec<u8>, stat: Stat, id: Oid) {
        self.newest = self.newest.max(stat.mtime).max(stat.ctime);
        self.files.insert(path, (stat, id));
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.newest = self.newest.max(other.newest);
        self.files.extend(other.files);
    }

    pub(super) fn stat(&self, path: &[u8]) -> Option<&Stat> {
        self.files.get(path).map(|(stat, _)| stat)
    }

    /// The content of a file that nobody wrote since. As in git, one whose times are the newest of all proves nothing:
    /// it may have been written again within the same tick.
    pub(super) fn unchanged(&self, path: &[u8], stat: &Stat) -> Option<Oid> {
        let (cached, id) = self.files.get(path)?;
        let racy = cached.mtime >= self.newest || cached.ctime >= self.newest;
        (cached == stat && !racy).then_some(*id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_written_in_the_last_tick_is_read_again() {
        let stat = |time| Stat {
            mtime: (time, 0),
            ctime: (time, 0),
            size: 1,
            ino: 1,
            mode: 0o100_644,
            dev: 1,
            uid: 1,
            gid: 1,
        };
        let mut cache = StatCache::default();
        cache.insert(b"early".to_vec(), stat(1), Oid::ZERO_SHA1);
        cache.insert(b"late".to_vec(), stat(2), Oid::ZERO_SHA1);
        assert!(cache.unchanged(b"early", &stat(1)).is_some());
        assert!(cache.unchanged(b"early", &stat(2)).is_none());
        assert!(cache.unchanged(b"late", &stat(2)).is_none());
    }
}
