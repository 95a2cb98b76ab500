//! A person's own configuration: what it adds, and the files that are not followed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Bench, Said, assert_says, run, tasks};

const OWN: &str = "../home/.config/tollhouse/config.toml";

/// What `toll run` says where the person has this configuration.
fn run_with(own: &str) -> (Bench, Said) {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").write(OWN, own).plan(&tasks(&["one"]));
    let said = bench.toll(&["run", "../plan.toml"]);
    (bench, said)
}

#[test]
fn agent_of_a_person_does_a_task() {
    let bench = Bench::new();
    bench.write("tollhouse.toml", "").write(OWN, "[agents.mine]\ncommand = [\"sh\", \"-c\", \"echo x > x.txt\"]\n");
    let said = bench.toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["show", "toll/main:x.txt"]), "x");
}

#[test]
fn configuration_is_looked_for_where_xdg_says() {
    let bench = Bench::new();
    bench.write("../xdg/tollhouse/config.toml", "colour = 1\n");
    let said = run(bench.command(&["do", "Do it"]).env("XDG_CONFIG_HOME", bench.around().join("xdg")));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("/xdg/tollhouse/config.toml:1:1: unknown key `colour`"), "{said}");
}

#[test]
fn change_beyond_the_limit_of_a_person_is_refused() {
    let (bench, said) = run_with("[policy]\nforbid = [\"x.txt\"]\n");
    assert_eq!(said.code, Some(1), "{said}");
    let reason = bench.toll(&["explain", "--json"]).json()["because"].to_string();
    assert!(reason.contains("forbidden by person (") && reason.contains("config.toml:1): x.txt"), "{reason}");
}

#[test]
fn commits_carry_the_name_that_a_person_wants() {
    let (bench, said) = run_with("[commit]\nauthor = \"Grace <grace@example.org>\"\n");
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["log", "-1", "--format=%an <%ae>", "toll/main"]), "Grace <grace@example.org>");
}

#[test]
fn problems_of_person_project_and_plan_are_told_at_once() {
    let bench = Bench::new();
    bench.write(OWN, "[[gate]]\nname = \"unit\"\n").config("[policy]\nwrit = [\"src/**\"]\n");
    let said = bench.plan("plan = \"test\"\nobjectve = \"x\"\n").toll(&["run", "../plan.toml"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: [AROUND]/home/.config/tollhouse/config.toml:1:3: the key `gate` has no place in a person's own configuration
      hint: put it into the project's tollhouse.toml: it must be the same for all
    error: tollhouse.toml:5:1: unknown key `writ`
      hint: did you mean `write`?
    error: ../plan.toml:1:1: a plan without tasks
      hint: add [[task]] with an id and a prompt
    error: ../plan.toml:2:1: unknown key `objectve`
      hint: did you mean `objective`?
    error: 4 problems
    ");
}

#[test]
fn project_that_allows_more_than_the_person_is_told_with_both_places() {
    let bench = Bench::new();
    bench.write(OWN, "[policy]\nwrite = [\"src/**\"]\n").config("[policy]\nwrite = [\"docs/**\"]\n");
    let said = bench.toll(&["do", "Do it"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: tollhouse.toml:5:10: write `docs/**` widens the write of person ([AROUND]/home/.config/tollhouse/config.toml:1)
      hint: it allows `src/**`
    error: 1 problem
    ");
}

#[test]
fn gates_by_hand_do_not_need_what_a_person_configured() {
    let bench = Bench::new();
    let said = bench.write(OWN, "colour = 1\n").toll(&["gate", "list"]);
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn file_that_every_user_can_write_is_refused() {
    let bench = Bench::new();
    bench.write(OWN, "");
    fs::set_permissions(bench.path(OWN), fs::Permissions::from_mode(0o666)).unwrap();
    let said = bench.toll(&["do", "Do it"]);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: [AROUND]/home/.config/tollhouse/config.toml can be written by every user
    hint: what it names is run, so it must be yours alone: see to its owner and `chmod go-w`
    ");
}

#[test]
fn folder_in_which_every_user_can_put_another_file_is_refused() {
    let bench = Bench::new();
    bench.write(OWN, "");
    let folder = bench.path("../home/.config/tollhouse");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let said = bench.toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.err.contains("/.config/tollhouse can be written by every user"), "{said}");
}

#[test]
fn file_of_another_user_is_refused() {
    let bench = Bench::new();
    bench.write(OWN, "");
    // Only root can give a file away; anybody else has none of another user's to try with.
    if std::os::unix::fs::chown(bench.path(OWN), Some(65533), None).is_err() {
        return;
    }
    let said = bench.toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.err.contains("belongs to another user, with the id 65533"), "{said}");
}

#[test]
fn folder_in_its_place_is_told() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path(OWN)).unwrap();
    let said = bench.toll(&["do", "Do it"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: [AROUND]/home/.config/tollhouse/config.toml is not a file
    hint: move it away; your own configuration is one file
    ");
}

#[test]
fn file_that_is_not_text_is_told() {
    let bench = Bench::new();
    let said = bench.write(OWN, b"# caf\xe9\n").toll(&["do", "Do it"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: [AROUND]/home/.config/tollhouse/config.toml is not UTF-8 text
    hint: write it anew as UTF-8 text
    ");
}

#[test]
fn link_that_leads_nowhere_is_told() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("../home/.config/tollhouse")).unwrap();
    std::os::unix::fs::symlink("nowhere", bench.path(OWN)).unwrap();
    let said = bench.toll(&["do", "Do it"]);
    assert_says!(bench, said, @r"
    exit: 8
    --- stdout
    --- stderr
    error: cannot read [AROUND]/home/.config/tollhouse/config.toml: No such file or directory (os error 2)
    hint: check that you may read it, or move it away
    ");
}
