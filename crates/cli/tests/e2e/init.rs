//! What `toll init` writes, and that it does nothing else.

use crate::harness::{Bench, assert_says};

/// A repository without a configuration, with a workflow that tests it and a program that must not run.
fn plain() -> Bench {
    let bench = Bench::new();
    std::fs::remove_file(bench.path("tollhouse.toml")).expect("it was there");
    let ci = "on: push\njobs:\n  test:\n    steps:\n      - run: make test\n      - run: ./deploy ${{ secrets.KEY }}\n";
    bench.write("Makefile", "$(shell touch ran)\ntest:\n\ttouch ran\n").write(".github/workflows/ci.yml", ci);
    bench.commit("Configure");
    bench
}

#[test]
fn init_writes_what_the_repository_says_and_where_it_says_it() {
    let bench = plain();
    let mut command = bench.command(&["init", "--print"]);
    command.env("PATH", "/nowhere");
    let said = crate::harness::run(&mut command);
    assert_says!(bench, said, @r#"
    exit: 0
    --- stdout
    # What agents may do here, and what a change must pass before it lands.

    [project]
    name = "repo"
    target = "main"
    # Changes land on "toll/main".

    # Who does the work: any program. The prompt is on its standard input, the checkout is its folder.
    # [agents.mine]
    # command = ["program", "argument"]

    # What a change may touch: everything but this file, unless you say less.
    # [policy]
    # write = ["src/**", "tests/**"]
    # forbid = ["secrets/**"]
    # max_lines_changed = 1000

    # Found in .github/workflows/ci.yml, line 5.
    # Not sure: make is not on the search path here.
    [[gate]]
    name = "unit"
    kind = "unit"
    run = "make test"
    --- stderr
    "#);
}

#[test]
fn init_writes_one_file_and_runs_nothing() {
    let bench = plain();
    let mut before = bench.photograph(bench.dir());
    assert_eq!(bench.toll(&["init"]).code, Some(0));
    let mut after = bench.photograph(bench.dir());
    assert!(after.remove(std::path::Path::new("tollhouse.toml")).is_some());
    before.remove(std::path::Path::new("tollhouse.toml"));
    crate::harness::assert_same(&before, &after);
}

#[test]
fn init_names_the_default_branch_whichever_is_checked_out() {
    let bench = plain();
    bench.git(&["checkout", "--quiet", "-b", "feature"]);
    bench.toll(&["init"]);
    assert!(bench.read("tollhouse.toml").contains("\ntarget = \"main\"\n"));
}

#[test]
fn what_init_writes_is_a_configuration() {
    let bench = plain();
    bench.toll(&["init"]);
    let gates = bench.toll(&["gate", "list", "--json"]).json()["gates"].clone();
    assert_eq!((&gates[0]["name"], &gates[0]["run"]["shell"]), (&"unit".into(), &"make test".into()), "{gates:#}");
}
