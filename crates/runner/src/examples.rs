//! One example of each error, for the list of all messages.

use std::io;
use std::path::PathBuf;

use git2::{Error, ErrorClass, ErrorCode, Oid};
use tollhouse_core::{GateRunId, PatchId, RepoPath, Timestamp, examples};
use tollhouse_engine::EngineError;
use tollhouse_engine::patch::PatchProblem;
use tollhouse_state::StoreError;

use crate::backup::BackupProblem;
use crate::blobs::BlobProblem;
use crate::error::{RedTarget, RunnerError};
use crate::git::{
    CheckoutProblem, Conflict, DiffProblem, GitError, LandProblem, LedgerRepoProblem, ProjectProblem, SnapshotProblem,
    SyncProblem, WorkspaceProblem,
};
use crate::own_config::OwnConfigProblem;
use crate::process::ProcessError;

fn text(text: &str) -> String {
    text.to_owned()
}

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

fn missing_file() -> io::Error {
    io::Error::from_raw_os_error(2)
}

fn odd() -> Error {
    Error::new(ErrorCode::GenericError, ErrorClass::Repository, "unsupported extension name extensions.newthing")
}

fn oid(digit: char) -> Oid {
    Oid::from_str(&digit.to_string().repeat(40)).expect("forty hexadecimal digits are an id")
}

/// One example of each error of the runner; those of git, of backups and of contents are among them, those of the
/// engine and the ledger are the examples of their crates.
pub fn runner_errors() -> Vec<RunnerError> {
    type E = RunnerError;
    let (at, branch, land_on) = (Timestamp::from_micros(0), || text("toll/main"), text("toll/main"));
    let red = RedTarget {
        branch: text("main"),
        commit: text("0123456789abcdef0123456789abcdef01234567"),
        gate: text("unit"),
        gate_run: GateRunId::from_parts(at, 0),
        ended: text("failed: exit status 1"),
        output: text("1 test failed"),
    };
    let mut examples = examples!(E {
        E::Engine(_) => [E::Engine(EngineError::from(StoreError::Busy { op: "commit" }))],
        E::Store(_) => [E::Store(StoreError::Busy { op: "read" })],
        E::Git(_) => [E::Git(GitError::Git(odd()))],
        E::Backup(_) => [E::Backup(BackupProblem::Damaged { what: text("the text of patch_0 is not there") })],
        E::Blob(_) => [E::Blob(BlobProblem::Missing { digest: digest() })],
        E::NoStateHome => [E::NoStateHome],
        E::NoTarget { .. } => [E::NoTarget { branch: text("main") }],
        E::CheckedOut { .. } => [E::CheckedOut { branch: branch(), worktree: path("/repo") }],
        E::BranchInTheWay { .. } => [E::BranchInTheWay { branch: branch(), other: text("toll") }],
        E::LandingRewritten { .. } => [E::LandingRewritten { branch: branch(), commit: text("0123456789") }],
        E::Diverged { .. } => [E::Diverged { land_on, target: text("main") }],
        E::TargetRed(_) => [E::TargetRed(Box::new(red))],
        E::NotKept { .. } => [E::NotKept { patch: PatchId::from_parts(at, 0) }],
        E::BranchExists { .. } => [E::BranchExists { branch: text("toll/patch-000000") }],
        E::Unrelated { .. } => [E::Unrelated { branch: text("fix-12") }],
        E::NothingToSubmit { .. } => [E::NothingToSubmit { branch: text("fix-12"), base: text("0123456789") }],
        E::Io { .. } => [
            E::Io { what: "read", path: path("notes.md"), source: missing_file() },
            E::Io { what: "write", path: path("prompt.md"), source: io::Error::from_raw_os_error(28) },
            E::Io { what: "make", path: path("/state/tollhouse"), source: io::Error::from_raw_os_error(13) },
        ],
        E::TooMuch { .. } => [E::TooMuch { what: "files", found: 20_000, most: 10_000 }],
        E::Interrupted => [E::Interrupted],
        E::InterruptedBefore => [E::InterruptedBefore],
    });
    examples.extend(git_errors().into_iter().map(E::Git));
    examples.extend(backup_problems().into_iter().map(E::Backup));
    examples.extend(blob_problems().into_iter().map(E::Blob));
    examples
}

