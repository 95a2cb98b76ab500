//! `schemas/NAME.v1.json`: what `toll schema NAME` prints, checked in, so that a change to a type shows in review.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::environment::{Failure, Repo, capture, succeed};

/// Writes all; a file that no type stands for any more is left to a person, and named.
pub(crate) fn write(repo: &Repo) -> Result<(), Failure> {
    let wanted = generate(repo)?;
    let folder = repo.root.join("schemas");
    fs::create_dir_all(&folder).map_err(|error| unusable(&folder, &error))?;
    let present = read(&folder)?;
    for (file, text) in &wanted {
        if present.get(file) != Some(text) {
            let path = folder.join(file);
            fs::write(&path, text).map_err(|error| unusable(&path, &error))?;
            eprintln!("wrote schemas/{file}");
        }
    }
    say(&compare(&wanted, &read(&folder)?))
}

/// Fails on any difference, in either direction.
pub(crate) fn check(repo: &Repo) -> Result<(), Failure> {
    say(&compare(&generate(repo)?, &read(&repo.root.join("schemas"))?))
}

/// File name to content, as the types are now.
fn generate(repo: &Repo) -> Result<BTreeMap<String, String>, Failure> {
    succeed(repo.cargo().args(["build", "--quiet", "--package", "tollhouse-cli", "--bin", "toll"]))?;
    let binary = repo.target.join("debug").join(format!("toll{}", std::env::consts::EXE_SUFFIX));
    let toll = |arguments: &[&str]| -> Result<String, Failure> {
        let mut command: Command = repo.isolated(&binary);
        capture(command.current_dir(repo.elsewhere()).arg("schema").args(arguments))
    };
    let mut wanted = BTreeMap::new();
    for name in toll(&[])?.lines() {
        if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
            return Err(Failure::Refused(format!("`toll schema` lists `{name}`, which is no name of a schema")));
        }
        wanted.insert(format!("{name}.v1.json"), toll(&[name])?);
    }
    if wanted.is_empty() {
        return Err(Failure::Refused("`toll schema` lists no schema".into()));
    }
    Ok(wanted)
}

/// Every entry of the folder; one that is not a text file counts as empty, so that it differs from any schema.
fn read(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(|error| unusable(folder, &error))?,
    };
    let mut present = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| unusable(folder, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        present.insert(name, fs::read_to_string(&path).unwrap_or_default());
    }
    Ok(present)
}

fn compare(wanted: &BTreeMap<String, String>, present: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (file, text) in wanted {
        match present.get(file) {
            Some(there) if there == text => {}
            Some(there) => {
                problems.push(format!("schemas/{file} differs from line {} on", first_difference(text, there)));
            }
            None => problems.push(format!("schemas/{file} is missing")),
        }
    }
    let strays = present.keys().filter(|file| !wanted.contains_key(*file));
    problems.extend(strays.map(|file| format!("schemas/{file} stands for no type; delete it")));
    problems
}

/// The first line, from 1, in which they differ.
fn first_difference(left: &str, right: &str) -> usize {
    1 + left.split('\n').zip(right.split('\n')).take_while(|(left, right)| left == right).count()
}

fn say(problems: &[String]) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    let list = problems.join("\n  ");
    Err(Failure::Refused(format!("the schemas are not those of the types:\n  {list}\nwrite them: cargo xtask schemas")))
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::Refused(format!("failed to use {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect()
    }

    #[test]
    fn equal_files_are_no_problem() {
        let both = files(&[("run.v1.json", "{}\n")]);
        assert!(compare(&both, &both).is_empty());
    }

    #[test]
    fn changed_missing_and_stray_files_are_named() {
        let wanted = files(&[("run.v1.json", "{\n1\n}\n"), ("task.v1.json", "{}\n")]);
        let present = files(&[("run.v1.json", "{\n2\n}\n"), ("old.v1.json", "{}\n")]);
        assert_eq!(
            compare(&wanted, &present),
            [
                "schemas/run.v1.json differs from line 2 on",
                "schemas/task.v1.json is missing",
                "schemas/old.v1.json stands for no type; delete it",
            ]
        );
    }

    #[test]
    fn missing_last_newline_is_a_difference() {
        assert_eq!(first_difference("{}\n", "{}"), 2);
    }
}
