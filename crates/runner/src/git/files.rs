//! The files of a commit, by their paths.

use git2::Oid;
use tollhouse_core::RepoPath;

use super::project::{Project, ProjectProblem};
use super::tree::{DEPTH_MAX, read_entries};

impl Project {
    /// The paths of all that a commit holds; `None` where there are more than `most`, or where folders are nested deeper than
    /// in any source tree.
    ///
    /// # Errors
    ///
    /// libgit2's, where there is no such commit or it is damaged.
    pub fn files_of(&self, commit: Oid, most: usize) -> Result<Option<Vec<RepoPath>>, ProjectProblem> {
        let odb = self.repo().odb()?;
        let mut folders = vec![(Vec::new(), self.repo().find_commit(commit)?.tree_id(), 0)];
        let mut paths = Vec::new();
        // A folder without files counts as well: a small repository can hold very many.
        let mut seen = 0;
        while let Some((folder, tree, depth)) = folders.pop() {
            for (name, entry) in read_entries(&odb, tree)? {
                seen += 1;
                if seen > most || depth >= DEPTH_MAX {
                    return Ok(None);
                }
                let path = [folder.as_slice(), &name].concat();
                if entry.is_folder() {
                    folders.push(([path.as_slice(), b"/"].concat(), entry.id, depth + 1));
                } else {
                    paths.push(RepoPath::new(path));
                }
            }
        }
        Ok(Some(paths))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use git2::{Repository, Signature};

    use super::*;

    /// A repository with one commit of these files, and that commit.
    fn project(paths: &[&str]) -> (tempfile::TempDir, Project, Oid) {
        let dir = tempfile::tempdir().expect("a folder");
        let repo = Repository::init(dir.path()).expect("a repository");
        let mut index = repo.index().expect("an index");
        for path in paths {
            let file = dir.path().join(path);
            std::fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder");
            std::fs::write(&file, path).expect("a file");
            index.add_path(std::path::Path::new(path)).expect("it is added");
        }
        let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("the tree");
        let ada = Signature::now("Ada", "ada@example.org").expect("a signature");
        let commit = repo.commit(Some("HEAD"), &ada, &ada, "one", &tree, &[]).expect("a commit");
        let project = Project::discover(dir.path()).expect("a project");
        (dir, project, commit)
    }

    #[test]
    fn files_of_all_folders_are_listed() {
        let (_dir, project, commit) = project(&["a", "b/c", "b/d/e"]);
        let files = project.files_of(commit, 99).expect("it can be read").expect("they are few");
        let files: BTreeSet<RepoPath> = files.into_iter().collect();
        assert_eq!(files, ["a", "b/c", "b/d/e"].map(RepoPath::from).into());
    }

    #[test]
    fn more_files_than_wanted_are_not_listed() {
        let (_dir, project, commit) = project(&["a", "b", "c"]);
        assert_eq!(project.files_of(commit, 2).expect("it can be read"), None);
    }
}
