//! How far a run is, who works at it, and what it may spend.

use tollhouse::entity::{Process, Worker};
use tollhouse::lifecycle::WorkerState;
use tollhouse::plan::{Defaults, PromptTexts, Source, read_plan, read_project, resolve};
use tollhouse::spec::{BudgetSpec, OnExhausted, RunSpec};
use tollhouse::{Actor, Command, Engine, Newcomer, RunId, SqliteStore, Store, View, WorkerId, clock};

use crate::harness::{Bench, Said, assert_says, run, tasks};
use crate::living::agent_at_work;
use crate::word::assert_refused;

/// The ledger of a repository, as a program that embeds the engine opens it.
fn ledger(bench: &Bench) -> SqliteStore {
    SqliteStore::open(bench.path(".git/tollhouse/ledger.db")).expect("a run was made before")
}

fn process() -> Process {
    let text = |text: &str| text.to_owned();
    Process { host: text("box"), boot: text("1"), pid: 1, started: text("1") }
}

/// Registers a worker that all runs share.
fn register(bench: &Bench, name: &str) -> WorkerId {
    let store = ledger(bench);
    let mut fleet = Engine::open_fleet(&store as &dyn Store).expect("the ledger can be read");
    clock::not_before(fleet.newest_at());
    let worker = WorkerId::from_parts(clock::now(), clock::random_id_bits());
    let capabilities = ["docker", "gpu"].map(str::to_owned).into();
    let newcomer = Box::new(Newcomer { name: name.to_owned(), process: process(), capabilities });
    let actor = Actor::Worker(name.to_owned());
    fleet.execute(&Command::RegisterWorker { worker, newcomer }, &actor, clock::at()).expect("its name is free");
    worker
}

fn state_of(bench: &Bench, worker: WorkerId) -> WorkerState {
    let view = View::of(&ledger(bench), &[worker.into()]).expect("the ledger can be read");
    view.get::<Worker>(worker).expect("it registered").state
}

/// A repository in which a run was made and done.
fn after_a_run() -> Bench {
    let bench = Bench::new();
    bench.agent("echo $1 > $1.txt").run_plan(&tasks(&["first"]));
    bench
}

/// A run of these tasks that paused before it began any: each sets two dollars aside, and it may spend one. Plans cannot say so
/// yet; a program that embeds the engine can.
pub(crate) fn out_of_money(bench: &Bench, plan: &str) {
    let store = ledger(bench);
    let project =
        read_project(&Source::new("tollhouse.toml", bench.read("tollhouse.toml"))).expect("a good configuration");
    let defaults = Defaults { project: "repo".to_owned(), target: "main".to_owned(), ..Defaults::default() };
    let spec = resolve(&project, &read_plan(&Source::new("plan.toml", plan)), &PromptTexts::new(), &defaults);
    let [limit, aside] = ["1", "2"].map(|dollars| Some(dollars.parse().expect("an amount")));
    let budget = BudgetSpec { per_run: limit, per_task: aside, on_exhausted: OnExhausted::Pause };
    let spec = Box::new(RunSpec { budget: Some(budget), ..spec.expect("a good plan") });
    let run = RunId::from_parts(clock::now(), clock::random_id_bits());
    let mut engine = Engine::open(&store as &dyn Store, run).expect("the ledger can be read");
    clock::not_before(engine.newest_at());
    for command in [
        Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None },
        Command::Drive { run, process: process(), seen: None },
        Command::StartRun { run, base: bench.git(&["rev-parse", "toll/main"]) },
        Command::StepDown { run, epoch: 1 },
    ] {
        engine.execute(&command, &Actor::Person("ada".to_owned()), clock::at()).expect("it may be done");
    }
    assert_eq!(bench.state(), "paused");
}

fn without_money() -> Bench {
    let bench = after_a_run();
    out_of_money(&bench, &tasks(&["one", "two"]));
    bench
}

/// The id of the newest record of a kind.
fn newest(bench: &Bench, prefix: &str) -> String {
    let log = bench.toll(&["log", "--json", "--limit", "0"]).out;
    let events = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON"));
    let ids: Vec<String> = events.map(|event| event["record"].as_str().expect("an id is text").to_owned()).collect();
    ids.into_iter().rfind(|id| id.starts_with(prefix)).expect("there is one")
}

