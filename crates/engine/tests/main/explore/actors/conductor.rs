//! Conductors: the one that drives, which does what is asked for and looks for what was lost, and the stale ones before it.

use tollhouse_core::entity::{Attempt, Candidate, Effect, ErrorClass, ExitStatus, Patch, Work};
use tollhouse_core::lifecycle::{EffectState, RunState};
use tollhouse_core::{PatchId, Span};
use tollhouse_engine::{AttemptFacts, Command, Found, GateFacts, Liveness, NewPatch, Outcome, Seen, Witness};

use crate::explore::settings::{Allowance, Answer, Applying, Setting, Try, tree_facts};
use crate::explore::world::{By, Commit, Move, Probe, Then, World};
use crate::world::{claimant, new_patch, process};

pub(super) fn moves(world: &World, setting: &Setting) -> Vec<Move> {
    let mut moves = takeovers(world);
    let Some(epoch) = world.run().conductor.as_ref().map(|conductor| conductor.epoch) else { return moves };
    if world.run().state == RunState::Pending {
        let start = Command::StartRun { run: world.run, base: world.head() };
        moves.push(of_conductor(world, "the run begins", None, start));
    }
    let rests = matches!(world.run().state, RunState::Paused | RunState::Canceling);
    for effect in world.view.all::<Effect>() {
        match effect.state {
            EffectState::Requested if !rests || matches!(effect.work, Work::Kill { .. }) => {
                moves.push(of_conductor(world, "claims", Some(effect), claim(world, effect, epoch)));
            }
            EffectState::Started => moves.extend(outcomes(world, setting, effect).into_iter().map(|went| {
                let command =
                    Command::Report { effect: effect.id, epoch: effect.epoch, outcome: Box::new(went.outcome) };
                Move { then: went.then, takes: went.takes, ..of_conductor(world, went.what, Some(effect), command) }
            })),
            EffectState::Unknown => moves.extend(findings(world, effect).into_iter().map(|(what, found, then)| {
                let command = Command::Settle { effect: effect.id, by: Witness::Conductor(epoch), found };
                Move { then, ..of_conductor(world, what, Some(effect), command) }
            })),
            _ => {}
        }
    }
    moves
}

/// What comes in about an attempt comes in a moment later: patches are younger than those before.
fn of_conductor(world: &World, what: &'static str, effect: Option<&Effect>, command: Command) -> Move {
    let brings_patch = effect.is_some_and(|effect| matches!(effect.work, Work::Spawn { .. }));
    let at = if brings_patch { world.next_moment() } else { world.now };
    let about = effect.map(|effect| effect.id.into());
    Move { what, about, by: By::Conductor, command, at, then: Then::Nothing, takes: |_| {} }
}

fn drive(world: &World, seen: Option<Seen>) -> Command {
    let pid = u32::try_from(world.run().conductors + 1).expect("a small number");
    Command::Drive { run: world.run, process: process(pid), seen }
}

fn takeovers(world: &World) -> Vec<Move> {
    let run = world.run();
    let Some(present) = &run.conductor else {
        return vec![of_conductor(world, "a conductor takes the run", None, drive(world, None))];
    };
    let mut moves = Vec::new();
    if world.left.deaths > 0 {
        let seen = Seen { epoch: present.epoch, liveness: Liveness::Gone };
        let takes = |left: &mut Allowance| left.deaths -= 1;
        let what = "the conductor dies, and another takes the run";
        moves.push(Move { takes, ..of_conductor(world, what, None, drive(world, Some(seen))) });
    }
    if world.left.steps_down > 0 {
        let command = Command::StepDown { run: world.run, epoch: present.epoch };
        let takes = |left: &mut Allowance| left.steps_down -= 1;
        moves.push(Move { takes, ..of_conductor(world, "the conductor gives the run back", None, command) });
    }
    moves
}

fn claim(world: &World, effect: &Effect, conductor: u64) -> Command {
    let until = world.now.after(Span::from_secs(600));
    Command::Claim { effect: effect.id, by: claimant(conductor), until }
}

/// How an effect may go.
struct Went {
    what: &'static str,
    outcome: Outcome,
    then: Then,
    takes: fn(&mut Allowance),
}

fn went(what: &'static str, outcome: Outcome) -> Went {
    Went { what, outcome, then: Then::Nothing, takes: |_| {} }
}

