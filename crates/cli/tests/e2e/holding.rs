//! What waits for a person, and a person's word: land, drop, retry, skip, release; work by hand.

use serde_json::Value;

use crate::harness::{Bench, GATE, Said, assert_same, assert_says, run, tasks};
use crate::living::WAITS_FOR_GO;

/// Says what it was told, and makes a file named after its task.
const AGENT: &str = "cat > \"$TMPDIR/told-$1\"; echo $1 >> \"$TMPDIR/begun\"; echo $1 > $1.txt";

/// A project in which every change waits for a person.
const HOLD: &str = "\n[project]\nland = \"hold\"\n";

/// A plan of two tasks, the second after the first.
fn one_after_the_other() -> String {
    tasks(&["one", "two"]).replace("id = \"two\"", "id = \"two\"\nneeds = [\"one\"]")
}

/// A held run of a plan.
fn held(plan: &str) -> Bench {
    let bench = Bench::new();
    let said = bench.agent(AGENT).plan(plan).toll(&["run", "../plan.toml", "--hold"]);
    assert_eq!(said.code, Some(7), "{said}");
    bench
}

/// The ids of all patches, oldest first.
fn patches(bench: &Bench) -> Vec<String> {
    let list = bench.toll(&["patch", "list", "--json"]).json();
    let rows = list["patches"].as_array().expect("a list");
    rows.iter().rev().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

fn patch(bench: &Bench, id: &str) -> Value {
    bench.toll(&["patch", "show", id, "--json"]).json()
}

fn state_of(bench: &Bench, id: &str) -> String {
    patch(bench, id)["state"].as_str().expect("a state").to_owned()
}

#[track_caller]
fn assert_refused(said: &Said, exit: i32, code: &str) {
    assert_eq!((said.code, &said.error()["code"]), (Some(exit), &code.into()), "{said}");
}

/// A branch made by hand, with a commit that writes a file.
fn branch(bench: &Bench, name: &str, file: &str, content: &str) {
    bench.git(&["switch", "--quiet", "--create", name]);
    bench.write(file, content).commit(&format!("Write {file}")).git(&["switch", "--quiet", "main"]);
}

// Held.

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
    assert!(said.contains("without an answer it fails at "), "{said}");
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
    bench.toll(&["land", first]);
    let before = bench.all_that_is();
    assert_refused(&bench.toll(&["land", second, first, "--json"]), 5, "not_held");
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

// Sent back.

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

// While another program drives.

/// A run of two tasks, one after the other, whose first agent is at work.
fn at_work() -> (Bench, crate::living::Living) {
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
    assert!(bench.pids().iter().all(|pid| crate::harness::is_gone(pid)));
}

#[test]
fn task_whose_agent_works_is_not_skipped() {
    let (bench, living) = at_work();
    assert_refused(&bench.toll(&["task", "skip", "one", "--reason", "x", "--json"]), 5, "not_in_table");
    bench.toll(&["cancel", "--kill"]);
    living.ended();
}

/// A run whose first change is held, and whose second agent is at work.
fn held_while_another_works() -> (Bench, crate::living::Living) {
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

// Set aside, and let in.

/// A policy that most of what agents do breaks.
const NARROW: &str = "\n[policy]\nwrite = [\"src/**\"]\n";

/// A run whose change was refused for its path; the patch.
fn refused() -> (Bench, String) {
    let bench = Bench::new();
    bench.agent(AGENT).config(&format!("{GATE}{NARROW}")).commit("Narrow");
    assert_eq!(bench.plan(&tasks(&["one"])).toll(&["run", "../plan.toml"]).code, Some(1));
    let id = patches(&bench).remove(0);
    (bench, id)
}

#[test]
fn released_patch_lands_and_shows_what_was_waived() {
    let (bench, id) = refused();
    let said = bench.toll(&["patch", "release", &id, "--allow", "*.txt", "--reason", "it may"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["one.txt".to_owned()]), "{said}");
    let patch = patch(&bench, &id);
    let waived = patch["verdicts"].as_array().unwrap().iter().find(|verdict| verdict["rule"] == "write_scope").unwrap();
    assert_eq!((&waived["outcome"], &patch["allowed"]), (&"waived".into(), &serde_json::json!(["*.txt"])), "{patch:#}");
}

#[test]
fn release_stays_on_the_ledger_with_its_reason_and_who_said_it() {
    let (bench, id) = refused();
    bench.toll(&["patch", "release", &id, "--allow", "*.txt", "--reason", "it may"]);
    let log = bench.toll(&["log", &id, "--json"]).out;
    let release: Value = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|row: &Value| row["event"] == "release")
        .unwrap();
    assert_eq!((&release["reason"], &release["severity"]), (&"it may".into(), &"warning".into()), "{release:#}");
    assert!(release["actor"].to_string().contains("ada"), "{release:#}");
    let line = bench.toll(&["log", &id]).out;
    assert!(line.contains("release → created  it may; allowed: *.txt"), "{line}");
}

#[test]
fn release_of_what_its_rules_still_refuse_is_a_no() {
    let (bench, id) = refused();
    let said = bench.toll(&["patch", "release", &id, "--allow", "other/**", "--reason", "it may"]);
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(1), "quarantined"), "{said}");
}

