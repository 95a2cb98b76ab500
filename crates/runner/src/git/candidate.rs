//! Candidates: the tree that a patch would make of the target, in the object database and nowhere else.

use std::collections::BTreeSet;

use git2::{Error, ObjectType, Odb, Oid};
use thiserror::Error;
use tollhouse_core::RepoPath;
use tollhouse_engine::patch::{
    Change, ChangeKind, Content, Diff, FilePatch, Misfit, Mode, TreeEntryFact, TreeFacts, conserves, conserves_hunks,
    merge, place,
};

use super::LedgerRepo;
use super::clashes::case_clashes;
use super::older::older_contents;
use super::overlay::{Overlay, content, store};
use super::tree::{DEPTH_MAX, EditProblem, Edits, Entry, edit_tree, is_reserved};

/// The tree that a patch makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The tree, kept in the ledger's repository.
    pub tree: Oid,
    /// What policy wants to know about it.
    pub facts: TreeFacts,
}

/// A patch that does not apply. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the patch conflicts in {}: {}{}", files[0].0, files[0].1, and_more(files.len()))]
pub struct Conflict {
    /// Each file that conflicts, and why; there is at least one.
    pub files: Vec<(RepoPath, String)>,
}

/// How many files there are beside the one that is named.
fn and_more(files: usize) -> String {
    if files > 1 { format!(" (and {} more)", files - 1) } else { String::new() }
}

/// Applies a patch to a target. Base and target are commits or trees; the history of a target that is a commit is searched for
/// contents that would come back.
///
/// Where it is known what a file was before the patch, from its id or from the base, a target that moved on is merged with it,
/// three ways; else its hunks must fit the target as it is. That a patch conflicts is an answer: the inner result.
///
/// # Errors
///
/// libgit2's, where an object is missing or damaged, or the disk refuses a new one.
pub fn candidate(
    repo: &LedgerRepo,
    patch: &Diff,
    base: Option<Oid>,
    target: Oid,
) -> Result<Result<Candidate, Conflict>, Error> {
    let peel = |id: Oid| repo.repo().find_object(id, None)?.peel(ObjectType::Tree);
    let tree_of = |id: Oid| peel(id).map(|tree| tree.id());
    let base = base.map(tree_of).transpose()?;
    let tree = tree_of(target)?;
    let moved_away = |file: &&FilePatch| matches!(file.kind, ChangeKind::Deleted | ChangeKind::Renamed);
    let old_path = |file: &FilePatch| file.old.as_ref().map(|old| old.path.clone());
    let mut applying = Applying {
        odb: repo.odb()?,
        base: base.map(Overlay::new),
        target: Overlay::new(tree),
        leaving: patch.files.iter().filter(moved_away).filter_map(old_path).collect(),
        not_conserved: Vec::new(),
    };
    let mut files = Vec::new();
    for file in &patch.files {
        match applying.file(file) {
            Ok(()) => {}
            Err(Trouble::Conflict(why)) => files.push((file.path().clone(), why)),
            Err(Trouble::Git(error)) => return Err(error),
        }
    }
    if !files.is_empty() {
        return Ok(Err(Conflict { files }));
    }
    let edits = applying.target.edits();
    let made = match edit_tree(&applying.odb, tree, &edits) {
        Ok(made) => made,
        Err(EditProblem::InTheWay(clash)) => {
            let why = "a file and a folder have the same name".to_owned();
            return Ok(Err(Conflict { files: vec![(clash, why)] }));
        }
        Err(EditProblem::Git(error)) => return Err(error),
    };
    let added: Vec<&RepoPath> =
        patch.files.iter().filter(|file| file.kind != ChangeKind::Deleted).map(FilePatch::path).collect();
    let facts = TreeFacts {
        entries: entries(&applying.odb, &edits)?,
        case_clashes: case_clashes(&applying.odb, [tree, made], &added)?,
        older_contents: if tree == target { Vec::new() } else { older_contents(repo, target, base, &edits)? },
        not_conserved: applying.not_conserved,
    };
    Ok(Ok(Candidate { tree: made, facts }))
}

