//! `tollhouse.toml` as text: what was found, where, and how sure that is, with comments for people.

use std::fmt::Write as _;

use tollhouse_core::spec::GateKind;

use super::{Detected, DetectedAgent};
use crate::git::{Certainty, DefaultBranch};

/// A `tollhouse.toml` that says what was found, with comments for people. `target` is the branch that work starts from.
pub fn render(found: &Detected, target: &DefaultBranch) -> String {
    let mut text =
        String::from("# What agents may do here, and what a change must pass before it lands.\n\n[project]\n");
    if let Some(name) = &found.name {
        line(&mut text, format_args!("name = {}", quoted(name)));
    }
    let name = &target.name;
    match target.certainty {
        Certainty::Sure => {}
        Certainty::Elsewhere => {
            line(&mut text, format_args!("# It is not here yet: `git branch {name} origin/{name}` makes it."));
        }
        Certainty::Guess => text.push_str("# Not sure: nothing says which of the branches work starts from.\n"),
    }
    line(&mut text, format_args!("target = {}", quoted(name)));
    line(&mut text, format_args!("# Changes land on {}.", quoted(&format!("toll/{name}"))));
    if let Some(setup) = &found.setup {
        line(&mut text, format_args!("\n# Makes each fresh checkout ready.\n[workspace]\nsetup = {}", quoted(setup)));
    }
    agents(&mut text, &found.agents);
    text.push_str(
        "\n# What a change may touch: everything but this file, unless you say less.\n\
         # [policy]\n# write = [\"src/**\", \"tests/**\"]\n# forbid = [\"secrets/**\"]\n# max_lines_changed = 1000\n",
    );
    for gate in &found.gates {
        line(&mut text, format_args!("\n# Found in {}.", gate.because));
        if let Some(doubt) = &gate.doubt {
            line(&mut text, format_args!("# Not sure: {doubt}."));
        }
        text.push_str("[[gate]]\n");
        line(&mut text, format_args!("name = {}\nkind = \"{}\"", quoted(&gate.name), kind_name(gate.kind)));
        line(&mut text, format_args!("run = {}", quoted(&gate.run)));
        if let Some(cwd) = &gate.cwd {
            line(&mut text, format_args!("cwd = {}", quoted(cwd)));
        }
        if !gate.env_pass.is_empty() {
            let names: Vec<String> = gate.env_pass.iter().map(|name| quoted(name)).collect();
            line(&mut text, format_args!("env_pass = [{}]", names.join(", ")));
        }
    }
    if found.gates.is_empty() {
        text.push_str(
            "\n# No tests were found here. A change lands without a check until there is a gate.\n\
             # [[gate]]\n# name = \"unit\"\n# run = \"the command that runs your tests\"\n",
        );
    }
    text
}

fn agents(text: &mut String, agents: &[DetectedAgent]) {
    if agents.is_empty() {
        text.push_str(
            "\n# Who does the work: any program. The prompt is on its standard input, the checkout is its folder.\n\
             # [agents.mine]\n# command = [\"program\", \"argument\"]\n",
        );
    } else {
        text.push_str("\n# Who does the work. The prompt is on its standard input, the checkout is its folder.\n");
    }
    for agent in agents {
        let words: Vec<String> = agent.command.iter().map(|word| quoted(word)).collect();
        line(text, format_args!("[agents.{}]\ncommand = [{}]", agent.name, words.join(", ")));
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}

/// A basic string of TOML on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn kind_name(kind: GateKind) -> &'static str {
    match kind {
        GateKind::Lint => "lint",
        GateKind::Unit => "unit",
        GateKind::Integration => "integration",
        GateKind::E2e => "e2e",
        GateKind::Security => "security",
        GateKind::Custom => "custom",
    }
}
