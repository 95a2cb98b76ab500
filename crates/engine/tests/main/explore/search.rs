//! Goes through every state that can be reached, and looks in each.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::actors::{moves, probes};
use super::fingerprint::{Fingerprint, fingerprint};
use super::invariants::{Scene, Step, broken_at, broken_in};
use super::settings::{Setting, Walk};
use super::world::{By, Move, Probe, World};

/// What was seen of a world.
#[derive(Debug, Default)]
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) steps: usize,
    /// How many commands were refused, as they should be.
    pub(super) refused: usize,
    pub(super) depth: u32,
    pub(super) broken: Option<Broken>,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, refused, depth, .. } = self;
        write!(f, "{states} states, {steps} transitions, {refused} refusals, at most {depth} steps deep")
    }
}

/// Something that does not hold, and a shortest way to it.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) invariant: &'static str,
    says: &'static str,
    detail: String,
    path: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}\n{}", self.invariant, self.says, self.detail)?;
        self.path.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A state, and how it was first reached.
#[derive(Clone, Copy)]
struct Reached {
    from: u32,
    by: u16,
    depth: u32,
}

struct Search<'s> {
    setting: &'s Setting,
    seen: BTreeMap<Fingerprint, u32>,
    reached: Vec<Reached>,
    /// The steps that no person has to think of: backwards, from where they lead.
    leads_from: Vec<(u32, u32)>,
    ends: Vec<u32>,
    frontier: VecDeque<(u32, World)>,
    explored: Explored,
}

/// An invariant that is broken: name, sentence, what was seen.
type Breach = (&'static str, &'static str, String);

/// Goes through all of a world, or until something does not hold.
pub(super) fn explore(setting: &Setting) -> Explored {
    explore_up_to(setting, usize::MAX)
}

/// As [`explore`], but not further than so many states: then nothing is said of what waits forever.
pub(super) fn explore_up_to(setting: &Setting, states: usize) -> Explored {
    let mut search = Search {
        setting,
        seen: BTreeMap::new(),
        reached: Vec::new(),
        leads_from: Vec::new(),
        ends: Vec::new(),
        frontier: VecDeque::new(),
        explored: Explored::default(),
    };
    let world = World::begin(setting);
    search.enter(world, Reached { from: 0, by: 0, depth: 0 });
    while let Some((id, world)) = search.next() {
        if search.reached.len() > states {
            search.explored.states = search.reached.len();
            return search.explored;
        }
        if search.reached.len() > setting.states_max {
            let says = "Lifecycles only go round through an effect or a timer, and each of those has a limit.";
            let breach = ("the world is small", says, format!("more than {} states", setting.states_max));
            search.explored.broken = Some(search.told(breach, id, None));
            break;
        }
        if let Err((breach, last)) = search.look(id, &world) {
            search.explored.broken = Some(search.told(breach, id, last));
            break;
        }
    }
    search.explored.states = search.reached.len();
    if search.explored.broken.is_none() {
        search.explored.broken = search.trap();
    }
    search.explored
}

