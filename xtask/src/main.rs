//! The project's own tasks, `cargo xtask …`: what a shell script would do badly. Parses, and hands over.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person at a terminal is what it is for")]

mod environment;
mod purity;
mod python;
mod schemas;
mod soak;
mod test;
mod tool;

use std::process::ExitCode;

use environment::{Draws, Failure, Repo};

const USAGE: &str = "\
cargo xtask test    [--rounds N] [--seed N]   everything that must be green before a commit
cargo xtask soak    [--rounds N] [--seed N]   the same, drawing many more rounds
cargo xtask schemas [--check]                 write schemas/ from the Rust types, or say what differs
cargo xtask bench   [ARGUMENT…]               run the benchmarks; arguments go to them

--rounds N   how many cases a drawn test draws (64; soak: 1024)
--seed N     draw what an earlier run drew; that run printed its seed";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let (task, rest) = arguments.split_first().ok_or_else(|| Failure::Usage("which task?".into()))?;
    match task.as_str() {
        "test" => test::run("test", &Repo::open(parse_draws(rest, test::ROUNDS)?)?),
        "soak" => soak::run(&Repo::open(parse_draws(rest, soak::ROUNDS)?)?),
        "schemas" => schemas(rest),
        "bench" => bench(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(Failure::Usage(format!("there is no task `{other}`"))),
    }
}

fn schemas(rest: &[String]) -> Result<(), Failure> {
    let repo = Repo::open(Draws::fresh(test::ROUNDS))?;
    match rest {
        [] => schemas::write(&repo),
        [flag] if flag == "--check" => schemas::check(&repo),
        _ => Err(Failure::Usage("`schemas` takes `--check` or nothing".into())),
    }
}

fn bench(rest: &[String]) -> Result<(), Failure> {
    let repo = Repo::open(Draws::fresh(test::ROUNDS))?;
    environment::succeed(repo.cargo().args(["bench", "--workspace", "--bench", "*", "--"]).args(rest))
}

fn parse_draws(rest: &[String], rounds_default: u32) -> Result<Draws, Failure> {
    let mut draws = Draws::fresh(rounds_default);
    let mut words = rest.iter();
    while let Some(flag) = words.next() {
        let value = words.next();
        match (flag.as_str(), value) {
            ("--rounds", Some(value)) => draws.rounds = parse_number(flag, value)?,
            ("--seed", Some(value)) => draws.seed = parse_number(flag, value)?,
            ("--rounds" | "--seed", None) => return Err(Failure::Usage(format!("`{flag}` needs a number"))),
            _ => return Err(Failure::Usage(format!("`{flag}` is not an option here"))),
        }
    }
    if draws.rounds == 0 {
        return Err(Failure::Usage("`--rounds 0` would test nothing".into()));
    }
    Ok(draws)
}

fn parse_number<N: std::str::FromStr>(flag: &str, value: &str) -> Result<N, Failure> {
    value.parse().map_err(|_| Failure::Usage(format!("`{flag} {value}`: not a number that fits")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws_of(line: &str) -> Result<Draws, Failure> {
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        parse_draws(&words, 64)
    }

    #[test]
    fn rounds_and_seed_are_taken_from_the_line() {
        let draws = draws_of("--seed 7 --rounds 3").expect("a good line");
        assert_eq!((draws.rounds, draws.seed), (3, 7));
    }

    #[test]
    fn rounds_default_when_not_given() {
        assert_eq!(draws_of("").expect("an empty line").rounds, 64);
    }

    #[test]
    fn bad_draws_are_usage_errors() {
        for line in ["--rounds", "--rounds x", "--rounds 0", "--seed -1", "--fast", "7"] {
            assert!(matches!(draws_of(line), Err(Failure::Usage(_))), "accepted: {line}");
        }
    }

    #[test]
    fn two_runs_draw_different_seeds() {
        assert_ne!(Draws::fresh(1).seed, Draws::fresh(1).seed);
    }
}
