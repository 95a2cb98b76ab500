//! `toll schema`: the shape of every document.

use clap::Args;

use crate::context::Context;
use crate::document::{schema_text, schemas};
use crate::error::{Answer, CliError, ErrorKind};

/// Print the names of all JSON Schemas, or one of them
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which one; without it, the names of all
    name: Option<String>,
}

pub(crate) fn run(args: &SchemaArgs, context: &mut Context) -> Result<Answer, CliError> {
    let all = schemas();
    match &args.name {
        None => {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            context.printer.out(&names.join("\n"))?;
        }
        Some(wanted) => {
            let short = wanted.trim_end_matches(".json").trim_end_matches(".v1");
            let Some((name, schema)) = all.into_iter().find(|(name, _)| *name == short) else {
                return Err(CliError::new(ErrorKind::NotFound, "not_found", format!("there is no schema {wanted:?}"))
                    .hint("`toll schema` lists them"));
            };
            context.printer.out_bytes(schema_text(name, schema()).as_bytes())?;
        }
    }
    Ok(Answer::Yes)
}
