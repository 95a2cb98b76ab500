//! Programs that are installed, agents before all: looked for on the search path, never run.

use std::ffi::OsStr;

use super::DetectedAgent;

/// Agents that take the prompt on standard input, with what makes them edit files without asking.
const AGENTS: [(&str, &[&str]); 2] = [
    ("claude", &["claude", "-p", "--permission-mode", "acceptEdits"]),
    ("codex", &["codex", "exec", "--sandbox", "workspace-write", "-"]),
];

pub(super) fn agents_on(path: Option<&OsStr>) -> Vec<DetectedAgent> {
    let there = AGENTS.into_iter().filter(|(name, _)| is_on(path, name));
    there
        .map(|(name, command)| DetectedAgent {
            name: name.to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
        })
        .collect()
}

/// Whether a program is on a search path.
pub(super) fn is_on(path: Option<&OsStr>, program: &str) -> bool {
    let mut folders = path.map(std::env::split_paths).into_iter().flatten();
    folders.any(|folder| folder.is_absolute() && folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_found_where_the_search_path_has_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("claude"), "").unwrap();
        let names = |path: &OsStr| agents_on(Some(path)).into_iter().map(|agent| agent.name).collect::<Vec<_>>();
        assert_eq!(names(folder.path().as_os_str()), ["claude"]);
        assert_eq!(names(OsStr::new("")), Vec::<String>::new());
        assert_eq!(agents_on(None), []);
    }
}
