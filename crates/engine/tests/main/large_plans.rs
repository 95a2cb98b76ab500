//! Plans of a size and shape that nobody writes by hand: read, resolved and analysed all the same, and bounded in what is told.

use std::fmt::Write;

use tollhouse_core::Span;
use tollhouse_core::limits::TASKS_MAX;
use tollhouse_engine::analysis::{Extent, TaskGraph};
use tollhouse_engine::plan::{Defaults, Problem, PromptTexts, Source, read_plan, read_project, resolve};
use tollhouse_engine::report::{CheckFacts, CheckReport, check_report};

use crate::told::tell_whoever_runs_it_alone;

const PROJECT: &str = "[agents.a]\ncommand = [\"a\"]\n[[gate]]\nname = \"g\"\nrun = \"g\"\n";

/// How many tasks make a large plan: more the more rounds are drawn, and a soak takes a million. A multiple of forty.
#[expect(clippy::disallowed_methods, reason = "how much is tested is the tester's word")]
fn many() -> usize {
    let rounds = std::env::var("TOLLHOUSE_TEST_ROUNDS").ok().and_then(|text| text.parse::<usize>().ok());
    let tasks = rounds.unwrap_or(64).saturating_mul(2).saturating_pow(2);
    tasks.clamp(2000, 1_000_000) / 40 * 40
}

fn check(text: &str) -> Result<CheckReport, Vec<Problem>> {
    let project = read_project(&Source::new("tollhouse.toml", PROJECT)).expect("a good configuration");
    let plan = read_plan(&Source::new("plan.toml", text));
    let spec = resolve(&project, &plan, &PromptTexts::new(), &Defaults::default())?;
    Ok(check_report(&spec, &CheckFacts::default()))
}

/// So many tasks, each with what else it says.
fn plan(count: usize, more: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        let _ = writeln!(text, "[[task]]\nid = \"t{at}\"\nprompt = \"x\"\n{}", more(at));
        text
    })
}

fn messages(text: &str) -> Vec<String> {
    check(text).expect_err("a bad plan").iter().map(|problem| problem.message.clone()).collect()
}

#[test]
fn a_plan_of_very_many_tasks_is_analysed() {
    let tasks = many();
    // Chains of ten, each in a folder of its own.
    let more = |at: usize| {
        let needs = if at.is_multiple_of(10) { String::new() } else { format!("needs = [\"t{}\"]\n", at - 1) };
        format!("{needs}write = [\"src/m{}/**\"]", at / 10)
    };
    let report = check(&plan(tasks, more)).unwrap();
    let half_hours = tasks as u64 / 4;
    assert_eq!(report.schedule.unwrap().makespan, Span::from_secs(half_hours * 1800));
    assert_eq!(report.critical_path.unwrap().tasks.len(), 10);
    assert_eq!((report.conflicts.len(), report.conflicts_extent), (0, Extent::Whole));
    assert_eq!(report.waves.iter().map(Vec::len).sum::<usize>(), tasks);
}

#[test]
fn more_tasks_than_a_run_may_have_are_told() {
    if many() < TASKS_MAX {
        tell_whoever_runs_it_alone(&format!(
            "skipped: a plan of {TASKS_MAX} tasks is read where {TASKS_MAX} are drawn"
        ));
        return;
    }
    let told = messages(&plan(TASKS_MAX + 1, |_| String::new()));
    assert_eq!(told, ["1000001 tasks are more than the 1000000 that a run may have"]);
}

#[test]
fn a_chain_a_hundred_thousand_deep_is_analysed() {
    let depth = 100_000;
    let needs: Vec<Vec<usize>> = (0..depth).map(|at: usize| at.checked_sub(1).into_iter().collect()).collect();
    assert_eq!(TaskGraph::new(&needs).order().len(), depth);
    let more = |at: usize| if at == 0 { String::new() } else { format!("needs = [\"t{}\"]", at - 1) };
    let report = check(&plan(depth, more)).unwrap();
    assert_eq!(report.critical_path.unwrap().tasks.len(), depth);
    assert_eq!((report.waves.len(), report.schedule.unwrap().useful_parallel), (depth, 1));
}

