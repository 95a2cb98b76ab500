//! Workspace to snapshot to patch to candidate: nothing is lost on the way, and git agrees at every step.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use fastrand::Rng;
use tollhouse_engine::patch::{parse, patch_id};
use tollhouse_runner::git::{LedgerRepo, Oid, Workspace, candidate, diff_text};

use super::world::{World, oid, write};

/// Snapshot, patch, and candidate; and what git says about the same folder.
fn roundtrip(world: &World, ledger: &LedgerRepo, workspace: &Workspace) -> Oid {
    let snapshot = workspace.snapshot(ledger, &[]).expect("a snapshot");
    assert_eq!(snapshot.unrepresentable, []);
    let text = diff_text(ledger, workspace.base(), snapshot.tree).expect("a patch");
    let diff = parse(&text).expect("a patch that can be read");
    let made = candidate(ledger, &diff, None, workspace.base()).expect("no trouble").expect("no conflict");
    assert_eq!(made.tree, snapshot.tree);
    assert_eq!(made.facts.not_conserved, []);
    assert_eq!(patch_id(&diff).len(), 64);

    world.git(workspace.dir(), &["add", "--all"]);
    assert_eq!(oid(&world.git(workspace.dir(), &["write-tree"])), snapshot.tree, "git add finds the same");
    if !text.is_empty() {
        write(&world.path("patch"), &text);
        world.git(workspace.dir(), &["read-tree", &workspace.base().to_string()]);
        world.git(workspace.dir(), &["apply", "--cached", world.path("patch").to_str().expect("a plain path")]);
        assert_eq!(oid(&world.git(workspace.dir(), &["write-tree"])), snapshot.tree, "git apply makes the same");
    }
    snapshot.tree
}

fn build(root: &Path) {
    let lines = (0..60).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
    for (name, content) in [
        ("changed", lines.as_bytes()),
        ("deleted", b"gone\n"),
        ("moved/from", lines.replace("line", "moved").as_bytes()),
        ("moved/exact", lines.replace("line", "exact").as_bytes()),
        ("binary", b"\0\x01\x02 some bytes \xff\xfe"),
        ("tool.sh", b"#!/bin/sh\n"),
        ("crlf", b"a\r\nb\r\nc\r\n"),
        ("open end", b"a\nb"),
        ("ignored/but tracked", b"1\n"),
        ("file to folder", b"1\n"),
        ("folder to file/x", b"1\n"),
        ("file to link", b"1\n"),
        ("empty", b""),
        (".gitignore", b"*.log\nignored/\n"),
    ] {
        write(&root.join(name), content);
    }
    symlink("changed", root.join("link")).expect("a link");
    symlink("nowhere", root.join("link to file")).expect("a link");
    write(&root.join(OsStr::from_bytes(b"caf\xe9 \"q\"\n\t\\x")), "1\n");
}

fn change(root: &Path) {
    let text = fs::read_to_string(root.join("changed")).expect("a file");
    write(&root.join("changed"), text.replace("line 30", "LINE 30").replace("line 59\n", "line 59"));
    fs::remove_file(root.join("deleted")).expect("a file");
    let moved = fs::read_to_string(root.join("moved/from")).expect("a file");
    fs::rename(root.join("moved/from"), root.join("moved to")).expect("a file");
    write(&root.join("moved to"), moved.replace("moved 7\n", "moved seven\n"));
    fs::rename(root.join("moved/exact"), root.join("exact")).expect("a file");
    write(&root.join("binary"), b"\0\x01\x02 other bytes \xff\xfe".repeat(40));
    write(&root.join("new binary"), (0..=255).cycle().take(5000).collect::<Vec<u8>>());
    fs::set_permissions(root.join("tool.sh"), fs::Permissions::from_mode(0o755)).expect("a file");
    write(&root.join("crlf"), "a\r\nB\r\nc\r\n");
    write(&root.join("open end"), "a\nb\nc");
    write(&root.join("ignored/but tracked"), "2\n");
    write(&root.join("ignored/new"), "2\n");
    write(&root.join("x.log"), "2\n");
    fs::remove_file(root.join("file to folder")).expect("a file");
    write(&root.join("file to folder/y"), "2\n");
    fs::remove_dir_all(root.join("folder to file")).expect("a folder");
    write(&root.join("folder to file"), "2\n");
    fs::remove_file(root.join("file to link")).expect("a file");
    symlink("../outside", root.join("file to link")).expect("a link");
    fs::remove_file(root.join("link to file")).expect("a link");
    write(&root.join("link to file"), "2\n");
    fs::remove_file(root.join("link")).expect("a link");
    symlink("tool.sh", root.join("link")).expect("a link");
    write(&root.join("new empty"), "");
    write(&root.join(" blanks and\nline ends "), "2\n");
    write(&root.join("--- a/x"), "--- a/x\n+++ b/x\n@@ -1 +1 @@\n");
    write(&root.join(OsStr::from_bytes(b"caf\xe9 \"q\"\n\t\\x")), "2\n");
    write(&root.join(OsStr::from_bytes(b"new \xff\xfe")), "2\n");
    fs::create_dir(root.join("empty folder")).expect("a folder");
}

