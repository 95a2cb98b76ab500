//! What `toll explain` says: why, and a next step, for all that can be held up. `docs/explanations.md` lists it.

mod crew_and_money;
mod scenes;
mod work;

use std::collections::BTreeSet;
use std::fmt::Write;

use expect_test::expect_file;
use tollhouse_core::entity::Task;
use tollhouse_core::{Kind, RecordId};
use tollhouse_engine::policy::{RULES, Waiver};
use tollhouse_engine::report::{Explanation, explain};
use tollhouse_state::{Cursor, Store};

use self::crew_and_money::{breakers, budgets, cost_entries, workers, workstreams};
use self::scenes::{Scene, is_at_rest, patches, runs, tasks};
use self::work::{attempts, effects, gate_runs};
use crate::world::{ALL_LUCK, World, spec, task};

/// The commands that an explanation may name: those that there are. `crates/cli` compares them with what `toll` knows.
const COMMANDS: [&str; 16] = [
    "toll cancel ",
    "toll explain ",
    "toll fork ",
    "toll gate show ",
    "toll land",
    "toll log ",
    "toll patch checkout ",
    "toll patch release ",
    "toll patch show ",
    "toll resume ",
    "toll status ",
    "toll submit ",
    "toll task retry ",
    "toll task show ",
    "toll worker list",
    "toll worker resume ",
];

/// States that nobody can see: they are left in the commit in which they are entered, or nothing enters them yet.
const NEVER_SEEN: [(Kind, &str); 6] = [
    (Kind::Run, "verifying"),
    (Kind::Run, "quarantined"),
    (Kind::Patch, "validated"),
    (Kind::Patch, "apply_failed"),
    (Kind::Patch, "rolled_back"),
    (Kind::Worker, "spawning"),
];

fn all() -> Vec<(&'static str, Vec<Scene>)> {
    vec![
        ("Runs", runs()),
        ("Tasks", tasks()),
        ("Patches", patches()),
        ("Gate runs", gate_runs()),
        ("Attempts", attempts()),
        ("Effects", effects()),
        ("Workers", workers()),
        ("Workstreams", workstreams()),
        ("Circuit breakers", breakers()),
        ("Budgets", budgets()),
        ("Cost entries", cost_entries()),
    ]
}

fn explained(scene: &Scene) -> Explanation {
    explain(scene.world.view(), scene.id, scene.seen).expect("the view holds it")
}

/// Ids and times differ from day to day; words in capitals stand for them.
fn masked(text: &str, world: &World) -> String {
    let mut known = ids(world);
    known.extend(world.view().all::<Task>().filter_map(|record| record.source).map(RecordId::from));
    let mut text = text.to_owned();
    for id in known {
        let stand_in = id.kind().as_str().to_uppercase();
        text = text.replace(&id.to_string(), &stand_in).replace(&id.random_part(), &stand_in);
    }
    while let Some(from) = text.find("2023-") {
        let to = text[from..].find('Z').map_or(text.len(), |length| from + length + 1);
        text.replace_range(from..to, "TIME");
    }
    text
}

fn shown(scene: &Scene) -> String {
    let explanation = explained(scene);
    let mut text = format!("    {} {} is {}\n", explanation.kind, explanation.name, explanation.state);
    for why in &explanation.because {
        let _ = writeln!(text, "      because  {}", why.replace('\n', "\n               "));
    }
    if let Some(next) = &explanation.next {
        let _ = writeln!(text, "      next     {next}");
    }
    masked(&text, &scene.world)
}

fn document() -> String {
    let mut text = String::from(
        "# Explanations\n\nWhat `toll explain` says of everything that waits, was set aside or is over: why, and the next step. Words in \
         capitals stand for ids, times and what you would say. Errors and refusals are in [messages.md](messages.md).\n\nA test makes each of \
         these in a simulated world and compares; `UPDATE_EXPECT=1 cargo nextest run -p tollhouse-engine explanations` writes this \
         file.\n",
    );
    for (kind, scenes) in all() {
        let _ = write!(text, "\n## {kind}\n");
        for scene in &scenes {
            let _ = write!(text, "\n### {}\n\n{}", scene.title, shown(scene));
        }
    }
    text.push_str(
        "\n## Rules\n\nWhat a patch is refused by, first over the patch, then over the tree that it gives.\n\n",
    );
    text.push_str("| Rule | What it asks for | A person may waive it |\n|---|---|---|\n");
    text.push_str("| `representable` | All that is new in the workspace is something that a tree can hold. | no |\n");
    for rule in RULES {
        let may = if rule.waiver == Waiver::ByPerson { "yes" } else { "no" };
        let _ = writeln!(text, "| `{}` | {} | {may} |", rule.name, rule.sentence);
    }
    text.push_str("| `gate:NAME` | Every required gate passes on that very tree. | no |\n");
    text.push_str("| `fits` | It fits what landed meanwhile. | no |\n");
    text
}

#[test]
fn every_explanation_is_in_the_list() {
    expect_file!["../../../../../docs/explanations.md"].assert_eq(&document());
}

