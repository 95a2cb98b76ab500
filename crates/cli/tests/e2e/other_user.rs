//! Who runs `toll`, and what they may write: as root and as a user, in what is theirs and in what is not.
//!
//! A test that needs a second user can only be had as root; elsewhere it tries what one user can.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use crate::harness::{Bench, Said, assert_same, run, tasks};

/// The user that owns nothing, on Linux.
const NOBODY: u32 = 65534;

fn am_root() -> bool {
    Bench::empty().dir().metadata().expect("it is there").uid() == 0
}

/// Gives everything below a folder to a user.
fn give(folder: &Path, user: u32) {
    chown(folder, Some(user), Some(user)).expect("root may give files away");
    for entry in fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        if path.symlink_metadata().expect("it is there").is_dir() {
            give(&path, user);
        } else {
            std::os::unix::fs::lchown(&path, Some(user), Some(user)).expect("root may give files away");
        }
    }
}

/// A repository of a user who is not root, and whether `toll` can be run as them: not where its binary is in a folder of
/// root's own.
fn of_a_user() -> Option<Bench> {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    if am_root() {
        give(&bench.around(), NOBODY);
        bench.isolated(env!("CARGO_BIN_EXE_toll")).uid(NOBODY).gid(NOBODY).arg("--version").output().ok()?;
    }
    Some(bench)
}

/// Runs `toll` as a user who is not root.
fn as_user(bench: &Bench, args: &[&str]) -> Said {
    let mut command = bench.command(args);
    if am_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    run(&mut command)
}

fn set_writable(folder: &Path, writable: bool) {
    let change = |path: &Path| {
        let mode = path.metadata().expect("it is there").permissions().mode();
        let mode = if writable { mode | 0o200 } else { mode & !0o222 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it can be changed");
    };
    if writable {
        change(folder);
    }
    for entry in fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() { set_writable(&path, writable) } else { change(&path) }
    }
    change(folder);
}

#[test]
fn user_who_is_not_root_runs_a_plan_and_reads_about_it() {
    let Some(bench) = of_a_user() else { return };
    for args in [&["run", "../plan.toml"][..], &["status"], &["log"], &["doctor"], &["sync"], &["backup", "../x.tar"]] {
        let said = as_user(&bench, args);
        assert_eq!(said.code, Some(0), "toll {args:?}\n{said}");
    }
}

#[test]
fn repository_that_cannot_be_written_is_told_and_stays_as_it_is() {
    let Some(bench) = of_a_user() else { return };
    set_writable(&bench.path(".git"), false);
    let before = bench.photograph(bench.dir());
    let said = [&["do", "Do it"][..], &["run", "../plan.toml"], &["gate", "run"]].map(|args| as_user(&bench, args));
    let after = bench.photograph(bench.dir());
    set_writable(&bench.path(".git"), true);
    for said in said {
        assert_eq!((said.code, said.out.as_str()), (Some(8), ""), "{said}");
        assert!(said.err.contains(".git/tollhouse") && said.err.contains("ermission denied"), "{said}");
    }
    assert_same(&before, &after);
}

#[test]
fn ledger_whose_folder_cannot_be_written_is_told_by_every_command() {
    let Some(bench) = of_a_user() else { return };
    assert_eq!(as_user(&bench, &["run", "../plan.toml"]).code, Some(0));
    set_writable(&bench.path(".git/tollhouse"), false);
    // Also those who read must share with those who write, so that they see no half of a commit.
    let said = [&["status"][..], &["do", "Do it"]].map(|args| as_user(&bench, args));
    let doctor = as_user(&bench, &["doctor"]);
    set_writable(&bench.path(".git/tollhouse"), true);
    for said in said {
        assert_eq!(said.code, Some(8), "{said}");
        assert!(said.err.contains("hint: the ledger's folder must be writable by whoever runs `toll`"), "{said}");
    }
    assert!(doctor.code == Some(1) && doctor.out.contains("you cannot write"), "{doctor}");
}

