//! What an exploration tells beside yes and no: how far it came. `cargo xtask` prints it.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Says what was measured.
#[expect(clippy::print_stdout, reason = "who runs a test by itself reads it here")]
#[expect(clippy::disallowed_methods, reason = "`cargo xtask` says where it reads the figures")]
pub(super) fn figure(of: &str, figure: &str) {
    let line = format!("exploration, {of}: {figure}");
    println!("{line}");
    if let Some(path) = std::env::var_os("TOLLHOUSE_TEST_FIGURES") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        // One write, so that the lines of tests that run at once stay whole.
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).expect("the file can be written");
    }
}
