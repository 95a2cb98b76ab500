//! A plan and its project together: what a run keeps, and what is told where they do not fit.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use tollhouse_core::Span;
use tollhouse_core::spec::{CommitAuthor, OnDependencyFailure, Priority, Program, RunSpec, Weight};
use tollhouse_engine::plan::{
    Defaults, Problem, ProjectSpec, PromptTexts, SingleTask, Source, read_configuration, read_plan, read_project,
    resolve, single,
};

const PROJECT: &str = r#"[project]
name = "parser"
target = "main"

[workspace]
setup = ["npm", "ci"]
copy = [".env.test"]

[agents.claude]
command = ["claude", "{task}"]
max_parallel = 2

[agents.script]
command = ["python3", "fix.py"]
env = { MODE = "fast" }
env_pass = ["API_KEY"]

[policy]
write = ["src/**", "docs/*.md"]
forbid = ["src/secret/**"]
max_files_changed = 10
max_lines_changed = 1000

[[gate]]
name = "lint"
kind = "lint"
run = "cargo clippy"

[[gate]]
name = "unit"
run = ["cargo", "nextest", "run"]
needs = ["lint"]
paths = ["src/**"]
timeout = "20m"
required = false

[commit]
author = "Ada <ada@example.org>"
"#;

const PLAN: &str = r#"plan = "retry-support"
objective = "Retries that behave"
max_parallel = 3

[policy]
max_lines_changed = 500

[[task]]
id = "backoff"
prompt = "Add backoff."
agent = "claude"
write = ["src/client/**"]
gates = ["lint"]
timeout = "20m"
attempts = 5

[[task]]
id = "docs"
prompt_file = "prompts/docs.md"
agent = "claude"
needs = ["backoff"]
critical = false
conflict_group = "words"
labels = { team = "é" }
"#;

const PLAN_JSON: &str = r#"{"plan": "retry-support", "objective": "Retries that behave", "max_parallel": 3,
  "policy": {"max_lines_changed": 500},
  "task": [
    {"id": "backoff", "prompt": "Add backoff.", "agent": "claude", "write": ["src/client/**"], "gates": ["lint"],
     "timeout": "20m", "attempts": 5},
    {"id": "docs", "prompt_file": "prompts/docs.md", "agent": "claude", "needs": ["backoff"], "critical": false,
     "conflict_group": "words", "labels": {"team": "\u00e9"}}
  ]}"#;

fn project(text: &str) -> ProjectSpec {
    read_project(&Source::new("tollhouse.toml", text)).expect("the project of these tests is good")
}

fn prompts() -> PromptTexts {
    BTreeMap::from([("prompts/docs.md".to_owned(), Ok("Describe it.".to_owned()))])
}

fn defaults() -> Defaults {
    Defaults { project: "folder".to_owned(), target: "trunk".to_owned(), ..Defaults::default() }
}

fn run(file: &str, plan: &str) -> Result<RunSpec, Vec<Problem>> {
    resolve(&project(PROJECT), &read_plan(&Source::new(file, plan)), &prompts(), &defaults())
}

fn show(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem} [{}]\n", problem.pointer)).collect::<Vec<_>>().concat()
}

fn says(plan: &str, expected: &Expect) {
    expected.assert_eq(&show(&run("plan.toml", plan).err().unwrap_or_default()));
}

#[test]
fn a_run_keeps_what_plan_and_project_say() {
    let run = run("plan.toml", PLAN).unwrap();
    assert_eq!((run.plan.as_str(), run.project.as_str(), run.target.as_str()), ("retry-support", "parser", "main"));
    assert_eq!((run.land_on.as_str(), run.max_parallel), ("toll/main", 3));
    assert_eq!(run.agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["claude"]);
    assert_eq!(run.author, CommitAuthor::Named("Ada <ada@example.org>".to_owned()));
    assert_eq!(run.gates[1].run, Program::Argv(vec!["cargo".to_owned(), "nextest".to_owned(), "run".to_owned()]));
    assert_eq!(run.gates[1].timeout, Span::from_secs(1200));
    let sources: Vec<&str> = run.policy.iter().map(|level| level.source.as_str()).collect();
    assert_eq!(sources, ["project (tollhouse.toml:18)", "plan (plan.toml:5)"]);
    let [backoff, docs] = run.tasks.as_slice() else { panic!("two tasks") };
    assert_eq!(backoff.policy.as_ref().unwrap().source, "task backoff (plan.toml:12)");
    assert_eq!((backoff.attempts, docs.attempts), (5, 3));
    assert_eq!((docs.prompt.as_str(), docs.weight, docs.gates.as_ref()), ("Describe it.", Weight::Optional, None));
    assert_eq!(docs.labels["team"], "é");
}

