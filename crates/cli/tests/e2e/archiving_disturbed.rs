//! Archiving while others are at work, and where something is damaged.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::archiving::{RETAIN, archive, assert_archived, gc, over, verified};
use crate::harness::{Bench, Said, run, tasks};
use crate::verifying::edit_file;
use crate::word::branch;

/// How long is waited for what must happen at once.
const SOON: Duration = Duration::from_secs(20);

/// `toll`, at work beside the test.
fn begin(bench: &Bench, args: &[&str]) -> Child {
    bench.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("toll starts")
}

fn ended(child: Child) -> Said {
    child.wait_with_output().expect("it ends").into()
}

/// Waits until a program waits for a lock that another one has. Only Linux shows who does.
fn waits_for_a_lock(child: &mut Child) {
    let deadline = Instant::now() + SOON;
    let is_waiting = |locks: &str, pid: &str| {
        locks.lines().any(|line| line.contains("-> FLOCK") && line.split_whitespace().any(|word| word == pid))
    };
    while let Ok(locks) = fs::read_to_string("/proc/locks") {
        if is_waiting(&locks, &child.id().to_string()) {
            break;
        }
        assert!(child.try_wait().expect("it can be asked").is_none(), "it waits for nobody");
        assert!(Instant::now() < deadline, "it waits for nobody: {locks}");
    }
}

/// The runs that there are, in the ledger.
fn runs(bench: &Bench) -> Vec<String> {
    let runs = bench.toll(&["runs", "--json"]).json();
    let runs = runs["runs"].as_array().expect("a list");
    runs.iter().map(|run| run["id"].as_str().expect("it has an id").to_owned()).collect()
}