/// One example of each error of git work, and of each cause behind one that has a remedy of its own.
pub fn git_errors() -> Vec<GitError> {
    type E = GitError;
    let os = |message: &str| Error::new(ErrorCode::GenericError, ErrorClass::Os, message);
    let no_object =
        Error::new(ErrorCode::NotFound, ErrorClass::Odb, "object not found - no match for id (0123456789…)");
    let locked = Error::new(ErrorCode::Locked, ErrorClass::Os, "failed to lock file '/repo/.git/refs/heads/x.lock'");
    let mut examples = examples!(E {
        E::Project(_) => [E::Project(ProjectProblem::Git(odd()))],
        E::LedgerRepo(_) => [E::LedgerRepo(LedgerRepoProblem::Git(odd()))],
        E::Checkout(_) => [E::Checkout(CheckoutProblem::Git(odd()))],
        E::Snapshot(_) => [E::Snapshot(SnapshotProblem::Git(odd()))],
        E::Workspace(_) => [E::Workspace(WorkspaceProblem::Git(odd()))],
        E::Diff(_) => [E::Diff(DiffProblem::Git(odd()))],
        E::Land(_) => [E::Land(LandProblem::Git(odd()))],
        E::Sync(_) => [E::Sync(SyncProblem::Git(odd()))],
        E::Git(_) => [
            E::Git(odd()),
            E::Git(os("failed to write chunk: No space left on device")),
            E::Git(os("failed to create temporary file '/repo/.git/objects/tmp': Permission denied")),
            E::Git(no_object),
            E::Git(locked),
        ],
    });
    examples.extend(project_problems().into_iter().map(E::Project));
    examples.extend(files_and_objects());
    examples.extend(branches());
    examples
}

fn project_problems() -> Vec<ProjectProblem> {
    type E = ProjectProblem;
    examples!(E {
        E::NotARepository { .. } => [E::NotARepository { path: path("/home/ada") }],
        E::Bare { .. } => [E::Bare { path: path("/srv/repo.git") }],
        E::NoCommits { .. } => [E::NoCommits { path: path("/repo") }],
        E::Sha256 { .. } => [E::Sha256 { path: path("/repo/.git") }],
        E::Reftable { .. } => [E::Reftable { path: path("/repo/.git") }],
        E::OwnedByAnother { .. } => [E::OwnedByAnother { path: path("/repo") }],
        E::NoBranch { .. } => [E::NoBranch { name: text("main") }],
        E::NoCommit { .. } => [E::NoCommit { rev: text("v1.2") }],
        E::Unreadable { .. } => [E::Unreadable { path: path("/repo/.git/HEAD"), source: missing_file() }],
        E::Git(_) => [E::Git(odd())],
    })
}

fn files_and_objects() -> Vec<GitError> {
    type Repo = LedgerRepoProblem;
    type Checkout = CheckoutProblem;
    type Snapshot = SnapshotProblem;
    type Workspace = WorkspaceProblem;
    type Diff = DiffProblem;
    let conflict = (RepoPath::from("src/lib.rs"), text("both changed it"));
    let repo = examples!(Repo {
        Repo::Io { .. } => [Repo::Io { path: path("/repo/.git/tollhouse/repo.git/config"), source: missing_file() }],
        Repo::Foreign(_) => [Repo::Foreign(path("/repo/.git/tollhouse/repo.git"))],
        Repo::LineEnd(_) => [Repo::LineEnd(path("/odd\npath"))],
        Repo::Git(_) => [Repo::Git(odd())],
    });
    let checkout = examples!(Checkout {
        Checkout::Exists { .. } => [Checkout::Exists { path: path("/state/tollhouse/repo/run/backoff-0000") }],
        Checkout::Reserved { .. } => [Checkout::Reserved { path: RepoPath::from("a/.GIT") }],
        Checkout::TooDeep { .. } => [Checkout::TooDeep { path: RepoPath::from("a/a/a") }],
        Checkout::Io { .. } => [Checkout::Io { path: path("src/lib.rs"), source: missing_file() }],
        Checkout::Repo(_) => [Checkout::Repo(Repo::Git(odd()))],
        Checkout::Git(_) => [Checkout::Git(odd())],
    });
    let snapshot = examples!(Snapshot {
        Snapshot::NoFolder => [Snapshot::NoFolder],
        Snapshot::Unreadable { .. } => [Snapshot::Unreadable { path: path("core"), source: io::Error::from_raw_os_error(5) }],
        Snapshot::TooLarge { .. } => [Snapshot::TooLarge { path: RepoPath::from("core.4711"), bytes: 9_000_000_000 }],
        Snapshot::TooMuch { .. } => [Snapshot::TooMuch { bytes_max: 1 << 30 }],
        Snapshot::Git(_) => [Snapshot::Git(odd())],
    });
    let workspace = examples!(Workspace {
        Workspace::BranchName { .. } => [Workspace::BranchName { name: text("task/a..b") }],
        Workspace::Checkout(_) => [Workspace::Checkout(Checkout::Git(odd()))],
        Workspace::Io { .. } => [Workspace::Io { path: path(".git/HEAD"), source: missing_file() }],
        Workspace::Git(_) => [Workspace::Git(odd())],
    });
    let diff = examples!(Diff {
        Diff::Unreadable(_) => [Diff::Unreadable(PatchProblem { line: 3, message: text("a hunk ends too early") })],
        Diff::Misfit(_) => [Diff::Misfit(Conflict { files: vec![conflict] })],
        Diff::OtherTree { .. } => [Diff::OtherTree { made: oid('1'), wanted: oid('2') }],
        Diff::Git(_) => [Diff::Git(odd())],
    });
    let all = repo.into_iter().map(GitError::from).chain(checkout.into_iter().map(GitError::from));
    let all = all.chain(snapshot.into_iter().map(GitError::from)).chain(workspace.into_iter().map(GitError::from));
    all.chain(diff.into_iter().map(GitError::from)).collect()
}

