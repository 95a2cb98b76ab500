//! What waits for a person before it lands, and a person's word on tasks.

use crate::harness::{Bench, GATE, assert_says, is_gone, run, tasks};
use crate::living::{Living, WAITS_FOR_GO};
use crate::word::{AGENT, assert_refused, branch, held, one_after_the_other, patches, state_of};

/// A project in which every change waits for a person.
const HOLD: &str = "\n[project]\nland = \"hold\"\n";

#[test]
fn held_run_says_what_waits_and_how_to_land_it() {
    let bench = Bench::new();
    assert_says!(bench, bench.agent(AGENT).plan(&tasks(&["one"])).toll(&["run", "../plan.toml", "--hold"]), @r"
    exit: 7
    --- stdout
    test [SHORT] · paused · 0 of 1 tasks done · 0 landed on toll/main · [TIME]
      1 change was ready and held

      ·  one  waiting    [SHORT] verified  its change is ready and held: `toll land [ID]` lands it

      next  toll land
    --- stderr
    main  gate check runs on [COMMIT], before any agent does
    main  gate check passed
    one  attempt 1 of 1: script at work
    one  gate check passed
    one  its change is ready and held: `toll land [ID]` lands it
         paused: 1 change was ready and held
    ");
}

#[test]
fn nothing_of_a_held_run_lands_by_itself() {
    let bench = held(&tasks(&["one"]));
    assert!(!bench.has_branch("toll/main"));
    assert_eq!((bench.state().as_str(), bench.task_states()), ("paused", vec!["waiting".to_owned()]));
}

#[test]
fn single_task_can_be_held() {
    let bench = Bench::new();
    let said = bench.agent(AGENT).toll(&["do", "Do it", "--hold"]);
    assert_eq!((said.code, bench.has_branch("toll/main")), (Some(7), false), "{said}");
}

#[test]
fn project_can_have_every_change_held() {
    let bench = Bench::new();
    let said = bench.agent(AGENT).config(&format!("{GATE}{HOLD}")).commit("Hold").toll(&["do", "Do it"]);
    assert_eq!((said.code, bench.has_branch("toll/main")), (Some(7), false), "{said}");
}

#[test]
fn status_and_explain_name_the_command_that_lands_what_is_held() {
    let bench = held(&tasks(&["one"]));
    let land = format!("toll land {}", &patches(&bench)[0].rsplit('_').next().unwrap()[10..]);
    assert_eq!(bench.status()["next"], "toll land");
    assert_eq!(bench.toll(&["explain", "@", "--json"]).json()["next"], "toll land");
    assert_eq!(bench.toll(&["explain", "one", "--json"]).json()["next"], land.as_str());
    assert_eq!(bench.toll(&["explain", &patches(&bench)[0], "--json"]).json()["next"], land.as_str());
}

#[test]
fn explanation_of_what_is_held_says_until_when_it_waits() {
    let bench = held(&tasks(&["one"]));
    let said = bench.toll(&["explain", "one"]).out;
    assert!(said.contains("it waits for a person until "), "{said}");
}

#[test]
fn land_lands_all_that_is_held_and_what_needs_it_begins() {
    let bench = held(&one_after_the_other());
    let said = bench.toll(&["land"]);
    assert_eq!(
        (said.code, bench.landed(), bench.noted("begun").len()),
        (Some(7), vec!["one.txt".to_owned()], 2),
        "{said}"
    );
    let said = bench.toll(&["land"]);
    assert_eq!((said.code, bench.state().as_str()), (Some(0), "succeeded"), "{said}");
    assert_eq!(bench.landed(), ["one.txt", "two.txt"]);
}

#[test]
fn land_lands_one_of_several() {
    let bench = held(&tasks(&["one", "two"]));
    let first = patches(&bench).remove(0);
    let said = bench.toll(&["land", &first]);
    assert_eq!(
        (said.code, bench.landed().len(), state_of(&bench, &first).as_str()),
        (Some(7), 1, "committed"),
        "{said}"
    );
}

#[test]
fn changes_that_were_held_side_by_side_all_land_on_top_of_one_another() {
    let bench = held(&tasks(&["one", "two", "three"]));
    let said = bench.toll(&["land"]);
    assert_eq!((said.code, bench.landed().len()), (Some(0), 3), "{said}");
}

#[test]
fn land_of_several_is_all_or_none() {
    let bench = held(&tasks(&["one", "two"]));
    let [first, second] = &patches(&bench)[..] else { panic!("two patches") };
    bench.toll(&["land", second]);
    let before = bench.all_that_is();
    assert_refused(&bench.toll(&["land", first, second, "--json"]), 5, "not_held");
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn land_where_nothing_is_held_says_so() {
    let bench = Bench::new();
    bench.agent(AGENT).run_plan(&tasks(&["one"]));
    assert_refused(&bench.toll(&["land", "--json"]), 4, "nothing_held");
}

#[test]
fn land_goes_through_all_runs() {
    let bench = held(&tasks(&["one"]));
    bench.plan(&tasks(&["two"])).toll(&["run", "../plan.toml", "--hold"]);
    let landed = bench.toll(&["land", "--json"]);
    assert_eq!((landed.code, bench.landed()), (Some(0), vec!["one.txt".to_owned(), "two.txt".to_owned()]), "{landed}");
    assert_eq!(landed.json()["patches"].as_array().map(Vec::len), Some(2));
}

#[test]
fn reason_for_landing_is_kept() {
    let bench = held(&tasks(&["one"]));
    bench.toll(&["land", "--reason", "looked at it twice"]);
    let log = bench.toll(&["log", &patches(&bench)[0]]).out;
    assert!(log.contains("approve → verified  looked at it twice"), "{log}");
}

#[test]
fn held_change_lands_on_what_came_in_meanwhile_and_its_gates_see_both() {
    let bench = Bench::new();
    bench.agent(AGENT).config("[[gate]]\nname = \"see\"\nrun = \"ls *.txt 2>/dev/null | tr '\\\\n' ' ' >> $TMPDIR/seen; echo >> $TMPDIR/seen\"\n");
    bench.commit("Configure").plan(&tasks(&["one"])).toll(&["run", "../plan.toml", "--hold"]);
    bench.write("mine.txt", "mine\n").commit("By hand");
    let said = bench.toll(&["land"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.noted("seen").last().map(|line| line.trim()), Some("mine.txt one.txt"));
    assert_eq!(bench.git(&["ls-tree", "--name-only", "toll/main", "mine.txt", "one.txt"]), "mine.txt\none.txt");
}

#[test]
fn held_change_whose_gate_fails_on_what_came_in_meanwhile_does_not_land() {
    let bench = Bench::new();
    bench.agent(AGENT).write("check.sh", "! [ -e mine.txt -a -e one.txt ]\n").commit("Configure");
    bench.plan(&tasks(&["one"])).toll(&["run", "../plan.toml", "--hold"]);
    bench.write("mine.txt", "mine\n").commit("By hand");
    let said = bench.toll(&["land"]);
    assert_eq!((said.code, state_of(&bench, &patches(&bench)[0]).as_str()), (Some(1), "quarantined"), "{said}");
    assert!(bench.landed().is_empty());
}

#[test]
fn land_onto_a_branch_that_is_checked_out_is_refused_and_costs_nothing() {
    let bench = held(&tasks(&["one"]));
    bench.git(&["switch", "--quiet", "--create", "toll/main"]);
    let before = bench.all_that_is();
    assert_refused(&bench.toll(&["land", "--json"]), 5, "checked_out");
    assert_eq!(before, bench.all_that_is());
    bench.git(&["switch", "--quiet", "main"]);
    bench.git(&["branch", "--quiet", "-D", "toll/main"]);
    assert_eq!(bench.toll(&["land"]).code, Some(0));
}

#[test]
fn resume_of_a_held_run_rests_again() {
    let bench = held(&tasks(&["one"]));
    let said = bench.toll(&["resume"]);
    assert_eq!((said.code, bench.state().as_str()), (Some(7), "paused"), "{said}");
}

#[test]
fn held_change_that_is_dropped_is_made_again_with_the_reason() {
    let bench = held(&tasks(&["one"]).replace("attempts = 1", "attempts = 2"));
    let dropped = patches(&bench).remove(0);
    let said = bench.toll(&["patch", "drop", &dropped, "--reason", "too long"]);
    assert_eq!((said.code, state_of(&bench, &dropped).as_str()), (Some(0), "dropped"), "{said}");
    assert!(said.err.contains("toll resume"), "{said}");
    assert_eq!(bench.toll(&["resume"]).code, Some(7));
    let told = bench.noted("told-one").join("\n");
    assert!(told.contains("too long"), "{told}");
}

#[test]
fn held_change_that_is_dropped_at_the_last_attempt_ends_its_task() {
    let bench = held(&tasks(&["one"]));
    bench.toll(&["patch", "drop", &patches(&bench)[0], "--reason", "no"]);
    let said = bench.toll(&["resume"]);
    assert_eq!((said.code, bench.task_states()), (Some(1), vec!["failed".to_owned()]), "{said}");
}

#[test]
fn drop_needs_a_reason() {
    let bench = held(&tasks(&["one"]));
    let before = bench.all_that_is();
    assert_refused(&bench.toll(&["patch", "drop", &patches(&bench)[0], "--json"]), 2, "no_reason");
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn retry_tells_the_agent_what_a_person_said() {
    let bench = held(&tasks(&["one"]));
    let said = bench.toll(&["task", "retry", "one", "--say", "use fewer words"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.toll(&["resume"]).code, Some(7));
    let told = bench.noted("told-one").join("\n");
    assert!(told.contains("use fewer words"), "{told}");
}

#[test]
fn task_that_failed_is_retried_by_a_person() {
    let bench = Bench::new();
    bench.agent("[ -e \"$TMPDIR/go\" ] || [ $1 = other ]; cat > /dev/null; echo $1 > $1.txt");
    let plan = tasks(&["one", "other"]).replace("\"Do one\"", "\"Do one\"\ncritical = false");
    assert_eq!(bench.plan(&plan).toll(&["run", "../plan.toml", "--hold"]).code, Some(7));
    bench.let_go();
    assert_eq!(bench.toll(&["task", "retry", "one"]).code, Some(0));
    bench.toll(&["land"]);
    let said = bench.toll(&["land"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["one.txt".to_owned(), "other.txt".to_owned()]), "{said}");
}

#[test]
fn task_that_is_skipped_lets_what_needs_it_go_on() {
    let bench = held(&one_after_the_other());
    let said = bench.toll(&["task", "skip", "one", "--reason", "done elsewhere"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.toll(&["resume"]).code, Some(7));
    assert_eq!(bench.task_states(), ["skipped", "waiting"]);
}

#[test]
fn task_that_is_canceled_is_missed_by_what_needs_it() {
    let bench = held(&one_after_the_other());
    assert_eq!(bench.toll(&["task", "cancel", "one", "--reason", "not wanted"]).code, Some(0));
    let said = bench.toll(&["resume"]);
    assert_eq!((said.code, bench.state().as_str()), (Some(1), "failed"), "{said}");
    assert!(!bench.task_states().contains(&"completed".to_owned()));
}

#[test]
fn skip_and_cancel_of_a_task_need_a_reason() {
    let bench = held(&tasks(&["one"]));
    let before = bench.all_that_is();
    for verb in ["skip", "cancel"] {
        assert_refused(&bench.toll(&["task", verb, "one", "--json"]), 2, "no_reason");
    }
    assert_eq!(before, bench.all_that_is());
}

/// A run of two tasks, one after the other, whose first agent is at work.
fn at_work() -> (Bench, Living) {
    let bench = Bench::new();
    let living = bench.agent(WAITS_FOR_GO).start_plan(&one_after_the_other());
    (bench, living)
}

#[test]
fn task_that_is_skipped_while_a_run_goes_on_is_left_out() {
    let (bench, living) = at_work();
    let said = bench.toll(&["task", "skip", "two", "--reason", "not now"]);
    assert_eq!(said.code, Some(0), "{said}");
    bench.let_go().forget("begun");
    // It was begun before it could be let go.
    assert_eq!(bench.toll(&["pause"]).code, Some(0));
    living.ended();
    let said = bench.toll(&["resume"]);
    assert_eq!(
        (said.code, bench.task_states()),
        (Some(0), vec!["completed".to_owned(), "skipped".to_owned()]),
        "{said}"
    );
}

#[test]
fn task_that_is_canceled_while_its_agent_works_ends_the_agent() {
    let (bench, living) = at_work();
    let said = bench.toll(&["task", "cancel", "one", "--reason", "not wanted"]);
    assert_eq!(said.code, Some(0), "{said}");
    let run = living.ended();
    assert_eq!((run.code, bench.state().as_str()), (Some(1), "failed"), "{run}");
    assert!(bench.pids().iter().all(|pid| is_gone(pid)));
}

#[test]
fn task_whose_agent_works_is_not_skipped() {
    let (bench, living) = at_work();
    assert_refused(&bench.toll(&["task", "skip", "one", "--reason", "x", "--json"]), 5, "not_in_table");
    bench.toll(&["cancel", "--kill"]);
    living.ended();
}

/// A run whose first change is held, and whose second agent is at work.
fn held_while_another_works() -> (Bench, Living) {
    let bench = Bench::new();
    bench.agent(&format!("[ $1 != one ] || {{ echo $1 > $1.txt; exit 0; }}\n{WAITS_FOR_GO}"));
    let living = bench.plan(&tasks(&["one", "two"])).start(&["run", "../plan.toml", "--hold"]);
    bench.until("two began", || !bench.pids().is_empty());
    bench.until("one is held", || bench.task_states() == ["waiting", "running"]);
    (bench, living)
}

#[test]
fn what_is_landed_while_a_run_goes_on_is_landed_by_the_program_that_drives_it() {
    let (bench, living) = held_while_another_works();
    let said = bench.toll(&["land"]);
    assert_eq!(said.code, Some(0), "{said}");
    bench.until("it landed", || bench.landed() == ["one.txt"]);
    bench.toll(&["cancel", "--kill"]);
    living.ended();
}

#[test]
fn what_is_dropped_while_a_run_goes_on_does_not_land() {
    let (bench, living) = held_while_another_works();
    let dropped = patches(&bench).remove(0);
    let said = bench.toll(&["patch", "drop", &dropped, "--reason", "no"]);
    assert_eq!(said.code, Some(0), "{said}");
    bench.let_go();
    bench.toll(&["pause"]);
    living.ended();
    assert_eq!((state_of(&bench, &dropped).as_str(), bench.landed()), ("dropped", Vec::new()));
}

#[test]
fn agent_may_say_nothing_that_is_a_persons_to_say() {
    let bench = held(&tasks(&["one"]));
    let id = patches(&bench).remove(0);
    branch(&bench, "mine", "mine.txt", "mine\n");
    let before = bench.all_that_is();
    let commands: &[&[&str]] = &[
        &["land"],
        &["submit", "mine"],
        &["patch", "checkout", &id],
        &["patch", "release", &id, "--reason", "x"],
        &["patch", "drop", &id, "--reason", "x"],
        &["task", "retry", "one"],
        &["task", "skip", "one", "--reason", "x"],
        &["task", "cancel", "one", "--reason", "x"],
    ];
    for args in commands {
        let said = run(bench.command(args).arg("--json").env("TOLLHOUSE_TASK", "one"));
        assert_refused(&said, 3, "not_a_person");
    }
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn change_whose_gate_failed_and_then_passed_waits_for_a_person_and_lands_at_their_word() {
    let bench = Bench::new();
    let once = "test ! -e one.txt || test -e $TMPDIR/seen || { touch $TMPDIR/seen; exit 1; }";
    let gate = format!("\n[[gate]]\nname = \"net\"\nrun = \"{once}\"\nretries = 1\n");
    bench.agent(AGENT).config(&gate).commit("Configure");
    let said = bench.plan(&tasks(&["one"])).toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(7), "{said}");
    let explained = bench.toll(&["explain", "one"]);
    assert!(explained.out.contains("gate net failed and then passed on the same tree"), "{explained}");
    let landed = bench.toll(&["land"]);
    assert_eq!((landed.code, bench.landed()), (Some(0), vec!["one.txt".to_owned()]), "{landed}");
    assert_eq!(bench.noted("begun"), ["one"], "no attempt was used up");
}
