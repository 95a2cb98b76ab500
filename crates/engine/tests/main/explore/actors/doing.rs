//! What becomes of what is asked for, whoever does it: how it may go, and what may be seen of it once its runner is gone.

use tollhouse_core::entity::{Attempt, Candidate, Effect, ErrorClass, Evidence, ExitStatus, Patch, Work};
use tollhouse_core::{Money, PatchId};
use tollhouse_engine::{AttemptFacts, Cost, Found, GateFacts, NewPatch, Outcome, RateLimit};

use crate::explore::settings::{Allowance, Answer, Applying, Setting, Try, tree_facts};
use crate::explore::world::{Commit, Then, World};
use crate::world::{SLOW_DOWN, new_patch};

/// How an effect may go.
pub(super) struct Went {
    pub(super) what: &'static str,
    pub(super) outcome: Outcome,
    pub(super) then: Then,
    pub(super) takes: fn(&mut Allowance),
}

fn went(what: &'static str, outcome: Outcome) -> Went {
    Went { what, outcome, then: Then::Nothing, takes: |_| {} }
}

/// How an effect that was begun may go.
pub(super) fn outcomes(world: &World, setting: &Setting, effect: &Effect) -> Vec<Went> {
    match effect.work {
        Work::Spawn { attempt } => {
            let attempt = world.view.get::<Attempt>(attempt).expect("an effect has a subject");
            setting.tries.iter().map(|one| tried(world, attempt, *one)).collect()
        }
        Work::Kill { .. } => vec![went("reports killed:", Outcome::Killed)],
        Work::Purge { .. } => vec![went("reports purged:", Outcome::Purged { left: String::new() })],
        Work::Archive { .. } => vec![went("reports archived:", Outcome::Archived)],
        Work::Apply { patch } => setting.applying.iter().map(|one| applied(world, patch, *one)).collect(),
        Work::Gate { .. } => setting.answers.iter().map(|one| answered(*one)).collect(),
        Work::Land { patch } => landings(world, setting, patch),
    }
}

fn change_of(world: &World, attempt: &Attempt, path: &str) -> NewPatch {
    new_patch(path, &attempt.id.to_string(), &world.head())
}

fn tried(world: &World, attempt: &Attempt, how: Try) -> Went {
    let exited = |code: i32, path: Option<&str>| {
        let change = path.map(|path| change_of(world, attempt, path));
        Outcome::Spawned(AttemptFacts { exit: Some(ExitStatus::Code(code)), change, ..AttemptFacts::default() })
    };
    match how {
        Try::Good => went("reports a change:", exited(0, Some("src/lib.rs"))),
        Try::ExitsWith3 => went("reports a change and exit status 3:", exited(3, Some("src/lib.rs"))),
        Try::ChangesNothing => went("reports no change:", exited(0, None)),
        Try::Forbidden => went("reports a forbidden change:", exited(0, Some("secrets/key"))),
        Try::CannotBegin(class) => went("could not begin:", failed(class)),
        Try::Costs(nanos) => went("reports a change and what it cost:", costing(nanos, exited(0, Some("src/lib.rs")))),
        Try::FailsAfter(nanos) => went("reports exit status 3 and what it cost:", costing(nanos, exited(3, None))),
        Try::SlowDown => {
            let rate_limit = Some(RateLimit { retry_after: Some(SLOW_DOWN) });
            let exit = Some(ExitStatus::Code(3));
            let facts = AttemptFacts { exit, rate_limit, ..AttemptFacts::default() };
            went("reports that its provider asks to slow down:", Outcome::Spawned(facts))
        }
    }
}

/// The same, of what cost so much.
fn costing(nanos: i64, outcome: Outcome) -> Outcome {
    let cost = Some(Cost { amount: Some(Money::from_nanos(nanos)), evidence: Evidence::Reported });
    match outcome {
        Outcome::Spawned(facts) => Outcome::Spawned(AttemptFacts { cost, ..facts }),
        other => other,
    }
}

fn failed(class: ErrorClass) -> Outcome {
    Outcome::Failed { class, reason: "it could not be done".to_owned() }
}

fn applied(world: &World, patch: PatchId, how: Applying) -> Went {
    match how {
        Applying::Fits | Applying::BadTree => {
            let candidate = Candidate { tree: format!("{}+{patch}", world.head()), parent: world.head() };
            let what = if how == Applying::Fits { "reports a tree:" } else { "reports a bad tree:" };
            went(what, Outcome::Applied { candidate, facts: tree_facts(how) })
        }
        Applying::Conflicts => {
            let files = vec![("src/lib.rs".into(), "both changed it".to_owned())];
            went("reports a conflict:", Outcome::Conflicted { target: world.head(), files })
        }
        Applying::Cannot(ErrorClass::ResourceLimit) => {
            went("has no room for now to:", failed(ErrorClass::ResourceLimit))
        }
        Applying::Cannot(class) => went("cannot at all:", failed(class)),
    }
}

