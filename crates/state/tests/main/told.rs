//! What a test tells beside yes and no: what it measured, and what it could not try here. `cargo xtask` prints both.

use std::fs::OpenOptions;
use std::io::Write as _;

/// The file that `cargo xtask` reads them from.
const FILE: &str = "TOLLHOUSE_TEST_FIGURES";

/// Says what was measured.
pub(crate) fn figure(of: &str, figure: &str) {
    tell(&format!("{of}: {figure}"));
}

/// Says what this machine cannot try, and why.
pub(crate) fn skipped(what: &str, why: &str) {
    tell(&format!("{what}: skipped: {why}"));
}

#[expect(clippy::print_stdout, reason = "who runs a test by itself reads it here")]
fn tell(line: &str) {
    println!("{line}");
    if let Some(path) = std::env::var_os(FILE) {
        let file = OpenOptions::new().create(true).append(true).open(path);
        // One write, so that the lines of tests that run at once stay whole.
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).expect("the file can be written");
    }
}