#[test]
fn ten_thousand_needs_of_one_task_are_followed() {
    let all: Vec<String> = (0..10_000).map(|at| format!("\"t{at}\"")).collect();
    let more = |at: usize| if at == 10_000 { format!("needs = [{}]", all.join(", ")) } else { String::new() };
    let report = check(&plan(10_001, more)).unwrap();
    assert_eq!((report.waves.len(), report.tasks[10_000].wave), (2501, 2501));
    assert_eq!(report.critical_path.unwrap().tasks, ["t0", "t10000"]);
}

#[test]
fn very_many_tasks_that_all_overlap_are_counted_in_part() {
    let report = check(&plan(5000, |at| format!("write = [\"**/x{at}?\"]"))).unwrap();
    assert_eq!(report.conflicts_extent, Extent::Part);
    assert_eq!(report.waves.iter().map(Vec::len).sum::<usize>(), 5000);
}

#[test]
fn very_many_tasks_of_one_scope_run_one_after_the_other() {
    let report = check(&plan(5000, |_| "write = [\"src/**\"]".to_owned())).unwrap();
    let schedule = report.schedule.unwrap();
    assert_eq!((schedule.peak, schedule.useful_parallel, report.waves.len()), (1, 1, 5000));
    assert_eq!(schedule.makespan, Span::from_secs(5000 * 1800));
}

#[test]
fn ids_that_stand_twice_are_each_told() {
    let told = messages(&"[[task]]\nid = \"a\"\nprompt = \"x\"\n".repeat(2000));
    assert_eq!((told.len(), told[0].as_str()), (1001, "another task is named `a`"));
    assert_eq!(told[1000], "999 more problems from here on");
}

#[test]
fn a_task_that_needs_itself_is_told() {
    assert_eq!(messages(&plan(1, |_| "needs = [\"t0\"]".to_owned())), ["task `t0` needs itself"]);
}

#[test]
fn limits_of_nothing_and_less_are_out_of_range() {
    for (key, value) in [("attempts", "0"), ("attempts", "-1"), ("timeout", "\"0s\""), ("attempts", "101")] {
        let told = messages(&plan(1, |_| format!("{key} = {value}")));
        assert!(told.len() == 1 && told[0].ends_with("is out of range"), "{key} {value}: {told:?}");
    }
    for value in ["0", "-1", "-9223372036854775808", "1001"] {
        let told = messages(&format!("max_parallel = {value}\n{}", plan(1, |_| String::new())));
        assert_eq!(told, [format!("{value} is out of range")]);
    }
}

#[test]
fn ids_that_are_long_or_of_strange_letters_are_told_in_short() {
    let told = messages(&plan(1, |_| String::new()).replace("t0", &"é\u{202e}".repeat(50_000)));
    assert!(told.len() == 1 && told[0].len() < 1000, "{told:?}");
    let longest = "x".repeat(100);
    assert_eq!(check(&plan(1, |_| String::new()).replace("t0", &longest)).unwrap().waves, [[longest]]);
}

#[test]
fn a_circle_says_how_many_wait_behind_it() {
    let needs = ["needs = [\"t1\"]", "needs = [\"t0\"]", "needs = [\"t1\"]", "needs = [\"t2\"]", ""];
    let problems = check(&plan(5, |at| needs[at].to_owned())).unwrap_err();
    let [problem] = problems.as_slice() else { panic!("one circle: {problems:?}") };
    assert_eq!(problem.message, "tasks need each other in a circle: t0 → t1 → t0");
    let hint = problem.hint.as_deref().unwrap();
    assert_eq!(hint, "take one of these needs out; 2 more could never run, for they need what is in a circle");
}