fn branches() -> Vec<GitError> {
    type Land = LandProblem;
    type Sync = SyncProblem;
    let land = examples!(Land {
        Land::CheckedOut { .. } => [Land::CheckedOut { branch: text("toll/main"), worktrees: vec![path("/repo")] }],
        Land::NotAhead { .. } => [Land::NotAhead { parent: oid('1'), expected: oid('2') }],
        Land::Busy { .. } => [Land::Busy { path: path("/repo/.git/tollhouse/landing") }],
        Land::BranchName { .. } => [Land::BranchName { name: text("toll/a..b") }],
        Land::Project(_) => [Land::Project(ProjectProblem::Git(odd()))],
        Land::Git(_) => [Land::Git(odd())],
    });
    let files = vec![RepoPath::from("README.md"), RepoPath::from("src/lib.rs")];
    let sync = examples!(Sync {
        Sync::Detached { .. } => [Sync::Detached { worktree: path("/repo") }],
        Sync::Diverged { .. } => [Sync::Diverged { from: text("toll/main"), onto: text("main") }],
        Sync::InTheWay { .. } => [Sync::InTheWay { worktree: path("/repo"), files }],
        Sync::InProgress { .. } => [Sync::InProgress { worktree: path("/repo") }],
        Sync::Refused { .. } => [Sync::Refused { message: text("fatal: unable to write new index file") }],
        Sync::NoGit(_) => [Sync::NoGit(missing_file())],
        Sync::Project(_) => [Sync::Project(ProjectProblem::Git(odd()))],
        Sync::Git(_) => [Sync::Git(odd())],
    });
    land.into_iter().map(GitError::from).chain(sync.into_iter().map(GitError::from)).collect()
}

/// One example of each reason for which a backup is not written or not restored.
pub fn backup_problems() -> Vec<BackupProblem> {
    type E = BackupProblem;
    let file = || path("ledger.tar");
    let hint = "name a file that is not there yet";
    examples!(E {
        E::Exists { .. } => [E::Exists { path: file(), hint }],
        E::Damaged { .. } => [E::Damaged { what: text("the text of patch_0 is not there") }],
        E::NotABackup { .. } => [E::NotABackup { path: file(), what: text("it is no tar file") }],
        E::Corrupt { .. } => [E::Corrupt { path: file(), what: text("ledger.db has another hash") }],
        E::Unsound { .. } => [E::Unsound { path: file(), what: text("event 7: its content has another digest (and 2 more)") }],
        E::Newer { .. } => [E::Newer { path: file(), found: 3, known: 2 }],
    })
}

fn digest() -> String {
    "0123456789abcdef".repeat(4)
}

/// One example of each reason for which a content beside the ledger cannot be read.
pub fn blob_problems() -> Vec<BlobProblem> {
    type E = BlobProblem;
    let file = path("/repo/.git/tollhouse/blobs/01/23456789abcdef");
    examples!(E {
        E::Missing { .. } => [E::Missing { digest: digest() }],
        E::Differs { .. } => [E::Differs { digest: digest(), path: file }],
    })
}

/// One example of each reason for which a person's own configuration is not followed.
pub fn own_config_problems() -> Vec<OwnConfigProblem> {
    type E = OwnConfigProblem;
    let file = || path("/home/ada/.config/tollhouse/config.toml");
    examples!(E {
        E::Unreadable { .. } => [E::Unreadable { path: file(), source: io::Error::from_raw_os_error(13) }],
        E::NotAFile { .. } => [E::NotAFile { path: file() }],
        E::NotText { .. } => [E::NotText { path: file() }],
        E::Unsafe { .. } => [E::Unsafe { path: file(), why: text("can be written by every user") }],
    })
}

/// One example of each reason for which a program does not start: what an attempt or a gate run is told.
pub fn process_errors() -> Vec<ProcessError> {
    type E = ProcessError;
    let program = || text("claude");
    examples!(E {
        E::NotFound { .. } => [E::NotFound { program: program() }],
        E::NotStarted { .. } => [E::NotStarted { program: program(), source: io::Error::from_raw_os_error(13) }],
    })
}
