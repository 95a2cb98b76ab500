//! Programs that git can be made to run, and names that lead out of a repository: each tells when it was run or read.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::harness::{Bench, run};

/// Every hook that git runs on this side of a connection.
const HOOKS: &[&str] = &[
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
    "update",
];

/// All else that git can be made to run. `PLANTS` is the folder of the programs.
pub(crate) const CONFIG: &str = r#"
[core]
    hooksPath = PLANTS/hooks
    fsmonitor = PLANTS/fsmonitor
    sshCommand = PLANTS/ssh
    gitProxy = PLANTS/proxy
    askPass = PLANTS/askpass
    pager = PLANTS/pager
    editor = PLANTS/editor
    alternateRefsCommand = PLANTS/alternate-refs
[filter "planted"]
    clean = PLANTS/clean
    smudge = PLANTS/smudge
    required
[diff "planted"]
    textconv = PLANTS/textconv
[diff]
    external = PLANTS/external-diff
[merge "planted"]
    driver = PLANTS/merge-driver
[credential]
    helper = PLANTS/credential
[gpg]
    program = PLANTS/gpg
[commit]
    gpgSign = true
[tag]
    gpgSign = true
[log]
    showSignature = true
[alias]
    add = !PLANTS/alias
    commit = !PLANTS/alias
[uploadpack]
    packObjectsHook = PLANTS/pack-objects
[remote "origin"]
    url = ext::PLANTS/remote
    promisor = true
[include]
    path = PLANTS/included
[includeIf "gitdir:/"]
    path = PLANTS/included-for-all
"#;

/// The programs of these tests, and the note of which ran.
pub(crate) struct Plants {
    pub(crate) dir: PathBuf,
}

impl Plants {
    pub(crate) fn new(bench: &Bench) -> Self {
        let plants = Self { dir: bench.path("../plants") };
        fs::create_dir_all(plants.dir.join("hooks")).expect("a folder can be made");
        let words = CONFIG.split(|c: char| c.is_whitespace() || c == ':' || c == '!');
        let programs =
            words.filter_map(|word| word.strip_prefix("PLANTS/")).filter(|name| !name.starts_with("included"));
        let hooks = HOOKS.iter().map(|hook| format!("hooks/{hook}"));
        let more = ["process", "agent"].map(str::to_owned);
        let names: BTreeSet<String> = programs.map(str::to_owned).chain(hooks).chain(more).collect();
        names.iter().filter(|name| *name != "hooks").for_each(|name| plants.program(name));
        let process = plants.text("[filter \"process\"]\n    process = PLANTS/process\n");
        fs::write(plants.dir.join("included"), "[filter \"planted\"]\n    required = false\n")
            .expect("it can be written");
        fs::write(plants.dir.join("included-for-all"), process).expect("it can be written");
        plants
    }

    /// A program that notes its name and then passes on what it is given, as most of what git runs has to.
    fn program(&self, name: &str) {
        let first = match name {
            // A signature is one only if the program says so.
            "gpg" => "cat > /dev/null; echo '[GNUPG:] SIG_CREATED ' >&2; echo signed; exit",
            // Git talks with these, and would wait for ever for an answer.
            "process" => "printf 00000000; cat > /dev/null; exit",
            "remote" => "exit 1",
            _ => "",
        };
        let note = self.dir.join("ran");
        let text =
            format!("#!/bin/sh\necho '{name}' >> '{}'\n{first}\ncat \"$@\" 2> /dev/null\nexit 0\n", note.display());
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the mode can be set");
    }

    pub(crate) fn text(&self, text: &str) -> String {
        text.replace("PLANTS", self.dir.to_str().expect("a scratch folder has a plain name"))
    }

    /// The names of those that ran.
    pub(crate) fn ran(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(self.dir.join("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Named pipes at which somebody waits for who opens them.
pub(crate) struct Canaries {
    pub(crate) dir: PathBuf,
    seen: Arc<Mutex<BTreeSet<String>>>,
    closing: Arc<AtomicBool>,
    watchers: Vec<(PathBuf, JoinHandle<()>)>,
}

impl Canaries {
    /// Files that stand for those of a repository elsewhere, and a file that is nobody's business.
    const NAMES: &[&str] = &["HEAD", "config", "index", "packed-refs", "alternates", "attributes", "exclude", "secret"];

    pub(crate) fn new(bench: &Bench) -> Self {
        let dir = bench.path("../canaries");
        fs::create_dir_all(dir.join("objects")).expect("a folder can be made");
        fs::create_dir_all(dir.join("refs")).expect("a folder can be made");
        let (seen, closing) = (Arc::<Mutex<BTreeSet<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let watch = |name: &&str| {
            let path = dir.join(name);
            assert_eq!(run(bench.isolated("mkfifo").arg(&path)).code, Some(0));
            let (seen, closing, pipe, name) =
                (Arc::clone(&seen), Arc::clone(&closing), path.clone(), (*name).to_owned());
            let watcher = thread::spawn(move || {
                // Comes back when somebody opens the other end.
                while fs::OpenOptions::new().write(true).open(&pipe).is_ok() && !closing.load(Ordering::SeqCst) {
                    seen.lock().expect("nobody panics").insert(name.clone());
                }
            });
            (path, watcher)
        };
        let watchers = Self::NAMES.iter().map(watch).collect();
        Self { dir, seen, closing, watchers }
    }

    /// The names of those that were opened.
    pub(crate) fn close(self) -> BTreeSet<String> {
        self.closing.store(true, Ordering::SeqCst);
        for (path, watcher) in self.watchers {
            // Open for both, so that this never waits, and the watcher waits no more.
            let _end = fs::OpenOptions::new().read(true).write(true).open(&path).expect("the pipe is there");
            watcher.join().expect("a watcher does not panic");
        }
        self.seen.lock().expect("nobody panics").clone()
    }
}
