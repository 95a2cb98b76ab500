//! Every bound in one place, each with its reason.

use crate::time::Span;

/// A run has no more tasks: the most with which one was seen to begin, in some 12 GB of memory. Nobody reads a longer plan.
pub const TASKS_MAX: usize = 1_000_000;

/// A person's own key for a run has no more bytes: a name, and no content.
pub const KEY_BYTES_MAX: usize = 200;

/// How many tries a task has where the plan does not say.
pub const ATTEMPTS_DEFAULT: u32 = 3;

/// More tries than this are a mistake in a plan, not a wish.
pub const ATTEMPTS_MAX: u32 = 100;

/// How long one try may take where the plan does not say.
pub const ATTEMPT_TIMEOUT_DEFAULT: Span = Span::from_secs(30 * 60);

/// How long a gate may take where the configuration does not say.
pub const GATE_TIMEOUT_DEFAULT: Span = Span::from_secs(10 * 60);

/// How many attempts run at once where nobody says: agents wait for their models most of the time.
pub const MAX_PARALLEL_DEFAULT: u32 = 4;

/// The first backoff; each further one doubles.
pub const BACKOFF_FIRST: Span = Span::from_secs(1);

/// No backoff is longer.
pub const BACKOFF_MAX: Span = Span::from_secs(5 * 60);

/// Of so many leases one goes to the task that has waited longest, whatever its rank: so nothing starves.
pub const LEASES_PER_TURN_OF_THE_OLDEST: u64 = 8;

/// A task that has waited so long for others in its way keeps new ones out of it.
pub const QUEUE_RESERVES_AFTER: Span = Span::from_secs(10 * 60);

/// How long a question waits for a person.
pub const QUESTION_WAITS: Span = Span::from_secs(7 * 24 * 60 * 60);

/// How often a conductor notes that it is alive.
pub const HEARTBEAT: Span = Span::from_secs(5);

/// After so many missed heartbeats a worker is unresponsive: three.
pub const UNRESPONSIVE_AFTER: Span = Span::from_secs(15);

/// A worker's lease is over so long after its last heartbeat.
pub const LEASE: Span = Span::from_secs(30);

/// After so many crashes under one name a worker waits for a person.
pub const CRASHES_MAX: u32 = 3;

/// A crash counts for so long: a name that is used for months crashes now and then.
pub const CRASHES_COUNT_FOR: Span = Span::from_secs(24 * 60 * 60);

/// A conductor on another machine, or a worker, that was silent for longer is gone.
pub const SILENT_MAX: Span = Span::from_secs(60);

/// How long a run may stand still, and an attempt be without a word, before it counts as stalled.
pub const STALL_TIMEOUT_DEFAULT: Span = Span::from_secs(10 * 60);

/// A budget warns once so many hundredths of it are spent: early enough to raise it before work stops.
pub const BUDGET_WARNS_AT_PERCENT: u8 = 80;

/// How many failures of its own in a row open an agent's circuit breaker: fewer are bad luck.
pub const BREAKER_TRIPS_AFTER: u32 = 5;

/// How long a breaker stays open before a trial may go; each trial that does not end well doubles it.
pub const BREAKER_OPEN: Span = Span::from_secs(60);

/// No breaker stays open for longer before a trial may go, but where its agent's provider asks for it.
pub const BREAKER_OPEN_MAX: Span = Span::from_secs(10 * 60);

/// A trial of which nobody heard for so long is given up, and another may go: the run that it was of may never go on.
pub const TRIAL_FORGOTTEN_AFTER: Span = Span::from_secs(60 * 60);

/// How long a rate limit lasts where the provider does not say.
pub const RATE_LIMIT_DEFAULT: Span = Span::from_secs(60);

/// No rate limit is believed for longer: then the provider is asked again.
pub const RATE_LIMIT_MAX: Span = Span::from_secs(24 * 60 * 60);

/// A task that fails in the same way, or makes the same patch, so many times in a row is not tried again: once may be chance, twice a
/// lesson not yet learned, the third time is what the fourth would be.
pub const SAME_ENDS_MAX: usize = 3;

/// How often a gate that could not be judged is run again.
pub const GATE_ERROR_RETRIES_MAX: u32 = 2;

/// More runs of a gate that failed than this are a mistake in a configuration.
pub const GATE_RETRIES_MAX: u32 = 10;

/// A run makes so many workstreams to mend what its own gates refuse.
pub const FIXES_MAX: u32 = 2;

/// So many of a run's newest patches to a file are looked at for those that undo each other.
pub const OSCILLATION_LOOKS_AT: usize = 5;

/// Where so many of them do, the newest is set aside.
pub const OSCILLATION_AT: usize = 3;

/// After so many stale candidates a patch goes first.
pub const REBASES_BEFORE_FIRST: u32 = 3;

/// How much of what a program printed is kept, in bytes: the first and the last half of it. Few test suites print more, and a
/// hundred programs at once still fit into memory.
pub const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// How much of what a program printed stands in its record, in bytes: what the next attempt is told of it. A record is written
/// twice, as itself and in its event, and read whenever its run is; what is longer is a file of its own.
pub const OUTPUT_INLINE_BYTES_MAX: usize = FEEDBACK_BYTES_MAX;

/// A patch that touches more files is no change that anybody reviews; it is refused with that reason.
pub const PATCH_FILES_MAX: usize = 20_000;

/// A longer prompt belongs in a file of the repository, in bytes.
pub const PROMPT_BYTES_MAX: usize = 1 << 20;

/// How many of the things that a tree cannot hold are told.
pub const UNREPRESENTABLE_TOLD_MAX: usize = 100;

/// How much of a gate's output goes into the next attempt's feedback, in bytes: its end, where the failure stands.
pub const FEEDBACK_BYTES_MAX: usize = 8 * 1024;
