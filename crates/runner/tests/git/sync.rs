//! Taking over what landed, without a scratch on uncommitted work.

use std::fs;

use tollhouse_runner::git::{LandOutcome, SyncProblem, Workspace, sync};

use super::world::{World, write};

/// A project where a change of `a`, a new `dir/new` and the deletion of `gone` landed.
fn landed() -> World {
    let world = World::new(&[("a", "1\n"), ("b", "1\n"), ("gone", "1\n"), (".gitignore", "*.log\n")]);
    let dir = world.path("w");
    let workspace = Workspace::create(&world.ledger(), world.rev("main"), &dir, "x").expect("a workspace");
    write(&dir.join("a"), "2\n");
    write(&dir.join("dir/new"), "two\n");
    fs::remove_file(dir.join("gone")).expect("a file");
    let tree = workspace.snapshot(&world.ledger(), &[]).expect("a snapshot").tree;
    assert!(matches!(world.land("pat_1", tree, world.rev("main")), LandOutcome::Landed { .. }));
    world
}

fn in_the_way(world: &World) -> Vec<String> {
    match sync(&world.project(), "toll/main") {
        Err(SyncProblem::InTheWay { files, .. }) => files.iter().map(ToString::to_string).collect(),
        other => panic!("not refused for files in the way: {other:?}"),
    }
}

#[test]
fn sync_brings_branch_and_files_forward() {
    let world = landed();
    let before = world.rev("main");
    write(&world.root().join("b"), "mine\n");
    write(&world.root().join("notes"), "mine\n");
    let synced = sync(&world.project(), "toll/main").unwrap();
    assert_eq!((synced.branch.as_str(), synced.from, synced.commits), ("main", before, 1));
    assert_eq!(synced.files.len(), 3);
    assert_eq!(world.rev("main"), world.rev("toll/main"));
    assert_eq!(fs::read_to_string(world.root().join("dir/new")).unwrap(), "two\n");
    assert_eq!(world.git(&world.root(), &["status", "--porcelain"]), " M b\n?? notes", "only what was mine differs");
    assert_eq!(sync(&world.project(), "toll/main").unwrap().commits, 0);
}

#[test]
fn uncommitted_changes_of_the_same_files_are_refused_and_all_named() {
    let world = landed();
    write(&world.root().join("a"), "mine\n");
    write(&world.root().join("gone"), "staged\n");
    world.git(&world.root(), &["add", "gone"]);
    write(&world.root().join("dir/new"), "untracked\n");
    let before = world.git(&world.root(), &["status", "--porcelain"]);
    assert_eq!(in_the_way(&world), ["a", "dir/new", "gone"]);
    assert_eq!(world.git(&world.root(), &["status", "--porcelain"]), before);
    assert_ne!(world.rev("main"), world.rev("toll/main"));
}

#[test]
fn file_where_a_folder_has_to_be_is_refused() {
    let world = landed();
    write(&world.root().join("dir"), "mine\n");
    assert_eq!(in_the_way(&world), ["dir"]);
    assert_eq!(fs::read_to_string(world.root().join("dir")).unwrap(), "mine\n");
}

#[test]
fn ignored_file_in_the_way_is_refused_too() {
    let world = landed();
    write(&world.root().join(".git/info/exclude"), "new\n");
    write(&world.root().join("dir/new"), "mine\n");
    assert_eq!(in_the_way(&world), ["dir/new"]);
}

#[test]
fn diverged_detached_and_unfinished_checkouts_are_refused() {
    let world = landed();
    world.git(&world.root(), &["branch", "other"]);
    world.commit(&[("b", "2\n")]);
    assert!(matches!(sync(&world.project(), "toll/main"), Err(SyncProblem::Diverged { .. })));
    world.git(&world.root(), &["checkout", "--quiet", "--detach", "other"]);
    assert!(matches!(sync(&world.project(), "toll/main"), Err(SyncProblem::Detached { .. })));
    world.git(&world.root(), &["checkout", "--quiet", "other"]);
    assert!(world.try_git(&world.root(), &["merge", "--no-ff", "--no-commit", "main"]).status.success());
    assert!(matches!(sync(&world.project(), "toll/main"), Err(SyncProblem::InProgress { .. })));
}

#[test]
fn hooks_do_not_run_and_filters_of_the_user_do() {
    let world = landed();
    world.git(&world.root(), &["config", "filter.up.smudge", "tr a-z A-Z"]);
    write(&world.root().join(".git/info/attributes"), "dir/* filter=up\n");
    let hook = world.root().join(".git/hooks/post-merge");
    write(&hook, format!("#!/bin/sh\ntouch '{}'\n", world.path("ran").display()));
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    sync(&world.project(), "toll/main").unwrap();
    assert_eq!(fs::read_to_string(world.root().join("dir/new")).unwrap(), "TWO\n");
    assert!(!world.path("ran").exists());
}
