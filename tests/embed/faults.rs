//! Whichever call of the store fails, nothing is lost: the ledger opens, verifies, and the work comes to its end once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tollhouse::conformance::rounds;
use tollhouse::entity::{Entity, Run};
use tollhouse::lifecycle::RunState;
use tollhouse::plan::{Defaults, SingleTask, Source, read_project, single};
use tollhouse::spec::RunSpec;
use tollhouse::{
    Call, Conductor, Fault, FaultStore, Find, Kind, Moment, RunId, RunnerError, Site, SqliteStore, Store, Told, audit,
};

use crate::{CONFIG, site_in};

const KINDS: [Fault; 4] = [
    Fault { moment: Moment::Before, error: Told::Failed },
    Fault { moment: Moment::After, error: Told::Failed },
    Fault { moment: Moment::Before, error: Told::Busy },
    Fault { moment: Moment::After, error: Told::Busy },
];

/// The same run, its one task in a real repository, again and again: each time another call fails.
#[test]
#[expect(clippy::print_stdout, reason = "who reads why a test failed must see what it drew")]
fn the_nth_call_fails() {
    let calls = calls_of_a_run();
    let step = calls.div_ceil(rounds().div_ceil(4)).max(1);
    let seed = std::env::var("TOLLHOUSE_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    println!("{calls} calls; one in {step} fails, from call {} on, TOLLHOUSE_TEST_SEED={seed}", 1 + seed % step);
    let mut failed = 0;
    for (nth, kind) in (1 + seed % step..=calls).step_by(usize::try_from(step).unwrap()).zip(seed % 4..) {
        let fault = KINDS[usize::try_from(kind % 4).unwrap()];
        failed += u64::from(with_one_fault(nth, fault));
    }
    assert!(failed * 2 >= calls / step, "{failed} of {} were met by a call", calls / step);
}

/// How many calls it takes when none of them fails.
fn calls_of_a_run() -> u64 {
    static CALLS: OnceLock<u64> = OnceLock::new();
    *CALLS.get_or_init(|| {
        let scratch = tempfile::tempdir().unwrap();
        let site = site_in(scratch.path());
        let store = FaultStore::new(site.open_ledger().unwrap());
        run(&site, &store).unwrap();
        Call::ALL.into_iter().map(|call| store.calls(call)).sum()
    })
}

/// Whether there was such a call.
fn with_one_fault(nth: u64, fault: Fault) -> bool {
    let scratch = tempfile::tempdir().unwrap();
    let site = site_in(scratch.path());
    let store = FaultStore::new(site.open_ledger().unwrap());
    let number = Arc::new(AtomicU64::new(0));
    store.fail_by(move |_| (number.fetch_add(1, Ordering::Relaxed) + 1 == nth).then_some(fault));
    let ran = run(&site, &store);
    let mishap = store.mishaps().into_iter().next();
    let told = format!("call {nth}, {mishap:?}: {ran:?}");
    drop(store);

    let store = site.open_ledger().unwrap();
    expect_sound(&site, &store, &told);
    let runs = runs(&store);
    match runs.as_slice() {
        // It failed before the run was made: it is made now.
        [] => run(&site, &store).unwrap_or_else(|error| panic!("{told}, then {error}")),
        [(_, state)] if state.is_finished() => {}
        [(id, _)] => resume(&site, &store, *id).unwrap_or_else(|error| panic!("{told}, then {error}")),
        more => panic!("{told}, and then there were {more:?}"),
    }
    expect_sound(&site, &store, &told);
    assert!(matches!(self::runs(&store)[..], [(_, RunState::Succeeded)]), "{told}, then {:?}", self::runs(&store));
    assert_eq!(audit::audit(&site, &store, 0).unwrap().landed, 1, "{told}");
    mishap.is_some()
}

fn run(site: &Site, store: &dyn Store) -> Result<(), RunnerError> {
    Conductor::new(site, store, "ada".to_owned(), &AtomicBool::new(false)).run(&spec(), None, &mut |_| ()).map(drop)
}

fn resume(site: &Site, store: &dyn Store, id: RunId) -> Result<(), RunnerError> {
    let interrupted = AtomicBool::new(false);
    Conductor::new(site, store, "ada".to_owned(), &interrupted).resume(id, "it is mended", &mut |_| ()).map(drop)
}

fn spec() -> RunSpec {
    let project = read_project(&Source::new("tollhouse.toml", CONFIG)).unwrap();
    let task = SingleTask { prompt: "Make the result".to_owned(), ..SingleTask::default() };
    let defaults = Defaults { project: "project".to_owned(), target: "main".to_owned(), ..Defaults::default() };
    single(&project, &task, &defaults).unwrap()
}

fn runs(store: &dyn Store) -> Vec<(RunId, RunState)> {
    let found = store.find(&Find { kind: Some(Kind::Run), ..Find::default() }).unwrap();
    found.iter().map(|record| Run::from_record(record).unwrap()).map(|run| (run.id, run.state)).collect()
}

fn expect_sound(site: &Site, store: &SqliteStore, told: &str) {
    let audit = audit::audit(site, store, 0).unwrap();
    assert_eq!(audit.ledger.findings, [], "{told}");
}
