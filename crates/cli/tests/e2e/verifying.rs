//! `toll verify`: what is sound, and what is found.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Bench, EDIT, run, tasks};

/// A repository with a landed patch and a refused one.
fn worked() -> Bench {
    let bench = Bench::new();
    bench.agent("echo $1 > $1.txt; [ $1 = a ] || : > README.md").plan(&tasks(&["a", "b"]));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(1));
    bench
}

fn report(bench: &Bench, code: i32) -> Value {
    let said = bench.toll(&["verify", "--json"]);
    assert_eq!(said.code, Some(code), "{said}");
    said.json()
}

/// Edits the ledger as anyone could who can write the file.
fn edit(bench: &Bench, sql: &str) {
    edit_file(bench, &bench.path(".git/tollhouse/ledger.db"), sql);
}

/// Edits a ledger in a file.
pub(crate) fn edit_file(bench: &Bench, ledger: &Path, sql: &str) {
    let script = format!("{EDIT}edit(sys.argv[1], sys.argv[2])");
    let said = run(bench.isolated("python3").args(["-c", &script]).arg(ledger).arg(sql));
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn what_a_run_left_is_sound_and_stays_as_it_is() {
    let bench = worked();
    let before = bench.photograph(&bench.path(".git/refs"));
    let said = bench.toll(&["verify"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
    assert!(said.out.starts_with("sound  ") && said.out.contains("1 landed commits"), "{said}");
    assert_eq!(bench.photograph(&bench.path(".git/refs")), before);
    let report = report(&bench, 0);
    assert_eq!((&report["sound"], &report["durability"]), (&Value::Bool(true), &Value::from("full")));
    let events = report["events"].as_u64().expect("there are some");
    let later = bench.toll(&["verify", "--since", &(events - 5).to_string(), "--json"]).json();
    assert_eq!(later["events"], 5);
}

#[test]
fn what_lands_meanwhile_is_no_finding() {
    let bench = Bench::new();
    let names: Vec<String> = (0..12).map(|number| format!("task-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bench.agent("echo $1 > $1.txt").plan(&tasks(&names));
    let mut run = bench.command(&["run", "../plan.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut landed = 0;
    while run.try_wait().expect("it can be asked").is_none() {
        // Until something is on the ledger there is nothing to verify.
        let said = bench.toll(&["verify", "--json"]);
        if said.code != Some(4) {
            assert_eq!(said.code, Some(0), "{said}");
            landed = said.json()["landed"].as_u64().expect("it is counted");
        }
    }
    assert!(landed > 0, "nothing landed while it was verified");
    assert_eq!(report(&bench, 0)["landed"], 12);
}

/// What the configuration says of durability is what holds, for commands that read no configuration too.
#[test]
fn durability_is_told_as_it_was_chosen() {
    let bench = worked();
    let config = bench.read("tollhouse.toml");
    for (chosen, told) in [("durability = \"normal\"", "normal"), ("durability = \"full\"", "full"), ("", "full")] {
        bench.write("tollhouse.toml", format!("{config}\n[ledger]\n{chosen}\n"));
        assert_eq!(report(&bench, 0)["durability"], told);
        let said = bench.toll(&["doctor"]);
        assert!(said.out.contains(&format!("durability {told}")), "{said}");
    }
    bench.write("tollhouse.toml", format!("{config}\n[ledger]\ndurability = \"fast\"\n"));
    let said = bench.toll(&["check"]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("\"fast\"") || said.err.contains("`fast`"), "{said}");
}

/// In a document always; in a line only where it is less than usual, but for what is asked how everything is.
#[test]
fn durability_is_in_every_report_of_a_ledger() {
    let bench = worked();
    bench.agent("echo $1 > $1.txt");
    let config = bench.read("tollhouse.toml");
    for chosen in ["normal", "full"] {
        bench.write("tollhouse.toml", format!("{config}\n[ledger]\ndurability = \"{chosen}\"\n"));
        for (number, json) in [&["--json"][..], &[]].into_iter().enumerate() {
            let name = format!("{chosen}-{number}");
            bench.plan(&tasks(&[&name]));
            let (file, ledger) = (format!("../{name}.tar"), format!("../{name}.db"));
            for args in [
                &["run", "../plan.toml"][..],
                &["do", "Do it"],
                &["status"],
                &["verify"],
                &["backup", &file],
                &["restore", &file, "--ledger", &ledger],
                &["doctor"],
            ] {
                let said = bench.toll(&[args, json].concat());
                if json.is_empty() {
                    let is_told = said.out.contains(&format!("durability {chosen}"));
                    assert_eq!(is_told, chosen == "normal" || args == ["doctor"], "toll {args:?}\n{said}");
                } else {
                    assert_eq!(said.json()["durability"], chosen, "toll {args:?}\n{said}");
                }
            }
        }
    }
}

#[test]
fn an_edited_reason_is_named() {
    let bench = worked();
    edit(&bench, "UPDATE event SET reason = 'fine' WHERE name = 'quarantine'");
    let said = bench.toll(&["verify"]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.out.contains("it has the hash") && said.out.contains("found  event "), "{said}");
    assert!(said.err.contains("keep a copy"), "{said}");
    let report = report(&bench, 1);
    assert!(report["findings_count"].as_u64() >= Some(1), "{report}");
}

/// Whatever else is then asked of it, and however many events tell of it.
#[test]
fn a_record_that_cannot_be_read_is_told_once() {
    let bench = worked();
    edit(&bench, "UPDATE record SET state = 'nowhere' WHERE kind IN ('patch', 'attempt')");
    let report = report(&bench, 1);
    let findings = report["findings"].as_array().expect("a list");
    let of = |kind: &str| {
        let start = format!("record {kind}_");
        findings.iter().filter(|found| found["place"].as_str().is_some_and(|place| place.starts_with(&start))).count()
    };
    assert_eq!((of("patch"), of("att")), (2, 2), "{report:#}");
    assert_eq!(findings.len(), 4, "{report:#}");
}

#[test]
fn a_ledger_set_back_is_found_by_what_landed_since() {
    let bench = worked();
    let ledger = bench.path(".git/tollhouse/ledger.db");
    let early = fs::read(&ledger).expect("there is a ledger");
    bench.plan(&tasks(&["c"]));
    bench.agent("echo $1 > $1.txt");
    let said = bench.toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(report(&bench, 0)["landed"], 2);
    fs::write(&ledger, early).expect("it can be written");
    let report = report(&bench, 1);
    let codes: Vec<&str> = report["findings"].as_array().unwrap().iter().filter_map(|f| f["code"].as_str()).collect();
    assert!(codes.contains(&"anchor_missing"), "{report}");
}

#[test]
fn a_branch_that_lost_what_landed_is_told() {
    let bench = worked();
    let said = run(bench.isolated("git").current_dir(bench.path(".")).args(["branch", "-f", "toll/main", "main"]));
    assert_eq!(said.code, Some(0), "{said}");
    let report = report(&bench, 1);
    assert_eq!(report["findings"][0]["code"], "landed_differs", "{report}");
}

/// What an older program left, with another ledger than the one of the repository.
#[test]
fn an_older_ledger_is_read_and_sound() {
    let bench = Bench::new();
    let sql = include_str!("../../../../tests/ledgers/schema-2.sql");
    bench.write("../old.sql", sql);
    let script =
        "import sqlite3, sys\nledger = sqlite3.connect('../old.db')\nledger.executescript(open('../old.sql').read())";
    let said = run(bench.isolated("python3").args(["-c", script]));
    assert_eq!(said.code, Some(0), "{said}");
    let said = bench.toll(&["status", "--ledger", "../old.db"]);
    assert_eq!(said.code, Some(0), "{said}");
    let said = bench.toll(&["verify", "--ledger", "../old.db", "--json"]);
    let report = said.json();
    assert_eq!(report["events"], 275, "{said}");
    // What landed there is in another repository, and so are the texts of its patches.
    let findings = report["findings"].as_array().expect("there is a list");
    assert!(
        findings.iter().all(|finding| finding["code"] == "landed_differs" || finding["code"] == "blob_missing"),
        "{said}"
    );
}
