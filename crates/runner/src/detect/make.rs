//! Make: the targets of a makefile, for the kinds of checks that nothing else was found for: they mostly call the same.

use tollhouse_core::spec::GateKind;
use tollhouse_engine::plan::Source;

use super::findings::{Check, Findings};
use super::folder::Folder;

/// Where make looks, in its order.
const FILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];

pub(super) fn look(folder: &Folder, found: &mut Findings) {
    let Some(file) = makefile(folder) else { return };
    let mut offer = |target: &str, kind: GateKind| {
        let is_new = has_target(&file, target) && !found.has_kind(kind, folder);
        if is_new {
            let check = Check::new("make", kind, format!("make {target}"), file.file.clone());
            found.offer(check.named(format!("make-{target}")).in_folder(folder));
        }
    };
    for target in ["lint", "vet", "fmt-check", "format-check", "check-format"] {
        offer(target, GateKind::Lint);
    }
    // `check` is the word of those who know autotools, and often stands for all there is.
    for target in ["test", "check"] {
        offer(target, GateKind::Unit);
    }
}

pub(super) fn makefile(folder: &Folder) -> Option<Source> {
    FILES.into_iter().find_map(|name| folder.read(name))
}

/// Whether a makefile has a rule for a target. Speaking of it, as `.PHONY` does, is none.
pub(super) fn has_target(file: &Source, target: &str) -> bool {
    file.text.lines().any(|line| {
        let Some((targets, rest)) = line.split_once(':') else { return false };
        let assigns = targets.contains('=') || ["=", ":=", "::="].iter().any(|sign| rest.starts_with(sign));
        let is_rule = !assigns && !line.starts_with([' ', '\t', '#', '.']);
        is_rule && targets.split_ascii_whitespace().any(|one| one == target)
    })
}
