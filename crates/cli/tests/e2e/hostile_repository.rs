//! A repository full of programs for git to run and of names that lead out of it: nothing of it runs or is read when patches
//! land, whether the maintainer's own repository holds it or an agent put it into its workspace. That git does run and read
//! all of it is tried beside, so that these tests can fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Bench, assert_same, reason, run, run_one, tasks};
use crate::plants::{CONFIG, Canaries, Plants};

/// What programs that git runs find, beside the repository's own configuration, in the environment.
const VARIABLES: &[&str] =
    &["GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_EDITOR", "GIT_PAGER", "GIT_ASKPASS", "GIT_PROXY_COMMAND"];

/// A repository whose configuration, included files, attributes and hooks name programs, and whose attributes lead to a canary.
fn hostile() -> (Bench, Plants, Canaries) {
    let bench = Bench::new();
    bench.write(".gitattributes", "*.txt filter=planted diff=planted merge=planted\n*.md filter=process\n");
    bench.config("").commit("Attributes");
    let (plants, canaries) = (Plants::new(&bench), Canaries::new(&bench));
    let own = bench.read(".git/config");
    let attributes = format!("[core]\n    attributesFile = {}/attributes\n", canaries.dir.display());
    bench.write(".git/config", own + &plants.text(CONFIG) + &attributes);
    (bench, plants, canaries)
}

