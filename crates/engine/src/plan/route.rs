//! Which agents may do a task: `[[route]]` of a project, `route` of a task, and what both come to.
//!
//! A task that names its agent has that one. Else those that its route prefers; else those of the first rule that matches it; else,
//! where it has a route, all there are that are able; else the only one there is.

use std::collections::BTreeSet;

use tollhouse_core::spec::{AgentSpec, Risk, RouteSpec, Strategy};

use super::check;
use super::config::{ProjectSpec, unknown_value};
use super::graph::unknown;
use super::nearest::quoted;
use super::policy::source_of;
use super::problem::{Lines, Place, Problems};
use super::read::{At, Field, Table};
use super::resolve::only_agent;

/// The keys of a rule.
const RULE_KEYS: [&str; 7] = ["name", "kind", "risk", "complexity", "domain", "agents", "strategy"];

/// The keys of a task's route.
const ROUTE_KEYS: [&str; 5] = ["kind", "complexity", "domain", "prefer", "strategy"];

/// The strategies, as they are written.
const STRATEGIES: [(&str, Strategy); 3] =
    [("fixed", Strategy::Fixed), ("round_robin", Strategy::RoundRobin), ("best", Strategy::Best)];

/// The risks, as they are written.
const RISKS: [(&str, Risk); 3] = [("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High)];

/// How much there is to think of in a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Complexity {
    /// Little.
    Low,
    /// As usual.
    Medium,
    /// Much.
    High,
}

/// The complexities, as they are written.
const COMPLEXITIES: [(&str, Complexity); 3] =
    [("low", Complexity::Low), ("medium", Complexity::Medium), ("high", Complexity::High)];

/// A rule of a project: which agents do the tasks that match it.
///
/// A task matches what it says: a rule that asks for a complexity, a kind or a domain is not for a task that names none. A task that
/// names no risk is of medium risk. What a rule does not ask for matches everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    /// Which one it is and where it stands, as in `route 2 (tollhouse.toml:14)`.
    pub source: String,
    /// The kinds that it is for; empty: all.
    pub kinds: Vec<String>,
    /// The risks that it is for; empty: all.
    pub risks: Vec<Risk>,
    /// The complexities that it is for; empty: all.
    pub complexities: Vec<Complexity>,
    /// The domains that it is for; empty: all.
    pub domains: Vec<String>,
    /// The agents, in order of preference: at least one.
    pub agents: Vec<String>,
    /// How one of them is chosen.
    pub strategy: Strategy,
}

impl RouteRule {
    fn matches(&self, task: &RouteDraft) -> bool {
        fn fits<T: PartialEq>(asked: &[T], said: Option<&T>) -> bool {
            asked.is_empty() || said.is_some_and(|said| asked.contains(said))
        }
        fits(&self.kinds, task.kind.as_ref())
            && fits(&self.risks, Some(&task.risk))
            && fits(&self.complexities, task.complexity.as_ref())
            && fits(&self.domains, task.domain.as_ref())
    }
}

/// A rule as it was written.
#[derive(Debug, Clone)]
pub(super) struct RouteRuleDraft {
    agents: Vec<At<String>>,
    rule: RouteRule,
}

impl RouteRuleDraft {
    pub(super) fn rule(&self) -> RouteRule {
        self.rule.clone()
    }
}

/// Reads `[[route]]`.
pub(super) fn rules(field: &Field<'_>, lines: &Lines, file: &str, problems: &mut Problems) -> Vec<RouteRuleDraft> {
    let items = field.items(problems).unwrap_or_default();
    let mut rules = Vec::with_capacity(items.len());
    for (item, number) in items.into_iter().zip(1_usize..) {
        let Some(table) = item.table(problems) else { continue };
        let name = table.field("name").and_then(|field| check::line(&field, problems));
        let name = name.unwrap_or_else(|| number.to_string());
        let source = source_of(&format!("route {name}"), file, Some(lines.line(table.place.at)));
        rules.push(rule(&table, source, problems));
    }
    rules
}

