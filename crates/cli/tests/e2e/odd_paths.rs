//! Files with names that few people give, and very many of them.

use std::io::Write;
use std::process::Stdio;
use std::time::Instant;

use crate::harness::{Bench, reason, run, run_one};

/// Writes files with blanks, quotes, line ends, a leading dash, and bytes that are no UTF-8 in their names.
const ODD: &str = r#"
mkdir -p 'a folder'
echo x > 'a folder/with  blanks .txt'
echo x > "it's \"quoted\".txt"
echo x > "$(printf 'two\nlines.txt')"
echo x > "$(printf 'tab\tand \\ slash.txt')"
echo x > "$(printf 'caf\351.txt')"
echo x > ./-rf
echo x > ' leading'
echo x > 'ünïcödé.txt'
"#;

fn odd() -> Bench {
    let bench = Bench::new();
    let said = run_one(bench.agent(ODD));
    assert_eq!(said.code, Some(0), "{said}");
    bench
}

#[test]
fn odd_names_land_as_they_are() {
    let bench = odd();
    let output = bench.isolated("git").args(["diff", "-z", "--name-only", "main", "toll/main"]).output().unwrap();
    let mut names: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    let mut expected: Vec<&[u8]> = vec![
        b"a folder/with  blanks .txt",
        b"it's \"quoted\".txt",
        b"two\nlines.txt",
        b"tab\tand \\ slash.txt",
        b"caf\xe9.txt",
        b"-rf",
        b" leading",
        "ünïcödé.txt".as_bytes(),
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn odd_names_are_synced_as_they_are() {
    let bench = odd();
    let said = bench.toll(&["sync"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["status", "--porcelain"]), "");
    assert_eq!(bench.read("two\nlines.txt"), "x\n");
}

#[test]
fn odd_names_are_read_in_every_document() {
    let bench = odd();
    let patch = bench.toll(&["patch", "list", "--json"]).json()["patches"][0]["id"].as_str().unwrap().to_owned();
    let shown = bench.toll(&["patch", "show", &patch, "--json"]).json();
    let names: Vec<&str> =
        shown["description"]["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert!(names.contains(&"\"two\\nlines.txt\"") && names.contains(&"\"caf\\351.txt\""), "{names:?}");
    bench.toll(&["status", "--json"]).json();
    for line in bench.toll(&["log", "--json"]).out.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn patch_with_odd_names_is_one_that_git_applies() {
    let bench = odd();
    let patch = bench.toll(&["patch", "list", "--json"]).json()["patches"][0]["id"].as_str().unwrap().to_owned();
    let shown = bench.toll(&["patch", "show", &patch, "--diff", "--json"]).json();
    let mut child = bench.isolated("git").args(["apply", "--index", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(shown["diff"].as_str().unwrap().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(bench.git(&["write-tree"]), bench.git(&["rev-parse", "toll/main^{tree}"]));
}

#[test]
fn two_names_that_differ_only_by_case_are_refused() {
    let bench = Bench::new();
    if bench.path("readme.MD").exists() {
        // This file system does not tell them apart, so nobody can write both.
        return;
    }
    let said = run_one(bench.agent("echo x > readme.MD"));
    assert_eq!(said.code, Some(1), "{said}");
    let reason = reason(&bench);
    assert!(reason.contains("readme.MD") && reason.contains("README.md"), "{reason}");
}

#[test]
fn task_in_a_hundred_thousand_files_is_done() {
    let bench = Bench::new();
    let head = "blob\nmark :1\ndata 2\nx\n\ncommit refs/heads/big\ncommitter A <a@example.org> 0 +0000\ndata 3\nbig\n";
    let file = |number| format!("M 100644 :1 d{:03}/f{number}\n", number % 317);
    let files: String = (0..100_000).map(file).collect();
    let stream = format!("{head}from refs/heads/main\n{files}");
    let mut child = bench.isolated("git").args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    bench.agent("echo y > d001/f1").config("[project]\ntarget = \"big\"\n");
    let begun = Instant::now();
    let said = run(&mut bench.command(&["do", "Do it"]));
    assert_eq!(said.code, Some(0), "{said}\n{:?}", begun.elapsed());
    assert_eq!(bench.git(&["diff", "--name-only", "big", "toll/big"]), "d001/f1");
}
