//! Rust: `Cargo.toml`, and the files that tell its tools how.

use tollhouse_core::spec::GateKind;

use super::findings::{Check, Findings};
use super::folder::Folder;

pub(super) fn look(folder: &Folder, found: &mut Findings) {
    let Some(manifest) = folder.manifest("Cargo.toml") else { return };
    let many = manifest.has(&["workspace"]);
    let all = if many { " --workspace" } else { "" };
    let because = folder.name_of("Cargo.toml");
    if let Some(file) = folder.first(&["rustfmt.toml", ".rustfmt.toml"]) {
        let run = if many { "cargo fmt --all --check" } else { "cargo fmt --check" };
        found.offer(Check::new("rustfmt", GateKind::Lint, run, folder.name_of(file)).in_folder(folder));
    }
    let lints = manifest.has(&["lints", "clippy"]) || manifest.has(&["workspace", "lints", "clippy"]);
    if let Some(file) = folder.first(&["clippy.toml", ".clippy.toml"]).or(lints.then_some("Cargo.toml")) {
        let run = format!("cargo clippy{all} --all-targets -- -D warnings");
        let check = Check::new("clippy", GateKind::Lint, run, folder.name_of(file)).in_folder(folder);
        found.offer(check.doubt("nothing says that a warning is an error; without `-- -D warnings` it is none"));
    }
    let test = Check::new("cargo-test", GateKind::Unit, format!("cargo test{all}"), because);
    found.offer(test.in_folder(folder));
    found.name(manifest.text(&["package", "name"]));
}
