//! A command turned down: nothing changed, and here is why.

use thiserror::Error;
use tollhouse_core::lifecycle::IllegalTransition;
use tollhouse_core::{Kind, Money, RecordId};

/// A command turned down.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is over; a late report moves nothing.
    #[error("{id} is finished: it is {state}")]
    AlreadyFinished {
        /// What is finished.
        id: RecordId,
        /// How it ended.
        state: &'static str,
    },
    /// Somebody else has the right to it now.
    #[error("{id} was given to somebody else: epoch {given} is over, {current} is the newest")]
    StaleLease {
        /// What was worked on.
        id: RecordId,
        /// The epoch that was brought.
        given: u64,
        /// The newest epoch.
        current: u64,
    },
    /// The lifecycle has no such transition.
    #[error(transparent)]
    NotInTable(#[from] IllegalTransition),
    /// There is no such record.
    #[error("there is no {id}")]
    NotFound {
        /// What was asked for.
        id: RecordId,
    },
    /// The id names something else.
    #[error("{id} was used before, for other content")]
    IdReused {
        /// The id.
        id: RecordId,
    },
    /// A person's own key for a run is that of another one.
    #[error("the key {key:?} is that of {id}, which was asked for something else")]
    KeyReused {
        /// The key.
        key: String,
        /// The run that has it.
        id: RecordId,
    },
    /// Another program drives the run.
    #[error("{id} is driven by {by}")]
    AlreadyDriven {
        /// Which run.
        id: RecordId,
        /// The program.
        by: String,
    },
    /// It is on its way to the branch, and nothing overtakes that.
    #[error("{id} is landing right now")]
    Landing {
        /// Which patch.
        id: RecordId,
    },
    /// Nothing begins in a run that rests or ends.
    #[error("{id} does not begin: its run is {state}")]
    RunRests {
        /// Which effect.
        id: RecordId,
        /// Where the run is.
        state: &'static str,
    },
    /// It does not wait for a person's word to land.
    #[error("{id} does not wait to be landed: it is {state}")]
    NotHeld {
        /// Which patch.
        id: RecordId,
        /// Where it is.
        state: &'static str,
    },
    /// Its task may still bring another patch, or has brought one.
    #[error("{id} cannot be let in again while its task {task} is {state}")]
    TaskInTheWay {
        /// Which patch.
        id: RecordId,
        /// The task's plan id.
        task: String,
        /// Where the task is.
        state: &'static str,
    },
    /// A patch of the same task is on its way to the branch, or landed, because a person let it in again.
    #[error("{patch} stands in the way of {id}: it is {state}")]
    PatchInTheWay {
        /// Which task, or other patch of it.
        id: RecordId,
        /// The patch.
        patch: RecordId,
        /// Where the patch is.
        state: &'static str,
    },
    /// What needs it was given up already, or the run ends because of another.
    #[error("{id} cannot be tried again: {dependents} ended with it")]
    DependentsMissed {
        /// Which task.
        id: RecordId,
        /// The plan ids of those that needed it.
        dependents: String,
    },
    /// Its run is over.
    #[error("{}: it is {state}", over(*id))]
    RunOver {
        /// Which record.
        id: RecordId,
        /// How the run ended.
        state: &'static str,
    },
    /// Its run winds down: nothing new begins in it.
    #[error("{id} takes nothing new: it ends, for {reason}")]
    RunEnds {
        /// Which run.
        id: RecordId,
        /// Why.
        reason: String,
    },
    /// Its money is gone: whatever it did next could not be paid.
    #[error("{id} cannot go on: ${spent} of ${limit} were spent")]
    BudgetSpent {
        /// Which run.
        id: RecordId,
        /// What was spent.
        spent: Money,
        /// How much may be.
        limit: Money,
    },
    /// It goes on, so there is nothing to go on from.
    #[error("{id} is not over: it is {state}")]
    NotOver {
        /// Which run.
        id: RecordId,
        /// Where it is.
        state: &'static str,
    },
    /// What it said was forgotten, so nothing can be made of it any more.
    #[error("{id} was purged: what it said is gone")]
    Purged {
        /// Which record.
        id: RecordId,
    },
    /// Another program is at it.
    #[error("another program is taking {id} out of the ledger, or what it says")]
    PurgeUnderWay {
        /// Which record.
        id: RecordId,
    },
    /// It holds no text of its own.
    #[error("{id} holds nothing that could be purged")]
    NothingToPurge {
        /// Which record.
        id: RecordId,
    },
    /// All of a run's tasks are done, or it has none.
    #[error("{id} has no task that is left to be done")]
    NothingLeft {
        /// Which run.
        id: RecordId,
    },
    /// A run has no task of this name.
    #[error("{id} has no task {task:?}")]
    NoSuchTask {
        /// Which run.
        id: RecordId,
        /// The name.
        task: String,
    },
    /// No such rule, or one that nobody may waive.
    #[error("rule {rule:?} cannot be waived")]
    NotWaivable {
        /// Its name.
        rule: String,
    },
    /// What is no glob.
    #[error("{glob:?} is no glob: {what}")]
    BadGlob {
        /// As it was given.
        glob: String,
        /// What is wrong with it.
        what: String,
    },
    /// Another worker that lives has this name.
    #[error("a worker named {name:?} is registered: {by}")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        by: RecordId,
    },
    /// A worker is not free.
    #[error("{id} is {state}")]
    WorkerNotIdle {
        /// Which worker.
        id: RecordId,
        /// What it is.
        state: &'static str,
    },
    /// Nobody drives a run whose tasks its own conductor does.
    #[error("nobody drives {id}")]
    NotDriven {
        /// Which run.
        id: RecordId,
    },
    /// What a run is asked for contradicts itself.
    #[error("the run cannot be made: {}", problems.join("; "))]
    BadSpec {
        /// Every problem, in words.
        problems: Vec<String>,
    },
    /// Tasks do not fit into the run that they are to be added to.
    #[error("nothing was added: {}", problems.join("; "))]
    BadTasks {
        /// Every problem, in words.
        problems: Vec<String>,
    },
    /// Somebody is at work on it, or its change is on its way.
    #[error("{id} cannot be left out while its task {task} is {state}")]
    TaskAtWork {
        /// Which workstream.
        id: RecordId,
        /// The task's plan id.
        task: String,
        /// Where the task is.
        state: &'static str,
    },
    /// Its workstream is over, or its own gates run.
    #[error("{id} cannot be tried again: its workstream {workstream} is {state}")]
    WorkstreamOver {
        /// Which task.
        id: RecordId,
        /// The workstream's name.
        workstream: String,
        /// Where the workstream is.
        state: &'static str,
    },
    /// The outcome is not one that the effect can have.
    #[error("{id} is a {work}; it cannot end as {outcome}")]
    WrongOutcome {
        /// Which effect.
        id: RecordId,
        /// What it does.
        work: &'static str,
        /// What was reported.
        outcome: &'static str,
    },
}

