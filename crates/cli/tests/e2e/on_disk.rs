//! What is on disk when `toll` says that it is: every call that makes a name or puts something on disk, as strace sees it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::archiving::{archive, assert_archived, over};
use crate::harness::{Bench, Said, tasks};
use crate::told::skipped;

/// What strace tells of a `toll`; `None`: it cannot watch here, which was said.
fn calls(bench: &Bench, args: &[&str]) -> Option<String> {
    let log = bench.path("../calls");
    let calls = "trace=fsync,fdatasync,?rename,?renameat,?renameat2,?link,?linkat,?mkdir,?mkdirat";
    let mut strace = bench.isolated("strace");
    strace.args(["-f", "-y", "-qq", "-e", calls, "-o"]).arg(&log).arg(env!("CARGO_BIN_EXE_toll")).args(args);
    match strace.output().map(Said::from) {
        Ok(said) if said.err.contains("strace:") => {
            skipped("a power loss", &format!("strace cannot watch a process here: {}", said.err.trim()));
            None
        }
        Ok(said) => {
            assert_eq!(said.code, Some(0), "{said}");
            Some(fs::read_to_string(&log).expect("strace wrote it"))
        }
        Err(error) => {
            skipped("a power loss", &format!("strace cannot be started: {error}"));
            None
        }
    }
}

/// The folders under a path.
fn folders(path: &Path) -> Vec<PathBuf> {
    let (mut found, mut next) = (Vec::new(), vec![path.to_owned()]);
    while let Some(path) = next.pop() {
        let entries = fs::read_dir(&path).expect("it is there").map(|entry| entry.expect("it is there").path());
        next.extend(entries.filter(|path| path.is_dir() && !path.is_symlink()));
        found.push(path);
    }
    found
}

/// The first run of a repository makes all of the ledger.
#[test]
fn the_folders_of_what_is_kept_are_on_disk() {
    let bench = Bench::new();
    bench.agent("seq 1 200000; echo $1 > $1.txt").plan(&tasks(&["a"]));
    let Some(calls) = calls(&bench, &["run", "../plan.toml"]) else { return };
    let (mut made, mut missed) = (0, BTreeSet::new());
    for line in calls.lines() {
        let quoted: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let is_done = line.ends_with("= 0");
        if line.contains("mkdir") && is_done {
            made += 1;
            missed.insert(PathBuf::from(quoted[0].trim_end_matches('/')));
        } else if line.contains("sync(")
            && let Some((path, _)) = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'))
        {
            missed.retain(|folder| folder.parent() != Some(Path::new(path)));
        }
    }
    assert!(made > 9, "{calls}");
    let kept = [".git/tollhouse/repo.git", ".git/tollhouse/blobs", ".git/refs/tollhouse", ".git/objects"];
    let kept: Vec<PathBuf> = kept.iter().flat_map(|kept| folders(&bench.path(kept))).collect();
    missed.retain(|folder| kept.contains(folder) || *folder == bench.path(".git/tollhouse"));
    assert!(missed.is_empty(), "{missed:#?}\n{calls}");
}

/// What strace says of files and folders, up to where an archive is put in its place.
struct Watched {
    /// What is on disk as it is.
    synced: BTreeSet<PathBuf>,
    /// What of the archive was not, once it was put in its place.
    missed: BTreeSet<PathBuf>,
    /// What was put in its place.
    placed: BTreeSet<PathBuf>,
}

impl Watched {
    fn read(text: &str, archives: &Path) -> Self {
        let mut watched = Self { synced: BTreeSet::new(), missed: BTreeSet::new(), placed: BTreeSet::new() };
        for line in text.lines().filter(|line| !line.contains(" resumed>")) {
            let quoted: Vec<&Path> = line.split('"').skip(1).step_by(2).map(Path::new).collect();
            let of_descriptor =
                || line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path);
            match quoted.as_slice() {
                [from, to] if to.parent() == Some(archives) => watched.place(from, to),
                [from, to] => {
                    let was_synced = watched.synced.remove(*from);
                    watched.appears(to);
                    if was_synced {
                        watched.synced.insert(to.to_path_buf());
                    }
                }
                [made] => watched.appears(made),
                _ => watched.synced.extend(of_descriptor().map(PathBuf::from)),
            }
        }
        watched
    }

    /// Its name is not on disk before its folder is again.
    fn appears(&mut self, path: &Path) {
        if let Some(folder) = path.parent() {
            self.synced.remove(folder);
        }
    }

    /// All that is there now was there then.
    fn place(&mut self, from: &Path, to: &Path) {
        self.placed.insert(to.to_owned());
        let mut next = vec![to.to_owned()];
        while let Some(path) = next.pop() {
            let was = from.join(path.strip_prefix(to).expect("it is below"));
            // Joined with nothing, a path ends with a slash.
            let was: PathBuf = was.components().collect();
            if path.is_dir() {
                next.extend(fs::read_dir(&path).expect("it is there").map(|entry| entry.expect("it is there").path()));
            }
            if !self.synced.contains(&was) && !path.ends_with("lock") {
                self.missed.insert(was);
            }
        }
    }
}

#[test]
fn all_of_an_archive_is_on_disk_before_it_is_in_its_place() {
    let bench = over();
    let Some(calls) = calls(&bench, &["gc"]) else { return };
    assert_archived(&bench);
    let watched = Watched::read(&calls, &archive(&bench, "").components().collect::<PathBuf>());
    assert_eq!(watched.placed.len(), 3, "the database, objects and contents: {:?}", watched.placed);
    assert!(watched.missed.is_empty(), "{:#?}", watched.missed);
}
