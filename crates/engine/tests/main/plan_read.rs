//! Plans and configurations as people write them: every problem at once, each where it stands.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use tollhouse_engine::plan::{Problem, Source, read_plan, read_project};

fn show(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem} [{}]\n", problem.pointer)).collect::<Vec<_>>().concat()
}

fn plan_says(text: &str, expected: &Expect) {
    expected.assert_eq(&show(&read_plan(&Source::new("plan.toml", text)).problems()));
}

fn project_says(text: &str, expected: &Expect) {
    expected.assert_eq(&show(&read_project(&Source::new("tollhouse.toml", text)).err().unwrap_or_default()));
}

/// The problems of a plan of one good task with one more line.
fn task_says(line: &str) -> String {
    let text = format!("[[task]]\nid = \"a\"\nprompt = \"b\"\n{line}\n");
    show(&read_plan(&Source::new("plan.toml", text)).problems())
}

fn config_problem(text: &str) -> String {
    show(&read_project(&Source::new("tollhouse.toml", text)).err().unwrap_or_default())
}

#[test]
fn five_mistakes_in_a_plan_are_five_problems() {
    plan_says(
        r#"plan = "retry"
[[task]]
id = "backoff"
promt = "Füge Backoff hinzu"
attempts = 0
critical = "no"
[[task]]
id = "docs"
prompt = "Describe it."
timeout = "soon"
needs = ["backof"]
"#,
        &expect![[r#"
            plan.toml:4:1: unknown key `promt`; did you mean `prompt`? [/task/0/promt]
            plan.toml:5:12: 0 is out of range; from 1 to 100 [/task/0/attempts]
            plan.toml:6:12: expected true or false, found text [/task/0/critical]
            plan.toml:10:11: `soon` is no length of time; write it like "90s", "10m" or "1h30m" [/task/1/timeout]
            plan.toml:11:10: unknown task `backof`; did you mean `backoff`? [/task/1/needs/0]
        "#]],
    );
}

#[test]
fn syntax_and_meaning_are_told_together() {
    plan_says(
        "plan = retry\n[[task]]\nid = \"a b\"\nprompt\nattempts = -1\n[[task]]\nid = \"c\"\nneeds = [\"d\"]\n",
        &expect![[r#"
            plan.toml:1:8: string values must be quoted, expected literal string []
            plan.toml:3:6: `a b` is no name for a task; 1 to 100 of: letters without accents, digits, `.`, `_`, `-`; no `.` or `-` first, no `.` or `.lock` last, no `..` [/task/0/id]
            plan.toml:4:7: key with no value, expected `=` []
            plan.toml:5:12: -1 is out of range; from 1 to 100 [/task/0/attempts]
        "#]],
    );
}

#[test]
fn a_column_counts_characters_and_not_bytes() {
    plan_says(
        "[[task]]\nid = \"a\"\nlabels = { \"größe\" = 1 }\nprompt = \"x\"\n",
        &expect![[r#"
        plan.toml:3:22: expected text, found a whole number [/task/0/labels/größe]
    "#]],
    );
}

#[test]
fn what_needs_itself_or_a_circle_is_told_with_its_way() {
    plan_says(
        r#"[[task]]
id = "a"
prompt = "x"
needs = ["c"]
[[task]]
id = "b"
prompt = "x"
needs = ["a", "a", "b"]
[[task]]
id = "c"
prompt = "x"
needs = ["b"]
[[task]]
id = "a"
prompt = "x"
"#,
        &expect![[r#"
            plan.toml:4:10: tasks need each other in a circle: a → c → b → a; take one of these needs out [/task/0/needs/0]
            plan.toml:8:15: `a` stands in needs twice; take one out [/task/1/needs/1]
            plan.toml:8:20: task `b` needs itself; take it out [/task/1/needs/2]
            plan.toml:14:6: another task is named `a`; the first stands on line 2 [/task/3/id]
        "#]],
    );
}

#[test]
fn a_plan_without_tasks_is_a_problem() {
    plan_says(
        "",
        &expect![[r#"
        plan.toml:1:1: a plan without tasks; add [[task]] with an id and a prompt []
    "#]],
    );
    plan_says(
        "task = []",
        &expect![[r#"
        plan.toml:1:1: a plan without tasks; add [[task]] with an id and a prompt []
    "#]],
    );
}

#[test]
fn a_task_says_its_prompt_once() {
    plan_says(
        "[[task]]\nid = \"a\"\nprompt = \"x\"\nprompt_file = \"y\"\n[[task]]\nid = \"b\"\n[[task]]\nid = \"c\"\nprompt = \" \"\n",
        &expect![[r#"
            plan.toml:4:15: both prompt and prompt_file; take one of them out [/task/0/prompt_file]
            plan.toml:5:1: a task without prompt; add prompt = "what is to be done" [/task/1]
            plan.toml:9:10: empty text [/task/2/prompt]
        "#]],
    );
}

#[test]
fn wrong_types_are_told_with_what_was_found() {
    plan_says(
        "plan = 1\nmax_parallel = \"4\"\ntask = { id = 1 }\npolicy = []\n",
        &expect![[r#"
        plan.toml:1:8: expected text, found a whole number [/plan]
        plan.toml:2:16: expected a whole number from 1 to 1000, found text [/max_parallel]
        plan.toml:3:8: expected a list, found a table [/task]
        plan.toml:4:10: expected a table, found a list [/policy]
    "#]],
    );
}

#[test]
fn every_bound_of_a_task_is_told() {
    for line in [
        "attempts = 0",
        "attempts = 101",
        "attempts = 1.5",
        "attempts = 99999999999999999999999999999999999999999999",
        "timeout = \"0s\"",
        "timeout = \"31d\"",
        "timeout = 90",
        "timeout = \"10 minutes\"",
        "write = []",
        "write = [\"/etc\"]",
        "write = [\"src/[\"]",
        "write = \"src\"",
        "needs = [\"\"]",
        "critical = \"no\"",
        "on_dependency_failure = \"fial\"",
        "conflict_group = \"a\\nb\"",
        "labels = { a = 1 }",
        "agent = \"\"",
        "colour = \"red\"",
    ] {
        assert_eq!(task_says(line).lines().count(), 1, "{line}: {}", task_says(line));
    }
    for line in ["attempts = 100", "attempts = 1", "timeout = \"30d\"", "critical = false", "gates = []"] {
        assert_eq!(task_says(line), "", "{line}");
    }
}

#[test]
fn what_a_plan_cannot_do_yet_is_refused() {
    for line in ["budget_usd = \"1.00\"", "context_tokens = 1", "[budget]\nper_run_usd = \"1\""] {
        // What stands below the task is the task's own only where it is no header.
        let text = if line.starts_with('[') { format!("{line}\n") } else { String::new() };
        let said = if text.is_empty() { task_says(line) } else { task_says(&format!("\n{line}")) };
        assert_eq!(said.lines().count(), 1, "{line}: {said}");
        assert!(said.contains("is not yet supported; take it out"), "{said}");
    }
}

#[test]
fn what_a_configuration_cannot_do_yet_is_refused() {
    for text in [
        "[budget]\nper_task_usd = \"5.00\"",
        "[project]\nland = \"pr\"",
        "[workspace]\ncache = []",
        "[agents.a]\nkind = \"claude-code\"",
        "[agents.a]\nkind = \"codex\"",
        "[agents.a]\nkind = \"gemini\"",
        "[agents.a]\nkind = \"aider\"",
        "[agents.a]\ncommand = [\"a\"]\nmodel = \"x\"",
        "[agents.a]\ncommand = [\"a\"]\nargs = []",
        "[agents.a]\ncommand = [\"a\"]\nbilling = \"api\"",
        "[commit]\nsignoff = true",
        "[commit]\nsign = true",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\njunit = \"x\"",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\nbaseline = true",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\ncriteria = {}",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\nphase = \"x\"",
    ] {
        let said = config_problem(text);
        assert_eq!(said.lines().count(), 1, "{text}: {said}");
        assert!(said.contains("is not yet supported"), "{said}");
    }
}

#[test]
fn every_fault_of_a_configuration_is_one_problem() {
    for text in [
        "[[gate]]\nname = \"a\"\nrun = \"a\"\nflaky = \"maybe\"",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\nretries = 11",
        "colour = 1",
        "project = 1",
        "[project]\nname = \"\"",
        "[project]\ntarget = \"-x\"",
        "[project]\nland_on = \"a..b\"",
        "[project]\nland = \"atuo\"",
        "[workspace]\nsetup = \"\"",
        "[workspace]\nsetup = []",
        "[workspace]\nsetup = 1",
        "[workspace]\ncopy = [\"/etc/passwd\"]",
        "[workspace]\ncopy = [\"../x\"]",
        "[workspace]\ncopy = [\".git/config\"]",
        "[workspace]\ncopy = [\".\"]",
        "[agents.\"a b\"]\ncommand = [\"a\"]",
        "[agents.a]",
        "[agents.a]\ncommand = \"a\"",
        "[agents.a]\ncommand = []",
        "[agents.a]\ncommand = [\" \"]",
        "[agents.a]\ncommand = [\"a\", 1]",
        "[agents.a]\nkind = \"comand\"\ncommand = [\"a\"]",
        "[agents.a]\ncommand = [\"a\"]\nmax_parallel = 0",
        "[agents.a]\ncommand = [\"a\"]\nenv = { \"a b\" = \"x\" }",
        "[agents.a]\ncommand = [\"a\"]\nenv_pass = [\"TOLLHOUSE_RUN\"]",
        "[policy]\nmax_files_changed = 0",
        "[policy]\nmax_lines_changed = -5",
        "[policy]\nmax_lines_changed = 99999999999999",
        "[policy]\nforbid = [\"a/[\"]",
        "[[gate]]\nname = \"a\"",
        "[[gate]]\nrun = \"a\"",
        "[[gate]]\nname = \"a\"\nrun = \"  \"",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\nkind = \"untit\"",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\nneeds = [\"b\"]",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\nneeds = [\"a\"]",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\n[[gate]]\nname = \"a\"\nrun = \"b\"",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\ncwd = \"../x\"",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\ntimeout = \"0s\"",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\nrequired = 1",
        "[[gate]]\nname = \"a\"\nrun = \"a\"\npaths = [\"/x\"]",
        "[commit]\nauthor = \"somebody\"",
        "[commit]\nauthor = \"A <a>\"",
        "[commit]\nauthor = \"A <a@b> <c@d>\"",
    ] {
        let said = config_problem(text);
        assert_eq!(said.lines().count(), 1, "{text}: {said}");
    }
}

#[test]
fn a_configuration_is_told_with_its_hints() {
    project_says(
        r#"[project]
target = "main "
lnd_on = "toll/main"

[[gate]]
name = "lint"
run = "x"
needs = ["unit"]

[[gate]]
name = "unit"
run = []
needs = ["lint", "e2"]
time = "1m"

[agents.claude]
kind = "claude-code"
"#,
        &expect![[r#"
            tollhouse.toml:2:10: branch name `main ` holds a blank or one of `~^:?*[\` [/project/target]
            tollhouse.toml:3:1: unknown key `lnd_on`; did you mean `land_on`? [/project/lnd_on]
            tollhouse.toml:8:10: gates need each other in a circle: lint → unit → lint; take one of these needs out [/gate/0/needs/0]
            tollhouse.toml:12:7: a command without a program; name one: ["program", "argument"] [/gate/1/run]
            tollhouse.toml:13:18: unknown gate `e2` [/gate/1/needs/1]
            tollhouse.toml:14:1: unknown key `time`; did you mean `timeout`? [/gate/1/time]
            tollhouse.toml:17:8: kind = "claude-code" is not yet supported; leave kind out and give the command that runs it, as in command = ["program", "{prompt_file}"] [/agents/claude/kind]
        "#]],
    );
}

#[test]
fn an_empty_configuration_is_one() {
    let project = read_project(&Source::new("tollhouse.toml", "")).unwrap();
    assert_eq!(project.policy.source, "project (tollhouse.toml)");
    assert_eq!((project.agents.len(), project.gates.len()), (0, 0));
}

#[test]
fn broken_json_is_one_problem() {
    let problems = read_plan(&Source::new("plan.json", "{\n  \"task\": [}\n")).problems();
    expect![[r#"
        plan.json:2:12: expected value []
    "#]]
    .assert_eq(&show(&problems));
}

#[test]
fn a_doubled_key_in_json_is_a_problem() {
    let text = "{\"task\": [{\"id\": \"a\", \"prompt\": \"x\", \"id\": \"b\"}]}";
    expect![[r#"
        plan.json:1:38: duplicate key `id` []
    "#]]
    .assert_eq(&show(&read_plan(&Source::new("plan.json", text)).problems()));
}

#[test]
fn a_document_that_is_no_table_is_a_problem() {
    expect![[r#"
        plan.json:1:1: expected a table, found a list []
    "#]]
    .assert_eq(&show(&read_plan(&Source::new("plan.json", "[1]")).problems()));
}

#[test]
fn a_chain_of_a_hundred_thousand_tasks_is_read() {
    let mut text = String::new();
    for number in 0..100_000 {
        text.push_str("[[task]]\nid = \"t");
        text.push_str(&number.to_string());
        text.push_str("\"\nprompt = \"x\"\nneeds = [\"t");
        text.push_str(&(number + 1).to_string());
        text.push_str("\"]\n");
    }
    text.push_str("[[task]]\nid = \"t100000\"\nprompt = \"x\"\n");
    assert_eq!(read_plan(&Source::new("plan.toml", text.as_str())).problems(), []);
    text.push_str("needs = [\"t0\"]\n");
    let problems = read_plan(&Source::new("plan.toml", text.as_str())).problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.ends_with("t8 → t9 → … 99991 more → t0"), "{}", problems[0].message);
}

#[test]
fn a_file_of_one_long_line_full_of_problems_is_told_in_time() {
    let task = "{\"id\": \"é é\", \"prompt\": 1, \"x\": 2, \"needs\": [\"nobody\"]}";
    let text = format!("{{\"task\": [{}]}}", vec![task; 20_000].join(","));
    let problems = read_plan(&Source::new("plan.json", text)).problems();
    assert_eq!((problems.len(), problems[1000].message.as_str()), (1001, "98999 more problems from here on"));
}

/// Texts that are close enough to a plan to get far.
fn plan_like() -> impl Strategy<Value = String> {
    let pieces = [
        "[[task]]\n",
        "[task]\n",
        "[policy]\n",
        "[[gate]]\n",
        "[agents.a]\n",
        "id = \"a\"\n",
        "name = \"é\"\n",
        "prompt = \"x\"\n",
        "write = [\"src/**\", \"[\"]\n",
        "needs = [\"a\", 1]\n",
        "timeout = \"1h\"\n",
        "attempts = 0x7fffffffffffffffff\n",
        "run = [\"\"]\n",
        "command = []\n",
        "\"\"\"",
        "'",
        "\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        ",",
        ".",
        "\n",
        "\r",
        "\0",
        "\u{feff}",
        "é",
        "#",
        "1e9",
        "nan",
        "1979-05-27",
        "\\u",
        "\\",
        "null",
        ":",
        "true",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in prop_oneof![any::<String>(), plan_like()]) {
        for file in ["a.toml", "a.json"] {
            let source = Source::new(file, text.as_str());
            let lines = text.split('\n').count();
            let problems = read_plan(&source).problems();
            let project = read_project(&source).err().unwrap_or_default();
            for problem in problems.iter().chain(&project) {
                prop_assert!((1..=lines).contains(&(problem.line as usize)), "{problem}");
                prop_assert!(problem.column >= 1);
            }
        }
    }
}
