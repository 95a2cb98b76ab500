//! What only those who see the repository know to be missing, told where the configuration speaks of it.

use super::node::{self, Value};
use super::problem::{Place, Problem, Problems, Source};

/// The branch that work starts from is not there: said where the configuration names it.
pub fn target_missing(source: &Source, target: &str) -> Problem {
    let mut problems = Problems::default();
    let root = node::read(source, &mut Problems::default());
    let at = ["project", "target"].iter().try_fold(&root, |node, key| match &node.value {
        Value::Table(entries) => entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.node),
        _ => None,
    });
    let place = at.map_or_else(Place::default, |node| Place { at: node.at, pointer: "/project/target".to_owned() });
    let hint = format!("`git branch --list` shows what there is; `git branch {target}` makes it");
    problems.wrong(&place, format!("branch `{target}` is not there"), hint);
    let mut told = problems.finish(source);
    told.remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_is_missed_where_it_is_named() {
        let source = Source::new("tollhouse.toml", "[project]\nname = \"x\"\ntarget = \"gone\"\n");
        assert_eq!(
            target_missing(&source, "gone").to_string(),
            "tollhouse.toml:3:10: branch `gone` is not there; `git branch --list` shows what there is; `git branch gone` makes it"
        );
        assert_eq!(target_missing(&Source::new("tollhouse.toml", ""), "gone").line, 1);
    }
}