#[test]
fn json_says_the_same_as_toml() {
    let (mut toml, mut json) = (run("plan.toml", PLAN).unwrap(), run("plan.json", PLAN_JSON).unwrap());
    // Only where a level stands differs.
    for run in [&mut toml, &mut json] {
        for level in run.policy.iter_mut().chain(run.tasks.iter_mut().filter_map(|task| task.policy.as_mut())) {
            level.source.clear();
        }
    }
    assert_eq!(toml, json);
}

#[test]
fn a_run_spec_comes_back_from_its_json() {
    let run = run("plan.toml", PLAN).unwrap();
    let text = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<RunSpec>(&text).unwrap(), run);
}

#[test]
fn prompt_files_are_named_once() {
    let text = "[[task]]\nid=\"a\"\nprompt_file=\"p\"\n[[task]]\nid=\"b\"\nprompt_file=\"p\"\n";
    assert_eq!(read_plan(&Source::new("plan.toml", text)).prompt_files(), ["p"]);
}

#[test]
fn what_only_shows_with_the_project_is_told_with_the_rest() {
    says(
        r#"colour = "red"
[[task]]
id = "a"
prompt = "x"
agent = "cluade"
gates = ["unit", "lnt"]
[[task]]
id = "b"
prompt_file = "prompts/none.md"
[[task]]
id = "c"
prompt = "x"
agent = "script"
needs = ["b", "c"]
"#,
        &expect![[r#"
            plan.toml:1:1: unknown key `colour`; known here: plan, objective, max_parallel, policy, workstream, task, acceptance [/colour]
            plan.toml:5:9: unknown agent `cluade`; did you mean `claude`? [/task/0/agent]
            plan.toml:6:10: gate `unit` needs gate `lint`, which the task leaves out; add "lint" [/task/0/gates/0]
            plan.toml:6:18: unknown gate `lnt`; did you mean `lint`? [/task/0/gates/1]
            plan.toml:7:1: which agent? there are several; name one of: claude, script [/task/1]
            plan.toml:9:15: prompt file `prompts/none.md` was not read [/task/1/prompt_file]
            plan.toml:14:15: task `c` needs itself; take it out [/task/2/needs/1]
        "#]],
    );
}

#[test]
fn a_level_that_widens_the_one_above_is_told_with_both_places() {
    says(
        r#"[policy]
write = ["src/**", "tests/**"]
max_files_changed = 11
max_lines_changed = 1000
[[task]]
id = "a"
prompt = "x"
agent = "script"
write = ["src/secret/**", "src/secret/key", "build.rs", "docs/a.md", "docs/a.txt", "src/a.rs"]
"#,
        &expect![[r#"
            plan.toml:2:20: write `tests/**` widens the write of project (tollhouse.toml:18); it allows `src/**`, `docs/*.md` [/policy/write/1]
            plan.toml:3:21: max_files_changed 11 widens the 10 of project (tollhouse.toml:18); at most 10 [/policy/max_files_changed]
            plan.toml:9:10: write `src/secret/**` is forbidden by project (tollhouse.toml:18); it forbids `src/secret/**` [/task/0/write/0]
            plan.toml:9:27: write `src/secret/key` is forbidden by project (tollhouse.toml:18); it forbids `src/secret/**` [/task/0/write/1]
            plan.toml:9:45: write `build.rs` widens the write of project (tollhouse.toml:18); it allows `src/**`, `docs/*.md` [/task/0/write/2]
            plan.toml:9:57: write `docs/a.md` widens the write of plan (plan.toml:1); it allows `src/**`, `tests/**` [/task/0/write/3]
            plan.toml:9:70: write `docs/a.txt` widens the write of project (tollhouse.toml:18); it allows `src/**`, `docs/*.md` [/task/0/write/4]
        "#]],
    );
}

#[test]
fn a_glob_that_only_goes_partly_beyond_widens_and_a_path_shows_it() {
    says(
        r#"[policy]
write = ["src/**", "docs/**"]
[[task]]
id = "a"
prompt = "x"
agent = "script"
write = ["**", "{src,docs}/[a-c]*.md", "s*/**", "src/client/**", "docs/*.m?"]
"#,
        &expect![[r#"
            plan.toml:2:20: write `docs/**` widens the write of project (tollhouse.toml:18), as with `docs/c`; it allows `src/**`, `docs/*.md` [/policy/write/1]
            plan.toml:7:10: write `**` widens the write of project (tollhouse.toml:18), as with `c`; it allows `src/**`, `docs/*.md` [/task/0/write/0]
            plan.toml:7:40: write `s*/**` widens the write of project (tollhouse.toml:18), as with `s/c`; it allows `src/**`, `docs/*.md` [/task/0/write/2]
            plan.toml:7:66: write `docs/*.m?` widens the write of project (tollhouse.toml:18), as with `docs/.mc`; it allows `src/**`, `docs/*.md` [/task/0/write/4]
        "#]],
    );
}

#[test]
fn a_glob_that_is_partly_forbidden_is_no_problem() {
    let text = "[[task]]\nid=\"a\"\nprompt=\"x\"\nagent=\"script\"\nwrite=[\"src/**\", \"src/s*/**\"]\n";
    assert!(run("plan.toml", text).is_ok());
}

#[test]
fn a_prompt_file_that_cannot_be_used_is_told() {
    let text = "[[task]]\nid=\"a\"\nagent=\"script\"\nprompt_file=\"p\"\n[[task]]\nid=\"b\"\nagent=\"script\"\nprompt_file=\"q\"\n";
    let prompts =
        BTreeMap::from([("p".to_owned(), Err("no such file".to_owned())), ("q".to_owned(), Ok(" \n".to_owned()))]);
    let draft = read_plan(&Source::new("plan.toml", text));
    let problems = resolve(&project(PROJECT), &draft, &prompts, &defaults()).unwrap_err();
    expect![[r#"
        plan.toml:4:13: prompt file `p` cannot be read: no such file [/task/0/prompt_file]
        plan.toml:8:13: prompt file `q` is empty [/task/1/prompt_file]
    "#]]
    .assert_eq(&show(&problems));
}

#[test]
fn the_only_agent_needs_no_name() {
    let draft = read_plan(&Source::new("plan.toml", "[[task]]\nid=\"a\"\nprompt=\"x\"\n"));
    let one = project("[agents.only]\ncommand = [\"x\"]\n");
    let run = resolve(&one, &draft, &prompts(), &defaults()).unwrap();
    assert_eq!((run.tasks[0].agent.as_str(), run.plan.as_str()), ("only", "plan"));
    assert_eq!((run.project.as_str(), run.target.as_str(), run.land_on.as_str()), ("folder", "trunk", "toll/trunk"));
    let none = resolve(&project(""), &draft, &prompts(), &defaults()).unwrap_err();
    expect![[r#"
        plan.toml:1:1: no agent is configured; add [agents.NAME] with a command to tollhouse.toml [/task/0]
    "#]]
    .assert_eq(&show(&none));
}

#[test]
fn a_person_goes_before_the_plan_in_how_many_run_at_once() {
    let draft = read_plan(&Source::new("plan.toml", PLAN));
    let defaults = Defaults { max_parallel: Some(9), ..defaults() };
    assert_eq!(resolve(&project(PROJECT), &draft, &prompts(), &defaults).unwrap().max_parallel, 9);
}

#[test]
fn a_single_task_is_a_run() {
    let task = SingleTask {
        prompt: "Fix it.".to_owned(),
        agent: Some("script".to_owned()),
        write: vec!["src/a.rs".to_owned()],
    };
    let run = single(&project(PROJECT), &task, &defaults()).unwrap();
    assert_eq!((run.plan.as_str(), run.tasks[0].name.as_str()), ("do", "do"));
    assert_eq!(run.agents[0].name, "script");
    let level = run.tasks[0].policy.as_ref().unwrap();
    assert_eq!(
        (level.source.as_str(), level.write.as_deref()),
        ("task do (arguments)", Some(&["src/a.rs".to_owned()][..]))
    );
}

#[test]
fn arguments_have_all_their_problems_told() {
    let task = SingleTask {
        prompt: " ".to_owned(),
        agent: Some("scrip".to_owned()),
        write: vec!["/etc".to_owned(), "tests/**".to_owned()],
    };
    let problems = single(&project(PROJECT), &task, &defaults()).unwrap_err();
    expect![[r#"
        arguments:1:1: an empty prompt, or one with a NUL character; say what is to be done [/prompt]
        arguments:1:1: unknown agent `scrip`; did you mean `script`? [/agent]
        arguments:1:1: glob `/etc` begins with `/`; paths are relative to the root of the repository [/write/0]
        arguments:1:1: write `tests/**` widens the write of project (tollhouse.toml:18); it allows `src/**`, `docs/*.md` [/write/1]
    "#]].assert_eq(&show(&problems));
    let problems =
        single(&project(PROJECT), &SingleTask { agent: None, prompt: "x".to_owned(), write: vec![] }, &defaults());
    expect![[r#"
        arguments:1:1: which agent? there are several; name one of: claude, script [/agent]
    "#]]
    .assert_eq(&show(&problems.unwrap_err()));
}

#[test]
fn a_hundred_thousand_wrong_needs_are_told_in_time() {
    let tasks: Vec<String> = (0..100_000)
        .map(|number| format!("[[task]]\nid=\"t{number}\"\nprompt=\"x\"\nneeds=[\"u{number}\"]\n"))
        .collect();
    let problems = run("plan.toml", &tasks.concat()).unwrap_err();
    let rest = problems.last().map(|problem| problem.message.as_str());
    // An unknown need and an agent that is not named, for each.
    assert_eq!((problems.len(), rest), (1001, Some("199000 more problems from here on")));
}

/// What is said of the project together with this configuration of a person.
fn with_person(text: &str) -> Result<ProjectSpec, Vec<Problem>> {
    read_configuration(&Source::new("tollhouse.toml", PROJECT), Some(&Source::new("own.toml", text)))
}

#[test]
fn agents_of_a_person_stand_after_those_of_the_project() {
    let spec = with_person("[agents.mine]\ncommand = [\"mine\"]\n").unwrap();
    assert_eq!(spec.agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["claude", "script", "mine"]);
}

#[test]
fn agent_that_both_files_describe_alike_is_one() {
    let spec = with_person("[agents.claude]\ncommand = [\"claude\", \"{task}\"]\nmax_parallel = 2\n").unwrap();
    assert_eq!(spec.agents.len(), 2);
}

#[test]
fn what_both_files_say_otherwise_is_told_with_both_places() {
    let problems =
        with_person("[agents.claude]\ncommand = [\"other\"]\n[commit]\nauthor = \"me\"\n").err().unwrap_or_default();
    expect![[r#"
        own.toml:1:9: agent `claude` differs from the one at tollhouse.toml:9; give one of them another name [/agents/claude]
        own.toml:4:10: author differs from the one at tollhouse.toml:38; take one of them out [/commit/author]
    "#]]
    .assert_eq(&show(&problems));
}

#[test]
fn author_of_a_person_counts_where_the_project_names_none() {
    let person = Source::new("own.toml", "[commit]\nauthor = \"me\"\n");
    let spec = read_configuration(&Source::new("tollhouse.toml", ""), Some(&person)).unwrap();
    assert_eq!(spec.author, CommitAuthor::Me);
}

#[test]
fn project_that_widens_what_a_person_allows_is_told_with_both_places() {
    let problems = with_person("[policy]\nwrite = [\"src/**\"]\nmax_lines_changed = 10\n").err().unwrap_or_default();
    expect![[r#"
        tollhouse.toml:19:20: write `docs/*.md` widens the write of person (own.toml:1); it allows `src/**` [/policy/write/1]
        tollhouse.toml:22:21: max_lines_changed 1000 widens the 10 of person (own.toml:1); at most 10 [/policy/max_lines_changed]
    "#]]
    .assert_eq(&show(&problems));
}

#[test]
fn plan_that_widens_what_a_person_allows_is_told_with_both_places() {
    let person = Source::new("own.toml", "[agents.a]\ncommand = [\"a\"]\n[policy]\nmax_files_changed = 1\n");
    let project = read_configuration(&Source::new("tollhouse.toml", ""), Some(&person)).unwrap();
    let plan = "[policy]\nmax_files_changed = 2\n[[task]]\nid = \"a\"\nprompt = \"x\"\n";
    let problems = resolve(&project, &read_plan(&Source::new("plan.toml", plan)), &prompts(), &defaults()).unwrap_err();
    expect![[r#"
        plan.toml:2:21: max_files_changed 2 widens the 1 of person (own.toml:3); at most 1 [/policy/max_files_changed]
    "#]]
    .assert_eq(&show(&problems));
}

#[test]
fn level_of_a_person_is_kept_by_a_run_after_that_of_the_project() {
    let project = with_person("[policy]\nmax_lines_changed = 2000\nforbid = [\"secrets/**\"]\n").unwrap();
    let run = resolve(&project, &read_plan(&Source::new("plan.toml", PLAN)), &prompts(), &defaults()).unwrap();
    let sources: Vec<&str> = run.policy.iter().map(|level| level.source.as_str()).collect();
    assert_eq!(sources, ["project (tollhouse.toml:18)", "person (own.toml:1)", "plan (plan.toml:5)"]);
}

#[test]
fn what_only_a_project_can_say_is_refused_in_a_persons_file() {
    let problems = with_person(
        "[project]\nname = \"x\"\n[workspace]\ncopy = [\".env\"]\n[[gate]]\nname = \"unit\"\n[budget]\nper_day_usd = \"5\"\n[notify]\n[agnts]\n",
    )
    .err()
    .unwrap_or_default();
    expect![[r#"
        own.toml:1:2: the key `project` has no place in a person's own configuration; put it into the project's tollhouse.toml: it must be the same for all [/project]
        own.toml:3:2: the key `workspace` has no place in a person's own configuration; put it into the project's tollhouse.toml: it must be the same for all [/workspace]
        own.toml:5:3: the key `gate` has no place in a person's own configuration; put it into the project's tollhouse.toml: it must be the same for all [/gate]
        own.toml:7:2: the key `budget` is not yet supported; take it out; it would have no effect [/budget]
        own.toml:9:2: the key `notify` is not yet supported; take it out; it would have no effect [/notify]
        own.toml:10:2: unknown key `agnts`; did you mean `agents`? [/agnts]
    "#]]
    .assert_eq(&show(&problems));
}

#[test]
fn problems_of_both_files_are_told_at_once() {
    let project = Source::new("tollhouse.toml", "[agents.x]\n");
    let problems = read_configuration(&project, Some(&Source::new("own.toml", "colour = 1\n"))).unwrap_err();
    assert_eq!(
        problems.iter().map(|problem| problem.file.as_str()).collect::<Vec<_>>(),
        ["own.toml", "tollhouse.toml"]
    );
}

const STREAMS: &str = r#"[[workstream]]
id = "core"
gates = ["unit"]

[[workstream]]
id = "docs"
needs = ["core"]
critical = false
on_dependency_failure = "fail"
skip = true

[[task]]
id = "a"
prompt = "do it"
agent = "claude"
workstream = "core"
priority = "urgent"

[acceptance]
gates = ["lint"]
"#;

#[test]
fn workstreams_and_the_acceptance_are_kept() {
    let run = run("plan.toml", STREAMS).unwrap();
    assert_eq!(run.acceptance, ["lint"]);
    let [core, docs] = run.workstreams.as_slice() else { panic!("there are two") };
    assert_eq!((core.name.as_str(), core.weight, core.skip), ("core", Weight::Critical, false));
    assert_eq!(core.gates, ["unit"]);
    assert_eq!(
        (docs.needs.as_slice(), docs.weight, docs.skip),
        (["core".to_owned()].as_slice(), Weight::Optional, true)
    );
    assert_eq!(docs.on_dependency_failure, OnDependencyFailure::Fail);
    assert_eq!(run.tasks[0].workstream.as_deref(), Some("core"));
    assert_eq!(run.tasks[0].priority, Priority::Urgent);
}

#[test]
fn what_is_wrong_with_workstreams_is_told_at_once() {
    let plan = STREAMS
        .replace("needs = [\"core\"]", "needs = [\"cor\", \"docs\"]")
        .replace("workstream = \"core\"", "workstream = \"cores\"")
        .replace("\"urgent\"", "\"urgnt\"")
        .replace("[\"unit\"]", "[\"units\"]")
        .replace("[\"lint\"]", "[\"lin\"]");
    says(
        &plan,
        &expect![[r#"
            plan.toml:3:10: unknown gate `units`; did you mean `unit`? [/workstream/0/gates/0]
            plan.toml:7:10: unknown workstream `cor`; did you mean `core`? [/workstream/1/needs/0]
            plan.toml:7:17: workstream `docs` needs itself; take it out [/workstream/1/needs/1]
            plan.toml:16:14: unknown workstream `cores`; did you mean `core`? [/task/0/workstream]
            plan.toml:17:12: unknown value `urgnt`; did you mean `urgent`? [/task/0/priority]
            plan.toml:20:10: unknown gate `lin`; did you mean `lint`? [/acceptance/gates/0]
        "#]],
    );
}

#[test]
fn a_task_that_needs_one_which_waits_for_its_own_workstream_is_told_with_its_place() {
    let plan = STREAMS.replace("priority = \"urgent\"", "needs = [\"b\"]")
        + "[[task]]\nid = \"b\"\nprompt = \"x\"\nagent = \"claude\"\nworkstream = \"docs\"\n";
    let plan = plan.replace("[acceptance]\ngates = [\"lint\"]\n", "");
    says(
        &plan,
        &expect![[r#"
            plan.toml:16:14: tasks wait for their own workstream: a → b → workstream core → a; take one of these needs out, or put the task into another workstream [/task/0/workstream]
        "#]],
    );
}
