//! How an archive's file is named: after the day, and counted where there is one of that day.

use std::path::Path;

use tollhouse_core::Timestamp;

/// Whether a name is one that [`free`] gives: whatever else a ledger says is no path to follow.
pub(super) fn is_plain(file: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    file.strip_suffix(".db").is_some_and(|stem| !stem.is_empty() && stem.bytes().all(plain))
}

/// A name for an archive of this day that none was ever given, wherever it is now, and that nothing in the folder has, nor what
/// goes with it.
pub(super) fn free(dir: &Path, is_taken: impl Fn(&str) -> bool, now: Timestamp) -> String {
    let day: String = now.to_string().chars().take_while(|c| *c != 'T').collect();
    let names = (1_u32..).map(|number| if number == 1 { format!("{day}.db") } else { format!("{day}-{number}.db") });
    let mut free = names.filter(|name| {
        !is_taken(name)
            && ["", ".repo.git", ".blobs"]
                .iter()
                .all(|end| dir.join(format!("{name}{end}")).symlink_metadata().is_err())
    });
    free.next().expect("a folder has fewer than four thousand million archives of a day")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_of_one_day_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::from_micros(1_795_341_600_000_000);
        assert_eq!(free(dir.path(), |_| false, now), "2026-11-22.db");
        std::fs::write(dir.path().join("2026-11-22.db.blobs"), "").unwrap();
        assert_eq!(free(dir.path(), |_| false, now), "2026-11-22-2.db");
        assert_eq!(free(dir.path(), |name| name == "2026-11-22-2.db", now), "2026-11-22-3.db");
        assert!(is_plain(&free(dir.path(), |_| false, now)));
        for other in ["", ".db", "../2026-11-22.db", "2026-11-22", "/2026.db", "2026-11-22.db/x.db"] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
