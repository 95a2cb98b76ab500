//! The `toll` command: parse, call, print. No rules.

mod args;
mod commands;
mod context;
mod document;
mod error;
mod lookup;
#[cfg(test)]
mod messages;
mod printer;
mod progress;
mod signals;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = match args::Cli::try_parse() {
        Ok(args) => args,
        Err(error) => return error::usage(&error),
    };
    let mut context = context::Context::new(&args.everywhere);
    let answer = commands::run(&args, &mut context);
    error::finish(answer, &mut context.printer)
}