#[test]
fn release_needs_a_reason() {
    let (bench, id) = refused();
    let before = bench.all_that_is();
    assert_refused(&bench.toll(&["patch", "release", &id, "--allow", "*.txt", "--json"]), 2, "no_reason");
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn rule_that_nobody_may_waive_is_not_waived() {
    let (bench, id) = refused();
    let before = bench.all_that_is();
    for rule in ["git_directory", "outside_repository", "nonsense"] {
        let said = bench.toll(&["patch", "release", &id, "--waive", rule, "--reason", "x", "--json"]);
        assert_refused(&said, 2, "not_waivable");
    }
    assert_refused(&bench.toll(&["patch", "release", &id, "--allow", "[", "--reason", "x", "--json"]), 2, "bad_glob");
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn patch_whose_task_goes_on_is_not_released() {
    let bench = Bench::new();
    bench.config(&format!("{GATE}{NARROW}")).commit("Narrow");
    bench.agent(&format!(
        "[ -e \"$TMPDIR/begun\" ] || {{ echo 1 >> \"$TMPDIR/begun\"; echo x > x.txt; exit 0; }}\n{WAITS_FOR_GO}"
    ));
    let living = bench.start_plan(&tasks(&["one"]).replace("attempts = 1", "attempts = 2"));
    let id = patches(&bench).remove(0);
    assert_refused(&bench.toll(&["patch", "release", &id, "--reason", "x", "--json"]), 5, "task_in_the_way");
    bench.toll(&["cancel", "--kill"]);
    living.ended();
}

#[test]
fn ctrl_c_while_a_released_patch_is_at_the_gate_leaves_it_to_be_resumed() {
    let (bench, id) = refused();
    bench.config(&format!("{GATE}{NARROW}"));
    let waits = "[ ! -e one.txt ] || [ -e \"$TMPDIR/go\" ] || { echo $$ >> \"$TMPDIR/pids\"; sleep 1000 & wait; }";
    bench.write("check.sh", waits).commit("Wait");
    let living = bench.start(&["patch", "release", &id, "--allow", "*.txt", "--reason", "it may"]);
    bench.until("the gate began", || !bench.pids().is_empty());
    let said = living.interrupted();
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(130), "applied"), "{said}");
    assert!(bench.status()["next"].as_str().is_some_and(|next| next.starts_with("toll resume")));
    bench.let_go().toll(&["resume"]);
    assert_eq!(bench.landed(), ["one.txt"]);
}

// By hand.

