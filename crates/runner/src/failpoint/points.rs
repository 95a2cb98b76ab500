//! Every point there is. A test compares this list with what is passed, and with the calls in the source.

/// Around the commits: the command that is decided, and what its effect does.
pub const COMMITS: &[&str] = &[
    "commit.create_run",
    "commit.submit_patch",
    "commit.drive",
    "commit.step_down",
    "commit.start_run",
    "commit.tick",
    "commit.pause_run",
    "commit.resume_run",
    "commit.cancel_run",
    "commit.quarantine_run",
    "commit.add_tasks",
    "commit.change_budget",
    "commit.override_task",
    "commit.override_patch",
    "commit.override_worker",
    "commit.create_gate_run",
    "commit.purge",
    "commit.archive",
    "commit.claim.spawn",
    "commit.claim.kill",
    "commit.claim.apply",
    "commit.claim.gate",
    "commit.claim.land",
    "commit.claim.purge",
    "commit.claim.archive",
    "commit.report.spawn",
    "commit.report.kill",
    "commit.report.apply",
    "commit.report.gate",
    "commit.report.land",
    "commit.report.purge",
    "commit.report.archive",
    "commit.settle.spawn",
    "commit.settle.kill",
    "commit.settle.apply",
    "commit.settle.gate",
    "commit.settle.land",
    "commit.settle.purge",
    "commit.settle.archive",
];

/// Around the effects.
pub const EFFECTS: &[&str] = &[
    "effect.spawn",
    "effect.kill",
    "effect.apply",
    "effect.gate",
    "effect.land",
    "effect.purge",
    "effect.rewrite",
    "effect.archive",
    "effect.place_archive",
    "effect.take_out",
];

/// Around what is written to the contents beside the ledger: all that keeps one, giving it its name, and taking it away.
pub const BLOB_WRITES: &[&str] = &["blob.put", "blob.place", "blob.take", "blob.forget"];

/// Around what is written to a repository.
pub const GIT_WRITES: &[&str] = &[
    "git.make_ledger_repo",
    "git.pin",
    "git.unpin",
    "git.forget",
    "git.copy",
    "git.workspace",
    "git.remove_workspace",
    "git.snapshot",
    "git.keep",
    "git.candidate",
    "git.candidate_commit",
    "git.commit",
    "git.import",
    "git.swap",
    "git.branch",
];
