//! What makes a shell complete `toll`.

use crate::harness::{Bench, run};

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    let bench = Bench::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = bench.toll(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}\n{said}");
        let knows = ["explain", "backup", "--ledger", "--max-parallel"].iter().all(|word| {
            // Fish names a flag without its dashes.
            said.out.contains(word) || said.out.contains(word.trim_start_matches("--"))
        });
        assert!(knows, "{shell}\n{said}");
    }
}

#[test]
fn script_for_the_shell_that_is_here_is_one_that_it_reads() {
    let bench = Bench::empty();
    let script = bench.toll(&["completions", "bash"]).out;
    bench.write("../toll.bash", script);
    let bash = bench.isolated("bash").arg("-n").arg("../toll.bash").output();
    // Not every machine has bash.
    let Ok(output) = bash else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn unknown_shell_is_a_usage_error_that_names_the_known_ones() {
    let said = run(&mut Bench::empty().command(&["completions", "tcsh"]));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{said}");
}
