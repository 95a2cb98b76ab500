//! A scratch project with a ledger's repository beside it, and the git program to build and to check with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tollhouse_core::Timestamp;
use tollhouse_runner::git::{LandOutcome, Landing, LedgerRepo, Oid, Project, Signature, land, with_trailers};

pub(super) struct World {
    dir: TempDir,
}

impl World {
    /// A project with these files in one commit on `main`.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a folder for the test") };
        fs::create_dir_all(world.path("home")).expect("a home");
        fs::create_dir_all(world.root()).expect("a project");
        world.git(&world.root(), &["init", "--quiet", "--initial-branch=main"]);
        world.commit(files);
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("the folder is there").join(name)
    }

    pub(super) fn root(&self) -> PathBuf {
        self.path("project")
    }

    pub(super) fn project(&self) -> Project {
        Project::discover(&self.root()).expect("a project")
    }

    pub(super) fn ledger(&self) -> LedgerRepo {
        LedgerRepo::open_or_create(&self.path("ledger.git"), &self.project().objects_dir()).expect("a ledger")
    }

    /// Commits files to the branch that is checked out.
    pub(super) fn commit(&self, files: &[(&str, &str)]) -> Oid {
        for (name, text) in files {
            write(&self.root().join(name), text);
        }
        self.git(&self.root(), &["add", "--all"]);
        self.git(&self.root(), &["commit", "--quiet", "--allow-empty", "--message=work"]);
        self.rev("HEAD")
    }

    pub(super) fn rev(&self, rev: &str) -> Oid {
        oid(&self.git(&self.root(), &["rev-parse", rev]))
    }

    pub(super) fn tree(&self, rev: &str) -> Oid {
        self.rev(&format!("{rev}^{{tree}}"))
    }

    /// Runs git where it must succeed.
    pub(super) fn git(&self, dir: &Path, args: &[&str]) -> String {
        let output = self.try_git(dir, args);
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(super) fn try_git(&self, dir: &Path, args: &[&str]) -> Output {
        let mut command = Command::new("git");
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
            command.env_remove(name);
        }
        command.env("HOME", self.path("home")).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for (name, value) in [("NAME", "Test"), ("EMAIL", "test@localhost")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        command.arg("-C").arg(dir).args(args).output().expect("git runs")
    }

    /// Lands a tree on `toll/main`.
    pub(super) fn land(&self, patch: &str, tree: Oid, parent: Oid) -> LandOutcome {
        let expected = self.project().branch("toll/main").expect("the branch is readable");
        land(&self.project(), &self.ledger(), &landing(patch, tree, parent, expected)).expect("it can land")
    }
}

pub(super) fn landing(patch: &str, tree: Oid, parent: Oid, expected: Option<Oid>) -> Landing {
    let who = Signature { name: "Agent <x>\n".to_owned(), email: "agent@localhost".to_owned() };
    Landing {
        branch: "toll/main".to_owned(),
        expected,
        tree,
        parent,
        message: with_trailers("a change", &[("Tollhouse-Patch", patch), ("Tollhouse-Run", "run_1")]),
        author: who.clone(),
        committer: who,
        time: Timestamp::from_micros(1_700_000_000_000_000),
    }
}

pub(super) fn oid(text: &str) -> Oid {
    Oid::from_str(text.trim()).expect("an id")
}

pub(super) fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("folders");
    fs::write(path, content).expect("a file");
}
