//! Finding what a person means: an id, a prefix of its random part, a plan id, a commit, `@`.

use tollhouse::archives::Archives;
use tollhouse::{Find, Kind, Order, Record, RecordId, Store};

use crate::error::{CliError, ErrorKind};

/// How many candidates an ambiguous name shows.
const CANDIDATES_MAX: u32 = 10;

/// The one record of a kind that a text means.
pub(crate) fn find_one(store: &impl Store, kind: Kind, text: &str) -> Result<Record, CliError> {
    let found = candidates(store, Some(kind), text)?;
    one(store, found, kind.as_str(), text)
}

/// The one record of any kind that a text means.
pub(crate) fn find_any(store: &impl Store, text: &str) -> Result<Record, CliError> {
    let found = candidates(store, None, text)?;
    one(store, found, "record", text)
}

/// The newest record of a kind.
pub(crate) fn newest(store: &impl Store, kind: Kind) -> Result<Option<Record>, CliError> {
    let find = Find { kind: Some(kind), order: Order::Newest, limit: Some(1), ..Find::default() };
    Ok(store.find(&find)?.pop())
}

fn one(store: &impl Store, mut found: Vec<Record>, what: &str, text: &str) -> Result<Record, CliError> {
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => {
            let error = CliError::new(ErrorKind::NotFound, "not_found", format!("there is no {what} {text:?}"))
                .hint("`toll runs`, `toll task list` and `toll patch list` show what there is");
            Err(match elsewhere(store, text)? {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
        _ => {
            let names: Vec<String> = found.iter().map(|record| record.id.to_string()).collect();
            Err(CliError::new(ErrorKind::Usage, "ambiguous", format!("{text:?} may be any of {}", names.join(", ")))
                .hint("give more of the id"))
        }
    }
}

/// What the reader can do where what they mean may be in an archive.
fn elsewhere(store: &impl Store, text: &str) -> Result<Option<String>, CliError> {
    let archives = Archives::of(store)?;
    let short = text.rsplit('_').next().unwrap_or(text).to_ascii_uppercase();
    let is_meant =
        |run: tollhouse::RunId| run.to_string() == text || (!short.is_empty() && run.random_part().starts_with(&short));
    let mut of_run = archives.iter().flat_map(|archive| archive.runs().map(move |archived| (archive, archived.run)));
    let read = "`--ledger PATH` reads it, in the folder of archives beside the ledger";
    if let Some((archive, run)) = of_run.find(|(_, run)| is_meant(*run)) {
        return Ok(Some(format!("{run} was taken out to the archive {}: {read}", archive.file)));
    }
    let newest = archives.iter().last();
    Ok(newest.map(|archive| format!("it may be in an archive, the newest of which is {}: {read}", archive.file)))
}

fn candidates(store: &impl Store, kind: Option<Kind>, text: &str) -> Result<Vec<Record>, CliError> {
    let base = Find { kind, order: Order::Newest, limit: Some(CANDIDATES_MAX), ..Find::default() };
    if text == "@" && kind.is_none_or(|kind| kind == Kind::Run) {
        return Ok(newest(store, Kind::Run)?.into_iter().collect());
    }
    if let Ok(id) = text.parse::<RecordId>() {
        let fits = kind.is_none_or(|kind| kind == id.kind());
        return Ok(if fits { store.get(&[id])?.into_iter().flatten().collect() } else { Vec::new() });
    }
    // A name means the newest that has it: a task or a gate first, then what groups tasks or executes them.
    for named in [[Kind::Task, Kind::GateRun], [Kind::Workstream, Kind::Worker]] {
        let mut found = Vec::new();
        for named in named.into_iter().filter(|named| kind.is_none_or(|kind| kind == *named)) {
            let key = Some(("name".to_owned(), text.to_owned()));
            found.extend(store.find(&Find { kind: Some(named), key, limit: Some(1), ..base.clone() })?);
        }
        if let Some(newest) = found.into_iter().max_by_key(|record| record.id.made_at()) {
            return Ok(vec![newest]);
        }
    }
    let short = text.rsplit('_').next().unwrap_or(text).to_ascii_uppercase();
    if !short.is_empty() {
        let found = store.find(&Find { random_prefix: Some(short), ..base.clone() })?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let is_hex = text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && kind.is_none_or(|kind| kind == Kind::Patch) {
        let key_prefix = Some(("commit".to_owned(), text.to_ascii_lowercase()));
        return Ok(store.find(&Find { key_prefix, ..base })?);
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use tollhouse_state::MemoryStore;
    use tollhouse_state::conformance::make;

    use super::*;

    fn named(kind: Kind, number: u64, name: &str) -> Record {
        let keys = [("name".to_owned(), name.to_owned())].into();
        Record { keys, ..make::new(kind, number) }
    }

    #[test]
    fn a_name_means_the_task_before_the_workstream_and_the_worker() {
        let store = MemoryStore::default();
        let kinds = [Kind::Workstream, Kind::Task, Kind::Worker];
        make::put(&store, "made", kinds.into_iter().zip(1..).map(|(kind, number)| named(kind, number, "parser")));
        make::put(&store, "more", [named(Kind::Worker, 9, "mill")]);
        assert_eq!(find_any(&store, "parser").unwrap().kind(), Kind::Task);
        for kind in kinds {
            assert_eq!(find_one(&store, kind, "parser").unwrap().kind(), kind);
        }
        assert_eq!(find_any(&store, "mill").unwrap().kind(), Kind::Worker);
    }
}
