//! `docs/state-machines.md`, made from the tables.

use std::fmt::Write;

use super::machine::{Machine, all};

fn document() -> String {
    let mut text = String::from(
        "# State machines\n\nEvery lifecycle, made from its `next` table in `crates/core/src/lifecycle/`. † marks a finished state; one \
         that leads to the end is never left. Where an event leads to one of several states, a guard chooses. \
         [lifecycles.json](lifecycles.json) has the same tables for programs.\n\nA test compares this file with the tables; \
         `UPDATE_EXPECT=1 cargo nextest run -p tollhouse-core state_machines` writes it.\n",
    );
    for machine in all() {
        let _ = write!(text, "\n## {}\n\n{}\n\n", title(machine.name), machine.purpose);
        diagram(&mut text, &machine);
        rows(&mut text, &machine);
        notes(&mut text, &machine);
    }
    text
}

fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    words[..1].to_uppercase() + &words[1..]
}

fn diagram(text: &mut String, machine: &Machine) {
    text.push_str("```mermaid\nstateDiagram-v2\n");
    for state in &machine.finished {
        let _ = writeln!(text, "    {state}: {state} †");
    }
    let _ = writeln!(text, "    [*] --> {}: created", machine.states[0]);
    let notes = machine.notes();
    for from in machine.states {
        for to in machine.states {
            let leads = |event: &&str| !notes.contains(event) && machine.targets(from, event).contains(to);
            let events: Vec<&str> = machine.events_of(from).into_iter().filter(leads).collect();
            if !events.is_empty() {
                let _ = writeln!(text, "    {from} --> {to}: {}", events.join(", "));
            }
        }
    }
    for state in &machine.terminal {
        let _ = writeln!(text, "    {state} --> [*]");
    }
    text.push_str("```\n");
}

fn rows(text: &mut String, machine: &Machine) {
    let notes = machine.notes();
    let mut rows = String::new();
    for from in machine.states {
        for event in machine.events_of(from).into_iter().filter(|event| !notes.contains(event)) {
            let _ = writeln!(rows, "| {from} | {event} | {} |", machine.targets(from, event).join(", "));
        }
    }
    if !rows.is_empty() {
        let _ = write!(text, "\n| From | Event | To |\n|---|---|---|\n{rows}");
    }
}

fn notes(text: &mut String, machine: &Machine) {
    let notes = machine.notes();
    if notes.is_empty() {
        return;
    }
    let of_note = |event: &str| {
        let takes = |state: &&&str| machine.events_of(state).contains(&event);
        let states: Vec<&str> = machine.states.iter().filter(takes).copied().collect();
        let place = if states.len() == machine.states.len() { "any state".to_owned() } else { states.join(", ") };
        format!("`{event}` in {place}")
    };
    let notes: Vec<String> = notes.into_iter().map(of_note).collect();
    let _ = write!(text, "\nMoves no state: {}.\n", notes.join("; "));
}

#[test]
fn state_machines_in_the_docs_are_those_of_the_tables() {
    expect_test::expect_file!["../../../../../docs/state-machines.md"].assert_eq(&document());
}
