//! Ledgers in odd places, and at odd times.

use std::fs;
use std::os::unix::fs::symlink;

use crate::disk::SmallDisk;
use crate::harness::{Bench, assert_same, run, tasks};

const LEDGER: &str = ".git/tollhouse/ledger.db";

fn worked() -> Bench {
    let bench = Bench::new();
    bench.agent("echo x > $1.txt").run_plan(&tasks(&["one"]));
    bench
}

#[test]
fn ledger_on_a_read_only_mount_is_told_and_stays_as_it_is() {
    let bench = worked();
    let place = bench.path("../read-only");
    let Some(disk) = SmallDisk::mount(&place, "8m") else { return };
    fs::copy(bench.path(LEDGER), place.join("ledger.db")).unwrap();
    disk.make_read_only();
    let before = bench.photograph(&place);
    for args in [&["status"][..], &["log"], &["verify"], &["do", "Do it"], &["run", "../plan.toml"]] {
        let args = [args, &["--ledger", "../read-only/ledger.db"]].concat();
        let said = bench.toll(&args);
        assert_eq!((said.code, said.out.as_str()), (Some(8), ""), "toll {args:?}\n{said}");
        assert!(said.err.contains("hint: the ledger's folder must be writable by whoever runs `toll`"), "{said}");
    }
    assert_same(&before, &bench.photograph(&place));
}

#[test]
fn ledger_is_one_whichever_way_it_is_named() {
    let bench = worked();
    symlink(bench.path(LEDGER), bench.path("../link.db")).unwrap();
    let told = bench.toll(&["status"]).out;
    for name in ["../link.db", LEDGER, ".git/../.git/tollhouse/ledger.db"] {
        assert_eq!(bench.toll(&["status", "--ledger", name]).out, told, "{name}");
    }
    // What a patch changes lies beside the ledger, and is found from there.
    bench.plan(&tasks(&["two"]));
    let said = bench.toll(&["run", "../plan.toml", "--ledger", "../link.db"]);
    assert_eq!(said.code, Some(0), "{said}");
    let patches = bench.toll(&["patch", "list", "--json"]).json();
    let patches = patches["patches"].as_array().unwrap();
    assert_eq!(patches.len(), 2, "{patches:?}");
    for patch in patches {
        let shown = bench.toll(&["patch", "show", patch["id"].as_str().unwrap()]);
        assert_eq!(shown.code, Some(0), "{shown}");
    }
    assert_eq!(bench.toll(&["verify"]).code, Some(0));
    assert!(!bench.path("../link.db.repo.git").exists());
}

#[test]
fn link_that_leads_nowhere_is_told() {
    let bench = worked();
    symlink("nowhere/ledger.db", bench.path("../link.db")).unwrap();
    for args in [&["status"][..], &["do", "Do it"]] {
        let said = bench.toll(&[args, &["--ledger", "../link.db"]].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(8), ""), "{said}");
        assert!(said.err.contains("link.db"), "{said}");
    }
    assert!(!bench.path("../nowhere").exists());
}

/// A machine whose battery is empty wakes up in 1970, or before it.
#[test]
fn clock_before_1970_loses_nothing() {
    let bench = Bench::new();
    bench.agent("echo x > $1.txt").plan(&tasks(&["one"])).write("../tmp/clock", "-3000000000");
    let clock = bench.notes().join("clock");
    let toll = |args: &[&str]| run(bench.command(args).env("TOLLHOUSE_CLOCK_FILE", &clock));
    let said = toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(0), "{said}");
    bench.write("../tmp/clock", "0").plan(&tasks(&["two"]));
    let said = toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(0), "{said}");
    let verified = toll(&["verify", "--json"]);
    assert_eq!(verified.code, Some(0), "{verified}");
    assert_eq!(verified.json()["landed"], 2, "{verified}");
}