#[test]
fn checkout_makes_only_a_branch() {
    let (bench, id) = refused();
    let (before, refs) = (bench.of_the_person(), bench.git(&["for-each-ref", "--format=%(refname)"]));
    let said = bench.toll(&["patch", "checkout", &id, "--json"]);
    let branch = said.json()["branch"].as_str().unwrap().to_owned();
    let made = format!("refs/heads/{branch}");
    let more: Vec<String> = bench
        .git(&["for-each-ref", "--format=%(refname)"])
        .lines()
        .filter(|name| !refs.lines().any(|old| old == *name) && !name.starts_with("refs/tollhouse/"))
        .map(str::to_owned)
        .collect();
    assert_eq!(more, [made]);
    assert_same(&before, &bench.of_the_person());
}

#[test]
fn checkout_of_a_patch_whose_branch_is_there_is_refused() {
    let (bench, id) = refused();
    assert_eq!(bench.toll(&["patch", "checkout", &id]).code, Some(0));
    assert_refused(&bench.toll(&["patch", "checkout", &id, "--json"]), 5, "branch_exists");
}

/// A patch that a person mends in a worktree, and its branch.
fn mended(bench: &Bench, id: &str) -> String {
    let made = bench.toll(&["patch", "checkout", id, "--json"]).json();
    let branch = made["branch"].as_str().expect("it names the branch").to_owned();
    bench.git(&["worktree", "add", "--quiet", "../mending", &branch]);
    let git = |args: &[&str]| {
        let said = run(bench.isolated("git").current_dir(bench.around().join("mending")).args(args));
        assert_eq!(said.code, Some(0), "{said}");
    };
    git(&["mv", "one.txt", "src/one.txt"]);
    git(&[
        "-c",
        "user.name=Grace",
        "-c",
        "user.email=grace@example.org",
        "commit",
        "--quiet",
        "--message",
        "Put it where it belongs",
    ]);
    branch
}

#[test]
fn what_a_person_mended_lands_as_theirs() {
    let (bench, id) = refused();
    let said = bench.toll(&["submit", &mended(&bench, &id)]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["src/one.txt".to_owned()]), "{said}");
    assert_eq!(
        bench.git(&["log", "-1", "--format=%an <%ae> %s", "toll/main"]),
        "Grace <grace@example.org> Put it where it belongs"
    );
}

#[test]
fn patch_that_was_mended_is_superseded() {
    let (bench, id) = refused();
    bench.toll(&["submit", &mended(&bench, &id)]);
    let old = patch(&bench, &id);
    assert_eq!(old["state"], "dropped", "{old:#}");
    assert!(old["reason"].as_str().unwrap().contains("superseded by patch_"), "{old:#}");
}

#[test]
fn patch_that_was_mended_and_held_is_superseded_when_that_lands() {
    let (bench, id) = refused();
    let said = bench.toll(&["submit", &mended(&bench, &id), "--hold"]);
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(7), "quarantined"), "{said}");
    let said = bench.toll(&["land"]);
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(0), "dropped"), "{said}");
}

#[test]
fn held_change_that_a_person_finished_is_not_made_again() {
    let bench = held(&one_after_the_other());
    let id = patches(&bench).remove(0);
    let said = bench.toll(&["submit", &mended(&bench, &id)]);
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(0), "dropped"), "{said}");
    let run = bench.toll(&["runs", "--json"]).json()["runs"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(bench.toll(&["resume", &run]).code, Some(7));
    assert_eq!(bench.noted("begun"), ["one", "two"]);
}

#[test]
fn branch_is_left_as_it_was_by_submitting_it() {
    let bench = Bench::new();
    branch(&bench, "mine", "mine.txt", "mine\n");
    let (before, tip) = (bench.of_the_person(), bench.git(&["rev-parse", "mine"]));
    assert_eq!(bench.toll(&["submit", "mine"]).code, Some(0));
    assert_same(&before, &bench.of_the_person());
    assert_eq!(tip, bench.git(&["rev-parse", "mine"]));
}

