//! Workspaces, and reading them back.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tollhouse_runner::git::{
    CheckoutProblem, Look, Oid, SnapshotProblem, Workspace, WorkspaceProblem, checkout, snapshot,
};

use super::world::{World, write};

fn workspace(world: &World) -> Workspace {
    Workspace::create(&world.ledger(), world.rev("HEAD"), &world.path("w"), "task/x").expect("a workspace")
}

/// The paths that differ from the base.
fn changed(world: &World, workspace: &Workspace, excludes: &[&str]) -> Vec<String> {
    let excludes: Vec<String> = excludes.iter().map(ToString::to_string).collect();
    let tree = workspace.snapshot(&world.ledger(), &excludes).expect("a snapshot").tree;
    names(world, workspace.base(), tree)
}

fn names(world: &World, old: Oid, new: Oid) -> Vec<String> {
    let names = world.git(&world.path("ledger.git"), &["diff", "--name-only", &old.to_string(), &new.to_string()]);
    names.lines().map(str::to_owned).collect()
}

#[test]
fn git_works_in_a_workspace_as_anywhere() {
    let world = World::new(&[("src/lib.rs", "//!\n"), ("tool", "x")]);
    let space = workspace(&world);
    assert_eq!(world.git(space.dir(), &["status", "--porcelain"]), "");
    assert_eq!(world.git(space.dir(), &["diff-files", "--name-only"]), "", "the index has the files as they are");
    assert_eq!(world.git(space.dir(), &["branch", "--show-current"]), "task/x");
    assert_eq!(world.git(space.dir(), &["remote"]), "");
    write(&space.dir().join("src/lib.rs"), "//! More.\n");
    world.git(space.dir(), &["commit", "--quiet", "--all", "--message=agent"]);
    assert_eq!(world.git(space.dir(), &["log", "--format=%s"]), "agent\nwork");
    world.git(space.dir(), &["fsck", "--strict"]);
    assert_eq!(changed(&world, &space, &[]), ["src/lib.rs"], "what it committed counts as work, too");
    assert_eq!(world.git(&world.root(), &["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
}

#[test]
fn workspace_is_for_its_owner_only_and_never_takes_a_folder_over() {
    let world = World::new(&[("a", "1")]);
    let space = workspace(&world);
    for dir in [space.dir(), &world.path("ledger.git")] {
        assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
    }
    let again = Workspace::create(&world.ledger(), world.rev("HEAD"), space.dir(), "task/x").unwrap_err();
    assert!(matches!(again, WorkspaceProblem::Checkout(CheckoutProblem::Exists { .. })));
    let name = Workspace::create(&world.ledger(), world.rev("HEAD"), &world.path("v"), "../x").unwrap_err();
    assert!(matches!(name, WorkspaceProblem::BranchName { .. }));
    fs::create_dir_all(space.dir().join("cache/mod")).unwrap();
    fs::set_permissions(space.dir().join("cache"), fs::Permissions::from_mode(0o500)).unwrap();
    Workspace::remove(space.dir()).unwrap();
    Workspace::remove(space.dir()).unwrap();
    assert!(!space.dir().exists());
}

#[test]
fn tracked_files_count_even_where_they_are_ignored() {
    let world = World::new(&[("keep.log", "1"), ("out/tracked", "1"), ("a", "1")]);
    let space = workspace(&world);
    write(&space.dir().join(".gitignore"), "*.log\nout/\n/local\n");
    write(&space.dir().join("sub/.gitignore"), "!kept.log\n");
    for name in [
        "keep.log",
        "out/tracked",
        "out/new",
        "new.log",
        "sub/kept.log",
        "sub/other.log",
        "local",
        "sub/local",
        "more.tmp",
    ] {
        write(&space.dir().join(name), "2");
    }
    let found = [".gitignore", "keep.log", "more.tmp", "out/tracked", "sub/.gitignore", "sub/kept.log", "sub/local"];
    assert_eq!(changed(&world, &space, &[]), found);
    let without = found.into_iter().filter(|name| *name != "more.tmp").collect::<Vec<_>>();
    assert_eq!(changed(&world, &space, &["*.tmp"]), without);
    let added = space.snapshot(&world.ledger(), &[]).unwrap().added;
    assert_eq!(added.len(), 5);
}

#[test]
fn links_are_kept_and_never_followed() {
    let world = World::new(&[("dir/a", "1"), ("dir/b", "1")]);
    write(&world.path("outside/a"), "secret");
    let space = workspace(&world);
    fs::remove_dir_all(space.dir().join("dir")).unwrap();
    symlink(world.path("outside"), space.dir().join("dir")).unwrap();
    symlink("/dev/zero", space.dir().join(".gitignore")).unwrap();
    let tree = space.snapshot(&world.ledger(), &[]).unwrap().tree;
    let listed =
        world.git(&world.path("ledger.git"), &["ls-tree", "-r", "--format=%(objectmode) %(path)", &tree.to_string()]);
    assert_eq!(listed, "120000 .gitignore\n120000 dir");
}

#[test]
fn what_a_tree_cannot_hold_is_told() {
    let world = World::new(&[("a", "1"), ("tracked/b", "1")]);
    let space = workspace(&world);
    world.git(space.dir(), &["init", "--quiet", "nested"]);
    world.git(space.dir(), &["init", "--quiet", "tracked"]);
    write(&space.dir().join("nested/x"), "1");
    write(&space.dir().join("GIT~1"), "1");
    let fifo = rustix::fs::mknodat(
        rustix::fs::CWD,
        space.dir().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    );
    fifo.unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(space.dir().join("socket")).unwrap();
    let found = space.snapshot(&world.ledger(), &[]).unwrap();
    let paths: Vec<String> = found.unrepresentable.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(paths, ["GIT~1", "nested", "pipe", "socket", "tracked"]);
    assert_eq!(found.tree, space.base(), "a tracked folder with a repository in it stays as it was");
}

#[test]
fn submodule_stays_as_it_is_in_the_base() {
    let world = World::new(&[("a", "1")]);
    let commit = world.rev("HEAD").to_string();
    world.git(&world.root(), &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},sub")]);
    world.git(&world.root(), &["commit", "--quiet", "--message=sub"]);
    let space = workspace(&world);
    assert!(space.dir().join("sub").is_dir());
    assert_eq!(changed(&world, &space, &[]), [""; 0]);
    world.git(space.dir(), &["init", "--quiet", "sub"]);
    assert_eq!(space.snapshot(&world.ledger(), &[]).unwrap().unrepresentable, []);
    Workspace::remove(&space.dir().join("sub")).unwrap();
    assert_eq!(changed(&world, &space, &[]), ["sub"]);
}

#[test]
fn file_that_cannot_be_read_is_an_error_and_no_deletion() {
    let world = World::new(&[("dir/secret", "1")]);
    let space = workspace(&world);
    let path = space.dir().join("dir/secret");
    write(&path, "2");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        return; // Nothing is unreadable for root.
    }
    let problem = space.snapshot(&world.ledger(), &[]).unwrap_err();
    assert!(matches!(problem, SnapshotProblem::Unreadable { path, .. } if path == Path::new("dir/secret")));
}

#[test]
fn change_of_the_same_size_right_after_the_checkout_is_seen() {
    let world = World::new(&[("a", "1111"), ("b", "1111")]);
    for round in 0..50 {
        let dir = world.path(&format!("w{round}"));
        let space = Workspace::create(&world.ledger(), world.rev("HEAD"), &dir, "x").unwrap();
        fs::write(dir.join("a"), "2222").unwrap();
        assert_ne!(space.snapshot(&world.ledger(), &[]).unwrap().tree, space.base(), "round {round}");
    }
}

#[test]
fn nothing_that_was_planted_in_a_workspace_runs() {
    let world = World::new(&[("a", "1\n"), ("b", "1\n")]);
    let space = workspace(&world);
    let marker = world.path("ran");
    let script = format!("#!/bin/sh\ntouch '{}'\ncat\n", marker.display());
    for hook in ["post-checkout", "pre-commit", "post-index-change", "reference-transaction"] {
        write(&space.dir().join(".git/hooks").join(hook), &script);
    }
    write(&space.dir().join("run.sh"), &script);
    for path in [".git/hooks/post-checkout", ".git/hooks/pre-commit", "run.sh"] {
        fs::set_permissions(space.dir().join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let run = space.dir().join("run.sh").display().to_string();
    let config = format!(
        "[core]\nfsmonitor = {run}\n[filter \"f\"]\nclean = {run}\nsmudge = {run}\nprocess = {run}\nrequired\n\
         [diff \"f\"]\ntextconv = {run}\ncommand = {run}\n[merge \"f\"]\ndriver = {run}\n[alias]\nstatus = !{run}\n"
    );
    write(&space.dir().join(".git/config"), config);
    write(&space.dir().join(".gitattributes"), "* filter=f diff=f merge=f text eol=crlf ident\n");
    write(&space.dir().join("a"), "2\n");
    let ledger = world.ledger();
    let tree = space.snapshot(&ledger, &[]).unwrap().tree;
    tollhouse_runner::git::diff_text(&ledger, space.base(), tree).unwrap();
    world.land("pat_1", tree, world.rev("HEAD"));
    checkout(&ledger, tree, &world.path("gate")).unwrap();
    assert_eq!(fs::read(world.path("gate/a")).unwrap(), b"2\n", "no attribute changes a byte");
    assert!(!marker.exists());
}

#[test]
fn hostile_tree_is_not_checked_out() {
    let world = World::new(&[("a", "1")]);
    let blob = world.git(&world.root(), &["hash-object", "-w", "a"]);
    let input = format!("100644 blob {blob}\t.GIT\n");
    write(&world.path("entries"), input);
    let made = std::process::Command::new("git")
        .arg("-C")
        .arg(world.root())
        .args(["mktree"])
        .stdin(fs::File::open(world.path("entries")).unwrap())
        .output()
        .unwrap();
    let tree = super::world::oid(&String::from_utf8_lossy(&made.stdout));
    let problem = checkout(&world.ledger(), tree, &world.path("out")).unwrap_err();
    assert!(matches!(problem, CheckoutProblem::Reserved { path } if path.to_string() == ".GIT"));
}

#[test]
fn snapshot_without_a_cache_gives_the_same() {
    let world = World::new(&[("a", "1"), ("b/c", "1")]);
    let space = workspace(&world);
    write(&space.dir().join("b/c"), "2");
    let ledger = world.ledger();
    let look = Look { base: space.base(), cache: None, exclude: b"" };
    assert_eq!(snapshot(&ledger, space.dir(), &look).unwrap(), space.snapshot(&ledger, &[]).unwrap());
}

#[test]
fn ignore_rules_mean_what_git_takes_them_for() {
    const RULES: [&str; 22] = [
        "*.log", "/a", "a/", "!a", "b/*", "!b/c", "**/c", "a/**", "a/**/c", "/b/c/", "# a", "\\#a", "c ", "c\\ ",
        "[ab]", "[!ab]", "?", "a*", "!*.log", "/*", "!/b", "x.*",
    ];
    const NAMES: [&str; 9] = ["a", "b", "c", "x.log", "#a", "c ", "ab", "d", "x"];
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = World::new(&[("tracked", "1")]);
    for round in 0..25 {
        let dir = world.path(&format!("w{round}"));
        let space = Workspace::create(&world.ledger(), world.rev("HEAD"), &dir, "x").unwrap();
        for _ in 0..25 {
            let depth = rng.usize(1..4);
            let path = (0..depth).map(|_| NAMES[rng.usize(..NAMES.len())]).collect::<Vec<_>>().join("/");
            let path = dir.join(path);
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
                fs::write(path, "1").unwrap();
            }
        }
        for folder in ["", "a", "b"].into_iter().filter(|folder| dir.join(folder).is_dir()).collect::<Vec<_>>() {
            let rules: String =
                (0..rng.usize(..4)).map(|_| RULES[rng.usize(..RULES.len())].to_owned() + "\n").collect();
            fs::write(dir.join(folder).join(".gitignore"), rules).unwrap();
        }
        let found: Vec<String> =
            space.snapshot(&world.ledger(), &[]).unwrap().added.iter().map(ToString::to_string).collect();
        let listed =
            world.git(&dir, &["-c", "core.quotePath=false", "ls-files", "-z", "--others", "--exclude-standard"]);
        let mut listed: Vec<String> = listed.split_terminator('\0').map(str::to_owned).collect();
        listed.sort();
        let mut found = found;
        found.sort();
        assert_eq!(found, listed, "seed {seed}, round {round}, in {}", dir.display());
    }
}
