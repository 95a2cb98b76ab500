//! `[ledger] retain`: runs leave the ledger for an archive, and nothing of them is lost.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::disk::SmallDisk;
use crate::harness::{Bench, run, tasks};
use crate::verifying::edit_file;

pub(crate) const RETAIN: &str = "[ledger]\nretain = \"1ms\"\n";

/// A run that is over, in which two tasks landed and what was printed lies beside the ledger.
pub(crate) fn over() -> Bench {
    let bench = Bench::new();
    bench.agent("seq 1 200000; echo $1 > $1.txt").config(RETAIN).plan(&tasks(&["a", "b"]));
    let said = bench.toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(0), "{said}");
    bench
}

pub(crate) fn gc(bench: &Bench) -> Value {
    let said = bench.toll(&["gc", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    said.json()["archived"].clone()
}

pub(crate) fn verified(bench: &Bench, code: i32) -> Value {
    let said = bench.toll(&["verify", "--json"]);
    assert_eq!(said.code, Some(code), "{said}");
    said.json()
}

pub(crate) fn archive(bench: &Bench, file: &str) -> PathBuf {
    bench.path(".git/tollhouse/archive").join(file)
}

/// The one run is in an archive with all that is its, and nowhere else.
pub(crate) fn assert_archived(bench: &Bench) {
    let report = verified(bench, 0);
    let file = report["archives"][0]["file"].as_str().expect("an archive").to_owned();
    assert_eq!(report["archives"][0]["at_hand"], true, "{report}");
    assert!(report["landed"].as_u64() > Some(0), "{report}");
    assert_eq!(bench.toll(&["runs", "--json"]).json()["runs"].as_array().map(Vec::len), Some(0));
    let path = archive(bench, &file);
    let path = path.to_str().expect("a plain name");
    let status = bench.toll(&["status", "--ledger", path]);
    assert_eq!(status.code, Some(0), "{status}");
    let listed = bench.toll(&["patch", "list", "--json", "--ledger", path]).json();
    let listed = listed["patches"][0]["id"].as_str().expect("a patch");
    let shown = bench.toll(&["patch", "show", "--diff", listed, "--ledger", path]);
    assert!(shown.code == Some(0) && shown.out.contains("new file mode"), "{shown}");
    let alone = bench.toll(&["verify", "--ledger", path]);
    assert_eq!(alone.code, Some(0), "{alone}");
    let held = bench.git(&["--git-dir", ".git/tollhouse/repo.git", "for-each-ref", "refs/tollhouse"]);
    assert_eq!(held, "", "its objects are not held any more");
}

#[test]
fn a_run_whose_time_is_over_is_read_from_its_archive() {
    let bench = over();
    let run = bench.toll(&["runs", "--json"]).json()["runs"][0]["id"].as_str().unwrap().to_owned();
    let before = verified(&bench, 0);
    let (log, status) = (bench.toll(&["log", "--json", "--limit", "0"]).out, bench.toll(&["status"]).out);
    let archived = gc(&bench);
    assert_eq!(archived["runs"], 1, "{archived}");
    assert!(archived["events"].as_u64() > Some(20) && archived["bytes"].as_u64() > Some(0), "{archived}");
    let after = verified(&bench, 0);
    assert_eq!((&after["landed"], &after["blobs"]), (&before["landed"], &before["blobs"]), "{after}");
    assert!(after["events"].as_u64() > before["events"].as_u64(), "what was taken out is read, too: {after}");

    let file = archived["files"][0].as_str().unwrap();
    let path = archive(&bench, file);
    let path = path.to_str().unwrap();
    assert_eq!(bench.toll(&["log", "--json", "--limit", "0", "--ledger", path]).out, log);
    assert_eq!(bench.toll(&["status", "--ledger", path]).out, status);
    let missed = bench.toll(&["status", &run]);
    assert_eq!(missed.code, Some(4), "{missed}");
    assert!(missed.err.contains(file) && missed.err.contains("--ledger"), "{missed}");
    let missed = bench.toll(&["status", &run[4..12].to_lowercase()]);
    assert_eq!(missed.code, Some(4), "{missed}");
    // The next is as if nothing had been before.
    bench.plan(&tasks(&["c"]));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(0));
    assert_eq!(gc(&bench)["runs"], 1);
    assert_eq!(verified(&bench, 0)["archives"].as_array().map(Vec::len), Some(2));
}

#[test]
fn looking_takes_nothing_out() {
    let bench = over();
    let before = bench.toll(&["log", "--json", "--limit", "0"]).out;
    let looked = bench.toll(&["gc", "--dry-run", "--json"]).json()["archived"].clone();
    // The workspaces are there yet: with them gone, it may go.
    assert_eq!(looked["files"].as_array().map(Vec::len), Some(0), "{looked}");
    assert_eq!(bench.toll(&["log", "--json", "--limit", "0"]).out, before);
    bench.config("").toll(&["gc"]);
    assert_eq!(bench.toll(&["log", "--json", "--limit", "0"]).out, before, "nobody said for how long");
}

#[test]
fn what_may_go_on_stays() {
    let bench = Bench::new();
    bench
        .agent("mkdir -p .git; echo x > README.md; echo no > secret.txt")
        .config(&format!("{RETAIN}\n[policy]\nforbid = [\"secret.txt\"]\n"));
    bench.plan(&tasks(&["a"]));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(1));
    assert_eq!(gc(&bench)["runs"], 0, "a patch in quarantine may be let in again");
    let patch = bench.toll(&["patch", "list", "--json"]).json()["patches"][0]["id"].as_str().unwrap().to_owned();
    let said = bench.toll(&["patch", "drop", &patch, "--reason", "no"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(gc(&bench)["runs"], 1);
}

#[test]
fn only_what_ended_so_leaves() {
    let bench = over();
    bench.config("[ledger]\nretain = { failed = \"1ms\", succeeded = \"90d\" }\n");
    assert_eq!(gc(&bench)["runs"], 0);
    bench.config("[ledger]\nretain = { failed = \"90d\", succeeded = \"1ms\" }\n");
    assert_eq!(gc(&bench)["runs"], 1);
}

#[test]
fn a_bad_retain_says_where_and_how_to_write_it() {
    let bench = over();
    for (text, expected) in [
        ("retain = 90", "a length of time"),
        ("retain = \"soon\"", "is no length of time"),
        ("retain = \"0s\"", "out of range"),
        ("retain = { done = \"1d\" }", "unknown key `done`"),
        ("retain = { failed = \"later\" }", "is no length of time"),
    ] {
        bench.config(&format!("[ledger]\n{text}\n"));
        let said = bench.toll(&["gc"]);
        assert_eq!(said.code, Some(2), "{said}");
        assert!(said.err.contains(expected) && said.err.contains("tollhouse.toml:"), "{said}");
    }
}

#[test]
fn what_is_done_to_an_archive_is_found() {
    let bench = over();
    let file = gc(&bench)["files"][0].as_str().unwrap().to_owned();
    let path = archive(&bench, &file);
    let whole = fs::read(&path).unwrap();
    let edits = [
        "UPDATE event SET body = replace(body, 'Do a', 'Do x') WHERE name = 'created'",
        "UPDATE record SET body = replace(body, 'Do a', 'Do x') WHERE kind = 'task'",
        "DELETE FROM event WHERE position = (SELECT max(position) FROM event)",
        "UPDATE event SET hash = CASE substr(hash, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END || substr(hash, 2) WHERE position = (SELECT max(position) FROM event)",
    ];
    for edit in edits {
        fs::write(&path, &whole).unwrap();
        edit_file(&bench, &path, edit);
        let report = verified(&bench, 1);
        assert!(report["findings_count"].as_u64() > Some(0), "{edit}: {report}");
    }
    fs::write(&path, &whole).unwrap();
    verified(&bench, 0);
    for other in ["nothing".as_bytes(), &fs::read(bench.path(".git/tollhouse/ledger.db")).unwrap(), &[]] {
        fs::write(&path, other).unwrap();
        let report = verified(&bench, 1);
        assert_eq!(report["findings"][0]["code"], "archive_differs", "{report}");
        assert!(report["findings"][0]["place"].as_str().unwrap().contains(&file), "{report}");
    }
    // Somebody keeps it elsewhere.
    fs::remove_file(&path).unwrap();
    let said = bench.toll(&["verify"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.err.contains(&file) && said.err.contains("not at hand"), "{said}");
    let last = "DELETE FROM event WHERE record = (SELECT record FROM event ORDER BY position DESC LIMIT 1)";
    edit_file(&bench, &bench.path(".git/tollhouse/ledger.db"), last);
    let report = verified(&bench, 1);
    assert!(report.to_string().contains("event"), "one more is missing than was taken out: {report}");
}

#[test]
fn what_an_archive_does_not_hold_stays_and_goes_to_another() {
    for damage in [|path: &PathBuf| fs::remove_file(path).unwrap(), |path: &PathBuf| fs::write(path, "no").unwrap()] {
        let bench = over();
        let log = bench.toll(&["log", "--json", "--limit", "0"]).out;
        let killed = run(bench.command(&["gc"]).env("TOLLHOUSE_FAILPOINT", "effect.archive:before"));
        assert_eq!(killed.code, None, "{killed}");
        let files = fs::read_dir(archive(&bench, "")).unwrap().map(|entry| entry.unwrap().path());
        let file = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "db")).unwrap();
        damage(&file);
        assert_eq!(gc(&bench)["runs"], 1);
        let report = verified(&bench, 0);
        let at_hand = report["archives"].as_array().unwrap().iter().find(|one| one["at_hand"] == true).unwrap();
        let path = archive(&bench, at_hand["file"].as_str().unwrap());
        assert_eq!(bench.toll(&["log", "--json", "--limit", "0", "--ledger", path.to_str().unwrap()]).out, log);
    }
}

#[test]
fn what_was_purged_is_purged_in_its_archive() {
    let bench = over();
    assert_eq!(bench.toll(&["purge", "a", "--reason", "a key"]).code, Some(0));
    assert_eq!(gc(&bench)["runs"], 1);
    let report = verified(&bench, 0);
    let path = archive(&bench, report["archives"][0]["file"].as_str().unwrap());
    let path = path.to_str().unwrap();
    let alone = bench.toll(&["verify", "--ledger", path]);
    assert_eq!(alone.code, Some(0), "{alone}");
    let shown = bench.toll(&["task", "show", "a", "--ledger", path]);
    assert!(shown.out.contains("[purged]"), "{shown}");
    // What is in an archive, nobody purges; and nobody is told that they did.
    let refused = bench.toll(&["purge", "b", "--reason", "a key"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    edit_file(
        &bench,
        path.as_ref(),
        "UPDATE event SET body = replace(body, '[purged]', 'Do it') WHERE name = 'created'",
    );
    verified(&bench, 1);
}

#[test]
fn a_purge_waits_for_what_is_on_its_way_to_an_archive() {
    let bench = over();
    let killed = run(bench.command(&["gc"]).env("TOLLHOUSE_FAILPOINT", "commit.archive:after"));
    assert_eq!(killed.code, None, "{killed}");
    let refused = bench.toll(&["purge", "@", "--reason", "a key"]);
    assert_eq!(refused.code, Some(4), "it is in the archive by now: {refused}");
    assert_archived(&bench);
    // One that was put in its place, and of which the ledger never heard, holds nothing back.
    let bench = over();
    let killed = run(bench.command(&["gc"]).env("TOLLHOUSE_FAILPOINT", "commit.archive:before"));
    assert_eq!(killed.code, None, "{killed}");
    assert_eq!(bench.toll(&["purge", "@", "--reason", "a key"]).code, Some(0));
    let left = fs::read_dir(archive(&bench, "")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["lock"]);
    verified(&bench, 0);
}

#[test]
fn a_name_is_given_to_one_archive_wherever_it_is() {
    let bench = over();
    let first = gc(&bench)["files"][0].as_str().unwrap().to_owned();
    let elsewhere = bench.path("../cold.db");
    fs::rename(archive(&bench, &first), &elsewhere).unwrap();
    bench.plan(&tasks(&["c"])).toll(&["run", "../plan.toml"]);
    let second = gc(&bench)["files"][0].as_str().unwrap().to_owned();
    assert_ne!(second, first);
    fs::copy(archive(&bench, &second), archive(&bench, &first)).unwrap();
    assert_eq!(verified(&bench, 1)["findings"][0]["code"], "archive_differs");
    fs::copy(&elsewhere, archive(&bench, &first)).unwrap();
    verified(&bench, 0);
}

#[test]
fn texts_of_patches_are_in_the_archive_whoever_lent_them() {
    let bench = over();
    // The same text is committed by the maintainer, so git keeps it once, on their side.
    let id = bench.toll(&["patch", "list", "--json"]).json()["patches"][0]["id"].as_str().unwrap().to_owned();
    let diff = bench.toll(&["patch", "show", "--diff", &id]).out;
    bench.write("lent.diff", &diff).git(&["add", "lent.diff"]);
    let blob = bench.git(&["rev-parse", ":lent.diff"]).trim().to_owned();
    let own = bench.path(".git/tollhouse/repo.git/objects").join(&blob[..2]).join(&blob[2..]);
    assert!(own.is_file(), "it is the text of the patch");
    fs::remove_file(&own).unwrap();
    bench.git(&["commit", "--quiet", "--message", "lent"]);
    let file = gc(&bench)["files"][0].as_str().unwrap().to_owned();
    bench.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    bench.git(&["reflog", "expire", "--expire=now", "--all"]);
    bench.git(&["gc", "--quiet", "--prune=now"]);
    let place = archive(&bench, &file);
    let shown = bench.toll(&["patch", "show", "--diff", &id, "--ledger", place.to_str().unwrap()]);
    assert_eq!((shown.code, &shown.out), (Some(0), &diff), "{shown}");
    verified(&bench, 0);
    fs::remove_dir_all(archive(&bench, &format!("{file}.repo.git"))).unwrap();
    assert_eq!(verified(&bench, 1)["findings"][0]["code"], "blob_missing");
}

#[test]
fn an_archive_is_read_where_nobody_may_write() {
    let bench = over();
    let file = gc(&bench)["files"][0].as_str().unwrap().to_owned();
    let folder = archive(&bench, "");
    let mut names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [file.clone(), format!("{file}.blobs"), format!("{file}.repo.git"), "lock".to_owned()]);
    let place = bench.path("../read-only");
    let Some(disk) = SmallDisk::mount(&place, "64m") else { return };
    run(bench.isolated("cp").arg("-r").args(names.iter().map(|name| folder.join(name))).arg(&place));
    disk.make_read_only();
    let path = place.join(&file);
    for args in [&["status"][..], &["log"], &["verify"], &["patch", "list"]] {
        let said = bench.toll(&[args, &["--ledger", path.to_str().unwrap()]].concat());
        assert_eq!(said.code, Some(0), "{said}");
    }
}

#[test]
fn nothing_is_added_to_an_archive() {
    let bench = over();
    let file = gc(&bench)["files"][0].as_str().unwrap().to_owned();
    let path = archive(&bench, &file);
    let path = path.to_str().unwrap();
    for args in [&["run", "../plan.toml"][..], &["gc"], &["purge", "@", "--reason", "x"], &["do", "more"]] {
        let said = bench.toll(&[args, &["--ledger", path]].concat());
        assert!(said.code != Some(0) && said.err.contains("it is an archive"), "{said}");
    }
    assert_eq!(bench.toll(&["verify"]).code, Some(0));
}

#[test]
fn an_archive_can_be_backed_up_like_a_ledger() {
    let bench = over();
    let file = gc(&bench)["files"][0].as_str().unwrap().to_owned();
    let path = archive(&bench, &file);
    let before = bench.toll(&["log", "--json", "--limit", "0", "--ledger", path.to_str().unwrap()]).out;
    let said = bench.toll(&["backup", "../archive.tar", "--ledger", path.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said}");
    let other = bench.path(".git/tollhouse/other.db");
    let said = bench.toll(&["restore", "../archive.tar", "--ledger", other.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.toll(&["log", "--json", "--limit", "0", "--ledger", other.to_str().unwrap()]).out, before);
}
