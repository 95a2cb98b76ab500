//! Bringing what the ledger made into the maintainer's repository: whole objects, on disk before any ref names them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use git2::{ObjectType, Odb, OdbLookupFlags, Oid};

use super::ledger_repo::sync_dir;
use super::tree::{Entries, read_entries};
use super::{LedgerRepo, Project, ProjectProblem};

impl Project {
    /// Copies a commit, and all that it reaches and that this repository has not, from the ledger's. Durable when it returns.
    ///
    /// Commits that are here already are taken to be whole. Of the others, only what differs from their parents is looked at.
    ///
    /// # Errors
    ///
    /// Where an object is missing or cannot be written.
    pub fn import(&self, ledger: &LedgerRepo, commit: Oid) -> Result<(), ProjectProblem> {
        let (from, to) = (ledger.odb()?, self.repo().odb()?);
        let mut import = Import { from, to, objects: self.objects_dir(), written: Vec::new() };
        let mut next = vec![Step::Enter(commit)];
        let mut seen = BTreeSet::new();
        while let Some(step) = next.pop() {
            match step {
                Step::Enter(id) if !import.to.exists(id) && seen.insert(id) => {
                    next.push(Step::Copy(id));
                    next.extend(ledger.repo().find_commit(id)?.parent_ids().map(Step::Enter));
                }
                Step::Enter(_) => {}
                Step::Copy(id) => {
                    let commit = ledger.repo().find_commit(id)?;
                    let parents: Vec<Oid> = commit.parents().map(|parent| parent.tree_id()).collect();
                    import.tree(commit.tree_id(), &parents)?;
                    // A commit that is here is taken to be whole, so what it reaches is on disk before it.
                    import.sync()?;
                    import.object(id)?;
                }
            }
        }
        import.sync()
    }
}

/// A commit before and after its parents.
enum Step {
    Enter(Oid),
    Copy(Oid),
}

struct Import<'a> {
    from: Odb<'a>,
    to: Odb<'a>,
    objects: PathBuf,
    written: Vec<Oid>,
}

impl Import<'_> {
    /// A tree after all that it holds, except for what one of the others holds under the same name.
    fn tree(&mut self, tree: Oid, others: &[Oid]) -> Result<(), ProjectProblem> {
        if others.contains(&tree) {
            return Ok(());
        }
        let read = |tree: &Oid| read_entries(&self.from, *tree);
        let others: Vec<Entries> = others.iter().map(read).collect::<Result<_, _>>()?;
        for (name, entry) in read_entries(&self.from, tree)? {
            let there: Vec<_> = others.iter().filter_map(|entries| entries.get(&name)).copied().collect();
            if there.contains(&entry) || entry.is_submodule() {
                continue;
            }
            if entry.is_folder() {
                let folders: Vec<Oid> = there.iter().filter(|entry| entry.is_folder()).map(|entry| entry.id).collect();
                self.tree(entry.id, &folders)?;
            } else {
                self.object(entry.id)?;
            }
        }
        self.object(tree)
    }

    fn object(&mut self, id: Oid) -> Result<(), ProjectProblem> {
        // Looking at the packs anew for each missing object would take longer than writing it.
        if !self.to.exists_ext(id, OdbLookupFlags::NO_REFRESH) {
            let object = self.from.read(id)?;
            let kind: ObjectType = object.kind();
            self.to.write(kind, object.data())?;
            self.written.push(id);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), ProjectProblem> {
        let mut folders = BTreeSet::from([self.objects.clone()]);
        for id in self.written.drain(..) {
            let hex = id.to_string();
            let folder = self.objects.join(&hex[..2]);
            let path = folder.join(&hex[2..]);
            let synced = match File::open(&path) {
                Ok(file) => file.sync_all(),
                // Packed meanwhile, by a program that had to sync it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => Err(error),
            };
            synced.map_err(|source| ProjectProblem::Unreadable { path, source })?;
            folders.insert(folder);
        }
        for path in folders {
            sync_dir(&path).map_err(|source| ProjectProblem::Unreadable { path, source })?;
        }
        Ok(())
    }
}