fn outcomes(world: &World, setting: &Setting, effect: &Effect) -> Vec<Went> {
    match effect.work {
        Work::Spawn { attempt } => {
            let attempt = world.view.get::<Attempt>(attempt).expect("an effect has a subject");
            setting.tries.iter().map(|one| tried(world, attempt, *one)).collect()
        }
        Work::Kill { .. } => vec![went("reports killed:", Outcome::Killed)],
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
fn findings(world: &World, effect: &Effect) -> Vec<(&'static str, Found, Then)> {
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
        Work::Apply { .. } | Work::Gate { .. } => vec![not_done],
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

/// What a stale conductor, a second one, and one that says a thing twice try in vain.
pub(super) fn probes(world: &World) -> Vec<Probe> {
    let run = world.run();
    let epoch = run.conductor.as_ref().map_or(0, |conductor| conductor.epoch);
    let rests = matches!(run.state, RunState::Paused | RunState::Canceling);
    let mut probes = second_conductors(world);
    let mut has_finished = false;
    for effect in world.view.all::<Effect>() {
        let probe = |what, command, codes| Probe { what, about: Some(effect.id.into()), command, codes };
        let outcome = any_outcome(effect);
        let report = |epoch| Command::Report { effect: effect.id, epoch, outcome: Box::new(outcome.clone()) };
        let look = |by| Command::Settle { effect: effect.id, by, found: Found::outcome(outcome.clone()) };
        let stale: &[&str] = &["stale_lease"];
        match effect.state {
            EffectState::Requested => {
                if rests && !matches!(effect.work, Work::Kill { .. }) {
                    let codes = &["run_rests", "stale_lease"];
                    probes.push(probe("begins in a run that rests:", claim(world, effect, epoch), codes));
                }
                let stale_claim = claim(world, effect, run.conductors.wrapping_sub(1));
                probes.push(probe("a stale conductor claims", stale_claim, stale));
                // Asked for again, whoever had it before is too late.
                let codes: &[&str] = if effect.epoch == 0 { &["not_in_table"] } else { stale };
                probes.push(probe("is reported and nobody claimed it:", report(effect.epoch), codes));
                probes.push(probe("a conductor looks for what nobody began:", look(Witness::Conductor(epoch)), stale));
            }
            EffectState::Started => {
                probes.push(probe(
                    "is claimed twice:",
                    claim(world, effect, epoch),
                    &["not_in_table", "stale_lease", "run_rests"],
                ));
                probes.push(probe("a stale conductor reports", report(effect.epoch - 1), stale));
                probes.push(probe("a conductor looks for what another does:", look(Witness::Conductor(epoch)), stale));
            }
            EffectState::Unknown => {
                probes.push(probe("who lost it reports", report(effect.epoch), stale));
                let by = Witness::Conductor(run.conductors.wrapping_sub(1));
                probes.push(probe("a stale conductor looks for", look(by), stale));
                probes.push(probe("anybody looks for", look(Witness::Anybody(Liveness::Gone)), stale));
            }
            EffectState::Done | EffectState::Failed if !has_finished => {
                has_finished = true;
                let over: &[&str] = &["already_finished"];
                probes.push(probe("is reported twice:", report(effect.epoch), over));
                probes.push(probe("is claimed when it is over:", claim(world, effect, epoch), over));
                probes.push(probe("is looked for when it is over:", look(Witness::Conductor(epoch)), over));
            }
            _ => {}
        }
    }
    probes
}

fn second_conductors(world: &World) -> Vec<Probe> {
    let Some(present) = &world.run().conductor else { return Vec::new() };
    let at_once = Liveness::OutOfSight { last_seen: Some(world.now) };
    let seen = |epoch, liveness| Some(Seen { epoch, liveness });
    let driven: &[&str] = &["already_driven"];
    let probe = |what, seen| Probe { what, about: None, command: drive(world, seen), codes: driven };
    let step_down = Command::StepDown { run: world.run, epoch: present.epoch - 1 };
    vec![
        probe("a second conductor has not looked at the first", None),
        probe("a second conductor sees the first alive", seen(present.epoch, Liveness::Alive)),
        probe("a second conductor saw one before the first gone", seen(present.epoch - 1, Liveness::Gone)),
        probe("a second conductor cannot see the first, which was just there", seen(present.epoch, at_once)),
        Probe {
            what: "a stale conductor gives the run back",
            about: None,
            command: step_down,
            codes: &["stale_lease"],
        },
    ]
}

fn any_outcome(effect: &Effect) -> Outcome {
    match effect.work {
        Work::Kill { .. } => Outcome::Killed,
        Work::Land { .. } => Outcome::Landed { commit: "commit".to_owned() },
        Work::Spawn { .. } => {
            Outcome::Spawned(AttemptFacts { exit: Some(ExitStatus::Code(0)), ..AttemptFacts::default() })
        }
        Work::Apply { .. } => failed(ErrorClass::Unknown),
        Work::Gate { .. } => answered(Answer::Yes).outcome,
    }
}
