//! Bytes that are no UTF-8: in the texts of a ledger, and in its path.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::harness::{Bench, EDIT, Said, run, tasks};

const LEDGER: &str = ".git/tollhouse/ledger.db";

/// Every command that reads a ledger.
const READING: [&[&str]; 12] = [
    &["status"],
    &["runs"],
    &["log"],
    &["log", "--limit", "0"],
    &["explain"],
    &["explain", "one"],
    &["task", "list"],
    &["task", "show", "one"],
    &["patch", "list"],
    &["worker", "list"],
    &["backup", "../ledger.tar"],
    &["purge", "one", "--dry-run"],
];

/// Where texts of the ledger stand: the table, the rows, what names such a row, and the columns.
const TEXTS: [(&str, &str, &str, &[&str]); 4] = [
    (
        "event",
        "position = (SELECT max(position) FROM event)",
        "event ",
        &["stream", "record", "kind", "state", "name", "severity", "reason", "actor", "trace", "commit_id", "body"],
    ),
    ("event", "position = 9", "event 9", &["body_digest", "record_digest", "previous_hash", "hash"]),
    ("record", "kind = 'run'", "record ", &["id", "ulid_order", "kind", "parent", "state", "random", "body", "keys"]),
    (
        "record",
        "kind = 'task'",
        "record ",
        &["id", "ulid_order", "kind", "run", "parent", "state", "random", "body", "keys"],
    ),
];

/// What the ledger keeps beside events and records, to find them by.
const KEPT: [(&str, &[&str]); 3] = [
    ("record_key", &["name", "value", "record"]),
    ("record_tally", &["run", "kind", "state"]),
    ("commit_log", &["id"]),
];

/// Puts three bytes that are no UTF-8 in the place of a text.
fn spoil(bench: &Bench, table: &str, rows: &str, column: &str) {
    let script = format!(
        "{EDIT}ledger, guards = unlocked(sys.argv[1])
assert ledger.execute(sys.argv[2]).rowcount >= 1
locked(ledger, guards)"
    );
    let sql = format!(
        "UPDATE {table} SET {column} = CAST(x'ff80c3' AS TEXT)
         WHERE rowid = (SELECT rowid FROM {table} WHERE {rows} ORDER BY {column} LIMIT 1)"
    );
    let sql = if table == "event" || table == "record" { sql } else { without_rowid(table, column) };
    let said = run(bench.isolated("python3").args(["-c", &script, LEDGER, &sql]));
    assert_eq!(said.code, Some(0), "{sql}\n{said}");
}

/// The same for a table whose rows have no number: the first by that column, of those that say something.
fn without_rowid(table: &str, column: &str) -> String {
    let rows = if table == "record_tally" { "records > 0" } else { "true" };
    let first = format!("(SELECT {column} FROM {table} WHERE {rows} ORDER BY {column} LIMIT 1)");
    format!("UPDATE OR IGNORE {table} SET {column} = CAST(x'ff80c3' AS TEXT) WHERE {rows} AND {column} = {first}")
}

/// A ledger of one run.
fn worked() -> (Bench, Vec<u8>) {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    let whole = fs::read(bench.path(LEDGER)).expect("there is a ledger");
    (bench, whole)
}

fn set_back(bench: &Bench, whole: &[u8]) {
    let _ = fs::remove_file(bench.path("../ledger.tar"));
    fs::write(bench.path(LEDGER), whole).expect("it can be written");
}

/// Either what was asked for is elsewhere, or the damage is named: never a panic, and never another error.
#[track_caller]
fn is_damaged(said: &Said, place: &str, what: &str) -> bool {
    // What is searched for by what was spoilt is not found.
    if matches!(said.code, Some(0 | 4)) {
        return false;
    }
    assert_eq!(said.code, Some(6), "{what}\n{said}");
    let error = said.error();
    assert_eq!(error["code"], "ledger_damaged", "{what}\n{said}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains(place)), "{what}\n{said}");
    true
}

#[test]
fn text_of_a_row_that_is_no_utf_8_is_damage_in_a_place_with_a_name() {
    let (bench, whole) = worked();
    for (table, rows, place, columns) in TEXTS {
        for column in columns {
            set_back(&bench, &whole);
            spoil(&bench, table, rows, column);
            let mut told = 0;
            for args in READING {
                let said = bench.toll(&[args, &["--json"]].concat());
                told += u32::from(is_damaged(&said, place, &format!("{table}.{column} toll {args:?}")));
            }
            let looked_for = ["kind", "run", "parent"].contains(column);
            assert!(told > 0 || looked_for, "no command tells of {table}.{column}");
            let said = bench.toll(&["verify", "--json"]);
            assert_eq!(said.code, Some(1), "{table}.{column}\n{said}");
            let findings = said.json()["findings"].to_string();
            assert!(findings.contains(place), "{table}.{column}\n{said}");
        }
    }
}

#[test]
fn text_that_is_kept_twice_and_is_no_utf_8_once_is_found() {
    let (bench, whole) = worked();
    for (table, columns) in KEPT {
        for column in columns {
            set_back(&bench, &whole);
            spoil(&bench, table, "true", column);
            for args in READING {
                let said = bench.toll(&[args, &["--json"]].concat());
                is_damaged(&said, "", &format!("{table}.{column} toll {args:?}"));
            }
            let said = bench.toll(&["verify", "--json"]);
            assert_eq!(said.code, Some(1), "{table}.{column}\n{said}");
        }
    }
}

#[test]
fn ledger_whose_path_is_no_utf_8_is_a_ledger_as_any() {
    let bench = Bench::new();
    let place = |name: &[u8]| bench.around().join(OsStr::from_bytes(name));
    let toll = |args: &[&str], ledger: &[u8]| run(bench.command(args).env("TOLLHOUSE_LEDGER", place(ledger)));
    let (ledger, other) = (b"caf\xe9 \xff.db", b"\xf0\x28.db");
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    let said = toll(&["run", "../plan.toml"], ledger);
    assert_eq!(said.code, Some(0), "{said}");
    for args in [
        &["status"][..],
        &["log"],
        &["patch", "list"],
        &["explain"],
        &["doctor"],
        &["verify"],
        &["gc"],
        &["backup", "../ledger.tar"],
    ] {
        for json in [&[][..], &["--json"]] {
            let _ = fs::remove_file(bench.path("../ledger.tar"));
            let said = toll(&[args, json].concat(), ledger);
            assert_eq!(said.code, Some(0), "toll {args:?}\n{said}");
        }
    }
    assert!(place(ledger).is_file());
    let said = toll(&["restore", "../ledger.tar", "--json"], other);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(toll(&["log"], other).out, toll(&["log"], ledger).out);
    assert!(toll(&["status", "--json"], b"nothing \xff.db").code == Some(4));
    // What cannot be opened is told by as much of its name as can be written.
    fs::write(place(b"other \xff.db"), "this is no ledger").unwrap();
    let said = toll(&["status", "--json"], b"other \xff.db");
    assert_eq!((said.code, said.error()["code"].as_str()), (Some(6), Some("ledger_not_openable")), "{said}");
}
