//! The crates that run anywhere: they compile no C, and build where there is no operating system.

use crate::environment::{Failure, Repo, capture, succeed};
use crate::test::Outcome;

/// What anybody may embed, wherever it runs.
const PURE: [&str; 2] = ["tollhouse-core", "tollhouse-engine"];

/// What a crate depends on that compiles C, or looks for something that was compiled from it. So does `…-sys`.
const COMPILES_C: [&str; 6] = ["cc", "cmake", "pkg-config", "vcpkg", "bindgen", "autotools"];

const WASM: &str = "wasm32-unknown-unknown";

/// Nothing that the pure crates depend on, to be linked or to be built, compiles C.
pub(crate) fn check_no_c(repo: &Repo) -> Result<Outcome, Failure> {
    for package in PURE {
        let arguments =
            ["tree", "--package", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
        let tree = capture(repo.cargo().args(arguments))?;
        let found = those_that_compile_c(&tree);
        if !found.is_empty() {
            let found = found.join(", ");
            return Err(Failure::Refused(format!("{package} must compile no C, and depends on {found}")));
        }
    }
    Ok(Outcome::Passed)
}

/// The pure crates build for a machine without files, clocks and threads, where rustup has brought its library.
pub(crate) fn check_wasm(repo: &Repo) -> Result<Outcome, Failure> {
    let sysroot = capture(repo.isolated("rustc").args(["--print", "sysroot"]))?;
    if !std::path::Path::new(sysroot.trim()).join("lib/rustlib").join(WASM).is_dir() {
        return Ok(Outcome::Skipped("no library for it: rustup target add wasm32-unknown-unknown"));
    }
    let packages = PURE.iter().flat_map(|package| ["--package", package]);
    succeed(repo.cargo().args(["build", "--target", WASM]).args(packages))?;
    Ok(Outcome::Passed)
}

/// Of the lines `NAME vVERSION …`, the names of what compiles C.
fn those_that_compile_c(tree: &str) -> Vec<&str> {
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| COMPILES_C.contains(name) || name.ends_with("-sys"))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compiles_c_is_found_by_its_name() {
        let tree = "tollhouse-state v0.1.0 (/x)\nrusqlite v0.41.1\nlibsqlite3-sys v0.39.1\ncc v1.11.1\ncc v1.11.1 (*)\nccc v1.0.0\n";
        assert_eq!(those_that_compile_c(tree), ["cc", "libsqlite3-sys"]);
    }
}