fn entries(odb: &Odb<'_>, edits: &Edits) -> Result<Vec<TreeEntryFact>, Error> {
    let written = edits.iter().filter_map(|(path, entry)| entry.map(|entry| (path, entry)));
    let fact = |(path, entry): (&RepoPath, Entry)| {
        let size = if entry.is_submodule() { 0 } else { odb.read_header(entry.id)?.0 };
        let link_target = if entry.is_link() { Some(RepoPath::new(content(odb, entry)?)) } else { None };
        Ok(TreeEntryFact { path: path.clone(), mode: entry.mode.to_string(), size_bytes: size as u64, link_target })
    };
    written.map(fact).collect()
}

/// Why one file stops.
enum Trouble {
    Conflict(String),
    Git(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Git(error)
    }
}

impl From<Misfit> for Trouble {
    fn from(misfit: Misfit) -> Self {
        Self::Conflict(misfit.to_string())
    }
}

fn conflict<T>(why: &str) -> Result<T, Trouble> {
    Err(Trouble::Conflict(why.to_owned()))
}

struct Applying<'a> {
    odb: Odb<'a>,
    base: Option<Overlay>,
    target: Overlay,
    /// Paths whose file the patch takes away, so that another may come there.
    leaving: BTreeSet<RepoPath>,
    not_conserved: Vec<RepoPath>,
}

