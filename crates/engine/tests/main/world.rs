//! A world for the engine: agents, gates and a branch that do what a script or a seed says. No clock, no processes.

use std::collections::BTreeMap;

use tollhouse_core::entity::{
    Attempt, Budget, Candidate, Effect, Evidence, ExitStatus, GateRun, Patch, Process, Run, Task, Work,
};
use tollhouse_core::lifecycle::{AttemptState, EffectState, PatchState, RunState, TaskState};
use tollhouse_core::spec::{AgentSpec, GateKind, GateSpec, LandMode, Program, Requirement, RunSpec, TaskSpec, Weight};
use tollhouse_core::{
    Actor, AttemptId, ChangeKind, Description, FileChange, Money, RepoPath, RunId, Span, Timestamp, TreeFacts,
};
use tollhouse_engine::{
    At, AttemptFacts, Claimant, Command, Cost, Engine, EngineError, Found, GateFacts, Liveness, NewPatch, Outcome,
    PatchWish, RateLimit, Refusal, Seen, View, Witness, next_deadline,
};
use tollhouse_state::MemoryStore;

/// What happens when something is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    /// It goes as it should.
    Good,
    /// The agent exits with 3.
    AgentFails,
    /// The agent changes nothing.
    Nothing,
    /// The agent touches a forbidden path.
    Forbidden,
    /// The gate says no.
    GateSaysNo,
    /// The gate cannot be judged, ever.
    GateBreaks,
    /// The patch does not fit.
    Conflict,
    /// The branch moved before the landing, once.
    BranchMoves,
    /// The branch moved before the landing, and was put back: the same candidate comes again, once.
    BranchReturns,
    /// The agent never comes back.
    Hangs,
    /// The agent's provider asks to slow down.
    RateLimited,
}

pub(crate) const ALL_LUCK: [Luck; 11] = [
    Luck::Good,
    Luck::AgentFails,
    Luck::Nothing,
    Luck::Forbidden,
    Luck::GateSaysNo,
    Luck::GateBreaks,
    Luck::Conflict,
    Luck::BranchMoves,
    Luck::BranchReturns,
    Luck::Hangs,
    Luck::RateLimited,
];

/// How long a provider asks to be left alone.
pub(crate) const SLOW_DOWN: Span = Span::from_secs(90);

pub(crate) struct World {
    pub(crate) engine: Engine<MemoryStore>,
    pub(crate) run: RunId,
    pub(crate) now: Timestamp,
    random: fastrand::Rng,
    /// What each try of a task meets, by the task's name; beyond its end: good.
    luck: BTreeMap<String, Vec<Luck>>,
    /// The commits on the branch: patches in the order in which they landed.
    pub(crate) branch: Vec<String>,
    moved: BTreeMap<String, u32>,
    pub(crate) most_at_once: usize,
    /// The epoch of the conductor that drives now; 0: none does.
    pub(crate) conductor: u64,
    /// Of a hundred steps, how many meet the death of the conductor, and a person who pauses.
    pub(crate) chaos: u64,
    /// How often the conductor died.
    pub(crate) deaths: u32,
    /// What each try of a task is said to cost, in nano-dollars, by the task's name; beyond its end, and where there is nothing: unknown.
    pub(crate) costs: BTreeMap<String, Vec<Option<i64>>>,
    /// What every patch adds and removes, where all are the same.
    pub(crate) same_patch: Option<String>,
}

pub(crate) fn task(name: &str, needs: &[&str]) -> TaskSpec {
    TaskSpec {
        name: name.to_owned(),
        prompt: format!("Do {name}"),
        agent: "script".to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        timeout: Span::from_secs(60),
        attempts: 2,
        weight: Weight::Optional,
        ..TaskSpec::default()
    }
}

pub(crate) fn gate(name: &str, needs: &[&str]) -> GateSpec {
    GateSpec {
        name: name.to_owned(),
        kind: GateKind::Unit,
        run: Program::Shell("true".to_owned()),
        paths: Vec::new(),
        cwd: None,
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        timeout: Span::from_secs(60),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        requirement: Requirement::Required,
    }
}

