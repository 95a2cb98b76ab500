//! The project's configuration: `tollhouse.toml` as it is written, and what it says once it was checked.

use tollhouse_core::Span;
use tollhouse_core::lifecycle::RunState;
use tollhouse_core::spec::{AgentSpec, CommitAuthor, GateSpec, LandMode, PolicySpec, Program, RunSpec, WorkspaceSpec};
use tollhouse_state::Durability;

use super::check;
use super::gates;
use super::nearest::{did_you_mean, quoted};
use super::node;
use super::policy::{PolicyDraft, absent_level, source_of};
use super::problem::{Lines, Place, Problem, Problems, Source};
use super::read::{At, Field, Table, not_yet};
use super::route::{self, RouteRule, RouteRuleDraft};
use crate::retention::Retention;

/// More than these at once is a slip of the finger.
pub(super) const PARALLEL_MAX: u32 = 1000;

/// Nobody means more.
const RETAIN_MAX: Span = Span::from_secs(100 * 365 * 86_400);

/// The keys of the configuration.
const KEYS: [&str; 8] = ["project", "workspace", "agents", "policy", "gate", "commit", "route", "ledger"];

/// The keys of an agent.
const AGENT_KEYS: [&str; 6] = ["kind", "command", "max_parallel", "env", "env_pass", "capabilities"];

/// Kinds of agents that are promised, and not there yet.
const LATER_AGENTS: [&str; 4] = ["claude-code", "codex", "gemini", "aider"];

/// What the project's configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSpec {
    /// The project's name.
    pub name: Option<String>,
    /// The branch that work starts from.
    pub target: Option<String>,
    /// The branch that changes land on.
    pub land_on: Option<String>,
    /// Whether what is verified lands by itself.
    pub land: LandMode,
    /// The agents, in the order of the file.
    pub agents: Vec<AgentSpec>,
    /// The gates, in the order of the file.
    pub gates: Vec<GateSpec>,
    /// The rules that say which agents do a task that names none, in the order of the file.
    pub routes: Vec<RouteRule>,
    /// The project's level of policy.
    pub policy: PolicySpec,
    /// The level of policy of the person who runs it, where their own configuration has one.
    pub person: Option<PolicySpec>,
    /// How workspaces are made ready.
    pub workspace: WorkspaceSpec,
    /// Whose name landed commits carry.
    pub author: CommitAuthor,
    /// When what was recorded survives a loss of power.
    pub durability: Durability,
    /// For how long runs stay on the ledger once they are over.
    pub retention: Retention,
}

impl ProjectSpec {
    /// What a run began with: its agents and gates. Of the rules that chose among the agents it knows only what they chose.
    pub(super) fn of_run(run: &RunSpec) -> Self {
        Self {
            name: Some(run.project.clone()),
            target: Some(run.target.clone()),
            land_on: Some(run.land_on.clone()),
            land: run.land,
            agents: run.agents.clone(),
            gates: run.gates.clone(),
            routes: Vec::new(),
            policy: run.policy.first().cloned().unwrap_or_else(|| absent_level("project", "tollhouse.toml").spec()),
            person: None,
            workspace: run.workspace.clone(),
            author: run.author.clone(),
            durability: Durability::default(),
            retention: Retention::default(),
        }
    }

    /// The branch that changes land on, where work starts from `target`.
    pub fn land_on_for(&self, target: &str) -> String {
        self.land_on.clone().unwrap_or_else(|| format!("toll/{target}"))
    }

    /// The levels of policy above plans. The project's is the first, for what needs a person's word looks for it there;
    /// that it does not widen the person's is seen to when both are read.
    pub(super) fn levels(&self) -> Vec<PolicySpec> {
        std::iter::once(&self.policy).chain(&self.person).cloned().collect()
    }
}

/// The project's configuration, with the places of what a person's own may disagree with.
pub(super) struct ProjectDraft {
    pub(super) spec: ProjectSpec,
    pub(super) policy: PolicyDraft,
    pub(super) agents: Vec<At<AgentSpec>>,
    pub(super) routes: Vec<RouteRuleDraft>,
    pub(super) author: Option<At<CommitAuthor>>,
}

/// Reads the project's configuration. An empty text is one: no agents, no gates, no rules but the general ones.
///
/// # Errors
/// Every problem of the text, in its order.
///
/// ```
/// # use tollhouse_engine::plan::{Source, read_project};
/// let source = Source::new("tollhouse.toml", "[agents.fix]\ncomand = [\"fix\"]\n");
/// let problems = read_project(&source).unwrap_err();
/// assert_eq!(problems[0].to_string(), "tollhouse.toml:2:1: unknown key `comand`; did you mean `command`?");
/// ```
pub fn read_project(source: &Source) -> Result<ProjectSpec, Vec<Problem>> {
    let mut problems = Problems::default();
    match read_draft(source, &mut problems) {
        Some(draft) => {
            route::tell_agents(&draft.routes, &draft.spec.agents, &mut problems);
            if problems.is_empty() { Ok(draft.spec) } else { Err(problems.finish(source)) }
        }
        None => Err(problems.finish(source)),
    }
}

