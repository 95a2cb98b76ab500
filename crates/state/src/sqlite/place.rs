//! Where a ledger's file lies: nothing is promised where locks and shared memory do not hold.

use std::path::Path;

/// What a file system is called that other machines write as well; `None` where it is none, or nobody can tell.
///
/// A write-ahead log is shared through memory of one machine, so that two machines would overwrite each other's commits:
/// <https://sqlite.org/wal.html>, "All processes using a database must be on the same host computer".
#[cfg(target_os = "linux")]
pub(super) fn network_file_system(path: &Path) -> Option<&'static str> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A link is followed to where the file is.
    let found = rustix::fs::statfs(path).or_else(|_| rustix::fs::statfs(folder)).ok()?;
    u32::try_from(found.f_type & 0xFFFF_FFFF).ok().and_then(named)
}

/// Elsewhere it is not looked at.
#[cfg(not(target_os = "linux"))]
pub(super) const fn network_file_system(_: &Path) -> Option<&'static str> {
    None
}

/// By the numbers of `statfs(2)`.
#[cfg(target_os = "linux")]
fn named(number: u32) -> Option<&'static str> {
    Some(match number {
        0x6969 => "NFS",
        0x517B | 0xFE53_4D42 | 0xFF53_4D42 => "SMB",
        0x5346_414F | 0x6B41_4653 => "AFS",
        0x0102_1997 => "9P",
        0x00C3_6400 => "Ceph",
        0x0BD0_0BD0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x7375_7245 => "Coda",
        0x564C => "NCP",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_known_by_its_number_and_a_local_one_is_none() {
        // As the manual page of statfs(2) has them.
        let network = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x5346_414F, 0x0102_1997, 0x00C3_6400, 0x7375_7245];
        assert!(network.into_iter().all(|number| named(number).is_some()));
        let local = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1];
        assert!(local.into_iter().all(|number| named(number).is_none()));
    }

    #[test]
    fn where_tests_write_is_on_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(network_file_system(&folder.path().join("ledger.db")), None);
        assert_eq!(network_file_system(Path::new("nowhere/ledger.db")), None);
    }
}
