//! Finding the maintainer's repository, and where its branches are checked out.

use std::fs;

use tollhouse_runner::git::{Certainty, Head, Project, make_repository};

use super::world::{World, write};

#[test]
fn project_is_found_from_a_subfolder_and_from_a_linked_worktree() {
    let world = World::new(&[("src/a/lib.rs", "")]);
    let linked = world.path("linked");
    world.git(&world.root(), &["worktree", "add", "--quiet", "-b", "side", linked.to_str().unwrap()]);
    let main = Project::discover(&world.root().join("src/a")).unwrap();
    let side = Project::discover(&linked.join("src")).unwrap();
    assert_eq!((main.root(), side.root()), (world.root().as_path(), linked.as_path()));
    assert_eq!(main.common_dir(), side.common_dir());
    assert_ne!(main.git_dir(), side.git_dir());
    assert!(matches!(side.head().unwrap(), Head::Branch { name, .. } if name == "side"));
}

fn code(path: &std::path::Path) -> &'static str {
    let problem = Project::discover(path).err().expect("it is refused");
    assert!(!problem.hint().is_empty());
    problem.code()
}

#[test]
fn each_unusable_repository_has_its_own_code() {
    let world = World::new(&[]);
    for (name, args) in [
        ("bare", vec!["--bare"]),
        ("empty", vec![]),
        ("sha256", vec!["--object-format=sha256"]),
        ("reftable", vec!["--ref-format=reftable"]),
    ] {
        let dir = world.path(name);
        let init = [vec!["init", "--quiet"], args, vec![dir.to_str().unwrap()]].concat();
        world.git(&world.root(), &init);
    }
    fs::create_dir(world.path("none")).unwrap();
    assert_eq!(code(&world.path("bare")), "bare_repository");
    assert_eq!(code(&world.path("empty")), "no_commits");
    assert_eq!(code(&world.path("sha256")), "sha256_repository");
    assert_eq!(code(&world.path("reftable")), "reftable_repository");
    assert_eq!(code(&world.path("none")), "not_a_repository");
    assert_eq!(world.project().require_branch("gone").unwrap_err().code(), "no_branch");
    assert_eq!(world.project().resolve("gone~1").unwrap_err().code(), "no_commit");
}

#[test]
fn detached_head_is_a_state() {
    let world = World::new(&[("a", "1")]);
    world.git(&world.root(), &["checkout", "--quiet", "--detach"]);
    assert_eq!(world.project().head().unwrap(), Head::Detached { commit: world.rev("main") });
    assert_eq!(world.project().default_branch().unwrap(), "main");
}

#[test]
fn default_branch_is_the_one_of_origin() {
    let world = World::new(&[("a", "1")]);
    let clone = world.path("clone");
    world.git(&world.root(), &["branch", "trunk"]);
    world.git(&world.root(), &["checkout", "--quiet", "trunk"]);
    world.git(&world.root(), &["clone", "--quiet", ".", clone.to_str().unwrap()]);
    world.git(&clone, &["branch", "main"]);
    assert_eq!(Project::discover(&clone).unwrap().default_branch().unwrap(), "trunk");
}

#[test]
fn branch_is_checked_out_also_while_it_is_rebased_or_bisected() {
    let world = World::new(&[("a", "1")]);
    let linked = world.path("linked");
    world.git(&world.root(), &["worktree", "add", "--quiet", "-b", "toll/main", linked.to_str().unwrap()]);
    let found = || world.project().worktrees_with_branch_checked_out("toll/main");
    assert_eq!(found(), std::slice::from_ref(&linked));
    assert_eq!(world.project().worktrees_with_branch_checked_out("main"), [world.root()]);
    assert!(world.project().worktrees_with_branch_checked_out("other").is_empty());

    write(&linked.join("a"), "2");
    world.git(&linked, &["commit", "--quiet", "--all", "--message=2"]);
    world.commit(&[("a", "3")]);
    assert!(!world.try_git(&linked, &["rebase", "main"]).status.success());
    assert_eq!(found(), std::slice::from_ref(&linked), "while it is rebased");
    world.git(&linked, &["rebase", "--abort"]);
    world.git(&linked, &["bisect", "start", "toll/main", "toll/main~1"]);
    world.git(&linked, &["checkout", "--quiet", "--detach"]);
    assert_eq!(found(), std::slice::from_ref(&linked), "while it is bisected");
}

#[test]
fn new_repository_is_clean_and_has_its_files() {
    let world = World::new(&[]);
    let dir = world.path("new");
    write(&dir.join("src/lib.rs"), "//!\n");
    write(&dir.join(".gitignore"), "target\n");
    write(&dir.join("target/x"), "x");
    make_repository(&dir, "Begin").unwrap();
    assert_eq!(world.git(&dir, &["status", "--porcelain"]), "");
    assert_eq!(world.git(&dir, &["ls-files"]), ".gitignore\nsrc/lib.rs");
    assert_eq!(world.git(&dir, &["log", "--format=%s"]), "Begin");
    world.git(&dir, &["fsck", "--strict"]);
}

#[test]
fn repository_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a folder away.
    }
    let world = World::new(&[("a", "1")]);
    let somebody = Some(rustix::fs::Uid::from_raw(12_345));
    for path in [world.root(), world.root().join(".git")] {
        rustix::fs::chown(path, somebody, None).unwrap();
    }
    assert_eq!(code(&world.root()), "repository_owned_by_another");
}

/// The default branch, as a configuration would name it.
fn likely(path: &std::path::Path) -> (String, Certainty) {
    let project = Project::discover(path).expect("there is a repository");
    let found = project.likely_target().expect("it has a branch");
    (found.name, found.certainty)
}

#[test]
fn branch_that_is_checked_out_is_not_the_default_one() {
    let world = World::new(&[("a", "1")]);
    world.git(&world.root(), &["checkout", "--quiet", "-b", "feature"]);
    assert_eq!(likely(&world.root()), ("main".to_owned(), Certainty::Sure));
}

#[test]
fn default_branch_of_origin_is_it_also_where_it_is_not_here_yet() {
    let world = World::new(&[("a", "1")]);
    let clone = world.path("clone");
    world.git(&world.root(), &["checkout", "--quiet", "-b", "trunk"]);
    world.git(&world.root(), &["clone", "--quiet", ".", clone.to_str().unwrap()]);
    assert_eq!(likely(&clone), ("trunk".to_owned(), Certainty::Sure));
    world.git(&clone, &["checkout", "--quiet", "-b", "feature"]);
    world.git(&clone, &["branch", "--quiet", "-D", "trunk"]);
    assert_eq!(likely(&clone), ("trunk".to_owned(), Certainty::Elsewhere));
}

#[test]
fn only_branch_is_the_default_one_and_of_two_unknown_ones_it_is_a_guess() {
    let world = World::new(&[("a", "1")]);
    world.git(&world.root(), &["branch", "--quiet", "-m", "work"]);
    world.git(&world.root(), &["branch", "toll/work"]);
    assert_eq!(likely(&world.root()), ("work".to_owned(), Certainty::Sure));
    world.git(&world.root(), &["branch", "other"]);
    assert_eq!(likely(&world.root()), ("work".to_owned(), Certainty::Guess));
    world.git(&world.root(), &["config", "init.defaultBranch", "other"]);
    assert_eq!(likely(&world.root()), ("other".to_owned(), Certainty::Sure));
}