pub(crate) fn spec(tasks: Vec<TaskSpec>, max_parallel: u32) -> RunSpec {
    let agent = AgentSpec {
        name: "script".to_owned(),
        command: vec!["agent".to_owned()],
        max_parallel: None,
        env: BTreeMap::new(),
        env_pass: Vec::new(),
    };
    let policy = tollhouse_core::spec::PolicySpec {
        source: "project (tollhouse.toml)".to_owned(),
        write: None,
        forbid: vec!["secrets/**".to_owned()],
        max_files_changed: None,
        max_lines_changed: None,
    };
    RunSpec {
        plan: "plan".to_owned(),
        project: "project".to_owned(),
        target: "main".to_owned(),
        land_on: "toll/main".to_owned(),
        agents: vec![agent],
        gates: vec![gate("lint", &[]), gate("unit", &["lint"])],
        policy: vec![policy],
        max_parallel,
        tasks,
        ..RunSpec::default()
    }
}

impl World {
    pub(crate) fn new(spec: &RunSpec, luck: &[(&str, &[Luck])], seed: u64) -> Self {
        let run = RunId::from_parts(Timestamp::from_micros(1_700_000_000_000_000), u128::from(seed));
        let create =
            Command::CreateRun { run, spec: Box::new(spec.clone()), started_by: "ada".to_owned(), legacy: None };
        let mut world = Self::empty(run, seed);
        world.luck = luck.iter().map(|(name, luck)| ((*name).to_owned(), luck.to_vec())).collect();
        world.begin(&create);
        world
    }

    /// A world in which a run is made by this command.
    pub(crate) fn from_command(run: RunId, command: &Command, seed: u64) -> Self {
        let mut world = Self::empty(run, seed);
        world.begin(command);
        world
    }