#[test]
fn every_state_that_can_be_seen_is_explained() {
    let mut seen: BTreeSet<(Kind, String)> = BTreeSet::new();
    for scene in all().iter().flat_map(|(_, scenes)| scenes) {
        seen.insert((scene.id.kind(), explained(scene).state));
    }
    seen.extend(NEVER_SEEN.map(|(kind, state)| (kind, state.to_owned())));
    let states =
        Kind::ALL.into_iter().flat_map(|kind| kind.states().iter().map(move |state| (kind, (*state).to_owned())));
    let missing: Vec<_> = states.filter(|state| !seen.contains(state)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What holds for each explanation: it says why, and names a command that there is.
#[track_caller]
fn assert_helps(explanation: &Explanation, is_at_rest: bool) {
    let fine = ["succeeded", "completed", "committed", "passed", "done", "closed"];
    assert!(!explanation.because.iter().any(|why| why.trim().is_empty()), "{explanation:#?}");
    match &explanation.next {
        Some(next) => {
            assert!(COMMANDS.iter().any(|command| next.starts_with(command)), "{explanation:#?}");
            assert!(!explanation.because.is_empty(), "{explanation:#?}");
        }
        None => assert!(is_at_rest || fine.contains(&explanation.state.as_str()), "{explanation:#?}"),
    }
}

#[test]
fn every_explanation_says_why_and_names_a_command_that_there_is() {
    for scene in all().iter().flat_map(|(_, scenes)| scenes) {
        assert_helps(&explained(scene), is_at_rest(&scene.world, scene.id));
    }
}

#[test]
fn every_record_of_a_bad_day_is_explained_at_every_moment() {
    for seed in 0..8 {
        let luck: Vec<_> =
            (0..3).map(|at| [ALL_LUCK[(usize::try_from(seed).unwrap_or(0) + at * 3) % ALL_LUCK.len()]]).collect();
        let luck = [("a", &luck[0][..]), ("b", &luck[1][..]), ("c", &luck[2][..])];
        let tasks = vec![task("a", &[]), task("b", &[]), task("c", &["a"])];
        let mut world = World::new(&spec(tasks, 2), &luck, seed);
        world.chaos = 5;
        world.go_until(|world| {
            for id in ids(world) {
                let explanation = explain(world.view(), id, None).expect("the view holds it");
                assert_helps(&explanation, is_at_rest(world, id));
            }
            world.run_record().state.is_finished()
        });
    }
}

/// Everything that is on the ledger.
fn ids(world: &World) -> BTreeSet<RecordId> {
    let events = world.engine.store().events(&Cursor::default()).expect("a store in memory can be read");
    events.into_iter().map(|event| event.record).collect()
}

#[test]
fn following_explanations_leads_to_another_command_and_never_in_a_circle() {
    for scene in all().iter().flat_map(|(_, scenes)| scenes) {
        let view = scene.world.view();
        let mut passed = vec![scene.id];
        let mut explanation = explained(scene);
        while let Some(id) = explanation.next.as_ref().and_then(|next| next.strip_prefix("toll explain ")) {
            let next =
                ids(&scene.world).into_iter().find(|known| known.random_part() == id).expect("it names what there is");
            assert!(!passed.contains(&next), "{}: {explanation:#?}", scene.title);
            passed.push(next);
            explanation = explain(view, next, scene.seen).expect("the view holds it");
        }
    }
}

/// The scene of a title.
#[track_caller]
fn next_of(scenes: Vec<Scene>, title: &str) -> (String, Vec<String>) {
    let scene = scenes.into_iter().find(|scene| scene.title == title).expect("there is such a scene");
    let explanation = explained(&scene);
    let masked = |text: &String| masked(text, &scene.world);
    (explanation.next.as_ref().map(masked).unwrap_or_default(), explanation.because.iter().map(masked).collect())
}

#[test]
fn a_run_whose_program_is_gone_says_so_and_is_resumed() {
    let (next, because) = next_of(runs(), "its program is gone");
    assert_eq!(next, "toll resume RUN");
    assert_eq!(because[0], "it is driven by nothing: process 1 on here, which did it, is gone");
}

#[test]
fn a_task_without_room_names_the_task_that_it_waits_for() {
    for title in ["as many are at work as the run allows", "its agent is busy", "it shares a conflict group"] {
        let (_, because) = next_of(tasks(), title);
        assert!(because[0].contains("it waits for a"), "{title}: {because:?}");
    }
}

#[test]
fn a_failed_task_is_tried_again_in_a_run_that_goes_on_and_forked_from_one_that_is_over() {
    assert_eq!(next_of(tasks(), "failed, and the run goes on").0, "toll task retry TASK --say TEXT");
    assert_eq!(next_of(tasks(), "failed, and the run is over").0, "toll fork RUN --from a");
}

#[test]
fn a_patch_is_let_in_again_by_a_person_where_every_rule_against_it_may_be_waived() {
    assert_eq!(
        next_of(patches(), "it changes what is forbidden").0,
        "toll patch release PATCH --allow GLOB --reason TEXT"
    );
    let by_size = "toll patch release PATCH --waive max_lines_changed --reason TEXT";
    assert_eq!(next_of(patches(), "it is too large").0, by_size);
    assert_eq!(next_of(patches(), "it changes what nobody may allow").0, "toll patch checkout PATCH");
}

#[test]
fn a_patch_in_the_queue_names_the_one_that_goes_first() {
    let (_, because) = next_of(patches(), "another is on its way");
    assert_eq!(because, ["one lands at a time: it waits for PATCH (Do a), which is applied"]);
}