fn answered(answer: Answer) -> Went {
    let facts = |code: Option<i32>, trouble: Option<&str>| {
        let trouble = trouble.map(str::to_owned);
        Outcome::Gated(GateFacts { exit: code.map(ExitStatus::Code), output: None, trouble })
    };
    match answer {
        Answer::Yes => went("reports yes:", facts(Some(0), None)),
        Answer::No => went("reports no:", facts(Some(1), None)),
        Answer::Broken => went("could not judge:", facts(None, Some("it timed out"))),
    }
}

/// A compare-and-swap: it moves the branch where the candidate stands on it, and loses else.
fn landings(world: &World, setting: &Setting, id: PatchId) -> Vec<Went> {
    let patch = world.view.get::<Patch>(id).expect("an effect has a subject");
    let stands = patch.candidate.as_ref().is_some_and(|candidate| candidate.parent == world.head());
    let lost = went("lost:", Outcome::Lost { reason: "the branch moved".to_owned() });
    if !stands {
        return vec![lost];
    }
    let outcome = Outcome::Landed { commit: format!("commit{}", world.branch.len() + 1) };
    let mut all = vec![Went { then: Then::Landed(id), ..went("landed:", outcome) }];
    if world.left.branch_moves > 0 {
        all.push(Went { then: Then::BranchMoved, takes: |left| left.branch_moves -= 1, ..lost });
    }
    if setting.applying.contains(&Applying::Cannot(ErrorClass::ResourceLimit)) {
        all.push(went("has no room for now to:", failed(ErrorClass::ResourceLimit)));
        all.push(went("cannot at all:", failed(ErrorClass::Unknown)));
    }
    all
}

/// What the world may show of an effect whose conductor is gone.
pub(super) fn findings(world: &World, effect: &Effect) -> Vec<(&'static str, Found, Then)> {
    let reason = || "its runner is gone".to_owned();
    let not_done = ("sees that it was not done:", Found::NotDone { reason: reason() }, Then::Nothing);
    match effect.work {
        Work::Spawn { attempt } => {
            let attempt = world.view.get::<Attempt>(attempt).expect("an effect has a subject");
            let vanished = |change| {
                let facts = AttemptFacts { change, ..AttemptFacts::default() };
                Found::outcome(Outcome::Vanished { facts, reason: reason() })
            };
            let left = vanished(Some(change_of(world, attempt, "src/lib.rs")));
            vec![
                ("finds nothing left of:", vanished(None), Then::Nothing),
                ("finds half a change of:", left, Then::Nothing),
                not_done,
            ]
        }
        Work::Kill { .. } => vec![("sees that it is gone:", Found::outcome(Outcome::Killed), Then::Nothing)],
        Work::Apply { .. } | Work::Gate { .. } | Work::Purge { .. } | Work::Archive { .. } => vec![not_done],
        Work::Land { patch: id } => {
            let patch = world.view.get::<Patch>(id).expect("an effect has a subject");
            let stands = patch.candidate.as_ref().is_some_and(|candidate| candidate.parent == world.head());
            let commit = format!("commit{}", world.branch.len() + 1);
            let landed = Found::outcome(Outcome::Landed { commit });
            let there = ("finds it on the branch:", landed, Then::Landed(id));
            if stands && !world.branch.contains(&Commit::Ours(id)) { vec![there, not_done] } else { vec![not_done] }
        }
    }
}

/// An outcome of the kind that an effect has.
pub(super) fn any_outcome(effect: &Effect) -> Outcome {
    match effect.work {
        Work::Kill { .. } => Outcome::Killed,
        Work::Purge { .. } => Outcome::Purged { left: String::new() },
        Work::Archive { .. } => Outcome::Archived,
        Work::Land { .. } => Outcome::Landed { commit: "commit".to_owned() },
        Work::Spawn { .. } => {
            Outcome::Spawned(AttemptFacts { exit: Some(ExitStatus::Code(0)), ..AttemptFacts::default() })
        }
        Work::Apply { .. } => failed(ErrorClass::Unknown),
        Work::Gate { .. } => answered(Answer::Yes).outcome,
    }
}