    /// A world in which a run was made, and nothing ever drove it.
    pub(crate) fn made(run: RunId, spec: &RunSpec, seed: u64) -> Self {
        let spec = Box::new(spec.clone());
        let mut world = Self::empty(run, seed);
        let create = Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None };
        world.execute(&create).expect("a new run is made");
        world
    }

    fn empty(run: RunId, seed: u64) -> Self {
        Self {
            engine: Engine::open(MemoryStore::new(), run).expect("a store in memory opens"),
            run,
            now: Timestamp::from_micros(1_700_000_000_000_000),
            random: fastrand::Rng::with_seed(seed),
            luck: BTreeMap::new(),
            branch: Vec::new(),
            moved: BTreeMap::new(),
            most_at_once: 0,
            conductor: 0,
            chaos: 0,
            deaths: 0,
            costs: BTreeMap::new(),
            same_patch: None,
        }
    }

    fn begin(&mut self, command: &Command) {
        self.execute(command).expect("a new run is made");
        self.drive();
        if self.run_record().state == RunState::Pending {
            let start = Command::StartRun { run: self.run, base: "base".to_owned() };
            self.execute(&start).expect("a new run starts");
        }
    }

    pub(crate) fn view(&self) -> &View {
        self.engine.view()
    }

    pub(crate) fn execute(&mut self, command: &Command) -> Result<(), EngineError> {
        self.now = self.now.after(Span::from_millis(self.random.u64(0..50)));
        let at = At { now: self.now, seed: self.random.u64(..) };
        self.engine.execute(command, &Actor::Engine, at).map(|_| ())
    }

    pub(crate) fn state_of(&self, name: &str) -> TaskState {
        self.task(name).state
    }

    pub(crate) fn task(&self, name: &str) -> &Task {
        self.view().all::<Task>().find(|task| task.spec.name == name).expect("the plan has it")
    }

    pub(crate) fn run_record(&self) -> &Run {
        self.view().get::<Run>(self.run).expect("the run was made")
    }

    /// A new program takes the run, whatever drove it before.
    pub(crate) fn drive(&mut self) {
        let before = self.run_record().conductor.as_ref().map(|conductor| conductor.epoch);
        let pid = u32::try_from(self.conductor + 1).expect("a small number");
        let process = process(pid);
        let seen = before.map(|epoch| Seen { epoch, liveness: Liveness::Gone });
        self.execute(&Command::Drive { run: self.run, process, seen }).expect("who is gone is replaced");
        self.conductor = self.run_record().conductors;
    }

    /// The conductor dies, another looks at the world for each effect that nobody knows the end of.
    fn die_and_recover(&mut self) {
        self.deaths += 1;
        self.drive();
        let lost: Vec<Effect> =
            self.view().all::<Effect>().filter(|effect| effect.state == EffectState::Unknown).cloned().collect();
        for effect in lost {
            let found = self.look(&effect);
            let settle = Command::Settle { effect: effect.id, by: Witness::Conductor(self.conductor), found };
            self.execute(&settle).expect("what was seen is taken");
        }
    }

    /// What the world shows of an effect whose runner is gone.
    fn look(&mut self, effect: &Effect) -> Found {
        let reason = "its runner was killed".to_owned();
        match effect.work {
            Work::Spawn { attempt } => {
                let head = format!("head{}", self.branch.len());
                let change = self.random.bool().then(|| new_patch("src/lib.rs", &attempt.to_string(), &head));
                let facts = AttemptFacts { change, cost: self.cost_of(attempt), ..AttemptFacts::default() };
                Found::outcome(Outcome::Vanished { facts, reason })
            }
            Work::Kill { .. } => Found::outcome(Outcome::Killed),
            Work::Apply { .. } => Found::NotDone { reason },
            Work::Gate { .. } => Found::outcome(Outcome::Stopped { reason }),
            Work::Land { patch } => match self.branch.iter().position(|landed| *landed == patch.to_string()) {
                Some(place) => Found::outcome(Outcome::Landed { commit: format!("commit{}", place + 1) }),
                None => Found::NotDone { reason },
            },
        }
    }

    /// A person lets everything land that waits for one, and the run goes on.
    fn answer(&mut self) {
        let hold = self.run_record().spec.land == LandMode::Hold;
        let waiting: Vec<_> = self
            .view()
            .all::<Patch>()
            .filter(|patch| hold && patch.state == PatchState::Verified && !patch.approved)
            .map(|patch| patch.id)
            .collect();
        for patch in waiting {
            let command = Command::OverridePatch { patch, wish: PatchWish::Land, reason: "looks good".to_owned() };
            self.execute(&command).expect("what is held may be landed");
        }
        let resume = Command::ResumeRun { run: self.run, reason: "go on".to_owned() };
        match self.execute(&resume) {
            Err(EngineError::Refused(Refusal::BudgetSpent { .. })) => {
                let (budget, limit) = (self.budget().id, self.budget().limit.saturating_add(Money::from_nanos(10)));
                let raise = Command::ChangeBudget { budget, limit, reason: "go on".to_owned() };
                self.execute(&raise).expect("a limit can be raised");
            }
            resumed => resumed.expect("a paused run goes on"),
        }
    }

    /// Lets the world go on until the run is finished; effects end in an order that the seed chooses.
    pub(crate) fn go(&mut self) {
        self.go_until(|world| world.run_record().state.is_finished());
    }

    /// Lets the world go on until something holds.
    pub(crate) fn go_until(&mut self, holds: impl Fn(&Self) -> bool) {
        for _ in 0..10_000 {
            self.check();
            if holds(self) {
                return;
            }
            self.turn();
        }
        panic!("it never comes to that");
    }

    /// Has everything done that is asked for, whatever the run's state.
    pub(crate) fn settle_effects(&mut self) {
        loop {
            let next = self.view().all::<Effect>().find(|effect| !effect.state.is_finished()).cloned();
            let Some(effect) = next else { return };
            self.step(&effect);
        }
    }

    fn turn(&mut self) {
        if self.random.u64(0..100) < self.chaos {
            return self.mischief();
        }
        let paused = self.run_record().state == RunState::Paused;
        let unsettled: Vec<Effect> =
            self.view().all::<Effect>().filter(|effect| !effect.state.is_finished()).cloned().collect();
        // In a paused run only what ends something is begun.
        let may = |effect: &Effect| {
            !paused || effect.state == EffectState::Started || matches!(effect.work, Work::Kill { .. })
        };
        let able: Vec<Effect> = unsettled.into_iter().filter(|effect| may(effect) && !self.hangs(effect)).collect();
        if able.is_empty() && paused {
            return self.answer();
        }
        if able.is_empty() {
            let due = next_deadline(self.view(), self.run).expect("a run that waits for nothing is over");
            self.now = self.now.max(due);
            return self.execute(&Command::Tick { run: self.run }).expect("a look at the clock is never refused");
        }
        let effect = able[self.random.usize(0..able.len())].clone();
        self.step(&effect);
    }

    /// What a bad day brings.
    fn mischief(&mut self) {
        let started: Vec<Effect> =
            self.view().all::<Effect>().filter(|effect| effect.state == EffectState::Started).cloned().collect();
        match self.random.u8(0..3) {
            // Something was done, and nobody lived to say so.
            0 if !started.is_empty() => {
                let effect = started[self.random.usize(0..started.len())].clone();
                if matches!(effect.work, Work::Land { .. }) || !self.hangs(&effect) {
                    let _ = self.outcome(&effect);
                }
                self.die_and_recover();
            }
            1 if self.run_record().state == RunState::Running => {
                let pause = Command::PauseRun { run: self.run, reason: "lunch".to_owned() };
                self.execute(&pause).expect("a running run can be paused");
            }
            _ => self.die_and_recover(),
        }
    }

    fn step(&mut self, effect: &Effect) {
        if effect.state == EffectState::Requested {
            let until = self.now.after(Span::from_secs(600));
            let claim = |conductor| Command::Claim { effect: effect.id, by: claimant(conductor), until };
            let refused = self.execute(&claim(self.conductor - 1)).expect_err("who does not drive claims nothing");
            assert!(matches!(refused, EngineError::Refused(Refusal::StaleLease { .. })), "{refused}");
            let claim = claim(self.conductor);
            self.execute(&claim).expect("a requested effect can be claimed");
            return;
        }
        let outcome = Box::new(self.outcome(effect));
        // Somebody with an older epoch is always too late.
        let stale = Command::Report { effect: effect.id, epoch: effect.epoch - 1, outcome: outcome.clone() };
        let refused = self.execute(&stale).expect_err("an old epoch is refused");
        assert!(matches!(refused, EngineError::Refused(Refusal::StaleLease { .. })), "{refused}");
        let report = Command::Report { effect: effect.id, epoch: effect.epoch, outcome };
        self.execute(&report).expect("a report in time is taken");
        let late = self.execute(&report).expect_err("a second report is refused");
        assert!(matches!(late, EngineError::Refused(Refusal::AlreadyFinished { .. })), "{late}");
    }

    fn luck_of(&self, attempt: &Attempt) -> Luck {
        let name = &self.view().get::<Task>(attempt.task).expect("an attempt has a task").spec.name;
        let number = usize::try_from(attempt.number).expect("a small number") - 1;
        self.luck.get(name).and_then(|luck| luck.get(number)).copied().unwrap_or(Luck::Good)
    }

    /// What a try is said to cost.
    fn cost_of(&self, attempt: AttemptId) -> Option<Cost> {
        let attempt = self.view().get::<Attempt>(attempt)?;
        let name = &self.view().get::<Task>(attempt.task)?.spec.name;
        let said = self.costs.get(name)?.get(usize::try_from(attempt.number).ok()? - 1)?;
        said.map(|nanos| Cost { amount: Some(Money::from_nanos(nanos)), evidence: Evidence::Reported })
    }

    /// What a run may spend, and what of that is spent and set aside.
    pub(crate) fn budget(&self) -> &Budget {
        self.view().all::<Budget>().next().expect("the run has one")
    }

    fn luck_of_patch(&self, patch: &Patch) -> Luck {
        let attempt = patch.attempt.and_then(|attempt| self.view().get::<Attempt>(attempt));
        attempt.map_or(Luck::Good, |attempt| self.luck_of(attempt))
    }

    /// An agent that hangs comes back only once somebody has ended it.
    fn hangs(&self, effect: &Effect) -> bool {
        let Work::Spawn { attempt } = effect.work else { return false };
        let attempt = self.view().get::<Attempt>(attempt).expect("an effect has a subject");
        self.luck_of(attempt) == Luck::Hangs
            && attempt.state == AttemptState::Running
            && effect.state == EffectState::Started
    }

    fn outcome(&mut self, effect: &Effect) -> Outcome {
        let head = format!("head{}", self.branch.len());
        match effect.work {
            Work::Spawn { attempt } => {
                let attempt = self.view().get::<Attempt>(attempt).expect("an effect has a subject");
                let luck = self.luck_of(attempt);
                let path = if luck == Luck::Forbidden { "secrets/key" } else { "src/lib.rs" };
                let exit = ExitStatus::Code(if matches!(luck, Luck::AgentFails | Luck::RateLimited) { 3 } else { 0 });
                let rate_limit = (luck == Luck::RateLimited).then_some(RateLimit { retry_after: Some(SLOW_DOWN) });
                let content = self.same_patch.clone().unwrap_or_else(|| attempt.id.to_string());
                let change = (luck != Luck::Nothing).then(|| new_patch(path, &content, &head));
                let cost = self.cost_of(attempt.id);
                Outcome::Spawned(AttemptFacts { exit: Some(exit), change, cost, rate_limit, ..AttemptFacts::default() })
            }
            Work::Kill { .. } => Outcome::Killed,
            Work::Apply { patch } => {
                let patch = self.view().get::<Patch>(patch).expect("an effect has a subject");
                if self.luck_of_patch(patch) == Luck::Conflict {
                    let files = vec![(RepoPath::from("src/lib.rs"), "both changed it".to_owned())];
                    return Outcome::Conflicted { target: head, files };
                }
                let candidate = Candidate { tree: format!("{}+{}", head, patch.id), parent: head };
                Outcome::Applied { candidate, facts: TreeFacts::default() }
            }
            Work::Gate { gate_run } => {
                let gate_run = self.view().get::<GateRun>(gate_run).expect("an effect has a subject");
                let patch = gate_run.patch.and_then(|patch| self.view().get::<Patch>(patch));
                Outcome::Gated(match self.luck_of_patch(patch.expect("a gate run of a run has a patch")) {
                    Luck::GateSaysNo if gate_run.gate.name == "unit" => gate_facts(Some(1), None),
                    Luck::GateBreaks if gate_run.gate.name == "lint" => gate_facts(None, Some("it timed out")),
                    _ => gate_facts(Some(0), None),
                })
            }
            Work::Land { patch } => {
                let patch = self.view().get::<Patch>(patch).expect("an effect has a subject").clone();
                let luck = self.luck_of_patch(&patch);
                let moved = self.moved.entry(patch.id.to_string()).or_default();
                if luck == Luck::BranchReturns && *moved == 0 {
                    *moved += 1;
                    return Outcome::Lost { reason: "the branch moved".to_owned() };
                }
                if self.luck.values().flatten().any(|luck| *luck == Luck::BranchMoves) && *moved == 0 {
                    *moved += 1;
                    self.branch.push("somebody else's".to_owned());
                    return Outcome::Lost { reason: "the branch moved".to_owned() };
                }
                let candidate = patch.candidate.expect("what lands has a candidate");
                // It moved while the change was held, or while nobody drove.
                let may_move = self.chaos > 0 || self.run_record().spec.land == LandMode::Hold;
                if may_move && candidate.parent != head {
                    return Outcome::Lost { reason: "the branch moved".to_owned() };
                }
                assert_eq!(candidate.parent, head, "what lands stands on the branch as it is");
                self.branch.push(patch.id.to_string());
                Outcome::Landed { commit: format!("commit{}", self.branch.len()) }
            }
        }
    }

    /// What holds at every moment.
    fn check(&mut self) {
        let run = self.run_record();
        let tasks: Vec<&Task> = self.view().all::<Task>().collect();
        let alive = self
            .view()
            .all::<Effect>()
            .filter(|effect| matches!(effect.work, Work::Spawn { .. }) && !effect.state.is_finished())
            .count();
        assert!(alive <= usize::try_from(run.spec.max_parallel).expect("a small number"), "{alive} at once");
        for task in &tasks {
            assert_eq!(task.lease.is_some(), task.state == TaskState::Running, "{}", task.spec.name);
            assert!(task.attempts_used <= task.attempts_limit(), "{}", task.spec.name);
            assert_eq!(task.finished_at.is_some(), task.state.is_finished(), "{}", task.spec.name);
            if task.state == TaskState::Completed && task.source.is_none() {
                let patch = task.patch.and_then(|patch| self.view().get::<Patch>(patch));
                assert_eq!(patch.map(|patch| patch.state), Some(PatchState::Committed), "{}", task.spec.name);
            }
        }
        let held =
            |patch: &&Patch| run.spec.land == LandMode::Hold && patch.state == PatchState::Verified && !patch.approved;
        let landing = self
            .view()
            .all::<Patch>()
            .filter(|patch| matches!(patch.state, PatchState::Applied | PatchState::Verified) && !held(patch));
        assert!(landing.count() <= 1 || run.spec.land == LandMode::Hold, "nothing overtakes a landing");
        if run.state.is_finished() {
            assert!(tasks.iter().all(|task| task.state.is_finished()), "a finished run has no unfinished task");
            let open = self.view().all::<Effect>().filter(|effect| !effect.state.is_finished()).count();
            assert_eq!(open, 0, "a finished run has no unsettled effect");
            let landed: Vec<String> = self
                .view()
                .all::<Patch>()
                .filter(|patch| patch.state == PatchState::Committed)
                .map(|patch| patch.id.to_string())
                .collect();
            let ours: Vec<&String> = self.branch.iter().filter(|one| one.starts_with("patch_")).collect();
            assert_eq!(ours.len(), landed.len(), "what is on the branch is what the ledger says, once");
        }
        self.most_at_once = self.most_at_once.max(alive);
    }
}

/// A runner of this machine.
pub(crate) fn claimant(conductor: u64) -> Claimant {
    Claimant { owner: "local".to_owned(), conductor, process: None }
}

/// A program of this machine.
pub(crate) fn process(pid: u32) -> Process {
    Process { host: "here".to_owned(), boot: "1".to_owned(), pid, started: "1".to_owned() }
}

pub(crate) fn new_patch(path: &str, content: &str, base: &str) -> NewPatch {
    let change = FileChange {
        path: RepoPath::from(path),
        old_path: None,
        kind: ChangeKind::Modified,
        old_mode: Some("100644".to_owned()),
        new_mode: Some("100644".to_owned()),
        lines_added: 1,
        lines_removed: 0,
        binary: false,
    };
    NewPatch {
        content: content.to_owned(),
        blob: "blob".to_owned(),
        bytes: 1,
        patch_id: content.to_owned(),
        base: base.to_owned(),
        description: Description { files: vec![change] },
        unrepresentable: Vec::new(),
    }
}

fn gate_facts(code: Option<i32>, trouble: Option<&str>) -> GateFacts {
    GateFacts { exit: code.map(ExitStatus::Code), output: None, trouble: trouble.map(str::to_owned) }
}
