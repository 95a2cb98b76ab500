//! Landing: one branch moves, and nothing else of the maintainer's changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tollhouse_runner::git::{LandOutcome, LandProblem, Oid, Workspace, land, trailer};

use super::world::{World, landing, write};

/// A tree with one more file.
fn new_tree(world: &World, name: &str) -> Oid {
    let dir = world.path(name);
    let workspace = Workspace::create(&world.ledger(), world.rev("main"), &dir, "x").expect("a workspace");
    write(&dir.join("src/new"), name);
    workspace.snapshot(&world.ledger(), &[]).expect("a snapshot").tree
}

/// All files below a folder, but for objects and what landing may write.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut next = vec![dir.to_owned()];
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(dir).expect("below").display().to_string();
            if ["objects", "refs/heads/toll", "refs/tollhouse", "logs/refs/heads/toll", "tollhouse"]
                .contains(&name.as_str())
            {
                continue;
            }
            if path.is_dir() {
                next.push(path);
            } else {
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

#[test]
fn landing_writes_the_branch_and_nothing_else() {
    let world = World::new(&[("src/a", "1\n"), ("b", "1\n")]);
    write(&world.root().join("b"), "stashed\n");
    world.git(&world.root(), &["stash"]);
    write(&world.root().join("b"), "staged\n");
    world.git(&world.root(), &["add", "b"]);
    write(&world.root().join("b"), "dirty\n");
    let marker = world.path("ran");
    let hook = world.root().join(".git/hooks/reference-transaction");
    write(&hook, format!("#!/bin/sh\ntouch '{}'\n", marker.display()));
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let before = contents(&world.root().join(".git"));
    let tree = new_tree(&world, "w");
    let project = world.project();
    project.pin("runs/1", world.project().resolve("main").unwrap()).unwrap();

    let LandOutcome::Landed { commit } = world.land("pat_1", tree, project.resolve("main").unwrap()) else {
        panic!("it lost")
    };
    assert_eq!(contents(&world.root().join(".git")), before);
    assert_eq!(fs::read_to_string(world.root().join("b")).unwrap(), "dirty\n");
    assert!(!marker.exists());
    assert_eq!(project.branch("toll/main").unwrap(), Some(commit));
    assert_eq!(world.tree("toll/main"), tree);
    world.git(&world.root(), &["fsck", "--strict"]);
    let message = world.git(&world.root(), &["log", "-1", "--format=%B", "toll/main"]);
    assert_eq!(message, "a change\n\nTollhouse-Patch: pat_1\nTollhouse-Run: run_1");
    assert_eq!(trailer(&message, "tollhouse-run"), Some("run_1"));
    let trailers =
        world.git(&world.root(), &["log", "-1", "--format=%(trailers:key=Tollhouse-Patch,valueonly)", "toll/main"]);
    assert_eq!(trailers, "pat_1", "git reads them, too");
    // The landed objects are the project's own: it does not need the ledger.
    fs::rename(world.path("ledger.git"), world.path("away")).unwrap();
    world.git(&world.root(), &["fsck", "--strict"]);
}

#[test]
fn landing_twice_finds_the_first() {
    let world = World::new(&[("a", "1\n")]);
    let tree = new_tree(&world, "w");
    let first = world.land("pat_1", tree, world.rev("main"));
    let again = land(&world.project(), &world.ledger(), &landing("pat_1", tree, world.rev("main"), None)).unwrap();
    assert_eq!(again, first);
    assert_eq!(world.git(&world.root(), &["rev-list", "--count", "toll/main"]), "2");
}

#[test]
fn landing_loses_where_the_branch_is_elsewhere() {
    let world = World::new(&[("a", "1\n")]);
    let (one, two) = (new_tree(&world, "one"), new_tree(&world, "two"));
    let main = world.rev("main");
    let missing = land(&world.project(), &world.ledger(), &landing("pat_1", one, main, Some(main))).unwrap();
    assert_eq!(missing, LandOutcome::Lost { found: None });
    let LandOutcome::Landed { commit } = world.land("pat_1", one, main) else { panic!("it lost") };
    for expected in [None, Some(main)] {
        let lost = land(&world.project(), &world.ledger(), &landing("pat_2", two, main, expected)).unwrap();
        assert_eq!(lost, LandOutcome::Lost { found: Some(commit) });
    }
    assert_eq!(world.rev("toll/main"), commit);
}

#[test]
fn branch_that_is_checked_out_is_never_moved() {
    let world = World::new(&[("a", "1\n")]);
    let linked = world.path("linked");
    world.git(&world.root(), &["worktree", "add", "--quiet", "-b", "toll/main", linked.to_str().unwrap()]);
    let tree = new_tree(&world, "w");
    let main = world.rev("main");
    let problem = land(&world.project(), &world.ledger(), &landing("pat_1", tree, main, Some(main))).unwrap_err();
    assert!(matches!(problem, LandProblem::CheckedOut { worktrees, .. } if worktrees == [linked]));
    assert_eq!(world.rev("toll/main"), main);
}

#[test]
fn landing_goes_on_after_many_and_with_packed_refs() {
    let world = World::new(&[("a", "1\n")]);
    let mut parent = world.rev("main");
    for n in 0..3 {
        let tree = new_tree(&world, &format!("w{n}"));
        let LandOutcome::Landed { commit } = world.land(&format!("pat_{n}"), tree, parent) else { panic!("it lost") };
        world.git(&world.root(), &["pack-refs", "--all"]);
        world.git(&world.root(), &["repack", "-q", "-a", "-d"]);
        parent = commit;
    }
    assert_eq!(world.project().find_landed("toll/main", "pat_0").unwrap(), Some(world.rev("toll/main~2")));
    assert_eq!(world.project().find_landed("toll/main", "pat_9").unwrap(), None);
}

#[test]
fn what_is_kept_survives_a_collection_in_the_ledger() {
    let world = World::new(&[("a", "1\n")]);
    let (ledger, tree) = (world.ledger(), new_tree(&world, "w"));
    let blob = ledger.keep("attempts/1", world.rev("main"), tree, b"the patch").unwrap();
    world.git(ledger.dir(), &["gc", "--quiet", "--prune=now"]);
    assert_eq!(ledger.blob(&blob.to_string()).unwrap(), b"the patch");
    world.git(ledger.dir(), &["cat-file", "-e", &format!("{tree}^{{tree}}")]);
    ledger.unpin("attempts/1").unwrap();
    assert_eq!(ledger.pinned("attempts/1"), None);
}

#[test]
fn landing_never_takes_commits_off_the_branch() {
    let world = World::new(&[("a", "1\n")]);
    let (one, two, main) = (new_tree(&world, "one"), new_tree(&world, "two"), world.rev("main"));
    let LandOutcome::Landed { commit } = world.land("pat_1", one, main) else { panic!("it lost") };
    let problem = land(&world.project(), &world.ledger(), &landing("pat_2", two, main, Some(commit))).unwrap_err();
    assert!(matches!(problem, LandProblem::NotAhead { .. }));
}

#[test]
fn lock_that_a_killed_pin_left_is_in_nobodys_way() {
    let world = World::new(&[("a", "1\n")]);
    let lock = world.root().join(".git/refs/tollhouse/runs/x/base.lock");
    write(&lock, "");
    world.project().pin("runs/x/base", world.rev("main")).expect("it is pinned all the same");
    assert_eq!(world.project().pinned("runs/x/base"), Some(world.rev("main")));
    assert!(!lock.exists());
}

#[test]
fn lock_that_a_killed_landing_left_is_cleared_and_that_of_somebody_else_is_not() {
    let world = World::new(&[("a", "1\n")]);
    let tree = new_tree(&world, "ws");
    let lock = world.root().join(".git/refs/heads/toll/main.lock");
    let first = landing("patch_1", tree, world.rev("main"), None);
    let LandOutcome::Landed { commit } = land(&world.project(), &world.ledger(), &first).expect("it lands") else {
        panic!("nothing is in its way")
    };
    write(&lock, format!("{}\n", world.rev("main")));
    let next = landing("patch_2", new_tree(&world, "ws2"), commit, Some(commit));
    assert!(matches!(land(&world.project(), &world.ledger(), &next), Err(LandProblem::Git(_))), "a foreign lock holds");
    write(&lock, format!("{commit}\n"));
    let landed = land(&world.project(), &world.ledger(), &next).expect("it lands");
    assert!(matches!(landed, LandOutcome::Landed { .. }), "{landed:?}");
}