/// What is over: a run itself, or that of something else.
fn over(id: RecordId) -> String {
    if id.kind() == Kind::Run { format!("{id} is over") } else { format!("the run of {id} is over") }
}

impl Refusal {
    /// The stable code, the same in the command line, in Python and in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlreadyFinished { .. } => "already_finished",
            Self::StaleLease { .. } => "stale_lease",
            Self::NotInTable(_) => "not_in_table",
            Self::NotFound { .. } => "not_found",
            Self::IdReused { .. } => "id_reused",
            Self::KeyReused { .. } => "key_reused",
            Self::AlreadyDriven { .. } => "already_driven",
            Self::Landing { .. } => "landing",
            Self::RunRests { .. } => "run_rests",
            Self::NotHeld { .. } => "not_held",
            Self::TaskInTheWay { .. } => "task_in_the_way",
            Self::PatchInTheWay { .. } => "patch_in_the_way",
            Self::DependentsMissed { .. } => "dependents_missed",
            Self::RunOver { .. } => "run_over",
            Self::RunEnds { .. } => "run_ends",
            Self::BudgetSpent { .. } => "budget_spent",
            Self::NotOver { .. } => "not_over",
            Self::Purged { .. } => "purged",
            Self::PurgeUnderWay { .. } => "purge_under_way",
            Self::NothingToPurge { .. } => "nothing_to_purge",
            Self::NothingLeft { .. } => "nothing_left",
            Self::NoSuchTask { .. } => "no_such_task",
            Self::NotWaivable { .. } => "not_waivable",
            Self::BadGlob { .. } => "bad_glob",
            Self::NameTaken { .. } => "name_taken",
            Self::WorkerNotIdle { .. } => "worker_not_idle",
            Self::NotDriven { .. } => "not_driven",
            Self::BadSpec { .. } => "bad_spec",
            Self::BadTasks { .. } => "bad_tasks",
            Self::TaskAtWork { .. } => "task_at_work",
            Self::WorkstreamOver { .. } => "workstream_over",
            Self::WrongOutcome { .. } => "wrong_outcome",
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::AlreadyFinished { .. } => "nothing is to be done; `toll log ID` shows how it ended",
            Self::StaleLease { .. } => "stop the work: it was given to somebody else",
            Self::NotInTable(_) => "`toll explain ID` says why it is where it is, and what moves it",
            Self::NotFound { .. } => "`toll runs` and `toll task list` show what there is",
            Self::IdReused { .. } => "give it another id, or none",
            Self::KeyReused { .. } => "give it another key; `toll status RUN` shows what that one was asked for",
            Self::AlreadyDriven { .. } => "`toll status` shows how far it is; `toll pause` or `toll cancel` ends that",
            Self::Landing { .. } => "wait a moment: `toll status` shows when it has landed",
            Self::RunRests { .. } => "`toll resume` lets a paused run go on",
            Self::NotHeld { .. } => "`toll status` shows what waits; `toll explain ID` says why it is where it is",
            Self::TaskInTheWay { state: "completed", .. } => {
                "the task is done; `toll patch checkout` makes a branch of the patch, and `toll submit` hands that in"
            }
            Self::TaskInTheWay { .. } => "`toll task cancel TASK` ends the task, and then the patch may come in again",
            Self::PatchInTheWay { .. } => {
                "nothing is to be done for one that lands; `toll patch drop ID` gives up one that has not"
            }
            Self::DependentsMissed { .. } => {
                "once the run is over, `toll fork --from TASK` does it again in a new one, with all that comes after it"
            }
            Self::RunOver { .. } | Self::RunEnds { .. } => "`toll fork` goes on from it in a new run",
            Self::BudgetSpent { .. } => "`toll resume RUN --budget USD --reason TEXT` lets it spend more, and go on",
            Self::NotOver { .. } => "`toll resume` lets it go on; `toll cancel` ends it",
            Self::Purged { .. } => {
                "`toll run PLAN` or `toll do PROMPT` has it done anew; the ledger keeps only its hashes"
            }
            Self::PurgeUnderWay { .. } => "wait a moment, and say it again: nothing is done twice",
            Self::NothingToPurge { .. } => {
                "a run, a task, an attempt, a patch or a gate run can be purged: `toll explain ID` says what it belongs to"
            }
            Self::NothingLeft { .. } => "`toll fork --from TASK` does a task again, with all that comes after it",
            Self::NoSuchTask { .. } => "`toll task list` shows the tasks of a run",
            Self::NotWaivable { .. } => {
                "`toll patch show ID` lists the rules and what they said; `toll patch checkout ID` is for what nobody may waive"
            }
            Self::BadGlob { .. } => "write it as in \"src/**\"",
            Self::NameTaken { .. } => "register it under another name, or end the other one first",
            Self::WorkerNotIdle { .. } => "it is given something once it is idle again",
            Self::NotDriven { .. } => "`toll resume` drives it",
            Self::BadSpec { .. } => "mend the plan: `toll check` shows where",
            Self::BadTasks { .. } => "`toll task list` shows what the run has, and where each task is",
            Self::TaskAtWork { .. } => {
                "`toll pause` stops who is at work; a change on its way lands or is refused soon"
            }
            Self::WorkstreamOver { .. } => {
                "once the run is over, `toll fork --from TASK` does it again in a new one, with all that comes after it"
            }
            Self::WrongOutcome { .. } => "report the outcome of the effect that was claimed",
        }
    }
}
