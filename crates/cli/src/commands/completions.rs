//! `toll completions`: what makes a shell complete commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::context::Context;
use crate::error::{Answer, CliError};

/// Print a script that makes a shell complete commands and flags
///
/// As in `toll completions bash > ~/.local/share/bash-completion/completions/toll`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, context: &mut Context) -> Result<Answer, CliError> {
    // Made in memory: a reader that has seen enough is no error, and the generator knows no other.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "toll", &mut script);
    context.printer.out_bytes(&script)?;
    Ok(Answer::Yes)
}
