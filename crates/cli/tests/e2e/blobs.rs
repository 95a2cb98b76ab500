//! What agents and gates print at length: shown whole, kept small in the ledger, lost by nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::disk::SmallDisk;
use crate::harness::{Bench, GATE, run, tasks};

const FILE: &str = "../ledger.tar";

/// Some 1.1 MB in lines that can be told apart.
const LONG: &str = "i=0; while [ $i -lt 40000 ]; do echo \"line $i of what is printed\"; i=$((i + 1)); done\n";

fn long() -> String {
    (0..40_000).map(|number| format!("line {number} of what is printed\n")).collect::<Vec<_>>().concat()
}

/// A project whose gate has printed much.
fn printed() -> Bench {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").write("check.sh", LONG).commit("Print");
    bench.run_plan(&tasks(&["one"]));
    bench
}

fn gate_run(bench: &Bench) -> String {
    let gates = bench.toll(&["gate", "list", "--json"]);
    assert_eq!(gates.code, Some(0), "{gates}");
    let events = bench.toll(&["log", "--kind", "gate_run", "--json"]).out;
    let event: serde_json::Value = serde_json::from_str(events.lines().last().expect("a gate ran")).expect("JSON");
    event["record"].as_str().expect("an id").to_owned()
}

fn blobs(bench: &Bench) -> PathBuf {
    bench.path(".git/tollhouse/blobs")
}

/// The files of contents.
fn contents(folder: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|path| fs::read_dir(path).expect("a folder").flatten());
    let mut found: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn make_old(path: &Path) {
    let then = SystemTime::now() - Duration::from_hours(2);
    File::open(path).and_then(|file| file.set_modified(then)).expect("it is ours");
}

/// A content that no record names, old enough to go.
pub(crate) fn forgotten_content(bench: &Bench) {
    let name = format!(".git/tollhouse/blobs/01/{}", "23456789abcdef".repeat(5).get(..62).expect("it is longer"));
    bench.write(&name, "forgotten\n");
    make_old(&bench.path(&name));
}

#[test]
fn what_a_gate_printed_at_length_is_shown_whole() {
    let bench = printed();
    let id = gate_run(&bench);
    let expected = long();
    assert!(bench.toll(&["log", &id, "--output"]).out == expected);
    let document = bench.toll(&["log", &id, "--output", "--json"]).json();
    assert!(document["text"].as_str() == Some(&expected));
    assert_eq!(
        (document["bytes"].as_u64(), document["omitted_bytes"].as_u64()),
        (Some(expected.len() as u64), Some(0))
    );
    let shown = bench.toll(&["gate", "show", &id]).out;
    assert!(shown.ends_with(&expected), "{} bytes", shown.len());
    let document = bench.toll(&["gate", "show", &id, "--json"]).json();
    assert!(document["end"]["output"]["text"].as_str() == Some(&expected));
}

#[test]
fn ledger_stays_small_however_much_is_printed() {
    let bench = printed();
    let sizes = ["ledger.db", "ledger.db-wal"]
        .map(|name| bench.path(&format!(".git/tollhouse/{name}")).metadata().map_or(0, |metadata| metadata.len()));
    let small = Bench::new();
    small.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    let usual = small.path(".git/tollhouse/ledger.db").metadata().expect("it is there").len();
    assert!(sizes.iter().sum::<u64>() < usual + 512 * 1024, "{sizes:?}, and {usual} where little is printed");
    assert!(!blobs(&small).exists(), "what is short stands in the ledger");
}

#[test]
fn what_was_printed_at_length_survives_backup_and_restore() {
    let bench = printed();
    let id = gate_run(&bench);
    let report = bench.toll(&["backup", FILE, "--json"]).json();
    let count = contents(&blobs(&bench)).len() as u64;
    assert!(count > 0 && report["blobs"].as_u64() == Some(count), "{report}");
    fs::remove_dir_all(bench.path(".git/tollhouse")).expect("there was a ledger");
    let restored = bench.toll(&["restore", FILE, "--json"]);
    assert_eq!((restored.code, restored.json()["blobs"].as_u64()), (Some(0), Some(count)), "{restored}");
    assert!(bench.toll(&["log", &id, "--output"]).out == long());
    let mode =
        |path: &Path| std::os::unix::fs::PermissionsExt::mode(&path.metadata().expect("it is there").permissions());
    assert_eq!(mode(&blobs(&bench)) & 0o777, 0o700);
    assert!(contents(&blobs(&bench)).iter().all(|path| mode(path) & 0o777 == 0o600));
    bench.agent("echo y > y.txt").run_plan(&tasks(&["two"]));
}