impl Applying<'_> {
    fn file(&mut self, file: &FilePatch) -> Result<(), Trouble> {
        // Deeper folders would not be read back, and a path without end must not end the stack.
        if file.path().parts().count() > DEPTH_MAX || file.path().parts().any(is_reserved) {
            return conflict("a path that no tree may have");
        }
        match (&file.old, &file.new) {
            (None, Some(new)) => self.add(file, &new.path, new.mode.unwrap_or(Mode::FILE)),
            (Some(old), None) => self.delete(file, &old.path),
            (Some(old), Some(new)) => {
                let entry = self.change(file, &old.path)?;
                let stays = old.path == new.path;
                if !stays && !self.leaving.contains(&new.path) && self.target.current(&self.odb, &new.path)?.is_some() {
                    return conflict("there is a file of the new name already");
                }
                if file.kind == ChangeKind::Renamed && !stays {
                    self.target.move_away(&old.path);
                }
                self.target.write(&new.path, entry);
                Ok(())
            }
            (None, None) => conflict("the patch names no file"),
        }
    }

    fn add(&mut self, file: &FilePatch, path: &RepoPath, mode: Mode) -> Result<(), Trouble> {
        let post = place(file, None)?;
        let entry = self.store(mode, &post)?;
        if let Some(base) = &mut self.base {
            base.write(path, entry);
        }
        match self.target.current(&self.odb, path)?.filter(|_| !self.leaving.contains(path)) {
            None => self.target.write(path, entry),
            // The patch would add nothing then, and what landed would not be the patch.
            Some(there) if there == entry => return conflict("the very same file was added meanwhile"),
            Some(_) => return conflict("there is another file of this name already"),
        }
        Ok(())
    }

    fn delete(&mut self, file: &FilePatch, path: &RepoPath) -> Result<(), Trouble> {
        let Some(target) = self.target.current(&self.odb, path)? else { return conflict("it is not there any more") };
        let pre = self.pre_image(file, target)?;
        place(file, Some(&content(&self.odb, pre.unwrap_or(target))?))?;
        if pre.is_some_and(|pre| pre.id != target.id) {
            return conflict("it was changed since, and the patch deletes it");
        }
        if let Some(base) = &mut self.base {
            base.delete(path);
        }
        self.target.delete(path);
        Ok(())
    }

    /// What a file that stays, moves or is copied becomes.
    fn change(&mut self, file: &FilePatch, from: &RepoPath) -> Result<Entry, Trouble> {
        // Renames and copies start from the tree as it was, so their order in the patch makes no difference.
        let moved = matches!(file.kind, ChangeKind::Renamed | ChangeKind::Copied);
        let tree = &self.target;
        let target = if moved { tree.original(&self.odb, from)? } else { tree.current(&self.odb, from)? };
        let Some(target) = target else { return conflict("it is not there any more") };
        let mode = new_mode(file, target)?;
        let Some(pre) = self.pre_image(file, target)? else {
            let before = content(&self.odb, target)?;
            let landed = place(file, Some(&before))?;
            if let Content::Text(hunks) = &file.content
                && !conserves_hunks(hunks, Change { before: Some(&before), after: Some(&landed) })
            {
                self.not_conserved.push(file.path().clone());
            }
            return self.store(mode, &landed);
        };
        let before = content(&self.odb, pre)?;
        let post = place(file, Some(&before))?;
        if let Some(base) = &mut self.base {
            let entry = store(&self.odb, mode, &post)?;
            base.write(file.path(), entry.unwrap_or(target));
        }
        if file.content == Content::None {
            return Ok(Entry { mode, id: target.id });
        }
        if target.id == pre.id {
            return self.store(mode, &post);
        }
        if !mode.is_regular() {
            return conflict("both sides changed a link or a submodule");
        }
        let theirs = content(&self.odb, target)?;
        let landed = merge(&before, &theirs, &post)?;
        let asked = Change { before: Some(&before), after: Some(&post) };
        if !conserves(asked, Change { before: Some(&theirs), after: Some(&landed) }) {
            return conflict("a part of this change was made meanwhile by another");
        }
        self.store(mode, &landed)
    }

    /// The file that the patch was made on, where that is known: by its id, else by its path in the base.
    fn pre_image(&self, file: &FilePatch, target: Entry) -> Result<Option<Entry>, Trouble> {
        let Some(old) = &file.old else { return Ok(None) };
        let mode = old.mode.unwrap_or(target.mode);
        let named = old.blob.as_ref().and_then(|hex| Oid::from_str(hex).ok());
        if let Some(id) = named
            && (mode == Mode::SUBMODULE || self.odb.exists(id))
        {
            return Ok(Some(Entry { mode, id }));
        }
        let Some(base) = &self.base else { return Ok(None) };
        let moved = matches!(file.kind, ChangeKind::Renamed | ChangeKind::Copied);
        let found = if moved { base.original(&self.odb, &old.path)? } else { base.current(&self.odb, &old.path)? };
        // An id that is not here and not the base's: the patch was made on something that nobody knows.
        Ok(found.filter(|entry| named.is_none_or(|id| id == entry.id)))
    }

    fn store(&self, mode: Mode, post: &[u8]) -> Result<Entry, Trouble> {
        const TYPES: [u32; 3] = [0o100_000, 0o120_000, 0o160_000];
        if !TYPES.contains(&file_type(mode)) {
            return conflict("a mode that no file has");
        }
        store(&self.odb, mode, post)?.map_or_else(|| conflict("the submodule is set to no commit"), Ok)
    }
}

/// The mode after the patch: the target's, unless the patch changes it.
fn new_mode(file: &FilePatch, target: Entry) -> Result<Mode, Trouble> {
    let mode = |side: &Option<tollhouse_engine::patch::Side>| side.as_ref().and_then(|side| side.mode);
    let old = mode(&file.old).unwrap_or(target.mode);
    let new = mode(&file.new).unwrap_or(old);
    if file_type(old) != file_type(target.mode) {
        return conflict("it is another kind of file now");
    }
    if file_type(old) != file_type(new) {
        return conflict("a file becomes another kind of file without being deleted first");
    }
    match target.mode {
        mode if old == new => Ok(mode),
        mode if mode == old || mode == new => Ok(new),
        _ => conflict("both sides changed the mode"),
    }
}

fn file_type(mode: Mode) -> u32 {
    mode.bits() & 0o170_000
}
