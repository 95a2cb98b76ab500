//! What `toll` says of itself.

use std::collections::BTreeSet;

use crate::harness::Bench;

/// Every command, as it is called.
const COMMANDS: &[&str] = &[
    "",
    "demo",
    "init",
    "check",
    "do",
    "run",
    "runs",
    "status",
    "log",
    "explain",
    "task",
    "task list",
    "task show",
    "task add",
    "task retry",
    "task skip",
    "task cancel",
    "worker",
    "worker list",
    "worker drain",
    "worker pause",
    "worker resume",
    "patch",
    "patch list",
    "patch show",
    "patch checkout",
    "patch release",
    "patch drop",
    "gate",
    "gate list",
    "gate run",
    "gate show",
    "submit",
    "land",
    "sync",
    "resume",
    "pause",
    "cancel",
    "fork",
    "purge",
    "gc",
    "verify",
    "doctor",
    "backup",
    "restore",
    "schema",
    "completions",
];

fn help(command: &str) -> String {
    let args: Vec<&str> = command.split_ascii_whitespace().chain(["--help"]).collect();
    let said = Bench::empty().toll(&args);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "toll {command} --help\n{said}");
    said.out
}

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A line that goes on begins further to the right.
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn help_of_every_command_is_as_it_was_read_last() {
    for command in COMMANDS {
        let name = format!("toll {command}").trim_end().replace(' ', "-");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, help(command));
        });
    }
}

#[test]
fn every_command_is_listed_and_read() {
    let mut found = BTreeSet::from([String::new()]);
    for command in listed(&help("")) {
        for inner in listed(&help(&command)) {
            found.insert(format!("{command} {inner}"));
        }
        found.insert(command);
    }
    assert_eq!(found, COMMANDS.iter().map(|command| (*command).to_owned()).collect());
}

#[test]
fn help_fits_in_a_hundred_columns() {
    for command in COMMANDS {
        let text = help(command);
        let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
        assert_eq!(wide, [""; 0], "toll {command} --help");
    }
}

#[test]
fn version_is_that_of_the_package() {
    assert_eq!(Bench::empty().toll(&["--version"]).out, format!("toll {}\n", env!("CARGO_PKG_VERSION")));
}
