//! A person's own configuration, and the project's together with it.
//!
//! A person may add agents, limits and whose name commits carry, for every project that they work on. Limits only tighten,
//! and neither file silently goes before the other: where they disagree, both places are told.

use tollhouse_core::spec::{AgentSpec, CommitAuthor};

use super::config::{ProjectDraft, ProjectSpec, agents, author, read_draft, read_project};
use super::nearest::quoted;
use super::node;
use super::policy::{Levels, PolicyDraft, source_of};
use super::problem::{Lines, Place, Problem, Problems, Source};
use super::read::{At, Field, Table, not_yet, unknown_key};
use super::route;

/// The keys of a person's configuration.
const KEYS: [&str; 3] = ["agents", "policy", "commit"];

/// Promised, and not there yet.
const LATER: [&str; 2] = ["budget", "notify"];

/// What only a project can say, because it must be the same for all who work on it.
const OF_A_PROJECT: [&str; 5] = ["project", "workspace", "gate", "route", "ledger"];

/// What a person's own configuration says, with places.
#[derive(Default)]
struct PersonDraft {
    agents: Vec<At<AgentSpec>>,
    policy: Option<PolicyDraft>,
    author: Option<At<CommitAuthor>>,
}

/// Reads the project's configuration together with that of the person who runs it.
///
/// The person's agents stand after the project's. What both files say must agree.
///
/// # Errors
/// Every problem of both texts: the person's first, each text's in its order.
///
/// ```
/// # use tollhouse_engine::plan::{Source, read_configuration};
/// let project = Source::new("tollhouse.toml", "[policy]\nmax_files_changed = 20\n");
/// let person = Source::new("config.toml", "[policy]\nmax_files_changed = 10\n");
/// let problems = read_configuration(&project, Some(&person)).unwrap_err();
/// assert_eq!(
///     problems[0].to_string(),
///     "tollhouse.toml:2:21: max_files_changed 20 widens the 10 of person (config.toml:1); at most 10"
/// );
/// ```
pub fn read_configuration(project: &Source, person: Option<&Source>) -> Result<ProjectSpec, Vec<Problem>> {
    let Some(person) = person else { return read_project(project) };
    let (mut of_person, mut of_project) = (Problems::default(), Problems::default());
    let own = read_person(person, &mut of_person);
    let draft = read_draft(project, &mut of_project);
    let spec = draft.map(|draft| {
        if let Some(level) = own.policy.as_ref().map(PolicyDraft::spec) {
            draft.policy.tell_widening(&Levels::new([&level]), &mut of_project);
        }
        let routes = draft.routes.clone();
        let spec = joined(draft, &own, project, &mut of_person);
        route::tell_agents(&routes, &spec.agents, &mut of_project);
        spec
    });
    match spec {
        Some(spec) if of_person.is_empty() && of_project.is_empty() => Ok(spec),
        _ => Err([of_person.finish(person), of_project.finish(project)].concat()),
    }
}

fn read_person(source: &Source, problems: &mut Problems) -> PersonDraft {
    let root = node::read(source, problems);
    let Some(root) = Field::root(&root).table(problems) else { return PersonDraft::default() };
    tell_keys(&root, problems);
    let mut section = |key: &str| root.field(key).and_then(|field| field.table(problems));
    let (policy, commit) = (section("policy"), section("commit"));
    let lines = Lines::new(&source.text);
    PersonDraft {
        agents: root.field("agents").map(|field| agents(&field, problems)).unwrap_or_default(),
        policy: policy.map(|table| {
            let line = lines.line(table.place.at);
            PolicyDraft::read(&table, source_of("person", &source.file, Some(line)), problems)
        }),
        author: commit.and_then(|table| author(&table, problems)),
    }
}

fn tell_keys(root: &Table<'_>, problems: &mut Problems) {
    for (key, place, _) in root.fields() {
        if LATER.contains(&key) {
            not_yet(&format!("the key `{key}`"), &place, problems);
        } else if OF_A_PROJECT.contains(&key) {
            let message = format!("the key `{key}` has no place in a person's own configuration");
            problems.wrong(&place, message, "put it into the project's tollhouse.toml: it must be the same for all");
        } else if !KEYS.contains(&key) {
            unknown_key(key, &KEYS, &place, problems);
        }
    }
}

/// The project with what the person adds. Where both speak of one thing and differ, it is told at the person's place.
fn joined(draft: ProjectDraft, own: &PersonDraft, project: &Source, problems: &mut Problems) -> ProjectSpec {
    let lines = Lines::new(&project.text);
    let at = |place: &Place| format!("{}:{}", project.file, lines.line(place.at));
    let mut spec = draft.spec;
    for agent in &own.agents {
        let name = &agent.value.name;
        match draft.agents.iter().find(|known| known.value.name == *name) {
            None => spec.agents.push(agent.value.clone()),
            Some(known) if known.value == agent.value => {}
            Some(known) => {
                let message = format!("agent {} differs from the one at {}", quoted(name), at(&known.place));
                problems.wrong(&agent.place, message, "give one of them another name");
            }
        }
    }
    match (&own.author, &draft.author) {
        (Some(own), Some(known)) if own.value != known.value => {
            let message = format!("author differs from the one at {}", at(&known.place));
            problems.wrong(&own.place, message, "take one of them out");
        }
        (Some(own), None) => spec.author = own.value.clone(),
        _ => {}
    }
    spec.person = own.policy.as_ref().map(PolicyDraft::spec);
    spec
}
