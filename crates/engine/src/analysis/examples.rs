//! Runs for the tests of this folder.

use tollhouse_core::spec::RunSpec;

use crate::plan::{Defaults, PromptTexts, Source, read_plan, read_project, resolve};

/// A run of tasks, each of `id: what else it says`, for the agent `a`.
pub(super) fn run(config: &str, tasks: &[(&str, &str)]) -> RunSpec {
    let config = format!("[agents.a]\ncommand = [\"a\"]\n{config}");
    let project = read_project(&Source::new("tollhouse.toml", config)).unwrap();
    let texts: Vec<String> =
        tasks.iter().map(|(id, more)| format!("[[task]]\nid = \"{id}\"\nprompt = \"x\"\n{more}\n")).collect();
    let plan = read_plan(&Source::new("plan.toml", texts.concat()));
    resolve(&project, &plan, &PromptTexts::new(), &Defaults::default()).unwrap()
}
