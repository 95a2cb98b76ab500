//! Files that change how the repository itself is treated. Each needs a person, unless the policy names it.

use tollhouse_core::FileChange;
use tollhouse_core::RepoPath;
use tollhouse_core::spec::PolicySpec;

use super::glob::{Globs, is_literal, literal_prefix};
use super::name::folded;

/// The project's own configuration.
pub(super) const PROJECT_CONFIG: &str = "tollhouse.toml";

/// Files that need a person in any folder, in lower case.
const NAMES: [&str; 14] = [
    ".gitattributes",
    ".gitmodules",
    ".gitlab-ci.yml",
    ".travis.yml",
    ".drone.yml",
    ".cirrus.yml",
    ".woodpecker.yml",
    ".appveyor.yml",
    "appveyor.yml",
    "azure-pipelines.yml",
    "azure-pipelines.yaml",
    "bitbucket-pipelines.yml",
    "cloudbuild.yaml",
    "jenkinsfile",
];

/// Folders at the root whose files need a person, in lower case.
const FOLDERS: [&str; 11] = [
    ".github/workflows",
    ".github/actions",
    ".gitea/workflows",
    ".forgejo/workflows",
    ".gitlab/ci",
    ".circleci",
    ".buildkite",
    ".woodpecker",
    ".teamcity",
    ".azure-pipelines",
    ".ci",
];

/// Git's mode of a submodule.
const SUBMODULE: &str = "160000";

/// Why a path needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// For the name of the file.
    Name,
    /// For the folder at the root that it is in: so many parts.
    Folder(usize),
    /// For what it is.
    Submodule,
}

/// The globs that can name protected files: those of `write` that could match one at all.
pub(super) struct Named<'a> {
    globs: Vec<(&'a str, Globs)>,
}

impl<'a> Named<'a> {
    pub(super) fn new(levels: impl IntoIterator<Item = &'a PolicySpec>) -> Self {
        let globs = levels.into_iter().flat_map(|level| level.write.iter().flatten());
        Self { globs: globs.map(|glob| (glob.as_str(), Globs::new([glob]))).collect() }
    }

    /// Whether some glob is the very path.
    pub(super) fn literally(&self, path: &RepoPath) -> bool {
        self.globs.iter().any(|(glob, _)| is_literal(glob) && glob.as_bytes() == path.as_bytes())
    }

    fn allows(&self, path: &RepoPath, reason: Reason) -> bool {
        self.globs.iter().any(|(glob, globs)| globs.matches(path) && names(glob, path, reason))
    }
}

/// Whether a glob that matches a path does so by name, not by chance.
fn names(glob: &str, path: &RepoPath, reason: Reason) -> bool {
    match reason {
        Reason::Submodule => is_literal(glob),
        Reason::Name => {
            let name = glob.rsplit('/').next().unwrap_or_default();
            path.parts().last() == Some(name.as_bytes())
        }
        // The folder's name with the slash behind it, before any wildcard.
        Reason::Folder(parts) => literal_prefix(glob).matches('/').count() >= parts,
    }
}

/// Paths of a change that need a person and have none, each with what it is.
pub(super) fn unnamed<'a>(file: &'a FileChange, paths: &[&'a RepoPath], named: &Named<'_>) -> Vec<String> {
    let is_submodule = [&file.old_mode, &file.new_mode].into_iter().flatten().any(|mode| mode == SUBMODULE);
    let mut found = Vec::new();
    for path in paths {
        let reason = if is_submodule { Some(Reason::Submodule) } else { reason(path) };
        if let Some(reason) = reason.filter(|reason| !named.allows(path, *reason)) {
            found.push(if reason == Reason::Submodule { format!("{path} (a submodule)") } else { path.to_string() });
        }
    }
    found
}

fn reason(path: &RepoPath) -> Option<Reason> {
    let parts: Vec<String> = path.parts().map(folded).collect();
    if parts.last().is_some_and(|name| NAMES.contains(&name.as_str())) {
        return Some(Reason::Name);
    }
    let inside = |folder: &&&str| {
        let folder: Vec<&str> = folder.split('/').collect();
        parts.len() > folder.len() && folder.iter().zip(&parts).all(|(one, other)| one == other)
    };
    FOLDERS.iter().find(inside).map(|folder| Reason::Folder(folder.split('/').count()))
}

/// Whether a path is the project's configuration, also where case does not count.
pub(super) fn is_project_config(path: &RepoPath) -> bool {
    path.parts().count() == 1 && folded(path.as_bytes()) == PROJECT_CONFIG
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_and_git_files_are_known() {
        for path in
            [".gitattributes", "a/.gitattributes", ".GitModules", ".github/workflows/a/b.yml", ".ci/run", "Jenkinsfile"]
        {
            assert!(reason(&RepoPath::from(path)).is_some(), "{path}");
        }
        for path in [".gitignore", ".github/CODEOWNERS", "src/.ci/run", "src/ci.rs", ".github/workflows", ".ci"] {
            assert!(reason(&RepoPath::from(path)).is_none(), "{path}");
        }
    }

    #[test]
    fn a_wildcard_names_nothing() {
        let level = |glob: &str| PolicySpec {
            source: "project".to_owned(),
            write: Some(vec![glob.to_owned()]),
            forbid: vec![],
            max_files_changed: None,
            max_lines_changed: None,
        };
        for (glob, path, expected) in [
            (".github/workflows/**", ".github/workflows/ci.yml", true),
            (".github/workflows/ci.yml", ".github/workflows/ci.yml", true),
            (".github/**", ".github/workflows/ci.yml", false),
            (".github/workflows*/**", ".github/workflows/ci.yml", false),
            ("**", ".github/workflows/ci.yml", false),
            ("**/.gitattributes", "a/.gitattributes", true),
            ("**/.git*", "a/.gitattributes", false),
            ("a/**", "a/.gitattributes", false),
            ("b/.gitattributes", "a/.gitattributes", false),
            (".ci/*", ".ci/run", true),
        ] {
            let path = RepoPath::from(path);
            let levels = [level(glob)];
            let reason = reason(&path).unwrap();
            assert_eq!(Named::new(&levels).allows(&path, reason), expected, "{glob} {path}");
        }
    }
}
