//! Go: `go.mod`, `go.work`, and the files of its linters.

use tollhouse_core::spec::GateKind;

use super::findings::{Check, Findings};
use super::folder::Folder;

/// More modules of a workspace than these are not looked at.
const MODULES_MAX: usize = 20;

pub(super) fn look(folder: &Folder, found: &mut Findings) {
    let Some(module) = folder.read("go.mod") else {
        workspace(folder, found);
        return;
    };
    let linter = folder.first(&[".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json"]);
    if let Some(file) = linter {
        let run = "golangci-lint run";
        found.offer(Check::new("golangci-lint", GateKind::Lint, run, folder.name_of(file)).in_folder(folder));
    }
    let because = folder.name_of("go.mod");
    found.offer(Check::new("go-test", GateKind::Unit, "go test ./...", because).in_folder(folder));
    let line = module.text.lines().find_map(|line| line.strip_prefix("module "));
    found.name(line.and_then(|path| path.split("//").next()?.trim().rsplit('/').next()));
}

/// The modules that `go.work` uses: `./...` means those of one module only.
fn workspace(folder: &Folder, found: &mut Findings) {
    let Some(file) = folder.read("go.work") else { return };
    let mut inside = false;
    let mut modules = Vec::new();
    for line in file.text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        match (inside, line.strip_prefix("use")) {
            (true, _) if line == ")" => inside = false,
            (true, _) if !line.is_empty() => modules.push(line),
            (false, Some(rest)) if rest.trim() == "(" => inside = true,
            (false, Some(rest)) if rest.starts_with(' ') => modules.push(rest.trim()),
            _ => {}
        }
    }
    for module in modules.into_iter().take(MODULES_MAX).filter_map(|module| folder.inner(module)) {
        if module.has("go.mod") {
            look(&module, found);
        }
    }
}
