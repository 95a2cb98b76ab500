//! What a test found out that a person should read.

use std::io::Write;

/// Says it where `cargo xtask test` shows it at its end.
#[expect(clippy::disallowed_methods, reason = "the tests of a pure crate may say what they found")]
pub(crate) fn tell(line: &str) {
    tell_whoever_runs_it_alone(line);
    if let Ok(path) = std::env::var("TOLLHOUSE_TEST_FIGURES") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        // One write, so that the lines of tests that run at once stay whole.
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).expect("the file can be written");
    }
}

/// Says it where `--nocapture` shows it.
#[expect(clippy::print_stdout, reason = "who runs a test by itself reads it here")]
pub(crate) fn tell_whoever_runs_it_alone(text: &str) {
    println!("{text}");
}
