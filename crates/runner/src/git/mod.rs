//! Git: objects, trees and refs by libgit2; files by our own hands.
//!
//! Owns the maintainer's [`Project`], the ledger's own [`LedgerRepo`], and the [`Workspace`]s. Never lets libgit2 touch a working
//! directory, and never opens a repository that an agent could write: nothing that was planted there can run. The one
//! exception that starts the git program is [`sync`], in the maintainer's own checkout, at their word; [`git_version`] only asks
//! which one it would be.

mod candidate;
mod checked_out;
mod checkout;
mod clashes;
mod default_branch;
mod diff;
mod discover;
mod error;
mod files;
mod forget;
mod handed;
mod history;
mod identity;
mod ignores;
mod import;
mod land;
mod ledger_repo;
pub(crate) mod loose;
mod message;
mod new_repo;
mod older;
mod overlay;
mod own_ref;
mod project;
mod remove;
mod snapshot;
mod stat_cache;
mod sync;
mod tree;
mod turn;
mod workspace;

pub use candidate::{Candidate, Conflict, candidate};
pub use checkout::{CheckoutProblem, checkout};
pub use default_branch::{Certainty, DefaultBranch};
pub use diff::{DiffProblem, diff_text};
pub use error::GitError;
pub use forget::Unwanted;
pub use git2::Oid;
pub use handed::{Written, kept_commit};
pub use history::CommitFacts;
pub use identity::Signature;
pub use land::{LandOutcome, LandProblem, Landing, land, look_for_landed};
pub use ledger_repo::{Kept, LedgerRepo, LedgerRepoProblem};
pub use message::{CHECKOUT_TRAILER, LEDGER_TRAILER, PATCH_TRAILER, RUN_TRAILER, trailer, with_trailers};
pub use new_repo::make_repository;
pub use project::{Head, Project, ProjectProblem};
pub use snapshot::{Look, Snapshot, SnapshotProblem, snapshot};
pub use stat_cache::StatCache;
pub use sync::{SyncProblem, Synced, git_version, sync};
pub use workspace::{Workspace, WorkspaceProblem};