/// Reads what is there, also where problems are told.
pub(super) fn read_draft(source: &Source, problems: &mut Problems) -> Option<ProjectDraft> {
    let root = node::read(source, problems);
    let table = Field::root(&root).table(problems)?;
    Some(project(&table, source, problems))
}

fn project(root: &Table<'_>, source: &Source, problems: &mut Problems) -> ProjectDraft {
    root.expect_keys(&KEYS, &["budget"], problems);
    let mut section = |key: &str| root.field(key).and_then(|field| field.table(problems));
    let (head, workspace, policy) = (section("project"), section("workspace"), section("policy"));
    let (commit, ledger) = (section("commit"), section("ledger"));
    let Head { name, target, land_on, land } = head.map(|table| self::head(&table, problems)).unwrap_or_default();
    let lines = Lines::new(&source.text);
    let agents = root.field("agents").map(|field| agents(&field, problems)).unwrap_or_default();
    let gates = root.field("gate").map(|field| gates::read(&field, &lines, problems)).unwrap_or_default();
    let routes = root.field("route").map(|field| route::rules(&field, &lines, &source.file, problems));
    let routes = routes.unwrap_or_default();
    let policy = policy.map_or_else(
        || absent_level("project", &source.file),
        |table| {
            let line = lines.line(table.place.at);
            PolicyDraft::read(&table, source_of("project", &source.file, Some(line)), problems)
        },
    );
    let workspace = workspace.map(|table| self::workspace(&table, problems)).unwrap_or_default();
    let author = commit.and_then(|table| author(&table, problems));
    let (durability, retention) = ledger.map(|table| self::ledger(&table, problems)).unwrap_or_default();
    let spec = ProjectSpec {
        name,
        target,
        land_on,
        land,
        agents: agents.iter().map(|agent| agent.value.clone()).collect(),
        gates,
        routes: routes.iter().map(RouteRuleDraft::rule).collect(),
        policy: policy.spec(),
        person: None,
        workspace,
        author: author.as_ref().map(|author| author.value.clone()).unwrap_or_default(),
        durability,
        retention,
    };
    ProjectDraft { spec, policy, agents, routes, author }
}

/// `[project]` as it is written.
#[derive(Default)]
struct Head {
    name: Option<String>,
    target: Option<String>,
    land_on: Option<String>,
    land: LandMode,
}

fn head(table: &Table<'_>, problems: &mut Problems) -> Head {
    let mut mode = LandMode::Auto;
    table.expect_keys(&["name", "target", "land_on", "land"], &[], problems);
    if let Some(field) = table.field("land")
        && let Some(land) = field.text(problems)
    {
        match land.as_str() {
            "auto" => {}
            "hold" => mode = LandMode::Hold,
            "pr" => not_yet(&format!("land = \"{land}\""), &field.place, problems),
            _ => unknown_value(&land, &["auto", "hold"], &field.place, problems),
        }
    }
    let name = table.field("name").and_then(|field| check::line(&field, problems));
    let mut branch = |key: &str| table.field(key).and_then(|field| check::branch(&field, problems));
    Head { name, target: branch("target"), land_on: branch("land_on"), land: mode }
}

fn workspace(table: &Table<'_>, problems: &mut Problems) -> WorkspaceSpec {
    table.expect_keys(&["setup", "copy"], &["cache"], problems);
    let setup: Option<Program> = table.field("setup").and_then(|field| field.program(problems));
    let mut copy = table.field("copy").and_then(|field| field.word_list(problems)).unwrap_or_default();
    copy.retain(|path| {
        let names_file = path.value.split('/').any(|part| !matches!(part, "" | "."));
        if !names_file {
            problems.wrong(&path.place, format!("path {} names no file", quoted(&path.value)), ());
        }
        names_file && check::inner_path(path, problems)
    });
    WorkspaceSpec { setup, copy: copy.into_iter().map(|path| path.value).collect() }
}

/// How durable the ledger is, by `[ledger] durability`, whatever else is wrong with the text: commands that read no configuration
/// write to the same ledger. What cannot be read is told by those that do, and means full durability.
pub fn durability_of(source: &Source) -> Durability {
    read_draft(source, &mut Problems::default()).map(|draft| draft.spec.durability).unwrap_or_default()
}

fn ledger(table: &Table<'_>, problems: &mut Problems) -> (Durability, Retention) {
    table.expect_keys(&["durability", "retain"], &[], problems);
    (durability(table, problems), table.field("retain").map(|field| retention(&field, problems)).unwrap_or_default())
}