#[test]
fn backup_with_a_content_that_is_not_what_its_name_says_is_refused() {
    let bench = printed();
    assert_eq!(bench.toll(&["backup", FILE]).code, Some(0));
    fs::remove_dir_all(bench.path(".git/tollhouse")).expect("there was a ledger");
    for change in ["echo more >> \"$blob\"", "rm \"$blob\""] {
        let script = format!(
            "mkdir ../x && cd ../x && tar xf {FILE}
             blob=$(find blobs -type f | head -n 1); {change}
             tar tf {FILE} | grep -v checksums.txt | while read -r name; do [ -f \"$name\" ] && echo \"$name\"; done > ../names || true
             while read -r name; do sha256sum \"$name\"; done < ../names > checksums.txt; echo checksums.txt >> ../names
             tar cf ../changed.tar --format=gnu --no-recursion -T ../names; cd ../repo; rm -r ../x"
        );
        let said = run(bench.isolated("sh").args(["-euc", &script]));
        assert_eq!(said.code, Some(0), "{said}");
        let said = bench.toll(&["restore", "../changed.tar", "--json"]);
        assert_eq!((said.code, said.error()["code"].as_str()), (Some(6), Some("backup_damaged")), "{change}: {said}");
        assert!(!blobs(&bench).exists() && bench.toll(&["status"]).code == Some(4));
    }
}

#[test]
fn gc_keeps_what_a_record_names_however_old_it_is() {
    let bench = printed();
    let id = gate_run(&bench);
    for path in contents(&blobs(&bench)) {
        make_old(&path);
    }
    let said = bench.toll(&["gc", "--json"]);
    assert_eq!((said.code, said.json()["blobs"]["count"].as_u64()), (Some(0), Some(0)), "{said}");
    assert!(bench.toll(&["log", &id, "--output"]).out == long());
}

#[test]
fn gc_takes_away_what_no_record_names() {
    let bench = printed();
    bench.toll(&["gc"]);
    let kept = contents(&blobs(&bench));
    forgotten_content(&bench);
    bench.write(".git/tollhouse/blobs/.tmp-blob-x", "half");
    make_old(&blobs(&bench).join(".tmp-blob-x"));
    let would = bench.toll(&["gc", "--dry-run", "--json"]).json();
    assert_eq!((would["blobs"]["count"].as_u64(), would["blobs"]["bytes"].as_u64()), (Some(1), Some(10)), "{would}");
    assert_eq!(contents(&blobs(&bench)).len(), kept.len() + 1);
    let said = bench.toll(&["gc"]);
    let gone = said.out.lines().find(|line| line.contains("1 content, 10 bytes"));
    assert!(gone.is_some_and(|line| line.starts_with("gone ")), "{said}");
    assert!(said.out.contains(".tmp-blob-x"), "{said}");
    assert_eq!(contents(&blobs(&bench)), kept);
    assert!(!blobs(&bench).join(".tmp-blob-x").exists());
    assert_eq!(bench.toll(&["gc"]).out, "nothing was left\n");
}

#[test]
fn content_that_was_changed_or_is_gone_is_told_and_its_end_is_still_known() {
    let bench = printed();
    let id = gate_run(&bench);
    let document = bench.toll(&["log", &id, "--output", "--json"]).json();
    let digest = document["blob"].as_str().expect("it is long").to_owned();
    let file = blobs(&bench).join(&digest[..2]).join(&digest[2..]);
    let sound = bench.toll(&["verify", "--json"]);
    assert_eq!((sound.code, sound.json()["blobs"].as_u64()), (Some(0), Some(1)), "{sound}");
    for code in ["blob_differs", "blob_missing"] {
        if code == "blob_differs" {
            fs::write(&file, "something else").expect("it is ours");
        } else {
            fs::remove_file(&file).expect("it was there");
        }
        let said = bench.toll(&["log", &id, "--output", "--json"]);
        assert_eq!((said.code, said.error()["code"].as_str()), (Some(6), Some(code)), "{said}");
        let shown = bench.toll(&["gate", "show", &id]);
        assert!(shown.out.ends_with("line 39999 of what is printed\n") && shown.err.contains(&digest), "{}", shown.err);
        let said = bench.toll(&["backup", FILE, "--json"]);
        assert_eq!((said.code, said.error()["code"].as_str()), (Some(6), Some("ledger_damaged")), "{said}");
        let found = bench.toll(&["verify", "--json"]);
        let findings = found.json()["findings"].clone();
        assert_eq!((found.code, findings.as_array().map(Vec::len)), (Some(1), Some(1)), "{found}");
        assert_eq!((findings[0]["code"].as_str(), findings[0]["place"].as_str()), (Some(code), Some(digest.as_str())));
        // The same was printed before a landing and after it; all who name it are told.
        let what = findings[0]["what"].as_str().expect("it says who").to_owned();
        let naming: Vec<&str> = what.split([' ', ',']).filter(|word| word.starts_with("gate_")).collect();
        assert_eq!(naming.len(), 2, "{found}");
        for id in naming {
            let shown = bench.toll(&["gate", "show", id, "--json"]).json();
            assert_eq!(shown["end"]["output"]["blob"].as_str(), Some(digest.as_str()), "{found}");
        }
    }
}

#[test]
fn next_attempt_is_told_the_end_of_what_was_printed_at_length() {
    let bench = Bench::new();
    let script = format!(
        "if [ \"$TOLLHOUSE_ATTEMPT\" = 1 ]; then\n{LONG}echo 'it failed: no such letter'; exit 1; fi
         cp \"$TOLLHOUSE_FEEDBACK_FILE\" \"$TMPDIR/feedback\"; echo x > x.txt"
    );
    bench.agent(&script).run_plan(&tasks(&["one"]).replace("attempts = 1", "attempts = 2"));
    let feedback = bench.read("../tmp/feedback");
    assert!(feedback.contains("it failed: no such letter"), "{feedback}");
    let lines = feedback.lines().filter(|line| line.ends_with("of what is printed")).count();
    assert!((200..400).contains(&lines), "{lines} lines before it");
}

#[test]
fn ledger_elsewhere_has_its_contents_beside_it() {
    let bench = Bench::new();
    bench.agent(LONG);
    bench.plan(&tasks(&["one"])).toll(&["run", "../plan.toml", "--ledger", "../other.db"]);
    assert_eq!(contents(&bench.path("../other.db.blobs")).len(), 1);
    assert!(!blobs(&bench).exists());
    assert!(bench.toll(&["log", "one", "--output", "--ledger", "../other.db"]).out == long());
}

#[test]
fn full_disk_leaves_no_half_of_what_was_printed() {
    let bench = Bench::new();
    let disk = bench.around().join("disk");
    let Some(disk_of) = SmallDisk::mount(&disk, "4m") else { return };
    let gate = "head -c 4100000 /dev/zero | tr '\\0' x\n";
    bench.write("check.sh", gate).config(GATE).commit("Print");
    let ledger = disk.join("ledger.db");
    let toll = |args: &[&str]| run(bench.command(args).env("TOLLHOUSE_LEDGER", &ledger));
    let said = toll(&["gate", "run", "check", "--json"]);
    assert_ne!(said.code, Some(0), "{said}");
    assert!(said.out.contains("No space left"), "{said}");
    assert_eq!(contents(&disk.join("ledger.db.blobs")), Vec::<PathBuf>::new());
    disk_of.grow("64m");
    let said = toll(&["gate", "run", "check"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(contents(&disk.join("ledger.db.blobs")).len(), 1);
}

#[test]
fn attempt_whose_output_cannot_be_kept_fails_with_the_reason_and_its_change_is_evidence() {
    let bench = Bench::new();
    bench.write(".git/tollhouse/blobs", "in the way");
    bench.agent(&format!("echo x > x.txt\n{LONG}")).plan(&tasks(&["one"]));
    let said = bench.toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(1), "{said}");
    let explained = bench.toll(&["explain", "one"]);
    assert!(explained.out.contains("what it printed cannot be kept"), "{explained}");
    let end = bench.toll(&["log", "one", "--output"]).out;
    assert!(end.trim_end().ends_with("line 39999 of what is printed"), "{end}");
    let patches = bench.toll(&["patch", "list", "--json"]).json();
    assert_eq!(patches["patches"].as_array().map(Vec::len), Some(1), "{patches}");
}
