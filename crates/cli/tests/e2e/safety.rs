//! What a run and a sync leave alone, and what lands. Whoever lends Tollhouse a repository can read here what it does to it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Bench, GATE, assert_same, assert_says, run, tasks};

/// A task for each kind of change; each also writes something that git ignores.
const KINDS: &[&str] = &["new", "changed", "deleted", "renamed", "binary", "mode", "link"];

const AGENT: &str = r#"
mkdir -p build
echo noise > build/out.txt
echo noise > debug.log
case $1 in
    new) mkdir -p src/deep; echo fresh > src/deep/new.txt ;;
    changed) echo 'One more line.' >> src/app.txt ;;
    deleted) rm src/old.txt ;;
    renamed) mv src/name.txt src/renamed.txt ;;
    binary) printf 'a\000b\377c' > data.bin ;;
    mode) chmod +x check.sh ;;
    link) ln -s src/app.txt link ;;
    *) exit 9 ;;
esac
"#;

/// A gate that notes the tree of the files that it sees, as git computes it.
const WITNESS: &str = r#"
[[gate]]
name = "witness"
run = """
export GIT_INDEX_FILE="$(mktemp)"
rm "$GIT_INDEX_FILE"
git add --all .
git write-tree >> "$TMPDIR/seen"
"""
"#;

/// A repository with work of every kind in progress: staged, unstaged, untracked, ignored, stashed.
fn in_the_middle_of_things() -> Bench {
    let bench = Bench::new();
    bench.agent(AGENT).config(&format!("{GATE}{WITNESS}")).write("src/mine.txt", "mine\n").commit("Configure");
    bench.write("src/mine.txt", "stashed\n").git(&["stash", "push", "--quiet", "--message", "later"]);
    bench.write("src/staged.txt", "staged\n").git(&["add", "src/staged.txt"]);
    bench.write("src/mine.txt", "unstaged\n").write("notes.txt", "untracked\n").write("debug.log", "ignored\n");
    bench.git(&["config", "tollhouse.test", "kept"]);
    for hook in ["pre-commit", "post-commit", "post-checkout", "post-merge", "reference-transaction", "post-rewrite"] {
        let name = format!(".git/hooks/{hook}");
        bench.write(&name, "#!/bin/sh\necho \"$0\" >> \"$TMPDIR/hooks\"\n");
        executable(&bench.path(&name));
    }
    bench
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("the mode can be set");
}

/// The same after a run that landed a change of every kind.
fn landed() -> (Bench, Value) {
    let bench = in_the_middle_of_things();
    let status = bench.run_plan(&tasks(KINDS));
    assert_eq!(status["counts"]["landed"], KINDS.len(), "{status:#}");
    (bench, status)
}

fn landed_commits(bench: &Bench) -> Vec<String> {
    bench.git(&["rev-list", "--reverse", "main..toll/main"]).lines().map(str::to_owned).collect()
}

#[test]
fn run_leaves_every_file_of_a_checkout_and_its_git_folder_as_it_was() {
    let bench = in_the_middle_of_things();
    let before = bench.of_the_person();
    bench.run_plan(&tasks(KINDS));
    assert_same(&before, &bench.of_the_person());
}

