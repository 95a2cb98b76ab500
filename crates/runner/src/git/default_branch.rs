//! The default branch of a repository, for a configuration that is to name it: never the one that happens to be checked
//! out, unless nothing else is left, and then it is called a guess.

use git2::BranchType;

use super::project::{Head, Project, ProjectProblem};

/// Names that branches have from which work starts, the likeliest first.
const NAMES: [&str; 4] = ["main", "master", "trunk", "develop"];

/// The branch that work most likely starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultBranch {
    /// Its name, as in `main`.
    pub name: String,
    /// How that is known.
    pub certainty: Certainty,
}

/// How sure the default branch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The remote says so, or its name does, or it is the only one.
    Sure,
    /// The remote says so, and it has not been made here yet.
    Elsewhere,
    /// Nothing says so.
    Guess,
}

impl Project {
    /// The default branch: that of the remote `origin`, also where it is not here yet; else one that is called as such
    /// branches are, or as `init.defaultBranch` says; else the only one. Else the one checked out, as a guess.
    ///
    /// # Errors
    ///
    /// [`ProjectProblem::NoBranch`] where there is no branch at all.
    pub fn likely_target(&self) -> Result<DefaultBranch, ProjectProblem> {
        let there = |name: &String| matches!(self.branch(name), Ok(Some(_)));
        let found = |name: String, certainty: Certainty| Ok(DefaultBranch { name, certainty });
        if let Some(name) = self.default_of_origin() {
            let certainty = if there(&name) { Certainty::Sure } else { Certainty::Elsewhere };
            return found(name, certainty);
        }
        let config = self.repo().config().and_then(|mut config| config.snapshot()?.get_string("init.defaultbranch"));
        let [first, rest @ ..] = NAMES.map(str::to_owned);
        let named = [Some(first), config.ok()].into_iter().flatten().chain(rest).find(there);
        if let Some(name) = named {
            return found(name, Certainty::Sure);
        }
        let mut branches = self.own_branches()?;
        let current = match self.head() {
            Ok(Head::Branch { name, .. }) => Some(name),
            _ => None,
        };
        match (branches.len(), current.or_else(|| branches.first().cloned())) {
            (1, _) => found(branches.remove(0), Certainty::Sure),
            (_, Some(name)) => found(name, Certainty::Guess),
            (_, None) => Err(ProjectProblem::NoBranch { name: "main".to_owned() }),
        }
    }

    fn default_of_origin(&self) -> Option<String> {
        let head = self.repo().find_reference("refs/remotes/origin/HEAD").ok()?;
        let target = head.symbolic_target_bytes()?.strip_prefix(b"refs/remotes/origin/")?.to_vec();
        // What was deleted there is only remembered here.
        self.repo().find_reference(&format!("refs/remotes/origin/{}", std::str::from_utf8(&target).ok()?)).ok()?;
        String::from_utf8(target).ok()
    }

    /// The branches that are here, in order, but for those that changes landed on.
    fn own_branches(&self) -> Result<Vec<String>, ProjectProblem> {
        let mut names = Vec::new();
        for branch in self.repo().branches(Some(BranchType::Local))? {
            let (branch, _) = branch?;
            let name = std::str::from_utf8(branch.name_bytes()?).ok().map(str::to_owned);
            names.extend(name.filter(|name| !name.starts_with("toll/")));
        }
        names.sort();
        Ok(names)
    }
}
