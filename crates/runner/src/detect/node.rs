//! JavaScript and TypeScript: the scripts of `package.json`, and the package manager that its lock file chooses.

use tollhouse_core::spec::GateKind;
use tollhouse_engine::plan::Manifest;

use super::findings::{Check, Findings};
use super::folder::Folder;

/// More packages of a workspace than these are not looked at.
const PACKAGES_MAX: usize = 200;

/// The scripts that are checks, where there are such.
const SCRIPTS: [&str; 9] = [
    "lint",
    "typecheck",
    "type-check",
    "check-types",
    "format:check",
    "fmt:check",
    "check:format",
    "prettier:check",
    "test",
];

pub(super) fn look(folder: &Folder, found: &mut Findings) {
    let Some(manifest) = folder.manifest("package.json") else { return };
    let (tool, setup) = manager(folder, &manifest);
    let because = folder.name_of("package.json");
    let scripts = checks(&manifest);
    for (name, script) in &scripts {
        let (kind, identity) = of_script(name);
        let check = Check::new(identity, kind, format!("{tool} run {name}"), because.clone());
        found.offer(with_doubt(check.named(named(tool, name)), script).in_folder(folder));
    }
    if scripts.is_empty() {
        packages(folder, &manifest, tool, found);
    }
    found.setup(folder, setup);
    found.name(manifest.text(&["name"]));
}

/// The scripts that are checks, and what they run.
fn checks(manifest: &Manifest) -> Vec<(String, String)> {
    let scripts = manifest.entries(&["scripts"]);
    let is_check = |script: &str| {
        // What `npm init` writes where there are no tests, and what never ends.
        let never_ends = script.split_ascii_whitespace().any(|word| word == "--watch" || word == "--watchAll");
        !script.contains("no test specified") && !script.trim().is_empty() && !never_ends
    };
    let of = |wanted: &&str| scripts.iter().find(|(name, script)| name == wanted && is_check(script));
    let mut found: Vec<_> = SCRIPTS.iter().filter_map(of).collect();
    // One script for everything, where there is none for each.
    if found.is_empty() {
        found.extend(of(&"check"));
    }
    found.into_iter().map(|(name, script)| ((*name).to_owned(), (*script).to_owned())).collect()
}

/// What kind of check a script of this name is, and what else is the same check.
pub(super) fn of_script(name: &str) -> (GateKind, &'static str) {
    match name {
        "lint" => (GateKind::Lint, "node-lint"),
        "test" => (GateKind::Unit, "node-test"),
        "check" => (GateKind::Custom, "node-check"),
        name if name.starts_with("test:") => (GateKind::Unit, "node-test"),
        name if name.contains("type") => (GateKind::Lint, "node-types"),
        name if name.starts_with("lint:") => (GateKind::Lint, "node-lint"),
        _ => (GateKind::Lint, "node-format"),
    }
}

/// A gate's name for a script.
pub(super) fn named(tool: &str, script: &str) -> String {
    format!("{tool}-{}", script.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
}

fn with_doubt(check: Check, script: &str) -> Check {
    let mends = script.split_ascii_whitespace().any(|word| word == "--fix" || word == "--write");
    if mends { check.doubt("it mends what it can, and says no only to the rest") } else { check }
}

/// The package manager, and what makes a fresh checkout ready.
fn manager(folder: &Folder, manifest: &Manifest) -> (&'static str, Option<&'static str>) {
    let yarn = if folder.has(".yarnrc.yml") { "yarn install --immutable" } else { "yarn install --frozen-lockfile" };
    let by_lock = [
        ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn", yarn),
        ("bun.lock", "bun", "bun install --frozen-lockfile"),
        ("bun.lockb", "bun", "bun install --frozen-lockfile"),
        ("package-lock.json", "npm", "npm ci"),
        ("npm-shrinkwrap.json", "npm", "npm ci"),
    ];
    if let Some((_, tool, setup)) = by_lock.into_iter().find(|(lock, ..)| folder.has(lock)) {
        return (tool, Some(setup));
    }
    let named = manifest.text(&["packageManager"]).and_then(|named| named.split('@').next());
    let tool = ["pnpm", "yarn", "bun"].into_iter().find(|tool| named == Some(*tool)).unwrap_or("npm");
    let needs = manifest.has(&["dependencies"]) || manifest.has(&["devDependencies"]);
    // None that would write a lock file where people want none.
    let unlocked = match tool {
        "npm" => "npm install --no-package-lock",
        "pnpm" => "pnpm install --no-lockfile",
        "yarn" => "yarn install --no-lockfile",
        _ => "bun install --no-save",
    };
    (tool, needs.then_some(unlocked))
}

/// The tests of a workspace's packages, where the root has no script of its own.
fn packages(folder: &Folder, manifest: &Manifest, tool: &'static str, found: &mut Findings) {
    let (patterns, because, each) = match tool {
        "npm" => (workspaces(manifest), "package.json", "--workspaces --if-present"),
        "pnpm" => (pnpm_workspaces(folder), "pnpm-workspace.yaml", ""),
        _ => return,
    };
    let mut dirs: Vec<String> = Vec::new();
    for pattern in patterns {
        match pattern.strip_suffix("/*") {
            Some(parent) => dirs.extend(folder.folders_in(parent).into_iter().map(|name| format!("{parent}/{name}"))),
            None => dirs.push(pattern),
        }
    }
    let manifests: Vec<Manifest> =
        dirs.iter().take(PACKAGES_MAX).filter_map(|dir| folder.inner(dir)?.manifest("package.json")).collect();
    for script in ["lint", "test"] {
        if manifests.iter().any(|manifest| checks(manifest).iter().any(|(name, _)| name == script)) {
            let run = if each.is_empty() {
                format!("{tool} --recursive --if-present run {script}")
            } else {
                format!("{tool} run {script} {each}")
            };
            let (kind, identity) = of_script(script);
            let check = Check::new(identity, kind, run, folder.name_of(because)).named(named(tool, script));
            found.offer(check.in_folder(folder));
        }
    }
}

fn workspaces(manifest: &Manifest) -> Vec<String> {
    let lists = [manifest.texts(&["workspaces"]), manifest.texts(&["workspaces", "packages"])];
    lists.into_iter().flatten().map(str::to_owned).collect()
}

fn pnpm_workspaces(folder: &Folder) -> Vec<String> {
    let Some(file) = folder.read("pnpm-workspace.yaml") else { return Vec::new() };
    let read = super::yaml::read(&file.text);
    let packages = read.get("packages").map(super::yaml::Node::items).unwrap_or_default();
    packages.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
}
