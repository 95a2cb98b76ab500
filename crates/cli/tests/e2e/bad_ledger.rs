//! Ledgers that are none, are damaged, or are of another version: what is said, and that the file stays as it is.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Bench, assert_says, tasks};

const LEDGER: &str = ".git/tollhouse/ledger.db";

/// Where SQLite keeps the version of the schema, four bytes, in the header of the file.
const USER_VERSION: usize = 60;

/// Where it keeps whose database it is, four bytes.
const APPLICATION_ID: usize = 68;

/// A repository with a ledger, all of it in one file.
fn worked() -> Bench {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    bench
}

fn patched(at: usize, bytes: [u8; 4]) -> Bench {
    let bench = worked();
    let mut content = fs::read(bench.path(LEDGER)).expect("there is a ledger");
    content[at..at + 4].copy_from_slice(&bytes);
    fs::write(bench.path(LEDGER), content).expect("it can be written");
    bench
}

/// Commands that read, and commands that write.
const ALL: [&[&str]; 9] = [
    &["status"],
    &["runs"],
    &["log"],
    &["explain"],
    &["patch", "list"],
    &["backup", "../ledger.tar"],
    &["do", "Do it"],
    &["run", "../plan.toml"],
    &["gate", "run"],
];

/// That every command refuses the ledger with these words, and that it stays as it was.
#[track_caller]
fn assert_refused(bench: &Bench, words: &str) {
    let look = || {
        let mut stills = bench.photograph(&bench.around());
        // SQLite makes and removes what it shares among those who look.
        stills.retain(|path, _| !["ledger.db-shm", "ledger.db-wal"].iter().any(|name| path.ends_with(name)));
        stills
    };
    let before = look();
    for args in ALL {
        let said = bench.toll(args);
        assert_eq!((said.code, said.out.as_str()), (Some(6), ""), "toll {args:?}\n{said}");
        assert!(said.err.contains(words), "toll {args:?}\n{said}");
    }
    crate::harness::assert_same(&before, &look());
}

#[test]
fn ledger_of_a_later_version_is_refused() {
    let bench = patched(USER_VERSION, [0, 0, 0, 99]);
    let said = bench.toll(&["status"]);
    assert_says!(bench, said, @r"
    exit: 6
    --- stdout
    --- stderr
    error: [AROUND]/repo/.git/tollhouse/ledger.db cannot be opened as a ledger: it has schema 99, and this program knows schemas up to 5
    hint: if a newer `toll` wrote it, use that one; else `--ledger PATH` names another ledger, and `toll restore FILE --ledger PATH` makes one from a backup
    ");
    assert_refused(&bench, "it has schema 99");
}

#[test]
fn ledger_without_a_version_is_refused() {
    assert_refused(&patched(USER_VERSION, [0, 0, 0, 0]), "it says that its schema is 0");
}

#[test]
fn database_of_another_program_is_refused() {
    assert_refused(&patched(APPLICATION_ID, [0, 0, 0, 1]), "it is a database of another program");
}

#[test]
fn text_in_its_place_is_refused() {
    let bench = worked();
    fs::write(bench.path(LEDGER), "this is no ledger, whatever its name may say").unwrap();
    assert_refused(&bench, "it is not a database");
}

#[test]
fn folder_in_its_place_is_refused() {
    let bench = worked();
    fs::remove_file(bench.path(LEDGER)).unwrap();
    fs::create_dir(bench.path(LEDGER)).unwrap();
    assert_refused(&bench, "it is a folder");
}

#[test]
fn empty_file_is_no_ledger_to_read() {
    let bench = worked();
    fs::write(bench.path(LEDGER), "").unwrap();
    let said = bench.toll(&["status"]);
    assert_eq!(said.code, Some(6), "{said}");
    assert!(said.err.contains("it is empty"), "{said}");
}

#[test]
fn empty_file_of_a_program_that_was_killed_before_it_recorded_anything_is_none() {
    let bench = Bench::new();
    bench.write(LEDGER, "");
    let said = bench.toll(&["status", "--json"]);
    assert_eq!((said.code, said.error()["code"].as_str()), (Some(4), Some("no_ledger")), "{said}");
}

#[test]
fn empty_file_is_one_to_begin_with() {
    let bench = Bench::new();
    let said = bench.write("../new.db", "").agent("echo x > x.txt").toll(&["do", "Do it", "--ledger", "../new.db"]);
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn ledger_that_was_cut_off_anywhere_is_told_and_never_a_bug_of_ours() {
    let bench = worked();
    bench.plan(&tasks(&["two"]));
    let whole = fs::read(bench.path(LEDGER)).unwrap();
    // In the header, at the edges of pages, and inside of them. A file of one byte is an empty one to SQLite.
    let lengths =
        [2, 15, 16, 99, 100, 512, 4095, 4096, 4097, 8192, whole.len() / 3, whole.len() / 2, whole.len() - 4096];
    for length in lengths {
        for args in ALL.into_iter().chain([&["doctor"][..]]) {
            for end in ["-wal", "-shm"] {
                let _ = fs::remove_file(bench.path(&format!("{LEDGER}{end}")));
            }
            fs::write(bench.path(LEDGER), &whole[..length]).unwrap();
            let said = bench.toll(args);
            let expected: &[i32] = if args == ["doctor"] { &[1] } else { &[6] };
            assert!(said.code.is_some_and(|code| expected.contains(&code)), "{length} toll {args:?}\n{said}");
            let words = ["truncated or damaged", "is damaged", "not a database", "is malformed"];
            assert!(words.iter().any(|word| said.to_string().contains(word)), "{length} toll {args:?}\n{said}");
        }
    }
}

#[test]
fn ledger_in_a_folder_that_is_a_file_is_told() {
    let bench = Bench::new();
    bench.write(".git/tollhouse", "in the way\n");
    for args in [&["do", "Do it"][..], &["gate", "run"]] {
        let said = bench.toll(args);
        assert_eq!(said.code, Some(8), "toll {args:?}\n{said}");
        assert!(said.err.contains(".git/tollhouse"), "{said}");
    }
    assert_eq!(bench.read(".git/tollhouse"), "in the way\n");
}

#[test]
fn repository_of_somebody_else_beside_the_ledger_is_not_touched() {
    let bench = Bench::new();
    bench.write(".git/tollhouse/repo.git/HEAD", "ref: refs/heads/main\n").write(".git/tollhouse/repo.git/x", "mine\n");
    let said = bench.toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(8), "{said}");
    assert!(said.err.contains("is not a repository that a ledger made"), "{said}");
    let names: Vec<PathBuf> = bench.photograph(&bench.path(".git/tollhouse/repo.git")).into_keys().collect();
    assert_eq!(names.len(), 2, "{names:?}");
}
