//! The guards of decisions by name, so that a test can switch one off and see that it is missed.
//!
//! Without the feature `testing` a guard is its condition, and nothing else is compiled.

/// Names guards, each with what it keeps from happening.
macro_rules! guards {
    ($($(#[doc = $doc:literal])+ $guard:ident,)+) => {
        /// A condition that keeps something from happening.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        #[cfg_attr(not(feature = "testing"), expect(unreachable_pub, reason = "it goes out where tests switch guards off"))]
        pub enum Guard {
            $($(#[doc = $doc])+ $guard,)+
        }

        #[cfg(feature = "testing")]
        impl Guard {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$guard),+];
        }
    };
}

guards! {
    /// A gate that failed and then passed on one tree lets nothing land before a person has looked.
    FlakyIsHeld,
    /// A gate that failed is run again as often as its definition says, and no more.
    GateFailuresAreCounted,
    /// Nothing of a run that was stopped for safety goes on.
    QuarantineEndsAll,
    /// A run is mended so often, and no more.
    FixesAreCounted,
    /// Tasks are added only to a run that goes on.
    AddNeedsLivingRun,
    /// A workstream that is over, or judged, takes no new tasks.
    AddNeedsOpenWorkstream,
    /// What was missed already is not needed by anything new.
    AddNeedsNothingMissed,
    /// Added tasks have names of their own, need what is there, and nothing waits for itself.
    AddNeedsSoundPlan,
    /// An added task may not change more than its run may.
    AddStaysWithinPolicy,
    /// Only a task that waits for another already can be made to wait for one that is added.
    OnlyWaitingNeedMore,
    /// What is finished is not claimed: the answer is that it is over.
    FinishedIsNotClaimed,
    /// Only who drives the run claims its effects.
    ClaimNeedsTheRun,
    /// Nothing but a kill begins in a run that rests or ends.
    NothingBeginsAtRest,
    /// A second report of an effect is late.
    FinishedIsNotReported,
    /// A report of another epoch than the newest is late.
    ReportNeedsTheEpoch,
    /// Who lost an effect does not say any more how it went.
    LostIsNotReported,
    /// A late end of an attempt is recorded and moves nothing.
    LateAttemptIsRecorded,
    /// A late failure of an attempt moves nothing.
    LateFailureMovesNothing,
    /// A late look at an attempt whose runner is gone is recorded and moves nothing.
    LateLossIsRecorded,
    /// Only an agent that exits with 0 ended well.
    SuccessNeedsExitZero,
    /// A patch of an attempt that did not end well is evidence only.
    BadEndDropsPatch,
    /// A landed patch completes its task only where that waits for it.
    LandingCompletesWhatValidates,
    /// A backoff has to be over before its task is queued.
    BackoffIsOver,
    /// An attempt is overdue once its deadline has passed, and not before.
    DeadlineHasPassed,
    /// A question expires once its time is over, and not before.
    QuestionTimeIsOver,
    /// Another try needs an attempt that is left.
    RetryNeedsAttemptsLeft,
    /// Some kinds of failure are not tried again.
    RetryNeedsRetryableClass,
    /// What a rule refused is tried again only with a refused patch to learn from.
    PolicyRetryNeedsPatch,
    /// What ends in the same way again and again is not tried again.
    SameEndsAreCounted,
    /// A provider that asked to slow down is not asked before its time.
    RateLimitIsWaitedFor,
    /// A run that winds down tries nothing again.
    NoRetryWhenWindingDown,
    /// Lost attempts have a limit, too.
    RetryNeedsLossesLeft,
    /// A refusal moves only a task that validates.
    RefusalNeedsValidating,
    /// An agent whose breaker is open gets nothing before its time is over.
    OpenKeepsOut,
    /// While a trial is out, its agent gets nothing else.
    TrialIsAlone,
    /// Only failures of the agent's own count against it.
    OnlyOwnFailuresCount,
    /// So many failures in a row open a breaker.
    FailuresInARowTrip,
    /// A rate limit opens a breaker at once.
    RateLimitTrips,
    /// Of a half open breaker its trial alone decides.
    TrialDecides,
    /// What an attempt may cost has to be free in its run's budget.
    LeaseNeedsMoney,
    /// What was set aside is free again once its attempt ended.
    EndSettlesReservation,
    /// An attempt that cost more than its task may has failed.
    TaskLimitHolds,
    /// A task whose money is spent is not tried again.
    RetryNeedsMoney,
    /// A run pauses once its budget is used up, where that was asked for.
    SpentBudgetPauses,
    /// A run winds down once its budget is used up, where that was asked for.
    SpentBudgetEnds,
    /// A run does not begin, nor go on, while its budget is used up.
    GoingOnNeedsMoney,
    /// A run that winds down leases nothing.
    NoLeaseWhenWindingDown,
    /// What is stopped and begun is killed.
    BegunIsKilled,
    /// What a missed task was needed for is given up.
    MissedGivesUp,
    /// A task with an unfinished dependency is not queued.
    QueuedNeedsDependenciesDone,
    /// No more attempts are alive than the run allows.
    RoomInTheRun,
    /// No more tasks of an agent run than it allows.
    RoomAtTheAgent,
    /// Tasks that clash are not under way together.
    NoClash,
    /// What a task that validates may still change keeps others from it, too.
    ValidatingClashes,
    /// A patch is verified once every gate passed on its tree.
    VerifyNeedsGates,
    /// A patch lands once no other is on its way.
    LandingIsAlone,
    /// A patch is applied once no other is on its way.
    ApplyingIsAlone,
    /// A patch that breaks a rule is set aside.
    PatchRulesHold,
    /// A tree that breaks a rule sets its patch aside.
    TreeRulesHold,
    /// A candidate of a patch that is not queued any more is let go.
    CandidateNeedsQueued,
    /// A conflict of a patch that is not queued any more is let go.
    ConflictNeedsQueued,
    /// Trouble with a patch that is finished moves nothing.
    TroubleNeedsUnfinished,
    /// A finished patch is not dropped with its task.
    OnlyUnfinishedIsDropped,
    /// What was asked for and nobody began is taken back with its cause.
    RequestedIsWithdrawn,
    /// Until a landing is settled, nothing ends its task.
    LandingHoldsTask,
    /// Until a landing is settled, nothing ends its patch.
    LandingHoldsPatch,
    /// Until a landing is settled, its task does not end with its run.
    LandingOutlastsTaskCancel,
    /// Until a landing is settled, its patch does not end with its run.
    LandingOutlastsPatchCancel,
    /// A gate begins once the gates that it needs have passed.
    GateNeedsGates,
    /// A gate that needs one that did not pass is skipped.
    GateSkipsAfterMiss,
    /// What a gate says of a patch or tree that is not judged any more moves nothing.
    GateAnswerNeedsApplied,
    /// A gate that cannot be judged is run again at most twice.
    GateErrorsAreCounted,
    /// A gate that was stopped, or lost with its runner, does not count as a try.
    StoppedGateIsNoTry,
    /// An advisory gate alone lets its patch pass without a yes.
    OnlyAdvisoryMayMiss,
    /// Whoever is alive is not replaced.
    LivingConductorStays,
    /// What was seen of another conductor says nothing of the present one.
    SeenIsOfThePresent,
    /// Who cannot be seen is replaced once they were silent for too long.
    SilenceIsLong,
    /// What the last conductor had begun is unknown until somebody looked.
    BegunIsLostWithConductor,
    /// Only who drives a run steps down from it or looks for it.
    DrivingNeedsTheEpoch,
    /// Only what is unknown is settled by a look.
    LookNeedsUnknown,
    /// What nobody wants any more is not asked for again.
    AskedAgainIsWanted,
    /// What is held lands once a person said so.
    HeldWaits,
    /// Only what is held is let go by a person.
    LandNeedsHeld,
    /// A run rests once nothing in it can move.
    RestNeedsQuiet,
    /// A person's word moves no task of a run that is over or ends.
    WordNeedsLivingRun,
    /// A task that others were given up for is not tried again.
    RetryNeedsDependents,
    /// Nothing is done again while a patch for it lives.
    NoPatchInTheWay,
    /// A patch is let in again once its task is over and not completed.
    ReleaseNeedsTaskOver,
    /// A patch is not let in again while its run ends.
    ReleaseNeedsRun,
    /// A finished run is not paused.
    PauseNeedsLivingRun,
    /// A pause stops what is alive.
    PauseStopsAttempts,
    /// A run that winds down lets end by themselves what runs and validates.
    WindingDownLetsEnd,
    /// What is ready and held is not given up when the run winds down.
    WindingDownKeepsHeld,
    /// A run ends once it is drained.
    EndNeedsDrained,
    /// A canceled run ends once it is drained.
    CanceledNeedsDrained,
    /// A run in which something critical was missed has failed.
    CriticalMissFails,
    /// A worker has a name that no living one has.
    NameIsFree,
    /// One whose namesakes crashed time and again waits for a person.
    CrashesPause,
    /// A worker that was given up does not come back.
    CrashedIsRefused,
    /// An attempt is stalled once nothing came from it for long, and not before.
    StalledIsLong,
    /// A worker is gone once it was silent for long, and not before.
    GoneIsSilentLong,
    /// A lease is over once its worker was silent for long, and not before.
    LeaseHasExpired,
    /// A worker that holds something is not ended.
    TerminateNeedsNothingHeld,
    /// A worker is drained once it holds nothing.
    DrainedNeedsNothingHeld,
    /// A shared worker begins only what it was given.
    ClaimNeedsTheLease,
    /// Only an idle worker is given something.
    WorkNeedsIdle,
    /// Nobody is given what neither they nor the agent can do.
    CapabilitiesFit,
    /// Who tried a task in vain more often than another that may take it gives way.
    TriedGivesWay,
    /// What was nobody's fault does not count as tried in vain.
    OnlyOwnTriesCount,
    /// Of whom too little is known is tried, however unlucky it was.
    RarelyAskedIsAsked,
    /// A run in which something was missed says so.
    MissesAreTold,
    /// A workstream is completed once its own gates passed.
    WorkstreamNeedsItsGates,
    /// What was not begun of a workstream that is over ends with it.
    EndedWorkstreamEndsTasks,
    /// Nothing is tried again in a workstream that is over.
    NoRetryInEndedWorkstream,
    /// A person takes up again only a task whose workstream goes on.
    RetryNeedsOpenWorkstream,
    /// Until a landing is settled, nothing ends the workstream of its task.
    LandingHoldsWorkstream,
    /// A workstream is left out while nobody is at work on it.
    SkipNeedsNobodyAtWork,
    /// A run is accepted once its own gates passed.
    AcceptNeedsGates,
    /// What a gate says of what is not judged any more moves nothing.
    OwnAnswerNeedsJudging,
}

#[cfg(feature = "testing")]
mod switched_off {
    use std::cell::Cell;

    use super::Guard;

    thread_local! {
        static GUARD: Cell<Option<Guard>> = const { Cell::new(None) };
    }

    /// Does something while a guard is switched off, on this thread.
    pub fn without<T>(guard: Guard, act: impl FnOnce() -> T) -> T {
        struct Restored(Option<Guard>);
        impl Drop for Restored {
            fn drop(&mut self) {
                GUARD.set(self.0);
            }
        }
        let _restored = Restored(GUARD.replace(Some(guard)));
        act()
    }

    pub(super) fn is(guard: Guard) -> bool {
        GUARD.get() == Some(guard)
    }
}
#[cfg(feature = "testing")]
pub use switched_off::without;

/// Whether something may happen: the condition, or always where a test switched the guard off.
#[cfg(feature = "testing")]
pub(crate) fn lets(guard: Guard, condition: bool) -> bool {
    condition || switched_off::is(guard)
}

/// Whether something may happen.
#[cfg(not(feature = "testing"))]
#[inline]
pub(crate) const fn lets(_guard: Guard, condition: bool) -> bool {
    condition
}

/// Whether something is kept from happening: the condition, or never where a test switched the guard off.
pub(crate) fn stops(guard: Guard, condition: bool) -> bool {
    !lets(guard, !condition)
}