fn rule(table: &Table<'_>, source: String, problems: &mut Problems) -> RouteRuleDraft {
    table.expect_keys(&RULE_KEYS, &[], problems);
    let agents = table.field("agents").and_then(|field| {
        if field.is_empty_list() {
            problems.wrong(&field.place, "an empty list names nobody", "name at least one agent");
        }
        field.word_list(problems)
    });
    if table.lacks("agents", &RULE_KEYS) {
        problems.absent(&table.place, "a route without agents", "add agents = [\"name\"], the first choice first");
    }
    let agents = agents.unwrap_or_default();
    tell_twice(&agents, problems);
    let mut list = |key: &str| table.field(key).map(|field| field.word_or_list(problems)).unwrap_or_default();
    let (kinds, domains, risks, complexities) = (list("kind"), list("domain"), list("risk"), list("complexity"));
    let rule = RouteRule {
        source,
        kinds: values(kinds),
        risks: risks.iter().filter_map(|word| one_of(word, &RISKS, problems)).collect(),
        complexities: complexities.iter().filter_map(|word| one_of(word, &COMPLEXITIES, problems)).collect(),
        domains: values(domains),
        agents: agents.iter().map(|agent| agent.value.clone()).collect(),
        strategy: strategy(table, problems).unwrap_or_default(),
    };
    RouteRuleDraft { agents, rule }
}

/// Tells agents of rules that are not there.
pub(super) fn tell_agents(rules: &[RouteRuleDraft], agents: &[AgentSpec], problems: &mut Problems) {
    for name in rules.iter().flat_map(|rule| &rule.agents) {
        tell_unknown(name, agents, problems);
    }
}

fn tell_unknown(name: &At<String>, agents: &[AgentSpec], problems: &mut Problems) {
    let known = || agents.iter().map(|agent| agent.name.as_str());
    if !known().any(|agent| agent == name.value) {
        let (message, hint) = unknown("agent", &name.value, known(), problems);
        problems.wrong(&name.place, message, hint);
    }
}

/// What a task says that routing looks at.
#[derive(Debug, Clone, Default)]
pub(super) struct RouteDraft {
    pub(super) kind: Option<String>,
    pub(super) risk: Risk,
    pub(super) capabilities: Vec<At<String>>,
    complexity: Option<Complexity>,
    domain: Option<String>,
    /// The agents that it prefers; absent: it names none.
    prefer: Option<Vec<At<String>>>,
    strategy: Option<Strategy>,
    /// Where its route stands; absent: it has none.
    place: Option<Place>,
}

impl RouteDraft {
    /// Reads `route`, `risk` and `capabilities` of a task.
    pub(super) fn read(task: &Table<'_>, problems: &mut Problems) -> Self {
        let mut draft = Self {
            risk: word(task, "risk", &RISKS, problems).unwrap_or_default(),
            capabilities: task.field("capabilities").map(|field| capabilities(&field, problems)).unwrap_or_default(),
            ..Self::default()
        };
        let Some(table) = task.field("route").and_then(|field| field.table(problems)) else { return draft };
        table.expect_keys(&ROUTE_KEYS, &[], problems);
        let mut line = |key: &str| table.field(key).and_then(|field| check::line(&field, problems));
        (draft.kind, draft.domain) = (line("kind"), line("domain"));
        draft.complexity = word(&table, "complexity", &COMPLEXITIES, problems);
        draft.strategy = strategy(&table, problems);
        draft.prefer = table.field("prefer").and_then(|field| {
            if field.is_empty_list() {
                problems.wrong(&field.place, "an empty list names nobody", "name an agent, or leave the key out");
                return None;
            }
            field.word_list(problems)
        });
        tell_twice(draft.prefer.as_deref().unwrap_or_default(), problems);
        draft.place = Some(table.place.clone());
        draft
    }

    /// The first of the agents that the task may go to, and its route where it has one. `place` is the task's.
    pub(super) fn route(
        &self,
        project: &ProjectSpec,
        place: &Place,
        problems: &mut Problems,
    ) -> (String, Option<RouteSpec>) {
        let place = self.place.as_ref().unwrap_or(place);
        let rule = project.routes.iter().find(|rule| rule.matches(self));
        let (rule, strategy, agents) = match (&self.prefer, rule) {
            (Some(prefer), _) => {
                for name in prefer {
                    tell_unknown(name, &project.agents, problems);
                }
                (None, Strategy::default(), values(prefer.clone()))
            }
            (None, Some(rule)) => (Some(rule.source.clone()), rule.strategy, rule.agents.clone()),
            (None, None) if self.place.is_some() && !project.agents.is_empty() => {
                (None, Strategy::default(), project.agents.iter().map(|agent| agent.name.clone()).collect())
            }
            (None, None) => {
                let agent = only_agent(&project.agents, place, problems);
                self.tell_incapable(project, &agent, place, problems);
                return (agent, None);
            }
        };
        self.tell_all_incapable(project, &agents, place, problems);
        let first = agents.first().cloned().unwrap_or_default();
        (first, Some(RouteSpec { rule, strategy: self.strategy.unwrap_or(strategy), agents }))
    }