#[test]
fn ledger_that_may_not_be_read_is_told_and_not_taken_for_none() {
    let Some(bench) = of_a_user() else { return };
    assert_eq!(as_user(&bench, &["run", "../plan.toml"]).code, Some(0));
    let folder = bench.path(".git/tollhouse");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    let said = [&["status"][..], &["log"], &["do", "Do it"]].map(|args| as_user(&bench, args));
    let doctor = as_user(&bench, &["doctor"]);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    for said in said {
        assert!(matches!(said.code, Some(6 | 8)), "{said}");
        assert!(said.err.contains("ermission denied"), "{said}");
    }
    assert_eq!(doctor.code, Some(1), "{doctor}");
}

#[test]
fn ledger_file_that_may_not_be_read_or_written_is_told() {
    let Some(bench) = of_a_user() else { return };
    assert_eq!(as_user(&bench, &["run", "../plan.toml"]).code, Some(0));
    let ledger = bench.path(".git/tollhouse/ledger.db");
    let before = fs::read(&ledger).unwrap();
    for (mode, commands) in
        [(0o000, &[&["status"][..], &["log"], &["verify"], &["do", "Do it"]][..]), (0o444, &[&["do", "Do it"]])]
    {
        fs::set_permissions(&ledger, fs::Permissions::from_mode(mode)).unwrap();
        for args in commands {
            let said = as_user(&bench, args);
            assert_eq!((said.code, said.out.as_str()), (Some(8), ""), "{mode:o} toll {args:?}\n{said}");
            assert!(said.err.contains("hint: the ledger's folder must be writable by whoever runs `toll`"), "{said}");
        }
    }
    assert_eq!(fs::read(&ledger).unwrap(), before);
}

#[test]
fn content_that_may_not_be_read_is_a_finding_and_the_others_are_looked_at() {
    let Some(bench) = of_a_user() else { return };
    let long = |name: &str| format!("i=0; while [ $i -lt 1000 ]; do echo \"{name} $i\"; i=$((i + 1)); done");
    bench.agent(&format!("{}; echo x > $1.txt", long("of $1"))).plan(&tasks(&["one", "two"]));
    assert_eq!(as_user(&bench, &["run", "../plan.toml"]).code, Some(0));
    let folder = bench.path(".git/tollhouse/blobs");
    let mut files: Vec<_> = bench.photograph(&folder).into_keys().map(|path| bench.path("").join(path)).collect();
    files.retain(|path| path.is_file() && !path.ends_with("lock"));
    assert_eq!(files.len(), 2, "{files:?}");
    fs::set_permissions(&files[0], fs::Permissions::from_mode(0o000)).unwrap();
    fs::remove_file(&files[1]).unwrap();
    let said = as_user(&bench, &["verify", "--json"]);
    assert_eq!(said.code, Some(1), "{said}");
    let report = said.json();
    let mut codes: Vec<&str> =
        report["findings"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["blob_missing", "unreadable"], "{report}");
    assert!(report.to_string().contains("it cannot be read: Permission denied"), "{report}");
}

#[test]
fn ledger_of_another_user_is_told() {
    let Some(bench) = of_a_user() else { return };
    assert_eq!(as_user(&bench, &["run", "../plan.toml"]).code, Some(0));
    if !am_root() {
        return;
    }
    give(&bench.path(".git/tollhouse"), 0);
    let said = as_user(&bench, &["do", "Do it"]);
    assert_eq!((said.code, said.out.as_str()), (Some(8), ""), "{said}");
    assert!(said.err.contains("ermission denied"), "{said}");
}

#[test]
fn repository_of_another_user_is_refused() {
    let bench = Bench::new();
    if !am_root() {
        return;
    }
    give(&bench.around(), NOBODY);
    let said = bench.toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.err.contains("belongs to somebody else"), "{said}");
}
