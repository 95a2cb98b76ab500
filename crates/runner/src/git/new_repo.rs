//! A new repository around a folder of files, for demonstrations and trials.

use std::fs;
use std::path::Path;

use git2::{ObjectType, Oid, Repository, RepositoryInitOptions};

use super::stat_cache::StatCache;
use super::workspace::write_index;
use super::{GitError, Look, snapshot::snapshot_into};

/// Makes a repository of a folder, with its files in one commit on `main`. No template, so no hooks.
///
/// The committer is who git's configuration says, else `Tollhouse`.
///
/// # Errors
///
/// Where the folder cannot be read or written.
pub fn make_repository(dir: &Path, message: &str) -> Result<Oid, GitError> {
    let mut options = RepositoryInitOptions::new();
    options.external_template(false).no_reinit(true).initial_head("main");
    let repo = Repository::init_opts(dir, &options)?;
    let odb = repo.odb()?;
    let base = odb.write(ObjectType::Tree, b"")?;
    let exclude = fs::read(dir.join(".git/info/exclude")).unwrap_or_default();
    let tree = snapshot_into(&odb, dir, &Look { base, cache: None, exclude: &exclude })?.tree;
    let nobody = |_| git2::Signature::now("Tollhouse", "tollhouse@localhost");
    let who = repo.signature().or_else(nobody)?;
    let commit = repo.commit(Some("refs/heads/main"), &who, &who, message, &repo.find_tree(tree)?, &[])?;
    // Without what the files look like: git reads them once, and notes it.
    write_index(&odb, tree, &StatCache::default(), &dir.join(".git/index"))?;
    Ok(commit)
}
