//! Every place in the source that commits, or writes to a repository, lies between two failpoints that have a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tollhouse_runner::failpoint::{BLOB_WRITES, COMMITS, EFFECTS, GIT_WRITES};

/// What writes to a repository: calls of libgit2, and those of files in its folders.
const WRITES: &[&str] = &[
    ".reference(",
    ".reference_matching(",
    "reference.delete(",
    "odb.write(",
    ".to.write(",
    ".commit(",
    "index.write(",
    "remove_all(",
];

/// The functions that are called only between the points of others.
const INNER: &[(&str, &str)] = &[
    ("ledger_repo.rs: plain_commit", "git.keep and git.candidate_commit"),
    ("own_ref.rs: set", "git.pin and git.keep"),
    ("ledger_repo.rs: unpin", "what is unpinned there is known to nobody, and gc finds it again"),
    ("land.rs: make_commit", "git.commit"),
    ("land.rs: land", "git.swap"),
    ("import.rs: object", "git.import"),
    ("overlay.rs: store", "git.candidate"),
    ("snapshot.rs: snapshot_within", "git.snapshot"),
    ("snapshot.rs: keep", "git.snapshot"),
    ("tree.rs: write_entries", "git.keep, git.candidate and git.snapshot"),
    ("tree.rs: edit_tree", "git.candidate"),
    ("workspace.rs: write_index", "git.workspace"),
    ("new_repo.rs: make_repository", "a demonstration's own repository, made before anything is at stake"),
    ("remove.rs: remove_all", "git.remove_workspace"),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the source is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The functions of a file with their lines, tests left out.
fn functions(text: &str) -> Vec<(String, String)> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let start = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
        let start = start.trim_start_matches("pub ").trim_start_matches("const ");
        if let Some(rest) = start.strip_prefix("fn ") {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            found.push((name.to_owned(), String::new()));
        }
        if let Some((_, body)) = found.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    found
}

#[test]
fn every_write_to_a_repository_lies_between_two_points() {
    let inner: BTreeMap<&str, &str> = INNER.iter().copied().collect();
    let mut unused: BTreeSet<&str> = inner.keys().copied().collect();
    let mut bare = Vec::new();
    for path in rust_files(&source().join("git")) {
        let file = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        for (name, body) in functions(&fs::read_to_string(&path).expect("it can be read")) {
            let place = format!("{file}: {name}");
            let writes = WRITES.iter().any(|write| body.contains(write));
            unused.remove(place.as_str());
            if writes && !body.contains("around(\"git.") && !inner.contains_key(place.as_str()) {
                bare.push(place);
            }
        }
    }
    assert!(bare.is_empty(), "{bare:#?} write outside of any point");
    assert!(unused.is_empty(), "{unused:?} are not there any more");
}

/// What writes to the folder of contents.
const BLOB_CALLS: &[&str] =
    &[".persist(", ".set_modified(", "write_all(", "remove_file(", "DirBuilder::", "OpenOptions::", "fs::rename("];

#[test]
fn every_write_to_a_content_lies_between_two_points() {
    let mut bare = Vec::new();
    for path in rust_files(&source().join("blobs")) {
        let file = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        for (name, body) in functions(&fs::read_to_string(&path).expect("it can be read")) {
            let place = format!("{file}: {name}");
            let writes = BLOB_CALLS.iter().any(|write| body.contains(write));
            if writes && !body.contains("around(\"blob.") {
                bare.push(place);
            }
        }
    }
    assert!(bare.is_empty(), "{bare:#?} write outside of any point");
    let store = fs::read_to_string(source().join("blobs/store.rs")).expect("it can be read");
    assert_eq!(store.matches("self.write(").count(), 1, "a content is written in `put` alone");
}

#[test]
fn every_point_in_the_source_is_listed_and_every_listed_one_is_there() {
    let mut named = BTreeSet::new();
    for path in rust_files(&source()) {
        if path.starts_with(source().join("failpoint")) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it can be read");
        named.extend(
            text.split('"')
                .filter(|word| ["git.", "effect.", "blob."].iter().any(|start| word.starts_with(start)))
                .map(str::to_owned),
        );
    }
    named.retain(|name| name.len() > 4 && name != "effect.none" && !name.contains(' '));
    let listed: BTreeSet<String> = [BLOB_WRITES, EFFECTS, GIT_WRITES].concat().into_iter().map(str::to_owned).collect();
    assert_eq!(named, listed);
}

#[test]
fn every_command_is_committed_between_two_points() {
    let mut sent = BTreeSet::new();
    // There is one call that commits, in `carry_out`.
    for crate_name in ["runner", "cli"] {
        for path in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(crate_name).join("src")) {
            let text = fs::read_to_string(&path).expect("it can be read");
            sent.extend(text.split("Command::").skip(1).map(|rest| {
                let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                let words =
                    name.chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase()));
                words.collect::<String>().trim_start_matches('_').to_owned()
            }));
            let commits = text.contains("engine.execute(") || text.contains("store.commit(");
            assert_eq!(commits, path.ends_with("conductor/commit.rs"), "{}", path.display());
        }
    }
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/src/command.rs");
    let text = fs::read_to_string(engine).expect("it can be read");
    let names = text.split("pub const fn name(").nth(1).and_then(|rest| rest.split("pub const fn").next());
    let names = names.expect("commands have names").split('"').skip(1).step_by(2);
    // What only programs send that embed the engine has no point here.
    let names: BTreeSet<&str> = names.filter(|name| sent.contains(*name)).collect();
    let listed: BTreeSet<&str> =
        COMMITS.iter().filter_map(|point| point.strip_prefix("commit.")?.split('.').next()).collect();
    assert_eq!(names, listed);
}
