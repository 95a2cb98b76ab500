//! The gates of a project: `[[gate]]` as it is written.

use std::collections::BTreeSet;

use tollhouse_core::limits::{GATE_RETRIES_MAX, GATE_TIMEOUT_DEFAULT};
use tollhouse_core::spec::{GateKind, GateSpec, OnFlaky, Program, Requirement};

use super::check;
use super::config::unknown_value;
use super::graph::{Needy, tell_needs};
use super::problem::{Lines, Problems};
use super::read::{At, Field, Table};
use super::tasks::TIMEOUT_MAX;

/// The keys of a gate.
const KEYS: [&str; 12] =
    ["name", "kind", "run", "paths", "timeout", "needs", "cwd", "env", "env_pass", "required", "retries", "flaky"];

/// Promised, and not there yet.
const LATER: [&str; 4] = ["junit", "baseline", "criteria", "phase"];

/// The kinds, as they are written.
const KINDS: [(&str, GateKind); 6] = [
    ("lint", GateKind::Lint),
    ("unit", GateKind::Unit),
    ("integration", GateKind::Integration),
    ("e2e", GateKind::E2e),
    ("security", GateKind::Security),
    ("custom", GateKind::Custom),
];

/// What follows where a gate contradicts itself, as it is written.
const FLAKY: [(&str, OnFlaky); 3] = [("hold", OnFlaky::Hold), ("fail", OnFlaky::Fail), ("pass", OnFlaky::Pass)];

/// A gate, with the places that are needed once all are known.
struct Draft {
    name: At<String>,
    needs: Vec<At<String>>,
    spec: GateSpec,
}

/// Reads `[[gate]]`.
pub(super) fn read(field: &Field<'_>, lines: &Lines, problems: &mut Problems) -> Vec<GateSpec> {
    let items = field.items(problems).unwrap_or_default();
    let mut drafts = Vec::with_capacity(items.len());
    for item in items {
        drafts.extend(item.table(problems).and_then(|table| gate(&table, problems)));
    }
    let needy: Vec<Needy<'_>> = drafts.iter().map(|draft| Needy { name: &draft.name, needs: &draft.needs }).collect();
    tell_needs("gate", &needy, &BTreeSet::new(), lines, problems);
    drafts.into_iter().map(|draft| draft.spec).collect()
}

fn gate(table: &Table<'_>, problems: &mut Problems) -> Option<Draft> {
    table.expect_keys(&KEYS, &LATER, problems);
    let run = table.field("run").map(|field| field.program(problems));
    if table.lacks("run", &KEYS) {
        problems.absent(&table.place, "a gate without run", "add run = \"the command\"");
    }
    let needs = table.field("needs").and_then(|field| field.word_list(problems)).unwrap_or_default();
    let paths = table.field("paths").and_then(|field| check::globs(&field, problems)).unwrap_or_default();
    let timeout = table.field("timeout").and_then(|field| field.span(TIMEOUT_MAX, problems));
    let cwd = table.field("cwd").and_then(|field| {
        let path = field.words(problems).map(|path| field.at(path))?;
        check::inner_path(&path, problems).then_some(path.value)
    });
    let kind = kind(table, problems);
    let env = table.field("env").map(|field| check::env(&field, problems)).unwrap_or_default();
    let env_pass = table.field("env_pass").map(|field| check::env_pass(&field, problems)).unwrap_or_default();
    let required = table.field("required").and_then(|field| field.flag(problems)).unwrap_or(true);
    let requirement = if required { Requirement::Required } else { Requirement::Advisory };
    if table.lacks("name", &KEYS) {
        problems.absent(&table.place, "a gate without name", "add name = \"unit\"");
    }
    let field = table.field("name")?;
    let name = field.text(problems)?;
    check::name("a gate", &name, &field.place, problems);
    let spec = GateSpec {
        name: name.clone(),
        kind,
        run: run.flatten().unwrap_or_else(|| Program::Argv(Vec::new())),
        paths: paths.into_iter().map(|glob| glob.value).collect(),
        cwd,
        env,
        env_pass,
        timeout: timeout.unwrap_or(GATE_TIMEOUT_DEFAULT),
        needs: needs.iter().map(|need| need.value.clone()).collect(),
        requirement,
        retries: table.field("retries").and_then(|field| field.count_u32(0..=GATE_RETRIES_MAX, problems)).unwrap_or(0),
        flaky: flaky(table, problems),
    };
    Some(Draft { name: field.at(name), needs, spec })
}

fn flaky(table: &Table<'_>, problems: &mut Problems) -> OnFlaky {
    let Some(field) = table.field("flaky") else { return OnFlaky::default() };
    let Some(text) = field.text(problems) else { return OnFlaky::default() };
    if let Some((_, flaky)) = FLAKY.iter().find(|(name, _)| *name == text) {
        return *flaky;
    }
    unknown_value(&text, &FLAKY.map(|(name, _)| name), &field.place, problems);
    OnFlaky::default()
}

fn kind(table: &Table<'_>, problems: &mut Problems) -> GateKind {
    let Some(field) = table.field("kind") else { return GateKind::Custom };
    let Some(text) = field.text(problems) else { return GateKind::Custom };
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text) {
        return *kind;
    }
    unknown_value(&text, &KINDS.map(|(name, _)| name), &field.place, problems);
    GateKind::Custom
}