/// One length of time for all, or one for each way in which a run can end.
fn retention(field: &Field<'_>, problems: &mut Problems) -> Retention {
    if !field.is_table() {
        return field.span(RETAIN_MAX, problems).map(Retention::of_all).unwrap_or_default();
    }
    let Some(table) = field.table(problems) else { return Retention::default() };
    let ends: Vec<RunState> = Retention::ends().collect();
    table.expect_keys(&ends.iter().map(|state| state.as_str()).collect::<Vec<_>>(), &[], problems);
    if table.fields().next().is_none() {
        problems.wrong(
            &field.place,
            "no way to end is named",
            "name one, as in { succeeded = \"90d\" }; without `retain`, all runs stay",
        );
    }
    let mut of = |state: RunState| Some((state, table.field(state.as_str())?.span(RETAIN_MAX, problems)?));
    ends.into_iter().filter_map(&mut of).collect()
}

fn durability(table: &Table<'_>, problems: &mut Problems) -> Durability {
    let Some(field) = table.field("durability") else { return Durability::default() };
    let Some(text) = field.text(problems) else { return Durability::default() };
    Durability::from_name(&text).unwrap_or_else(|| {
        unknown_value(&text, &["full", "normal"], &field.place, problems);
        Durability::default()
    })
}

pub(super) fn author(table: &Table<'_>, problems: &mut Problems) -> Option<At<CommitAuthor>> {
    table.expect_keys(&["author"], &["signoff", "sign", "trailers"], problems);
    let field = table.field("author")?;
    let text = check::line(&field, problems)?;
    let author = match text.as_str() {
        "agent" => CommitAuthor::Agent,
        "me" => CommitAuthor::Me,
        _ if is_person(&text) => CommitAuthor::Named(text),
        _ => {
            let message = format!("{} is no author", quoted(&text));
            problems.wrong(&field.place, message, "\"agent\", \"me\" or \"Name <mail@example.org>\"");
            return None;
        }
    };
    Some(field.at(author))
}

/// Whether a text is a name and an address, as git wants them.
fn is_person(text: &str) -> bool {
    let Some((name, mail)) = text.split_once('<') else { return false };
    let Some(mail) = mail.strip_suffix('>') else { return false };
    let is_part = |part: &str| !part.is_empty() && !part.contains(['<', '>', ' ']);
    let address = mail.split_once('@').is_some_and(|(user, host)| is_part(user) && is_part(host));
    name.chars().any(char::is_alphanumeric) && name.ends_with(' ') && !name.contains('>') && address
}

pub(super) fn agents(field: &Field<'_>, problems: &mut Problems) -> Vec<At<AgentSpec>> {
    let Some(table) = field.table(problems) else { return Vec::new() };
    let mut agents = Vec::new();
    for (name, place, field) in table.fields() {
        check::name("an agent", name, &place, problems);
        let agent = field.table(problems).map(|table| agent(name, &table, problems));
        agents.extend(agent.map(|value| At { value, place }));
    }
    agents
}

fn agent(name: &str, table: &Table<'_>, problems: &mut Problems) -> AgentSpec {
    table.expect_keys(&AGENT_KEYS, &["model", "args", "billing", "price"], problems);
    let mut own_kind = true;
    if let Some(field) = table.field("kind")
        && let Some(kind) = field.text(problems)
    {
        own_kind = kind == "command";
        if LATER_AGENTS.contains(&kind.as_str()) {
            not_yet_agent(&kind, &field.place, problems);
        } else if !own_kind {
            unknown_value(&kind, &["command"], &field.place, problems);
        }
    }
    if own_kind && table.lacks("command", &AGENT_KEYS) {
        let hint = "add command = [\"program\", \"argument\"]; the prompt is on its standard input";
        problems.absent(&table.place, format!("agent `{name}` has no command"), hint);
    }
    let command = table.field("command").and_then(|field| field.argv(problems));
    AgentSpec {
        name: name.to_owned(),
        command: command.unwrap_or_default(),
        max_parallel: table.field("max_parallel").and_then(|field| field.count_u32(1..=PARALLEL_MAX, problems)),
        env: table.field("env").map(|field| check::env(&field, problems)).unwrap_or_default(),
        env_pass: table.field("env_pass").map(|field| check::env_pass(&field, problems)).unwrap_or_default(),
        capabilities: table.field("capabilities").map(|field| route::words(&field, problems)).unwrap_or_default(),
    }
}

fn not_yet_agent(kind: &str, place: &Place, problems: &mut Problems) {
    let hint = "leave kind out and give the command that runs it, as in command = [\"program\", \"{prompt_file}\"]";
    problems.wrong(place, format!("kind = \"{kind}\" is not yet supported"), hint);
}

/// Tells a value that is none of those that a key takes.
pub(super) fn unknown_value(value: &str, known: &[&str], place: &Place, problems: &mut Problems) {
    let hint = did_you_mean(value, known.iter().copied()).unwrap_or_else(|| format!("one of: {}", known.join(", ")));
    problems.wrong(place, format!("unknown value {}", quoted(value)), hint);
}
