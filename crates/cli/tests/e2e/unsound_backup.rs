//! Backups of which every checksum fits, and whose ledger is not what it says.

use crate::backup::{FILE, SUMS, backed_up, forget, refused, tampered};
use crate::disk::SmallDisk;
use crate::harness::{self, Bench, run};

/// The content of an event is changed.
const EDIT: &str = "UPDATE event SET body = json_set(body, '$.edited', 1) WHERE position = 7";

/// A backup whose ledger was edited by whoever can write the file, and the checksums with it. There is no ledger.
fn edited(sql: &str) -> Bench {
    let bench = backed_up();
    forget(&bench);
    let script = format!("{}edit('ledger.db', \"\"\"{sql}\"\"\")", harness::EDIT);
    bench.write("../edit.py", script);
    tampered(&bench, &format!("python3 ../edit.py; rm -f ledger.db-*; {SUMS}"));
    bench
}

#[test]
fn backup_whose_ledger_was_edited_is_refused_with_what_was_found() {
    let bench = edited(EDIT);
    let said = refused(&bench);
    assert_eq!(said.code, Some(6), "{said}");
    let words =
        ["ledger.tar holds a ledger that is not sound: event 7: its content had the digest ", "\nhint: ", "`--anyway`"];
    assert!(words.iter().all(|words| said.err.contains(words)), "{said}");
    let said = bench.toll(&["restore", FILE, "--json"]);
    assert_eq!((said.code, said.error()["code"].as_str()), (Some(6), Some("backup_damaged")), "{said}");
    assert_eq!(bench.toll(&["status"]).code, Some(4));
}

#[test]
fn edits_of_any_kind_are_found_before_anything_is_restored() {
    for (sql, expected) in [
        ("UPDATE event SET reason = 'fine' WHERE position = 9", "event 9: "),
        ("DELETE FROM event WHERE position = 5", "event 5 is not there"),
        ("UPDATE record SET body = json_set(body, '$.edited', 1) WHERE kind = 'run'", "run_"),
        ("UPDATE event SET reason = CAST(x'ff' AS TEXT) WHERE position = 9", "event 9: "),
        ("UPDATE record SET body = CAST(x'ff' AS TEXT) WHERE kind = 'patch'", "record patch_"),
        ("UPDATE record SET body = CAST(x'ff' AS TEXT) WHERE kind = 'effect'", "record eff_"),
        ("DELETE FROM record_key", "record "),
    ] {
        let bench = edited(sql);
        let said = refused(&bench);
        assert_eq!(said.code, Some(6), "{sql}\n{said}");
        assert!(said.err.contains(expected) && said.err.contains("hint: "), "{sql}\n{said}");
        assert_eq!(bench.toll(&["status"]).code, Some(4), "{sql}");
    }
}

#[test]
fn backup_whose_ledger_was_edited_is_restored_where_somebody_insists() {
    let bench = edited(EDIT);
    let said = bench.toll(&["restore", FILE, "--anyway", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    let found = said.json()["findings_count"].as_u64();
    let verified = bench.toll(&["verify", "--json"]);
    assert_eq!((verified.code, verified.json()["findings_count"].as_u64()), (Some(1), found), "{verified}");
    forget(&bench);
    let said = bench.toll(&["restore", FILE, "--anyway"]);
    assert!(said.out.contains("not sound") && said.err.contains("`toll verify`"), "{said}");
}

#[test]
fn sound_backup_is_restored_without_a_word_of_findings() {
    let bench = backed_up();
    forget(&bench);
    let said = bench.toll(&["restore", FILE, "--anyway", "--json"]);
    assert_eq!((said.code, said.json()["findings_count"].as_u64()), (Some(0), Some(0)), "{said}");
    forget(&bench);
    let said = bench.toll(&["restore", FILE]);
    assert!(said.code == Some(0) && !said.to_string().contains("sound"), "{said}");
}

/// What there is no room for is not there in part.
#[test]
fn full_disk_leaves_neither_half_a_backup_nor_half_a_ledger() {
    let bench = backed_up();
    let disk = bench.around().join("disk");
    let Some(disk_of) = SmallDisk::mount(&disk, "64k") else { return };
    let is_empty = || std::fs::read_dir(&disk).expect("a folder").next().is_none();
    let restore = || run(bench.command(&["restore", FILE, "--json"]).env("TOLLHOUSE_LEDGER", disk.join("ledger.db")));
    for said in [bench.toll(&["backup", "../disk/ledger.tar", "--json"]), restore()] {
        assert_eq!((said.code, said.error()["code"].as_str()), (Some(8), Some("disk_full")), "{said}");
        assert!(is_empty(), "{said}");
    }
    disk_of.grow("64m");
    assert_eq!(restore().code, Some(0));
}
