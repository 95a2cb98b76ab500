//! Which agents a task may go to, as plan and project say, and what is told where that comes to nothing.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use tollhouse_core::spec::{Risk, RouteSpec, RunSpec, Strategy, TaskSpec};
use tollhouse_engine::plan::{
    Defaults, Problem, ProjectSpec, PromptTexts, SingleTask, Source, read_configuration, read_plan, read_project,
    resolve, single,
};

const PROJECT: &str = r#"[agents.claude]
command = ["claude"]
capabilities = ["rust", "sql"]

[agents.codex]
command = ["codex"]
capabilities = ["rust"]

[agents.script]
command = ["sh", "fix.sh"]

[[route]]
name = "careful"
risk = "high"
agents = ["claude"]

[[route]]
kind = ["code_edit", "refactor"]
complexity = ["medium", "high"]
agents = ["claude", "codex"]
strategy = "best"

[[route]]
domain = "docs"
agents = ["script", "codex"]
strategy = "round_robin"
"#;

fn read(config: &str) -> Result<ProjectSpec, Vec<Problem>> {
    read_project(&Source::new("tollhouse.toml", config))
}

/// The run of one task that says this.
fn run(config: &str, says: &str) -> Result<RunSpec, Vec<Problem>> {
    let project = read(config).expect("the project of these tests is good");
    let plan = format!("[[task]]\nid = \"a\"\nprompt = \"Do it.\"\n{says}\n");
    resolve(&project, &read_plan(&Source::new("plan.toml", plan)), &PromptTexts::new(), &Defaults::default())
}

fn task(says: &str) -> TaskSpec {
    run(PROJECT, says).expect("this plan is good").tasks.remove(0)
}

/// The agents that it may go to, the strategy and the rule.
fn route(says: &str) -> (Vec<String>, Strategy, Option<String>) {
    let RouteSpec { rule, strategy, agents } = task(says).route.expect("it is routed");
    (agents, strategy, rule)
}

fn show(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem} [{}]\n", problem.pointer)).collect::<Vec<_>>().concat()
}

fn told(config: &str, says: &str, expected: &Expect) {
    expected.assert_eq(&show(&run(config, says).err().unwrap_or_default()));
}

fn told_of_project(config: &str, expected: &Expect) {
    expected.assert_eq(&show(&read(config).err().unwrap_or_default()));
}

#[test]
fn the_first_rule_that_matches_names_the_agents_and_the_strategy() {
    let rule = |text: &str| Some(text.to_owned());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        route("risk = \"high\"\nroute = { kind = \"refactor\", complexity = \"high\" }"),
        (names(&["claude"]), Strategy::Fixed, rule("route careful (tollhouse.toml:12)"))
    );
    assert_eq!(
        route("route = { kind = \"refactor\", complexity = \"high\" }"),
        (names(&["claude", "codex"]), Strategy::Best, rule("route 2 (tollhouse.toml:17)"))
    );
    assert_eq!(
        route("route = { domain = \"docs\" }"),
        (names(&["script", "codex"]), Strategy::RoundRobin, rule("route 3 (tollhouse.toml:23)"))
    );
}

#[test]
fn what_a_task_does_not_say_matches_no_rule_that_asks_for_it() {
    // Neither its complexity nor its domain is said, and its risk is medium: no rule is for it.
    let (agents, strategy, rule) = route("route = { kind = \"refactor\" }");
    assert_eq!(
        (agents, strategy, rule),
        (["claude", "codex", "script"].map(str::to_owned).to_vec(), Strategy::Fixed, None)
    );
    assert_eq!(task("risk = \"high\"").route.unwrap().agents, ["claude"]);
}

#[test]
fn what_a_task_prefers_goes_before_every_rule() {
    let said = "risk = \"high\"\nroute = { prefer = [\"codex\", \"claude\"], strategy = \"round_robin\" }";
    assert_eq!(route(said), (vec!["codex".to_owned(), "claude".to_owned()], Strategy::RoundRobin, None));
    assert_eq!(task(said).agent, "codex");
}

#[test]
fn a_strategy_of_the_task_goes_before_that_of_its_rule() {
    assert_eq!(route("route = { domain = \"docs\", strategy = \"best\" }").1, Strategy::Best);
}

#[test]
fn a_task_that_names_its_agent_is_not_routed() {
    let task = task("agent = \"script\"\nrisk = \"high\"");
    assert_eq!((task.agent.as_str(), task.route, task.risk), ("script", None, Risk::High));
}

#[test]
fn a_run_keeps_what_routing_looked_at_and_every_agent_of_a_route() {
    let said = "capabilities = [\"rust\"]\nroute = { kind = \"refactor\", complexity = \"medium\" }";
    let run = run(PROJECT, said).unwrap();
    let names: Vec<&str> = run.agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["claude", "codex"]);
    assert_eq!(run.agents[0].capabilities, BTreeSet::from(["rust".to_owned(), "sql".to_owned()]));
    assert_eq!(run.tasks[0].kind.as_deref(), Some("refactor"));
    assert_eq!(run.tasks[0].capabilities, BTreeSet::from(["rust".to_owned()]));
}