#[test]
fn run_moves_no_ref_but_its_own() {
    let bench = in_the_middle_of_things();
    let refs = || {
        let all = bench.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let ours = |line: &&str| line.starts_with("refs/tollhouse/") || line.starts_with("refs/heads/toll/main ");
        all.lines().filter(|line| !ours(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = refs();
    bench.run_plan(&tasks(KINDS));
    assert_eq!(before, refs());
}

#[test]
fn run_runs_no_hook() {
    let (bench, _) = landed();
    assert_eq!(bench.noted("hooks"), [""; 0]);
}

#[test]
fn hooks_of_these_tests_run_when_a_person_commits() {
    let bench = in_the_middle_of_things();
    bench.git(&["commit", "--quiet", "--message", "By hand"]);
    let ran: BTreeSet<String> = bench.noted("hooks").into_iter().collect();
    assert!(ran.contains(".git/hooks/pre-commit") && ran.contains(".git/hooks/post-commit"), "{ran:?}");
}

#[test]
fn stash_is_still_there_after_a_run() {
    let (bench, _) = landed();
    assert_eq!(bench.git(&["stash", "list"]), "stash@{0}: On main: later");
}

#[test]
fn git_finds_nothing_wrong_after_a_run() {
    let (bench, _) = landed();
    assert_eq!(bench.git(&["fsck", "--full", "--strict", "--no-dangling"]), "");
}

#[test]
fn diff_of_every_landed_commit_is_its_patch() {
    let (bench, _) = landed();
    for commit in landed_commits(&bench) {
        let said = bench.toll(&["patch", "show", &commit, "--diff"]);
        assert_eq!(said.code, Some(0), "{said}");
        let tree = tree_of_parent_with(&bench, &commit, &said.out);
        assert_eq!(tree, bench.git(&["rev-parse", &format!("{commit}^{{tree}}")]), "{}", said.out);
    }
}

/// The tree that git makes of a commit's parent and a patch.
fn tree_of_parent_with(bench: &Bench, commit: &str, patch: &str) -> String {
    let index = bench.notes().join("index");
    let _ = std::fs::remove_file(&index);
    bench.write("../patch.diff", patch);
    let git = |args: &[&str]| {
        let said = run(bench.isolated("git").env("GIT_INDEX_FILE", &index).args(args));
        assert_eq!(said.code, Some(0), "git {args:?}\n{said}\n{patch}");
        said.out.trim_end().to_owned()
    };
    git(&["read-tree", &format!("{commit}^")]);
    git(&["apply", "--cached", "../patch.diff"]);
    git(&["write-tree"])
}

#[test]
fn every_landed_tree_is_one_that_a_gate_saw_and_passed() {
    let (bench, status) = landed();
    let seen: BTreeSet<String> = bench.noted("seen").into_iter().collect();
    let passed = |tree: &str, gate: &str| {
        let runs = status["gate_runs"].as_array().into_iter().flatten();
        runs.clone().any(|run| run["tree"] == tree && run["gate"] == gate && run["state"] == "passed")
    };
    for commit in landed_commits(&bench) {
        let tree = bench.git(&["rev-parse", &format!("{commit}^{{tree}}")]);
        assert!(seen.contains(&tree), "{commit} has tree {tree}, and the gate saw {seen:?}");
        assert!(passed(&tree, "check") && passed(&tree, "witness"), "{tree}: {:#}", status["gate_runs"]);
    }
}

#[test]
fn git_reads_patch_and_run_from_the_trailers_of_every_landed_commit() {
    let (bench, status) = landed();
    let commits = landed_commits(&bench);
    assert_eq!(commits.len(), KINDS.len());
    for commit in commits {
        let message = bench.git(&["log", "-1", "--format=%B", &commit]);
        let mut command = bench.isolated("git");
        let mut child = command
            .args(["interpret-trailers", "--parse"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git runs");
        std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), message.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("git ends");
        let patches = status["patches"].as_array().expect("there is a list");
        let patch = patches.iter().find(|patch| patch["commit"] == *commit).expect("the ledger knows the commit");
        let text = |value: &Value| value.as_str().expect("an id is text").to_owned();
        let ids = format!("Tollhouse-Patch: {}\nTollhouse-Run: {}\n", text(&patch["id"]), text(&status["id"]));
        let read = String::from_utf8_lossy(&output.stdout);
        let head = read.strip_prefix(&ids).and_then(|rest| rest.strip_prefix("Tollhouse-Ledger: "));
        let parts: Vec<&str> = head.unwrap_or_default().trim_end().split('/').collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>()[..],
            [16, parts[1].len(), 64],
            "{message:?}"
        );
    }
}

#[test]
fn every_kind_of_change_lands_as_what_it_is() {
    let (bench, _) = landed();
    let mut changes: Vec<String> =
        bench.git(&["diff", "--raw", "--abbrev=4", "-M", "main", "toll/main"]).lines().map(shape).collect();
    changes.sort();
    assert_eq!(
        changes,
        [
            "000000 100644 A data.bin",
            "000000 100644 A src/deep/new.txt",
            "000000 120000 A link",
            "100644 000000 D src/old.txt",
            "100644 100644 M src/app.txt",
            "100644 100644 R100 src/name.txt src/renamed.txt",
            "100644 100755 M check.sh",
        ]
    );
}

/// A line of `git diff --raw` without its object ids.
fn shape(line: &str) -> String {
    let fields: Vec<&str> = line.trim_start_matches(':').split_ascii_whitespace().collect();
    [&fields[..2], &fields[4..]].concat().join(" ")
}

#[test]
fn bytes_that_are_no_text_land_as_they_were_written() {
    let (bench, _) = landed();
    let output = bench.isolated("git").args(["show", "toll/main:data.bin"]).output().expect("git runs");
    assert_eq!(output.stdout, b"a\0b\xffc");
}

#[test]
fn what_git_ignores_is_in_no_patch() {
    let (bench, _) = landed();
    let files = bench.git(&["ls-tree", "-r", "--name-only", "toll/main"]);
    assert!(!files.contains("debug.log") && !files.contains("build/"), "{files}");
}

#[test]
fn sync_brings_what_landed_and_leaves_uncommitted_work_as_it_was() {
    let (bench, _) = landed();
    let said = bench.toll(&["sync"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["rev-parse", "main"]), bench.git(&["rev-parse", "toll/main"]));
    assert_eq!(
        bench.git(&["status", "--porcelain=v1", "--untracked-files=all"]),
        " M src/mine.txt\nA  src/staged.txt\n?? notes.txt".trim_start_matches('\n')
    );
    let kept = ["src/mine.txt", "src/staged.txt", "notes.txt", "debug.log"].map(|name| bench.read(name));
    assert_eq!(kept, ["unstaged\n", "staged\n", "untracked\n", "ignored\n"]);
}

#[test]
fn sync_runs_no_hook() {
    let (bench, _) = landed();
    let said = bench.toll(&["sync"]);
    assert_eq!((said.code, bench.noted("hooks")), (Some(0), Vec::new()), "{said}");
}

#[test]
fn git_finds_nothing_wrong_after_a_sync() {
    let (bench, _) = landed();
    assert_eq!(bench.toll(&["sync"]).code, Some(0));
    assert_eq!(bench.git(&["fsck", "--full", "--strict", "--no-dangling"]), "");
}

/// A repository where what landed would overwrite uncommitted work of three kinds.
fn work_in_the_way() -> Bench {
    let bench = Bench::new();
    bench.agent("echo theirs > src/app.txt; echo theirs > README.md; echo theirs > notes.txt");
    bench.run_plan(&tasks(&["all"]));
    bench.write("src/app.txt", "mine\n").write("README.md", "mine\n").write("notes.txt", "mine\n");
    bench.git(&["add", "README.md"]);
    bench
}

#[test]
fn sync_with_uncommitted_work_in_the_way_names_every_file_as_a_conflict() {
    let bench = work_in_the_way();
    let said = bench.toll(&["sync"]);
    assert_says!(bench, said, @r"
    exit: 5
    --- stdout
    --- stderr
    error: uncommitted work in [AROUND]/repo is in the way: README.md, notes.txt, src/app.txt
    hint: commit or stash it, then `toll sync` again
    ");
}

#[test]
fn sync_that_is_refused_touches_nothing() {
    let bench = work_in_the_way();
    // Git may note in the index which files it has looked at; what is staged may not change.
    let still = || {
        let mut files = bench.photograph(bench.dir());
        files.remove(Path::new(".git/index"));
        (files, bench.git(&["ls-files", "--stage"]))
    };
    let (before, staged) = still();
    assert_eq!(bench.toll(&["sync"]).code, Some(5));
    let (after, staged_after) = still();
    assert_same(&before, &after);
    assert_eq!(staged, staged_after);
}

#[test]
fn sync_of_a_branch_with_commits_of_its_own_is_refused_and_says_how_to_join_them() {
    let bench = Bench::new();
    bench.agent("echo theirs > src/app.txt").run_plan(&tasks(&["all"]));
    bench.write("mine.txt", "mine\n").commit("By hand");
    let said = bench.toll(&["sync"]);
    assert_says!(bench, said, @r"
    exit: 5
    --- stdout
    --- stderr
    error: main and toll/main have diverged
    hint: bring them together: `git switch main && git merge toll/main`
    ");
}

#[test]
fn commit_made_by_hand_after_a_landing_undoes_nothing_of_it() {
    let bench = Bench::new();
    bench.agent("echo theirs > theirs.txt").run_plan(&tasks(&["all"]));
    bench.write("mine.txt", "mine\n").commit("By hand");
    bench.git(&["merge", "--quiet", "--no-edit", "toll/main"]);
    assert_eq!(bench.git(&["show", "HEAD:theirs.txt"]), "theirs");
}

#[test]
fn commit_made_by_hand_after_a_sync_undoes_nothing_that_landed() {
    let bench = Bench::new();
    bench.agent("echo theirs > theirs.txt").run_plan(&tasks(&["all"]));
    assert_eq!(bench.toll(&["sync"]).code, Some(0));
    bench.write("mine.txt", "mine\n");
    bench.git(&["add", "mine.txt"]);
    bench.git(&["commit", "--quiet", "--message", "By hand"]);
    assert_eq!(bench.git(&["diff", "--name-status", "toll/main", "main"]), "A\tmine.txt");
}

#[test]
fn run_that_would_land_on_a_branch_checked_out_anywhere_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    bench.agent("echo theirs > theirs.txt");
    bench.git(&["worktree", "add", "--quiet", "-b", "toll/main", "../second"]);
    let before = bench.photograph(&bench.around());
    let said = bench.plan(&tasks(&["all"])).toll(&["run", "../plan.toml"]);
    std::fs::remove_file(bench.path("../plan.toml")).expect("the plan was just written");
    assert_same(&before, &bench.photograph(&bench.around()));
    assert_says!(bench, said, @r"
    exit: 5
    --- stdout
    --- stderr
    error: toll/main is checked out in [AROUND]/second: moving it would make the next commit there undo what landed
    hint: check out another branch there, or set `land_on` in tollhouse.toml to a branch of its own
    ");
}

#[test]
fn run_that_would_land_on_the_branch_checked_out_here_is_refused() {
    let bench = Bench::new();
    bench.agent("echo theirs > theirs.txt").config("[project]\nland_on = \"main\"\n");
    let said = bench.plan(&tasks(&["all"])).toll(&["run", "../plan.toml"]);
    assert_says!(bench, said, @r"
    exit: 5
    --- stdout
    --- stderr
    error: main is checked out in [AROUND]/repo: moving it would make the next commit there undo what landed
    hint: check out another branch there, or set `land_on` in tollhouse.toml to a branch of its own
    ");
}

#[test]
fn branch_checked_out_during_a_run_is_not_moved_until_it_is_free() {
    let bench = Bench::new();
    let tree = bench.path("../second");
    let script = format!(
        "echo theirs > theirs.txt; git -C {} worktree add --quiet -b toll/main {}",
        bench.dir().display(),
        tree.display()
    );
    bench.agent(&script);
    let said = bench.plan(&tasks(&["all"])).toll(&["run", "../plan.toml"]);
    assert_eq!(bench.git(&["rev-parse", "toll/main"]), bench.git(&["rev-parse", "main"]), "{said}");
    assert_eq!(said.code, Some(7), "{said}");
    assert!(said.out.contains("it could not be landed: the branch toll/main is checked out in"), "{said}");
    bench.git(&["worktree", "remove", "--force", "../second"]);
    let said = bench.toll(&["resume"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["show", "toll/main:theirs.txt"]), "theirs");
    let attempts = bench.toll(&["task", "show", "all", "--json"]).json()["attempts"].as_array().map(Vec::len);
    assert_eq!(attempts, Some(1), "nobody was paid twice");
}

#[test]
fn program_that_an_agent_plants_in_the_git_folder_of_its_workspace_never_runs() {
    let bench = filtered();
    bench.agent(PLANTER).run_plan(&tasks(&["one"]));
    assert_eq!(bench.toll(&["sync"]).code, Some(0));
    assert_eq!(bench.noted("planted"), [""; 0]);
}

#[test]
fn programs_of_the_test_above_run_when_git_works_in_that_workspace() {
    let bench = filtered();
    bench.agent(&format!("{PLANTER}git add --all")).run_plan(&tasks(&["one"]));
    let ran: BTreeSet<String> = bench.noted("planted").into_iter().collect();
    assert!(["clean", "fsmonitor", "post-index-change"].iter().all(|name| ran.contains(*name)), "{ran:?}");
}

/// A repository whose attributes name programs that nobody has configured.
fn filtered() -> Bench {
    let bench = Bench::new();
    bench.write(".gitattributes", "*.txt filter=planted diff=planted merge=planted\n").commit("Filter");
    bench
}

/// Every way in which git can be made to run something, as far as an agent can reach it.
const PLANTER: &str = r#"
plant() { echo "echo $1 >> '$TMPDIR/planted'; cat"; }
mkdir -p .git/hooks
for hook in post-checkout post-commit reference-transaction post-index-change; do
    { echo '#!/bin/sh'; plant $hook; } > .git/hooks/$hook
    chmod +x .git/hooks/$hook
done
cat >> .git/config <<END
[core]
    fsmonitor = "$(plant fsmonitor)"
[filter "planted"]
    clean = "$(plant clean)"
    smudge = "$(plant smudge)"
[diff "planted"]
    textconv = "$(plant textconv)"
[merge "planted"]
    driver = "$(plant driver)"
END
echo x > x.txt
"#;

#[test]
fn variables_that_lead_git_elsewhere_do_not_lead_toll_there() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    bench.git(&["init", "--quiet", "../elsewhere"]);
    let elsewhere = bench.path("../elsewhere").canonicalize().unwrap();
    let before = bench.photograph(&elsewhere);
    for args in [&["run", "../plan.toml"][..], &["sync"]] {
        let mut command = bench.command(args);
        command.env("GIT_DIR", elsewhere.join(".git")).env("GIT_WORK_TREE", &elsewhere);
        command.env("GIT_INDEX_FILE", elsewhere.join(".git/index"));
        let said = run(&mut command);
        assert_eq!(said.code, Some(0), "{said}");
    }
    assert_same(&before, &bench.photograph(&elsewhere));
}