    /// Tells what no agent is able to do.
    pub(super) fn tell_words(&self, project: &ProjectSpec, problems: &mut Problems) {
        let known: BTreeSet<&str> =
            project.agents.iter().flat_map(|agent| &agent.capabilities).map(String::as_str).collect();
        for word in self.capabilities.iter().filter(|word| !known.contains(word.value.as_str())) {
            let (message, hint) = unknown("capability", &word.value, known.iter().copied(), problems);
            let hint = hint.unwrap_or_else(|| "add it to the capabilities of an agent that has it".to_owned());
            problems.wrong(&word.place, message, hint);
        }
    }

    /// Tells an agent that is not able to do all that is asked for, where others are able to do each.
    pub(super) fn tell_incapable(&self, project: &ProjectSpec, agent: &str, place: &Place, problems: &mut Problems) {
        self.tell_all_incapable(project, &[agent.to_owned()], place, problems);
    }

    fn tell_all_incapable(&self, project: &ProjectSpec, agents: &[String], place: &Place, problems: &mut Problems) {
        let known = |word: &At<String>| project.agents.iter().any(|agent| agent.capabilities.contains(&word.value));
        let asked = || self.capabilities.iter().filter(|word| known(word)).map(|word| &word.value);
        let meant: Vec<&AgentSpec> = project.agents.iter().filter(|agent| agents.contains(&agent.name)).collect();
        let is_able = |agent: &&AgentSpec| asked().all(|word| agent.capabilities.contains(word));
        // Whoever is not there is told already.
        if meant.len() < agents.len() || meant.is_empty() || meant.iter().any(is_able) {
            return;
        }
        let names: Vec<String> = meant.iter().map(|agent| quoted(&agent.name)).collect();
        let words = |lacks: &dyn Fn(&String) -> bool| {
            asked().filter(|word| lacks(word)).map(|word| quoted(word)).collect::<Vec<_>>().join(" and ")
        };
        let able: Vec<String> = project.agents.iter().filter(is_able).map(|agent| quoted(&agent.name)).collect();
        let message = match (names.as_slice(), meant.as_slice()) {
            ([name], [agent]) => {
                format!("agent {name} is not capable of {}", words(&|word| !agent.capabilities.contains(word)))
            }
            _ => format!("none of the agents {} is capable of {}", names.join(", "), words(&|_| true)),
        };
        let hint = if able.is_empty() {
            "no agent is: say what they are capable of in [agents.NAME] capabilities".to_owned()
        } else {
            format!("capable of that: {}", able.join(", "))
        };
        problems.wrong(place, message, hint);
    }
}

/// What an agent is able to do.
pub(super) fn words(field: &Field<'_>, problems: &mut Problems) -> BTreeSet<String> {
    values(capabilities(field, problems)).into_iter().collect()
}

fn capabilities(field: &Field<'_>, problems: &mut Problems) -> Vec<At<String>> {
    let mut words = field.word_list(problems).unwrap_or_default();
    words.retain(|word| check::name("a capability", &word.value, &word.place, problems));
    words
}

fn values(words: Vec<At<String>>) -> Vec<String> {
    words.into_iter().map(|word| word.value).collect()
}

fn tell_twice(agents: &[At<String>], problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for agent in agents.iter().filter(|agent| !seen.insert(&agent.value)) {
        problems.wrong(&agent.place, format!("agent {} stands here twice", quoted(&agent.value)), "take one out");
    }
}

fn strategy(table: &Table<'_>, problems: &mut Problems) -> Option<Strategy> {
    word(table, "strategy", &STRATEGIES, problems)
}

/// One of the words that a key takes.
fn word<T: Copy, const N: usize>(
    table: &Table<'_>,
    key: &str,
    known: &[(&str, T); N],
    problems: &mut Problems,
) -> Option<T> {
    let field = table.field(key)?;
    let text = field.text(problems)?;
    one_of(&field.at(text), known, problems)
}

fn one_of<T: Copy, const N: usize>(word: &At<String>, known: &[(&str, T); N], problems: &mut Problems) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == word.value).map(|(_, value)| *value);
    if found.is_none() {
        unknown_value(&word.value, &known.map(|(name, _)| name), &word.place, problems);
    }
    found
}