#[test]
fn without_route_rule_or_agent_it_is_the_only_one_else_that_is_told() {
    let one = "[agents.one]\ncommand = [\"one\"]\n";
    let task = run(one, "").unwrap().tasks.remove(0);
    assert_eq!((task.agent.as_str(), task.route), ("one", None));
    told(
        PROJECT,
        "",
        &expect![[r"
        plan.toml:1:1: which agent? there are several; name one of: claude, codex, script [/task/0]
    "]],
    );
}

#[test]
fn a_rule_that_asks_for_nothing_is_for_every_task_and_for_do() {
    let config = "[agents.a]\ncommand = [\"a\"]\n[agents.b]\ncommand = [\"b\"]\n[[route]]\nagents = [\"b\", \"a\"]\n";
    assert_eq!(run(config, "").unwrap().tasks[0].route.as_ref().unwrap().agents, ["b", "a"]);
    let task = SingleTask { prompt: "Do it.".to_owned(), ..SingleTask::default() };
    let run = single(&read(config).unwrap(), &task, &Defaults::default()).unwrap();
    assert_eq!(run.tasks[0].route.as_ref().unwrap().agents, ["b", "a"]);
    assert_eq!(run.agents.len(), 2);
}

#[test]
fn rules_are_read_with_all_their_problems_at_once() {
    let config = r#"[agents.claude]
command = ["claude"]
capabilities = ["rust", "a b"]

[[route]]
kinds = "code_edit"
risk = ["hihg", "low"]
complexity = 3
agents = ["cluade", "claude", "claude"]
strategy = "bset"

[[route]]
agents = []

[[route]]
domain = "docs"
"#;
    told_of_project(
        config,
        &expect![[r#"
            tollhouse.toml:3:25: `a b` is no name for a capability; 1 to 100 of: letters without accents, digits, `.`, `_`, `-`; no `.` or `-` first, no `.` or `.lock` last, no `..` [/agents/claude/capabilities/1]
            tollhouse.toml:6:1: unknown key `kinds`; did you mean `kind`? [/route/0/kinds]
            tollhouse.toml:7:9: unknown value `hihg`; did you mean `high`? [/route/0/risk/0]
            tollhouse.toml:8:14: expected text, or a list of texts, found a whole number [/route/0/complexity]
            tollhouse.toml:9:11: unknown agent `cluade`; did you mean `claude`? [/route/0/agents/0]
            tollhouse.toml:9:31: agent `claude` stands here twice; take one out [/route/0/agents/2]
            tollhouse.toml:10:12: unknown value `bset`; did you mean `best`? [/route/0/strategy]
            tollhouse.toml:13:10: an empty list names nobody; name at least one agent [/route/1/agents]
            tollhouse.toml:15:1: a route without agents; add agents = ["name"], the first choice first [/route/2]
        "#]],
    );
}

#[test]
fn routes_of_tasks_are_read_with_all_their_problems_at_once() {
    let said = r#"risk = "hi"
capabilities = ["rsut"]
route = { kinds = "x", complexity = "lots", prefer = ["cluade", "codex", "codex"], strategy = 1 }"#;
    told(
        PROJECT,
        said,
        &expect![[r#"
            plan.toml:4:8: unknown value `hi`; one of: low, medium, high [/task/0/risk]
            plan.toml:5:17: unknown capability `rsut`; did you mean `rust`? [/task/0/capabilities/0]
            plan.toml:6:11: unknown key `kinds`; did you mean `kind`? [/task/0/route/kinds]
            plan.toml:6:37: unknown value `lots`; one of: low, medium, high [/task/0/route/complexity]
            plan.toml:6:55: unknown agent `cluade`; did you mean `claude`? [/task/0/route/prefer/0]
            plan.toml:6:74: agent `codex` stands here twice; take one out [/task/0/route/prefer/2]
            plan.toml:6:95: expected text, found a whole number [/task/0/route/strategy]
        "#]],
    );
    told(
        PROJECT,
        "agent = \"claude\"\nroute = {}",
        &expect![[r#"
            plan.toml:5:9: both agent and route; take one of them out [/task/0/route]
        "#]],
    );
    told(
        PROJECT,
        "route = { prefer = [] }",
        &expect![[r#"
            plan.toml:4:20: an empty list names nobody; name an agent, or leave the key out [/task/0/route/prefer]
        "#]],
    );
    told(
        PROJECT,
        "rout = { kind = \"x\" }",
        &expect![[r#"
            plan.toml:4:1: unknown key `rout`; did you mean `route`? [/task/0/rout]
        "#]],
    );
}

#[test]
fn a_task_that_no_agent_of_its_route_is_capable_of_is_a_problem() {
    told(
        PROJECT,
        "capabilities = [\"sql\"]\nroute = { domain = \"docs\" }",
        &expect![[r#"
            plan.toml:5:9: none of the agents `codex`, `script` is capable of `sql`; capable of that: `claude` [/task/0/route]
        "#]],
    );
    told(
        PROJECT,
        "capabilities = [\"sql\", \"rust\"]\nagent = \"codex\"",
        &expect![[r#"
            plan.toml:5:9: agent `codex` is not capable of `sql`; capable of that: `claude` [/task/0/agent]
        "#]],
    );
    assert_eq!(route("capabilities = [\"sql\"]\nroute = { prefer = [\"codex\", \"claude\"] }").0, ["codex", "claude"]);
}

#[test]
fn rules_may_name_agents_of_the_person_and_are_of_the_project() {
    let project = Source::new("tollhouse.toml", "[[route]]\nagents = [\"mine\"]\n");
    let person = Source::new("config.toml", "[agents.mine]\ncommand = [\"mine\"]\n");
    let spec = read_configuration(&project, Some(&person)).unwrap();
    assert_eq!(spec.routes[0].agents, ["mine"]);
    let problems = show(&read_project(&project).unwrap_err());
    assert_eq!(problems, "tollhouse.toml:2:11: unknown agent `mine` [/route/0/agents/0]\n");
    let person = Source::new("config.toml", "[agents.mine]\ncommand = [\"mine\"]\n[[route]]\nagents = [\"mine\"]\n");
    let problems = show(&read_configuration(&project, Some(&person)).unwrap_err());
    assert!(problems.starts_with("config.toml:3:"), "{problems}");
}