#[test]
fn every_kind_of_change_comes_through() {
    let world = World::new(&[]);
    build(&world.root());
    world.git(&world.root(), &["add", "--all", "--force"]);
    world.git(&world.root(), &["commit", "--quiet", "--message=base"]);
    let ledger = world.ledger();
    let workspace = Workspace::create(&ledger, world.rev("HEAD"), &world.path("w"), "task/x").unwrap();
    assert_eq!(workspace.snapshot(&ledger, &[]).unwrap().tree, world.tree("HEAD"));
    change(workspace.dir());
    let tree = roundtrip(&world, &ledger, &workspace);

    world.land("pat_1", tree, world.rev("HEAD"));
    assert_eq!(world.tree("toll/main"), tree);
    world.git(&world.root(), &["fsck", "--strict"]);
    let kinds = world.git(&world.root(), &["diff", "--name-status", "-M", "main", "toll/main"]);
    assert_eq!(kinds.lines().filter(|line| line.starts_with('R')).count(), 2, "{kinds}");
}

/// Something small and random happens to a folder.
fn disturb(rng: &mut Rng, root: &Path) {
    let name = |rng: &mut Rng| ["a", "b", "d/a", "d/b", "d/e/c", "f g", "h"][rng.usize(..7)];
    let path = root.join(name(rng));
    match rng.u8(..6) {
        0 => drop(fs::remove_file(&path)),
        1 if path.is_file() => {
            drop(fs::set_permissions(&path, fs::Permissions::from_mode(if rng.bool() { 0o755 } else { 0o644 })));
        }
        2 => drop(fs::rename(&path, root.join(name(rng)))),
        3 if path.parent().is_some_and(Path::exists) => drop(symlink(name(rng), &path)),
        4 if !path.is_symlink() && !path.is_dir() => {
            let size = rng.usize(..40);
            drop(fs::write(&path, (0..size).map(|_| rng.u8(..4)).collect::<Vec<u8>>()));
        }
        _ if !path.is_symlink() && !path.is_dir() => {
            let mut lines: Vec<String> =
                fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
            for _ in 0..rng.usize(1..5) {
                let at = rng.usize(..=lines.len());
                lines.insert(at, format!("line {}", rng.u8(..6)));
            }
            let end = if rng.bool() { "\n" } else { "" };
            drop(fs::write(&path, lines.join("\n") + end));
        }
        _ => {}
    }
}

#[test]
fn random_changes_come_through() {
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let world = World::new(&[("d/e/c", "x\n"), ("keep", "x\n")]);
    let ledger = world.ledger();
    let mut head = world.rev("HEAD");
    for round in 0..12 {
        let dir = world.path(&format!("w{round}"));
        let workspace = Workspace::create(&ledger, head, &dir, "task/x").unwrap();
        for _ in 0..rng.usize(1..12) {
            disturb(&mut rng, &dir);
        }
        let made = std::panic::catch_unwind(|| roundtrip(&world, &ledger, &workspace));
        let tree = made.unwrap_or_else(|_| panic!("seed {seed}, round {round}"));
        head = ledger.candidate_commit(&tree.to_string(), &head.to_string()).unwrap();
    }
}

#[test]
fn the_tree_of_a_commit_and_of_a_tree_is_the_tree() {
    let world = World::new(&[("keep", "x\n")]);
    let ledger = world.ledger();
    let head = world.rev("HEAD");
    let tree = ledger.peeled_tree(&head.to_string()).unwrap();
    assert_eq!(tree, world.tree("HEAD"));
    assert_eq!(ledger.peeled_tree(&tree.to_string()).unwrap(), tree);
}