impl Search<'_> {
    /// What is looked at next.
    fn next(&mut self) -> Option<(u32, World)> {
        match self.setting.walk {
            Walk::BreadthFirst => self.frontier.pop_front(),
            Walk::DepthFirst => self.frontier.pop_back(),
        }
    }

    /// The number of a state, new or known.
    fn enter(&mut self, world: World, how: Reached) -> u32 {
        let mark = fingerprint(&world);
        if let Some(known) = self.seen.get(&mark) {
            return *known;
        }
        let id = u32::try_from(self.reached.len()).expect("few enough states");
        self.seen.insert(mark, id);
        self.explored.depth = self.explored.depth.max(how.depth);
        self.reached.push(how);
        self.frontier.push_back((id, world));
        id
    }

    /// Looks at a state and at every step out of it. A breach comes with the step, if one leads there.
    fn look(&mut self, id: u32, world: &World) -> Result<(), (Breach, Option<u16>)> {
        let before = Scene::of(world);
        for probe in probes(world) {
            self.explored.refused += 1;
            refused(world, &probe).map_err(|breach| (breach, None))?;
        }
        if is_end(world) {
            self.ends.push(id);
        }
        for (by, one) in (0..).zip(moves(world, self.setting)) {
            self.follow((id, by), &before, &one).map_err(|breach| (breach, Some(by)))?;
        }
        Ok(())
    }

    fn follow(&mut self, (id, by): (u32, u16), before: &Scene<'_>, one: &Move) -> Result<(), Breach> {
        let (world, changes) = match before.world.after(one) {
            Ok(after) => after,
            Err(_) if one.by == By::Person => {
                self.explored.refused += 1;
                return Ok(());
            }
            Err(refusal) => {
                let says = "Effect: claimed like a lease; rule 6: for each way the world can go there is an event.";
                return Err(("who has the right is heard", says, format!("refused: {} ({refusal})", refusal.code())));
            }
        };
        self.explored.steps += 1;
        let after = Scene::of(&world);
        if let Some((name, says)) = broken_at(&Step { before, done: one, changes: &changes, after: &after }) {
            return Err((name, says, String::new()));
        }
        // Here, and not only in the first of the states that are the same for what can happen next.
        if let Some((name, says)) = broken_in(&after) {
            return Err((name, says, String::new()));
        }
        let depth = self.reached[id as usize].depth + 1;
        let next = self.enter(world, Reached { from: id, by, depth });
        if one.by != By::Person && next != id {
            self.leads_from.push((next, id));
        }
        Ok(())
    }

    /// A state from which no end can be reached, unless somebody comes who need not.
    fn trap(&mut self) -> Option<Broken> {
        self.leads_from.sort_unstable();
        let mut leads_on = vec![false; self.reached.len()];
        let mut open = self.ends.clone();
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut leads_on[id as usize], true) {
                continue;
            }
            let first = self.leads_from.partition_point(|(to, _)| *to < id);
            open.extend(self.leads_from[first..].iter().take_while(|(to, _)| *to == id).map(|(_, from)| *from));
        }
        let trap = leads_on.iter().position(|leads_on| !leads_on)?;
        let says = "Nothing waits forever: for each state not finished there is an event that leaves it.";
        let breach = ("nothing waits forever", says, "no end of the run can be reached from here".to_owned());
        Some(self.told(breach, u32::try_from(trap).expect("few enough states"), None))
    }

    /// What happened on the way: done once more from the beginning.
    fn told(&self, (invariant, says, detail): Breach, id: u32, last: Option<u16>) -> Broken {
        let mut choices: Vec<u16> = last.into_iter().collect();
        let mut at = id;
        while at != 0 {
            let Reached { from, by, .. } = self.reached[at as usize];
            choices.push(by);
            at = from;
        }
        let mut world = World::begin(self.setting);
        let mut path = Vec::new();
        for (n, choice) in (1..).zip(choices.into_iter().rev()) {
            let one = moves(&world, self.setting).into_iter().nth(choice.into()).expect("the same moves as before");
            let about = one.about.map_or_else(String::new, |about| format!(" {}", world.name_of(about)));
            path.push(format!("{n:>4}. {}{about}", one.what));
            let Ok((after, changes)) = world.after(&one) else { break };
            path.extend(changes.iter().map(|change| {
                format!(
                    "        {} is {} ({})",
                    after.name_of(change.record.id),
                    change.record.state,
                    change.event.name
                )
            }));
            world = after;
        }
        Broken { invariant, says, detail, path }
    }
}

/// Whether all is over: what a run did, what was let in again after it, and what workers held of it.
fn is_end(world: &World) -> bool {
    use tollhouse_core::entity::{Effect, Patch};
    world.run().finished_at.is_some()
        && world.view.all::<Patch>().all(|patch| patch.finished_at.is_some())
        && world.view.all::<Effect>().all(|effect| effect.finished_at.is_some())
        && world.shared_workers().all(|worker| worker.holds.is_none())
}

/// A command that has no right, comes too late or too early: it is refused for the right reason, and changes nothing.
fn refused(world: &World, probe: &Probe) -> Result<(), Breach> {
    let name = "who has no right changes nothing";
    let says = "A command seen before gets its first answer; refusals have stable codes and this order: `already_finished`, \
                stale epoch, stale version, pair not in the table, guard.";
    let seen = |what: &str| {
        let about = probe.about.map_or_else(String::new, |about| format!(" {}", world.name_of(about)));
        (name, says, format!("{}{about}: {what}", probe.what))
    };
    match world.ask(&probe.command, world.now) {
        Ok(decision) if probe.codes.is_empty() && decision.changes.is_empty() => Ok(()),
        Ok(_) => Err(seen("something changes")),
        Err(refusal) if probe.codes.contains(&refusal.code()) => Ok(()),
        Err(refusal) => Err(seen(&format!("refused as {}, expected one of {:?}", refusal.code(), probe.codes))),
    }
}