#[test]
fn submit_says_what_landed() {
    let bench = Bench::new();
    branch(&bench, "mine", "mine.txt", "mine\n");
    assert_says!(bench, bench.toll(&["submit", "mine"]), @r"
    exit: 0
    --- stdout
    submit [SHORT] · succeeded · 1 landed on toll/main · [TIME]

      ✓  Write mine.txt  [SHORT] [COMMIT]  1 file, +1 −0
    --- stderr
    submit  gate check passed
    submit  landed as [COMMIT]
    ");
}

#[test]
fn submitted_branch_whose_gate_fails_is_set_aside() {
    let bench = Bench::new();
    branch(&bench, "bad", "README.md", "");
    let said = bench.toll(&["submit", "bad"]);
    assert_eq!((said.code, state_of(&bench, &patches(&bench)[0]).as_str()), (Some(1), "quarantined"), "{said}");
    assert!(bench.landed().is_empty());
}

#[test]
fn submitted_branch_that_leaves_the_policy_is_set_aside() {
    let bench = Bench::new();
    bench.config(&format!("{GATE}{NARROW}")).commit("Narrow");
    branch(&bench, "wide", "wide.txt", "wide\n");
    let said = bench.toll(&["submit", "wide"]);
    assert_eq!(
        (said.code, &patch(&bench, &patches(&bench)[0])["refused_by"]),
        (Some(1), &"write_scope".into()),
        "{said}"
    );
}

#[test]
fn submitted_patch_that_was_set_aside_can_be_released() {
    let bench = Bench::new();
    bench.config(&format!("{GATE}{NARROW}")).commit("Narrow");
    branch(&bench, "wide", "wide.txt", "wide\n");
    bench.toll(&["submit", "wide"]);
    let said = bench.toll(&["patch", "release", &patches(&bench)[0], "--allow", "wide.txt", "--reason", "it may"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["wide.txt".to_owned()]), "{said}");
}

#[test]
fn submit_of_what_changes_nothing_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.git(&["branch", "same"]);
    assert_refused(&bench.toll(&["submit", "same", "--json"]), 2, "nothing_to_submit");
    assert!(!bench.path(".git/tollhouse").exists());
}

#[test]
fn submit_of_what_is_not_there_leaves_nothing_behind() {
    let bench = Bench::new();
    for args in [&["submit", "nowhere", "--json"][..], &["submit", "main", "--base", "nowhere", "--json"]] {
        assert_eq!(bench.toll(args).code, Some(4));
    }
    assert!(!bench.path(".git/tollhouse").exists());
}

#[test]
fn submit_with_a_base_hands_in_only_what_came_after_it() {
    let bench = Bench::new();
    branch(&bench, "mine", "first.txt", "first\n");
    bench.git(&["switch", "--quiet", "mine"]);
    bench.write("second.txt", "second\n").commit("Second").git(&["switch", "--quiet", "main"]);
    let said = bench.toll(&["submit", "mine", "--base", "mine~1"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["second.txt".to_owned()]), "{said}");
}

#[test]
fn submitted_branch_can_be_held() {
    let bench = Bench::new();
    branch(&bench, "mine", "mine.txt", "mine\n");
    let said = bench.toll(&["submit", "mine", "--hold"]);
    assert_eq!((said.code, bench.has_branch("toll/main")), (Some(7), false), "{said}");
    let said = bench.toll(&["land"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["mine.txt".to_owned()]), "{said}");
}

#[test]
fn submitted_branch_with_a_merge_of_the_target_brings_only_what_is_its_own() {
    let bench = Bench::new();
    branch(&bench, "mine", "mine.txt", "mine\n");
    bench.write("theirs.txt", "theirs\n").commit("Theirs");
    bench.git(&["switch", "--quiet", "mine"]);
    bench.git(&["merge", "--quiet", "--no-edit", "main"]);
    bench.git(&["switch", "--quiet", "main"]);
    let said = bench.toll(&["submit", "mine"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["mine.txt".to_owned()]), "{said}");
}

#[test]
fn submit_of_unrelated_history_is_refused() {
    let bench = Bench::new();
    bench.git(&["switch", "--quiet", "--orphan", "alone"]);
    bench.write("alone.txt", "alone\n").commit("Alone").git(&["switch", "--quiet", "main"]);
    assert_refused(&bench.toll(&["submit", "alone", "--json"]), 2, "unrelated");
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