/// What agents put into their workspaces; which of it, the number in the task's name says. No git is run here: what it would
/// run would be the agent's own doing.
const PLANTER: &str = r#"
mkdir -p src/new build/sub .git/hooks .git/info .git/objects/info .git/refs/replace
ln -s CANARIES/secret build/link
ln -s CANARIES/exclude build/.gitignore
echo 'gitdir: CANARIES' > build/sub/.git
case $((${1#t} % 5)) in
    0)
        for hook in PLANTS/hooks/*; do ln -s "$hook" .git/hooks/; done
        cat PLANTS/config >> .git/config
        echo '* filter=planted diff=planted' > .git/info/attributes ;;
    1)
        for name in config index packed-refs; do ln -sf CANARIES/$name .git/$name; done
        ln -sf CANARIES/alternates .git/objects/info/alternates
        ln -sf CANARIES/exclude .git/info/exclude
        ln -sf CANARIES/attributes .git/info/attributes ;;
    2)
        rm -rf .git
        echo 'gitdir: CANARIES' > .git ;;
    3)
        rm -rf .git
        ln -s CANARIES .git ;;
    4)
        rm -rf .git
        mkdir -p .git/objects .git/refs/heads
        echo 'ref: refs/heads/other' > .git/HEAD
        cat PLANTS/config > .git/config ;;
esac
echo "$1" > "src/new/$1.txt"
"#;

/// The script above for these plants and canaries.
fn planter(plants: &Plants, canaries: &Canaries) -> String {
    // What the maintainer's configuration holds, all of it at the agent's word.
    let config = plants.text(CONFIG).replace("path = ", "unused = ");
    fs::write(plants.dir.join("config"), config).expect("it can be written");
    plants.text(PLANTER).replace("CANARIES", canaries.dir.to_str().expect("a scratch folder has a plain name"))
}

/// Lands a hundred patches, with a repository, workspaces and an environment that are full of plants.
fn land_a_hundred() -> (BTreeSet<String>, BTreeSet<String>) {
    let (bench, plants, canaries) = hostile();
    bench.agent(&planter(&plants, &canaries));
    let names: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
    bench.plan(&tasks(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let before = bench.of_the_person();
    let mut command = bench.command(&["run", "../plan.toml", "--max-parallel", "8", "--json"]);
    command.envs(VARIABLES.iter().map(|name| (name, plants.dir.join("process"))));
    let said = run(&mut command);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.json()["counts"]["landed"], 100);
    assert_same(&before, &bench.of_the_person());
    (plants.ran(), canaries.close())
}

#[test]
fn hundred_landings_run_nothing_and_read_nothing_that_was_planted() {
    let (ran, read) = land_a_hundred();
    assert_eq!((ran, read), (BTreeSet::new(), BTreeSet::new()));
}

#[test]
fn programs_of_the_test_above_run_when_a_person_works_with_git_in_that_repository() {
    let (bench, plants, canaries) = hostile();
    bench.write("src/app.txt", "mine\n").write("README.md", "mine\n");
    for args in [
        &["status"][..],
        &["diff"],
        &["diff", "--no-ext-diff"],
        &["add", "--all"],
        &["commit", "--quiet", "--edit", "--message", "By hand"],
        &["log", "-1", "--patch"],
        &["checkout", "--quiet", "HEAD~1"],
        &["fetch"],
    ] {
        run(bench.isolated("git").env("GIT_ALLOW_PROTOCOL", "ext").args(args));
    }
    canaries.close();
    let ran = plants.ran();
    let expected = [
        "clean",
        "editor",
        "external-diff",
        "fsmonitor",
        "gpg",
        "hooks/commit-msg",
        "hooks/post-checkout",
        "hooks/post-commit",
        "hooks/post-index-change",
        "hooks/pre-commit",
        "hooks/prepare-commit-msg",
        "hooks/reference-transaction",
        "process",
        "remote",
        "smudge",
        "textconv",
    ];
    let missing: Vec<_> = expected.into_iter().filter(|name| !ran.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} did not run, but {ran:?}");
}

#[test]
fn canary_of_the_test_above_is_opened_when_git_works_in_that_repository() {
    let (bench, _, canaries) = hostile();
    bench.write("src/app.txt", "mine\n");
    run(bench.isolated("git").args(["add", "--all"]));
    assert_eq!(canaries.close(), BTreeSet::from(["attributes".to_owned()]));
}

#[test]
fn plants_of_every_workspace_above_run_or_are_read_when_git_works_in_it() {
    for number in 0..5 {
        let (bench, plants, canaries) = hostile();
        bench.agent(&planter(&plants, &canaries));
        let place = bench.path("../workspace");
        bench.git(&["init", "--quiet", "--template=", "../workspace"]);
        let git = |args: &[&str]| run(in_place(&bench, "git", &place).args(args));
        git(&["config", "--unset", "core.bare"]);
        fs::write(place.join("a.txt"), "a\n").expect("it can be written");
        let said = run(in_place(&bench, "sh", &place).args(["-eu", "../agent.sh", &format!("t{number}")]));
        assert_eq!(said.code, Some(0), "{said}");
        git(&["add", "--all"]);
        let seen = canaries.close();
        assert!(!plants.ran().is_empty() || !seen.is_empty(), "nothing of workspace {number} was run or read");
    }
}

fn in_place(bench: &Bench, program: &str, place: &Path) -> Command {
    let mut command = bench.isolated(program);
    command.current_dir(place);
    command
}

/// What the one task of a run changed, by git's own reading of the true objects.
fn landed_files(bench: &Bench) -> String {
    let said = run(bench.isolated("git").env("GIT_NO_REPLACE_OBJECTS", "1").args([
        "diff",
        "--name-status",
        "main",
        "toll/main",
    ]));
    assert_eq!(said.code, Some(0), "{said}");
    said.out
}

#[test]
fn commit_that_is_replaced_by_another_lands_nothing_of_the_other() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt");
    bench.git(&["checkout", "--quiet", "--orphan", "other"]);
    bench.write("evil.txt", "evil\n").commit("Other");
    bench.git(&["checkout", "--quiet", "main"]);
    bench.git(&["replace", "main", "other"]);
    assert_eq!(bench.git(&["ls-tree", "--name-only", "main", "evil.txt"]), "evil.txt");
    assert_eq!(run_one(&bench).code, Some(0));
    assert_eq!(landed_files(&bench), "A\tx.txt\n");
}

#[test]
fn parents_that_git_is_told_to_take_for_true_do_not_land() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt");
    bench.git(&["checkout", "--quiet", "--orphan", "other"]);
    bench.write("evil.txt", "evil\n").commit("Other");
    bench.git(&["checkout", "--quiet", "main"]);
    let (main, other) = (bench.git(&["rev-parse", "main"]), bench.git(&["rev-parse", "other"]));
    bench.write(".git/info/grafts", format!("{main} {other}\n"));
    assert_eq!(bench.git(&["rev-list", "--count", "main"]), "2");
    assert_eq!(run_one(&bench).code, Some(0));
    fs::remove_file(bench.path(".git/info/grafts")).expect("it was just written");
    assert_eq!(bench.git(&["rev-list", "toll/main"]).lines().skip(1).collect::<Vec<_>>(), [main]);
}

#[test]
fn folder_that_core_worktree_names_is_not_touched() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").write("../elsewhere/README.md", "Not yours.\n");
    bench.git(&["config", "core.worktree", bench.path("../elsewhere").to_str().unwrap()]);
    let elsewhere = bench.path("../elsewhere");
    let before = bench.photograph(&elsewhere);
    assert_eq!(run_one(&bench).code, Some(0));
    assert_same(&before, &bench.photograph(&elsewhere));
    assert_eq!(landed_files(&bench), "A\tx.txt\n");
}

#[test]
fn repository_that_borrows_its_objects_lands_and_writes_none_to_the_lender() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt; echo more >> src/app.txt");
    bench.git(&["clone", "--quiet", "--bare", ".", "../lender.git"]);
    let lender = bench.path("../lender.git").canonicalize().unwrap();
    bench.write(".git/objects/info/alternates", format!("{}\n/nowhere/objects\n", lender.join("objects").display()));
    bench.git(&["repack", "--quiet", "-a", "-d", "-l"]);
    bench.git(&["prune-packed", "--quiet"]);
    // The times of its objects may change: git, too, marks what it finds there as used, so that it is not pruned.
    let names = || bench.photograph(&lender).into_keys().collect::<Vec<_>>();
    let before = names();
    assert_eq!(run_one(&bench).code, Some(0));
    assert_eq!(names(), before);
    assert_eq!(landed_files(&bench), "M\tsrc/app.txt\nA\tx.txt\n");
}

#[test]
fn workspace_that_became_another_repository_hands_in_its_files_as_any_other() {
    let bench = Bench::new();
    bench.agent(
        "rm -rf .git; git init --quiet; echo x > x.txt; git add --all; \
         git -c user.name=A -c user.email=a@example.org commit --quiet --message Mine",
    );
    assert_eq!(run_one(&bench).code, Some(0));
    assert_eq!(landed_files(&bench), "A\tx.txt\n");
}

#[test]
fn folder_that_an_agent_made_another_repository_of_is_refused_by_name() {
    let bench = Bench::new();
    let git_dir = bench.path(".git");
    bench.agent(&format!(
        "mkdir sub; echo 'gitdir: {}' > sub/.git; echo x > sub/x.txt; echo x > x.txt",
        git_dir.display()
    ));
    let before = bench.of_the_person();
    assert_eq!(run_one(&bench).code, Some(1));
    assert_same(&before, &bench.of_the_person());
    insta::assert_snapshot!(reason(&bench), @"policy refused the change: representable (sub: a repository of its own); make it again so that it keeps these rules");
}