#[test]
fn status_of_a_living_run_says_how_far_it_is_and_that_nobody_knows_how_long() {
    let (bench, living) = agent_at_work();
    let said = bench.toll(&["status"]);
    bench.toll(&["pause"]);
    living.ended();
    assert_says!(bench, said, @r"
    exit: 0
    --- stdout
    test [SHORT] · running · 0 of 1 tasks done · 0 landed on toll/main · [TIME]

      ▸  one  running

      progress  0 of 1 tasks done, 1 running
      left      unknown: nobody saw yet how long one takes
    --- stderr
    ");
}

#[test]
fn status_of_a_run_that_rests_says_since_when_and_for_whom() {
    let bench = Bench::new();
    bench.agent("echo $1 > $1.txt").plan(&tasks(&["one"]).replace("id = \"one\"", "id = \"one\"\ntimeout = \"5m\""));
    assert_eq!(bench.toll(&["run", "../plan.toml", "--hold"]).code, Some(7));
    assert_says!(bench, bench.toll(&["status"]), @r"
    exit: 0
    --- stdout
    test [SHORT] · paused · 0 of 1 tasks done · 0 landed on toll/main · [TIME]
      1 change was ready and held

      ·  one  waiting    [SHORT] verified  its change is ready and held: `toll land [ID]` lands it

      progress  0 of 1 tasks done, 1 waiting (1 for a person)
      left      unknown: it is paused: 1 change was ready and held
      quiet     nothing is alive for [TIME]: it waits for a person

      next  toll land
    --- stderr
    ");
}

/// A run of so many tasks, of which the first failed and the others were skipped.
fn of_many(tasks: usize) -> Bench {
    let bench = Bench::new();
    let behind = |at| format!("[[task]]\nid = \"t{at}\"\nprompt = \"x\"\nneeds = [\"t0\"]\ncritical = false\n");
    let behind: Vec<String> = (1..tasks).map(behind).collect();
    let first = "[[task]]\nid = \"t0\"\nprompt = \"x\"\nattempts = 1\ncritical = false\n";
    bench.agent("exit 3").plan(&format!("{first}{}", behind.concat()));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(0));
    bench
}

#[test]
fn status_of_very_many_tasks_shows_those_to_which_something_happened() {
    for tasks in [300, 1_100] {
        let bench = of_many(tasks);
        let said = bench.toll(&["status"]).out;
        assert!(said.lines().next().is_some_and(|line| line.contains(&format!("0 of {tasks} tasks done"))), "{said}");
        let rows: Vec<&str> = said.lines().filter(|line| line.starts_with("  ✗") || line.contains('…')).collect();
        let more = format!("{} more: toll task list --run ", tasks - 1);
        assert!(rows.len() == 2 && rows[0].contains("t0") && rows[1].contains(&more), "{said}");
        let list: Vec<&str> = rows[1].split_whitespace().skip_while(|word| *word != "task").collect();
        assert_eq!(bench.toll(&list).out.lines().count(), tasks);
        assert_eq!(bench.status()["tasks"].as_array().map(Vec::len), Some(tasks), "a document has all of them");
    }
}

#[test]
fn log_has_every_event_once_and_goes_on_where_an_earlier_one_ended() {
    let bench = of_many(300);
    let positions = |words: &[&str]| -> Vec<u64> {
        let events = bench.toll(&[&["log", "--json"], words].concat()).out;
        let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        events.lines().map(|line| event(line)["position"].as_u64().unwrap()).collect()
    };
    let all = positions(&["--limit", "0"]);
    let newest = all.len() as u64;
    assert!(newest > 600, "more than a few pages: {newest}");
    assert_eq!(all, (1..=newest).collect::<Vec<_>>());
    assert_eq!(positions(&["--limit", "0", "--since", "300"]), all[300..]);
    assert_eq!(positions(&["--limit", "290", "--since", "7"]), all[7..297]);
    assert_eq!(positions(&["--limit", "3"]), all[all.len() - 3..]);
    assert_eq!(positions(&[]), all[all.len() - 200..]);
    assert_eq!(positions(&["--since", &newest.to_string()]), [0; 0]);
    let of_kind = positions(&["--limit", "0", "--kind", "task"]);
    assert!(of_kind.len() > 300 && of_kind.is_sorted(), "{of_kind:?}");
}

#[test]
fn status_as_json_carries_the_progress() {
    let bench = without_money();
    let progress = &bench.status()["progress"];
    assert_eq!(progress["counts"]["tasks"], 2, "{progress:#}");
    assert_eq!(
        (&progress["eta"]["unknown"], &progress["eta"]["remaining"]),
        (&"paused".into(), &serde_json::Value::Null)
    );
    assert_eq!(progress["waits"]["run"], 2, "{progress:#}");
    assert_eq!(progress["quiet"]["waits_for"], "person", "{progress:#}");
    assert_eq!((&progress["budget"]["limit"], &progress["budget"]["currency"]), (&"1".into(), &"USD".into()));
}

#[test]
fn what_agents_took_in_other_runs_says_how_long_this_one_takes() {
    let bench = Bench::new();
    bench.agent("echo $1 > $1.txt; if test $1 = slow; then touch \"$TMPDIR/pids\"; echo x > \"$TMPDIR/pids\"; while ! test -e \"$TMPDIR/go\"; do sleep 0.05; done; fi");
    bench.run_plan(&tasks(&["first"]));
    let living = bench.start_plan(&tasks(&["slow"]));
    let eta = bench.status()["progress"]["eta"].clone();
    bench.let_go();
    living.ended();
    assert_eq!((&eta["unknown"], &eta["observations"]), (&serde_json::Value::Null, &1.into()), "{eta:#}");
    assert!(eta["remaining"]["most"].is_number(), "{eta:#}");
}

#[test]
fn status_of_workstreams_says_how_many_of_their_tasks_are_done() {
    let bench = Bench::new();
    let plan = "plan = \"test\"\n[[workstream]]\nid = \"parser\"\n\n[[task]]\nid = \"one\"\nprompt = \"x\"\nworkstream = \"parser\"\n";
    bench.agent("echo $1 > $1.txt").run_plan(plan);
    assert!(bench.toll(&["status"]).out.contains("workstream parser is completed, 1 of 1 tasks done"));
}

#[test]
fn own_workers_of_a_run_are_listed_while_it_goes_on_and_with_all_after_it() {
    let (bench, living) = agent_at_work();
    let during = bench.toll(&["worker", "list", "--json"]).json();
    bench.toll(&["pause"]);
    living.ended();
    let names = |list: &serde_json::Value| -> Vec<(String, String)> {
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().expect("text").to_owned();
        list["workers"].as_array().expect("a list").iter().map(|row| (text(row, "name"), text(row, "state"))).collect()
    };
    assert_eq!(names(&during), [("local-1".to_owned(), "busy".to_owned())]);
    assert!(during["workers"][0]["holds"]["attempt"].is_string(), "{during:#}");
    let after = bench.toll(&["worker", "list", "--all", "--json"]).json();
    assert_eq!(names(&after), [("local-1".to_owned(), "terminated".to_owned())]);
    let none = bench.toll(&["worker", "list"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""), "{none}");
    assert!(none.err.contains("toll worker list --all"), "{none}");
}

#[test]
fn shared_worker_is_listed_with_what_it_can_do() {
    let bench = after_a_run();
    register(&bench, "mill");
    assert_says!(bench, bench.toll(&["worker", "list"]), @r"
    exit: 0
    --- stdout
    [SHORT]  mill  idle  box  docker gpu    0 % busy, 0 attempts
    --- stderr
    ");
}

#[test]
fn pages_of_workers_follow_each_other() {
    let bench = after_a_run();
    for name in ["mill", "loom"] {
        register(&bench, name);
    }
    let first = bench.toll(&["worker", "list", "--limit", "1", "--json"]).json();
    let next = first["next"].as_str().expect("there is another page");
    let second = bench.toll(&["worker", "list", "--limit", "1", "--after", next, "--json"]).json();
    assert_eq!((&first["workers"][0]["name"], &second["workers"][0]["name"]), (&"loom".into(), &"mill".into()));
    assert_eq!(second["next"], serde_json::Value::Null);
}

#[test]
fn worker_is_paused_resumed_and_drained_by_its_name() {
    let bench = after_a_run();
    let worker = register(&bench, "mill");
    for (verb, state) in [
        ("pause", WorkerState::Paused),
        ("resume", WorkerState::Idle),
        // It holds nothing, so it is over at once.
        ("drain", WorkerState::Terminated),
    ] {
        let said = bench.toll(&["worker", verb, "mill", "--reason", "the machine is needed", "--json"]);
        assert_eq!((said.code, state_of(&bench, worker)), (Some(0), state), "{verb}: {said}");
        assert_eq!(said.json()["schema"], "worker.v1");
    }
    let again = bench.toll(&["worker", "pause", "mill", "--reason", "again", "--json"]);
    assert_refused(&again, 5, "already_finished");
    let log = bench.toll(&["log", &worker.to_string()]).out;
    assert_eq!(log.matches("the machine is needed").count(), 3, "{log}");
}

#[test]
fn paused_worker_says_so_in_words() {
    let bench = after_a_run();
    register(&bench, "mill");
    assert_says!(bench, bench.toll(&["worker", "pause", "mill", "--reason", "lunch"]), @r"
    exit: 0
    --- stdout
    mill wrk_[ID] · paused on box
    reason    lunch
    --- stderr
    ");
}

#[test]
fn word_on_a_worker_needs_a_reason_and_a_worker() {
    let bench = after_a_run();
    let worker = register(&bench, "mill");
    let before = bench.all_that_is();
    for verb in ["pause", "resume", "drain"] {
        assert_refused(&bench.toll(&["worker", verb, "mill", "--json"]), 2, "no_reason");
        assert_refused(&bench.toll(&["worker", verb, "loom", "--reason", "x", "--json"]), 4, "not_found");
        let by_agent =
            run(bench.command(&["worker", verb, "mill", "--reason", "x", "--json"]).env("TOLLHOUSE_TASK", "one"));
        assert_refused(&by_agent, 3, "not_a_person");
    }
    assert_eq!((state_of(&bench, worker), before), (WorkerState::Idle, bench.all_that_is()));
}

#[test]
fn worker_of_another_program_is_refused_as_not_there_yet() {
    assert_refused(&Bench::new().toll(&["worker", "start", "--json"]), 2, "not_supported_yet");
}

#[test]
fn run_without_money_names_the_command_that_raises_its_budget() {
    let bench = without_money();
    let id =
        bench.status()["id"].as_str().expect("an id").rsplit('_').next().expect("it has two parts")[10..].to_owned();
    let next = format!("toll resume {id} --budget USD --reason TEXT");
    assert_eq!(bench.status()["next"], next);
    let said = bench.toll(&["resume", "--json"]);
    assert_refused(&said, 3, "budget_spent");
    assert!(said.error()["hint"].as_str().is_some_and(|hint| hint.contains("toll resume RUN --budget USD")), "{said}");
    let budget = bench.toll(&["explain", &newest(&bench, "bud_"), "--json"]).json();
    assert_eq!((&budget["kind"], &budget["next"]), (&"budget".into(), &next.into()));
}

#[test]
fn run_without_money_goes_on_with_a_larger_budget() {
    let bench = without_money();
    let said = bench.toll(&["resume", "--budget", "5", "--reason", "it is worth it"]);
    assert_eq!((said.code, bench.state().as_str()), (Some(0), "succeeded"), "{said}");
    let mut landed = bench.landed();
    landed.sort_unstable();
    assert_eq!(landed, ["first.txt", "one.txt", "two.txt"]);
    // What nobody knows counts as what was set aside for it.
    let status = bench.toll(&["status"]).out;
    assert!(status.contains("budget    warning: $4 of $5 spent"), "{status}");
    let log = bench.toll(&["log", &newest(&bench, "bud_")]).out;
    assert!(log.contains("it is worth it"), "{log}");
}

#[test]
fn budget_that_is_still_too_small_lets_nothing_begin() {
    let bench = without_money();
    let said = bench.toll(&["resume", "--budget", "1.50", "--reason", "a little more", "--json"]);
    assert_refused(&said, 3, "budget_spent");
    assert_eq!((bench.state().as_str(), bench.landed()), ("paused", vec!["first.txt".to_owned()]));
}

#[test]
fn larger_budget_is_refused_without_a_reason_an_amount_or_a_budget() {
    let bench = without_money();
    let before = bench.all_that_is();
    assert_refused(&bench.toll(&["resume", "--budget", "5", "--json"]), 2, "no_reason");
    for amount in ["--budget=0", "--budget=-1", "--budget=much", "--budget=1e3"] {
        assert_refused(&bench.toll(&["resume", amount, "--reason", "x", "--json"]), 2, "usage");
    }
    let first = bench.toll(&["runs", "--json"]).json()["runs"][1]["id"].as_str().expect("two runs").to_owned();
    assert_refused(&bench.toll(&["resume", &first, "--budget", "5", "--reason", "x", "--json"]), 5, "no_budget");
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn budget_of_a_living_run_is_not_changed() {
    let (bench, living) = agent_at_work();
    let said: Said = bench.toll(&["resume", "--budget", "5", "--reason", "x", "--json"]);
    bench.toll(&["pause"]);
    living.ended();
    // It has none; one that had would be refused as driven by another.
    assert_refused(&said, 5, "no_budget");
}

#[test]
fn everything_on_the_ledger_is_explained_by_its_id() {
    let bench = without_money();
    register(&bench, "mill");
    assert_eq!(bench.toll(&["resume", "--budget", "5", "--reason", "x"]).code, Some(0));
    // A breaker is there once an agent failed.
    bench.agent("test $1 = four; echo $1 > $1.txt");
    let plan = "plan = \"test\"\n[[workstream]]\nid = \"parser\"\n\n[[task]]\nid = \"four\"\nprompt = \"x\"\nworkstream = \"parser\"\n\n[[task]]\nid = \"five\"\nprompt = \"x\"\nattempts = 1\ncritical = false\n";
    bench.run_plan(plan);
    for (prefix, kind) in
        [("wrk_", "worker"), ("ws_", "workstream"), ("brk_", "breaker"), ("bud_", "budget"), ("cost_", "cost_entry")]
    {
        let id = newest(&bench, prefix);
        let short = id.rsplit('_').next().expect("it has two parts")[10..].to_owned();
        for text in [&id, &short] {
            let said = bench.toll(&["explain", text, "--json"]);
            assert_eq!((said.code, &said.json()["kind"]), (Some(0), &kind.into()), "{said}");
        }
    }
}
