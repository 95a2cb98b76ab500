//! Going on in a new run from one that is over.

use crate::harness::{Bench, GATE, tasks};
use crate::living::agent_at_work;

/// A run of three tasks, each after the other, whose second one failed; the agent does all of them from now on.
fn failed_in_the_middle() -> Bench {
    let bench = Bench::new();
    bench.agent("echo $1 >> \"$TMPDIR/begun\"; [ $1 != two ] || [ -e \"$TMPDIR/go\" ]; echo $1 > $1.txt");
    let plan = tasks(&["one", "two", "three"]);
    let plan = plan.replace("id = \"two\"", "id = \"two\"\nneeds = [\"one\"]");
    let plan = plan.replace("id = \"three\"", "id = \"three\"\nneeds = [\"two\"]");
    let said = bench.plan(&plan).toll(&["run", "../plan.toml"]);
    assert_eq!((said.code, bench.landed()), (Some(1), vec!["one.txt".to_owned()]), "{said}");
    bench.let_go().forget("begun");
    bench
}

#[test]
fn fork_does_what_was_not_done_and_pays_for_nothing_twice() {
    let bench = failed_in_the_middle();
    let said = bench.toll(&["fork"]);
    assert_eq!((said.code, bench.noted("begun")), (Some(0), vec!["two".to_owned(), "three".to_owned()]), "{said}");
    assert_eq!(bench.landed(), ["one.txt", "three.txt", "two.txt"]);
}

#[test]
fn fork_from_a_task_does_it_again_with_all_that_comes_after_it() {
    let bench = failed_in_the_middle();
    assert_eq!(bench.toll(&["fork"]).code, Some(0));
    bench.forget("begun").agent("echo $1 >> \"$TMPDIR/begun\"; echo again >> $1.txt");
    let said = bench.toll(&["fork", "--from", "two"]);
    assert_eq!((said.code, bench.noted("begun")), (Some(0), vec!["two".to_owned(), "three".to_owned()]), "{said}");
}

#[test]
fn fork_of_a_run_in_which_all_is_done_is_refused() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    let said = bench.toll(&["fork", "--json"]);
    assert_eq!((said.code, &said.error()["code"]), (Some(5), &"nothing_left".into()), "{said}");
}

#[test]
fn fork_does_not_do_again_what_a_person_left_out() {
    let bench = Bench::new();
    bench.agent("echo $1 >> \"$TMPDIR/begun\"; echo $1 > $1.txt");
    bench.plan(&tasks(&["one", "two"])).toll(&["run", "../plan.toml", "--hold"]);
    bench.forget("begun").toll(&["task", "skip", "one", "--reason", "done elsewhere"]);
    bench.toll(&["cancel"]);
    let said = bench.toll(&["fork"]);
    assert_eq!((said.code, bench.noted("begun")), (Some(7), vec!["two".to_owned()]), "{said}");
}

#[test]
fn fork_does_not_do_again_what_landed_because_a_person_let_it_in() {
    let bench = Bench::new();
    bench.agent("echo $1 >> \"$TMPDIR/begun\"; [ $1 = one ] || [ -e \"$TMPDIR/go\" ]; echo $1 > $1.txt");
    bench.config(&format!("{GATE}\n[policy]\nforbid = [\"one.txt\"]\n")).commit("Forbid");
    bench.plan(&tasks(&["one", "two"])).toll(&["run", "../plan.toml"]);
    let one = bench.toll(&["task", "show", "one", "--json"]).json()["patch"].as_str().expect("a patch").to_owned();
    let said = bench.toll(&["patch", "release", &one, "--allow", "one.txt", "--reason", "it may"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["one.txt".to_owned()]), "{said}");
    let said = bench.let_go().forget("begun").toll(&["fork"]);
    assert_eq!((said.code, bench.noted("begun")), (Some(0), vec!["two".to_owned()]), "{said}");
}

#[test]
fn fork_says_where_what_is_done_was_done() {
    let bench = failed_in_the_middle();
    let source = bench.toll(&["task", "show", "one", "--json"]).json()["id"].clone();
    bench.toll(&["fork"]);
    let said = bench.toll(&["log", "one"]).out;
    assert!(said.contains(&format!("inherited → completed  done before, in {}", source.as_str().unwrap())), "{said}");
}

#[test]
fn fork_from_a_task_that_is_not_there_is_refused() {
    let bench = failed_in_the_middle();
    let said = bench.toll(&["fork", "--from", "four", "--json"]);
    assert_eq!((said.code, &said.error()["code"]), (Some(4), &"no_such_task".into()), "{said}");
}

#[test]
fn run_that_is_not_over_is_not_forked() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    let said = bench.toll(&["fork", "--json"]);
    assert_eq!((said.code, &said.error()["code"]), (Some(5), &"not_over".into()), "{said}");
}

#[test]
fn canceled_run_can_be_forked() {
    let (bench, living) = agent_at_work();
    bench.let_go().toll(&["cancel"]);
    living.ended();
    let said = bench.toll(&["fork"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["one.txt".to_owned()]), "{said}");
}
