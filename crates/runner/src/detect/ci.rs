//! The files of a CI: each line that is one plain command of a known tool, where it needs no more than a checkout.
//!
//! What comes with services, secrets, conditions or variables of its own is left out: it would not judge the same here.

use super::command::{Calls, changes_surroundings, known, words};
use super::findings::{Check, Findings};
use super::folder::Folder;
use super::make::{has_target, makefile};
use super::yaml::{Node, read};

/// More workflows than these are not looked at.
const FILES_MAX: usize = 50;

/// Where GitHub looks for its workflows.
const WORKFLOWS: &str = ".github/workflows";

/// What a step may say beside its command.
const STEP_KEYS: [&str; 6] = ["name", "id", "run", "working-directory", "shell", "timeout-minutes"];

pub(super) fn look(root: &Folder, found: &mut Findings) {
    for name in root.files_in(WORKFLOWS, &["yml", "yaml"]).into_iter().take(FILES_MAX) {
        let path = format!("{WORKFLOWS}/{name}");
        if let Some(file) = root.read(&path) {
            workflow(&Place { root, file: &path }, &read(&file.text), found);
        }
    }
    if let Some(file) = root.read(".gitlab-ci.yml") {
        pipeline(&Place { root, file: ".gitlab-ci.yml" }, &read(&file.text), found);
    }
}

/// The file that is read, and the repository that it is of.
struct Place<'a> {
    root: &'a Folder,
    file: &'a str,
}

impl Place<'_> {
    /// Takes a line, if it is a check.
    fn take(&self, line: &str, number: usize, dir: &str, found: &mut Findings) {
        let Some(known) = words(line).and_then(|words| known(&words)) else { return };
        let Some(folder) = self.root.inner(dir) else { return };
        let is_there = match &known.calls {
            Calls::Nothing => true,
            Calls::Script(script) => {
                let manifest = folder.manifest("package.json");
                manifest.is_some_and(|manifest| {
                    // The placeholder of `npm init` says no to everything.
                    manifest.text(&["scripts", script]).is_some_and(|script| !script.contains("no test specified"))
                })
            }
            Calls::Target(target) => makefile(&folder).is_some_and(|file| has_target(&file, target)),
        };
        if is_there {
            let because = format!("{}, line {number}", self.file);
            found
                .say(Check::new(known.identity, known.kind, line.trim(), because).named(known.name).in_folder(&folder));
        }
    }

    /// Takes a text of one or more lines, if each of them is a plain command.
    fn take_text(&self, text: &str, number: usize, dir: &str, found: &mut Findings) {
        let is_plain =
            |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#') || words(line).is_some();
        if text.lines().all(is_plain) {
            for (at, line) in text.lines().enumerate() {
                self.take(line, number + at, dir, found);
            }
        }
    }
}

/// A workflow of GitHub, if it is one that judges changes.
fn workflow(place: &Place<'_>, file: &Node, found: &mut Findings) {
    if !judges_changes(file) {
        return;
    }
    let Some(dir) = dir_of(file, ".") else { return };
    for (_, job) in file.get("jobs").map(Node::entries).unwrap_or_default() {
        let elsewhere = ["services", "container", "uses"].iter().any(|key| job.get(key).is_some());
        let windows = job.get("runs-on").and_then(Node::text).is_some_and(|on| on.starts_with("windows"));
        let Some(dir) = dir_of(job, &dir).filter(|_| !elsewhere && !windows) else { continue };
        for step in job.get("steps").map(Node::items).unwrap_or_default() {
            let bare = step.entries().iter().all(|(key, _)| STEP_KEYS.contains(&key.as_str()));
            let shell = step.get("shell").is_none_or(|shell| matches!(shell.text(), Some("bash" | "sh")));
            let dir = match step.get("working-directory") {
                None => Some(dir.as_str()),
                Some(named) => named.text(),
            };
            if let (Some(Node::Text(text, number)), Some(dir), true) = (step.get("run"), dir, bare && shell) {
                place.take_text(text, *number, dir, found);
            }
        }
    }
}

/// Whether a workflow runs for what people push or propose, not only by hand, by the clock or for a release.
fn judges_changes(file: &Node) -> bool {
    let is_change = |event: &str| matches!(event, "push" | "pull_request" | "merge_group");
    match file.get("on") {
        Some(Node::Text(event, _)) => is_change(event),
        Some(Node::List(events)) => events.iter().filter_map(Node::text).any(is_change),
        Some(Node::Map(events)) => events.iter().any(|(event, _)| is_change(event)),
        // A list in brackets, which is not read: mostly push and pull_request.
        Some(Node::Unread) => true,
        None => false,
    }
}

/// The folder that the commands of a workflow or a job run in; `None` where that is not plainly said.
fn dir_of(node: &Node, above: &str) -> Option<String> {
    match node.get("defaults").map(|defaults| defaults.get("run").and_then(|run| run.get("working-directory"))) {
        None | Some(None) => Some(above.to_owned()),
        Some(Some(dir)) => dir.text().map(str::to_owned),
    }
}

/// A pipeline of GitLab: each item of a job's script is a command of its own.
fn pipeline(place: &Place<'_>, file: &Node, found: &mut Findings) {
    if file.get("services").is_some() || moves_away(file) {
        return;
    }
    for (_, job) in file.entries() {
        let elsewhere = job.get("services").is_some() || job.get("trigger").is_some() || moves_away(job);
        let by_hand = job.get("when").and_then(Node::text) == Some("manual");
        if elsewhere || by_hand {
            continue;
        }
        let script = job.get("script");
        let items = match script {
            Some(one @ Node::Text(..)) => std::slice::from_ref(one),
            Some(many) => many.items(),
            None => &[],
        };
        for item in items {
            let Node::Text(text, number) = item else { break };
            if text.lines().any(changes_surroundings) {
                break;
            }
            place.take_text(text, *number, ".", found);
        }
    }
}

/// Whether what runs before a script leaves the folder, or cannot be read.
fn moves_away(node: &Node) -> bool {
    let leaves =
        |item: &Node| item.text().is_none_or(|text| text.lines().any(|line| line.trim_start().starts_with("cd ")));
    match node.get("before_script") {
        None => false,
        Some(Node::List(items)) => items.iter().any(leaves),
        Some(one) => leaves(one),
    }
}