/// Whether a file beside the ledger has a text in it.
fn is_somewhere(bench: &Bench, text: &str) -> bool {
    bench.photograph(&bench.path(".git/tollhouse")).into_keys().any(|path| {
        let bytes = fs::read(bench.path("").join(path)).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// Wherever archiving is cut off: either the run is in its archive by then, and purging says so, or it is purged for good.
#[test]
fn a_purge_after_archiving_was_cut_off_purges_all_or_nothing() {
    let not_yet = ["git.copy:before", "git.copy:after", "effect.place_archive:before", "effect.place_archive:after"];
    let noted =
        ["commit.archive:after", "commit.claim.archive:after", "effect.take_out:before", "effect.take_out:after"];
    for point in not_yet.into_iter().chain(["commit.archive:before"]) {
        let bench = over();
        let killed = run(bench.command(&["gc"]).env("TOLLHOUSE_FAILPOINT", point));
        assert_eq!(killed.code, None, "{point}: {killed}");
        let purged = bench.toll(&["purge", "@", "--reason", "a key"]);
        assert_eq!(purged.code, Some(0), "{point}: {purged}");
        assert!(!is_somewhere(&bench, "Do a"), "{point}");
        assert_eq!(gc(&bench)["runs"], 1, "{point}");
        assert!(!is_somewhere(&bench, "Do a"), "{point}");
        verified(&bench, 0);
    }
    for point in noted.into_iter().chain(["effect.archive:after", "commit.report.archive:before"]) {
        let bench = over();
        let id = runs(&bench).remove(0);
        let killed = run(bench.command(&["gc"]).env("TOLLHOUSE_FAILPOINT", point));
        assert_eq!(killed.code, None, "{point}: {killed}");
        let refused = bench.toll(&["purge", &id, "--reason", "a key"]);
        assert_eq!(refused.code, Some(4), "{point}: {refused}");
        assert!(refused.err.contains("was taken out to the archive"), "{point}: {refused}");
        assert_eq!(gc(&bench)["runs"], 0, "{point}");
        assert_archived(&bench);
        verified(&bench, 0);
    }
}

/// Archiving that stands still in the middle until this is let go.
struct HeldUp {
    archiving: Child,
    reading: File,
    pipe: PathBuf,
}

impl HeldUp {
    /// It copies whatever lies where git keeps many objects in one file, and what is there has no end yet.
    fn at_copying(bench: &Bench) -> Self {
        let pipe = bench.path(".git/tollhouse/repo.git/objects/pack/endless");
        let made = run(bench.isolated("mkfifo").arg(&pipe));
        assert_eq!(made.code, Some(0), "{made}");
        let archiving = begin(bench, &["gc"]);
        // Opened once there is somebody who reads.
        let reading = OpenOptions::new().write(true).open(&pipe).expect("it is there");
        Self { archiving, reading, pipe }
    }

    fn let_go(self) -> Said {
        fs::remove_file(self.pipe).expect("it is there");
        drop(self.reading);
        ended(self.archiving)
    }
}

#[test]
fn a_purge_waits_for_whoever_archives() {
    let bench = over();
    let id = runs(&bench).remove(0);
    let held_up = HeldUp::at_copying(&bench);
    let mut purging = begin(&bench, &["purge", &id, "--reason", "a key"]);
    waits_for_a_lock(&mut purging);
    let archived = held_up.let_go();
    assert_eq!(archived.code, Some(0), "{archived}");
    let refused = ended(purging);
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(refused.err.contains("was taken out to the archive"), "{refused}");
    assert_archived(&bench);
}

#[test]
fn an_archive_in_the_making_is_nothing_that_was_left() {
    let bench = over();
    let held_up = HeldUp::at_copying(&bench);
    let folder = archive(&bench, "");
    let names = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let making = names().find(|name| name.starts_with(".toll-archive-")).expect("it is being made");
    let making = folder.join(making);
    File::open(&making).and_then(|file| file.set_modified(SystemTime::now() - Duration::from_hours(2))).unwrap();
    let mut other = begin(&bench, &["gc"]);
    waits_for_a_lock(&mut other);
    assert!(making.is_dir());
    let archived = held_up.let_go();
    assert_eq!(archived.code, Some(0), "{archived}");
    let archived = ended(other);
    assert_eq!(archived.code, Some(0), "{archived}");
    assert_archived(&bench);
    // What was left by somebody who was killed goes.
    fs::create_dir(&making).unwrap();
    gc(&bench);
    assert!(!making.exists());
}

#[test]
fn what_another_run_needs_stays() {
    let bench = Bench::new();
    branch(&bench, "work", "work.txt", "by hand\n");
    bench.write("more.txt", "more\n").commit("Go on");
    let candidate = |bench: &Bench| {
        let said = bench.toll(&["submit", "work", "--hold", "--json"]);
        assert_eq!(said.code, Some(7), "{said}");
        let patch = bench.toll(&["patch", "list", "--json"]).json()["patches"][0]["id"].as_str().unwrap().to_owned();
        let shown = bench.toll(&["patch", "show", &patch, "--json"]).json();
        (patch, shown["candidate"]["tree"].as_str().expect("it has a candidate").to_owned())
    };
    let (_, first) = candidate(&bench);
    assert_eq!(bench.toll(&["cancel"]).code, Some(0));
    let (patch, tree) = candidate(&bench);
    assert_eq!(tree, first, "the same change of the same tree");
    let pinned = bench.git(&["rev-parse", "work^{tree}"]);
    assert_ne!(tree, pinned, "no pin keeps it");
    let diff = bench.toll(&["patch", "show", "--diff", &patch]).out;
    let archived = gc(bench.config(&format!("{}{RETAIN}", crate::harness::GATE)));
    assert_eq!((&archived["runs"], runs(&bench).len()), (&1.into(), 1), "{archived}");
    let own = bench.path(".git/tollhouse/repo.git/objects").join(&tree[..2]).join(&tree[2..]);
    assert!(own.is_file(), "the other run's candidate");
    assert_eq!(bench.toll(&["patch", "show", "--diff", &patch]).out, diff);
    verified(&bench, 0);
    let landed = bench.toll(&["land"]);
    assert_eq!(landed.code, Some(0), "{landed}");
    assert_eq!(bench.git(&["rev-parse", "toll/main^{tree}"]), tree);
    verified(&bench, 0);
}

#[test]
fn what_is_damaged_beside_archives_stops_nobody() {
    let bench = over();
    // One that was put in its place, and of which the ledger never heard: it would go, were it whole.
    let killed = run(bench.command(&["gc"]).env("TOLLHOUSE_FAILPOINT", "commit.archive:before"));
    assert_eq!(killed.code, None, "{killed}");
    let names = fs::read_dir(archive(&bench, "")).unwrap().map(|entry| entry.unwrap().path());
    let orphan = names.into_iter().find(|path| path.extension().is_some_and(|end| end == "db")).unwrap();
    let whole = fs::read(&orphan).unwrap();
    fs::remove_file(&orphan).unwrap();
    let damaged = |name: &str, bytes: &[u8]| {
        let path = archive(&bench, name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut left = vec![
        damaged("2001-01-01.db", b"nothing"),
        damaged("2001-01-02.db", &[]),
        damaged("2001-01-03.db", &whole[..whole.len() / 2]),
        damaged("2001-01-04.db", &whole[..100]),
    ];
    let edits = [
        "UPDATE origin SET ledger = CAST(x'ff' AS TEXT)",
        "DROP TABLE origin",
        "DELETE FROM origin",
        "UPDATE event SET body = CAST(x'ff' AS TEXT) WHERE position = (SELECT max(position) FROM event)",
        "UPDATE event SET actor = 'nobody' WHERE position = (SELECT max(position) FROM event)",
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        left.push(damaged(&format!("2001-02-0{}.db", number + 1), &whole));
        edit_file(&bench, left.last().unwrap(), edit);
    }
    // The pages that hold its rows are others than those that say what it is.
    let mut torn = whole.clone();
    torn[8192..].fill(0x5a);
    left.push(damaged("2001-01-05.db", &torn));
    fs::create_dir(archive(&bench, "2001-01-06.db")).unwrap();
    left.push(archive(&bench, "2001-01-06.db"));
    run(bench.isolated("mkfifo").arg(archive(&bench, "2001-01-07.db")));
    left.push(archive(&bench, "2001-01-07.db"));
    // Whole, and of this ledger, and all of it is there: it goes.
    let goes = damaged("2001-01-08.db", &whole);
    assert_eq!(gc(&bench)["runs"], 1);
    for path in left {
        assert!(path.symlink_metadata().is_ok(), "{} is not ours to remove", path.display());
    }
    assert!(!goes.exists());
    verified(&bench, 0);
}

#[test]
fn numbers_that_somebody_wrote_into_a_ledger_are_findings() {
    let bench = over();
    for name in ["c", "d"] {
        bench.plan(&tasks(&[name])).toll(&["run", "../plan.toml"]);
    }
    // Their workspaces go first.
    bench.config("").toll(&["gc"]);
    let (ledger, saved) = (bench.path(".git/tollhouse/ledger.db"), bench.path("../saved.db"));
    bench.config(RETAIN);
    edit_file(&bench, &ledger, "PRAGMA wal_checkpoint(TRUNCATE)");
    fs::copy(&ledger, &saved).unwrap();
    let last = "UPDATE event SET seq = 9223372036854775807
                WHERE position IN (SELECT max(position) FROM event WHERE stream LIKE 'run_%' GROUP BY stream)";
    edit_file(&bench, &ledger, last);
    let looked = bench.toll(&["gc", "--dry-run", "--json"]);
    assert_eq!(looked.code, Some(0), "{looked}");
    assert_eq!(looked.json()["archived"]["events"], u64::MAX, "{looked}");
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(bench.path(&format!(".git/tollhouse/ledger.db{end}")));
    }
    fs::copy(&saved, &ledger).unwrap();
    let file = gc(&bench)["files"][0].as_str().unwrap().to_owned();
    for table in ["record", "event"] {
        let many = format!(
            "WITH RECURSIVE each(id, n, text) AS (
               SELECT rowid, 0, body FROM {table} WHERE body LIKE '%\"head\":%'
               UNION ALL
               SELECT id, n + 1, replace(text, '\"events\":' || n || ',', '\"events\":18446744073709551615,')
               FROM each WHERE n < 500)
             UPDATE {table} SET body = (SELECT text FROM each WHERE id = {table}.rowid AND n = 500)
             WHERE rowid IN (SELECT id FROM each)"
        );
        edit_file(&bench, &ledger, &many);
    }
    for is_there in [true, false] {
        if !is_there {
            fs::remove_file(archive(&bench, &file)).unwrap();
        }
        let report = verified(&bench, 1);
        assert_eq!(report["archives"][0]["events"], u64::MAX, "{report}");
    }
}

#[test]
fn no_folder_of_archives_is_made_where_nothing_is_archived() {
    let bench = over();
    for retain in ["", "[ledger]\nretain = \"90d\"\n"] {
        assert_eq!(gc(bench.config(retain))["runs"], 0);
        assert!(!archive(&bench, "").exists());
    }
    assert_eq!(gc(bench.config(RETAIN))["runs"], 1);
    assert!(archive(&bench, "lock").is_file());
}
