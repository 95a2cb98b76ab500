//! The ledger in one file, and back: what comes back, and what is refused.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Bench, Said, assert_same, assert_says, run, tasks};

pub(crate) const FILE: &str = "../ledger.tar";

/// A repository with a landed patch and a refused one.
fn worked() -> Bench {
    let bench = Bench::new();
    bench.agent("echo $1 > $1.txt; [ $1 = a ] || : > README.md").plan(&tasks(&["a", "b"]));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(1));
    bench
}

/// The same, with a backup.
pub(crate) fn backed_up() -> Bench {
    let bench = worked();
    let said = bench.toll(&["backup", FILE]);
    assert_eq!(said.code, Some(0), "{said}");
    bench
}

/// All that is read from a ledger.
fn told(bench: &Bench) -> Vec<String> {
    let mut told: Vec<String> =
        [&["status"][..], &["runs"], &["log"], &["log", "--json"], &["patch", "list"], &["explain"]]
            .iter()
            .map(|args| bench.toll(args).to_string())
            .collect();
    let patches = bench.toll(&["patch", "list", "--json"]).json();
    for patch in patches["patches"].as_array().expect("there is a list") {
        told.push(bench.toll(&["patch", "show", patch["id"].as_str().expect("it has an id"), "--diff"]).to_string());
    }
    told
}

pub(crate) fn forget(bench: &Bench) {
    fs::remove_dir_all(bench.path(".git/tollhouse")).expect("there was a ledger");
}

/// Unpacks the backup, changes it, and packs it again in the order in which it was.
pub(crate) fn tampered(bench: &Bench, script: &str) {
    let script = format!(
        "mkdir ../x && cd ../x && tar xf {FILE} && tar tf {FILE} > ../names
         {script}
         rm {FILE} && tar cf {FILE} --format=gnu --hard-dereference --no-recursion -T ../names"
    );
    let said = run(bench.isolated("sh").args(["-euc", &script]));
    assert_eq!(said.code, Some(0), "{said}");
}

/// Changes the list of checksums with the files, as somebody who means harm would.
pub(crate) const SUMS: &str = "grep -v checksums.txt ../names | while read -r name; do [ -p \"$name\" ] || sha256sum \"$name\"; done > checksums.txt";

/// What `toll restore` says; nothing of the repository may be other than before.
pub(crate) fn refused(bench: &Bench) -> Said {
    let before = bench.photograph(&bench.path(".git"));
    let said = bench.toll(&["restore", FILE]);
    let mut after = bench.photograph(&bench.path(".git"));
    // An empty folder is no ledger.
    after.remove(&PathBuf::from(".git/tollhouse"));
    let mut before = before;
    before.remove(&PathBuf::from(".git/tollhouse"));
    assert_same(&before, &after);
    said
}

#[test]
fn ledger_that_was_restored_says_what_it_said_before() {
    let bench = backed_up();
    let before = told(&bench);
    forget(&bench);
    let said = bench.toll(&["restore", FILE]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(before, told(&bench));
}

#[test]
fn ledger_that_was_restored_into_a_clone_says_what_it_said_before() {
    let bench = backed_up();
    let before = told(&bench);
    bench.git(&["clone", "--quiet", ".", "../clone"]);
    let clone = bench.path("../clone");
    let said = run(bench.command(&["restore", FILE]).current_dir(&clone));
    assert_eq!(said.code, Some(0), "{said}");
    let log = run(bench.command(&["log"]).current_dir(&clone)).to_string();
    assert!(before.contains(&log), "{log}");
}

#[test]
fn run_goes_on_with_a_ledger_that_was_restored() {
    let bench = backed_up();
    forget(&bench);
    bench.toll(&["restore", FILE]);
    bench.agent("echo c > c.txt").run_plan(&tasks(&["c"]));
}

#[test]
fn backup_and_restore_print_reports() {
    let bench = worked();
    let report = bench.toll(&["backup", FILE, "--json"]).json();
    assert_eq!((report["schema"].as_str(), report["patches"].as_u64()), (Some("backup_report.v1"), Some(2)));
    forget(&bench);
    let restored = bench.toll(&["restore", FILE, "--json"]).json();
    assert_eq!(restored["schema"], "restore_report.v1");
    assert_eq!((&restored["events"], &restored["patches"]), (&report["events"], &report["patches"]));
}

#[test]
fn backup_is_read_by_standard_tools() {
    let bench = backed_up();
    let script = format!(
        "mkdir ../x && cd ../x && tar xf {FILE} && sha256sum --check --quiet checksums.txt && git --git-dir=repo.git for-each-ref"
    );
    let said = run(bench.isolated("sh").args(["-euc", &script]));
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn backup_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let bench = backed_up();
    assert_eq!(bench.path(FILE).metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn backup_leaves_nothing_beside_the_file() {
    let bench = worked();
    let names = |bench: &Bench| {
        let entries = fs::read_dir(bench.around()).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let mut before = names(&bench);
    bench.toll(&["backup", FILE]);
    before.insert("ledger.tar".into());
    assert_eq!(names(&bench), before);
}

/// An agent that waits until a file is there, so that something happens while it is at work.
const WAITS: &str = ": > \"$TMPDIR/began\"; tries=0
while [ ! -e \"$TMPDIR/go\" ] && [ $tries -lt 400 ]; do sleep 0.05; tries=$((tries + 1)); done
echo $1 > $1.txt";

#[test]
fn backup_while_a_run_writes_holds_together() {
    let bench = worked();
    bench.agent("echo $1 > $1.txt").plan(&tasks(&["c", "d", "e", "f", "g", "h"]));
    let mut child =
        bench.command(&["run", "../plan.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut taken = 0;
    while child.try_wait().unwrap().is_none() {
        let said = bench.toll(&["backup", &format!("../{taken}.tar")]);
        assert_eq!(said.code, Some(0), "{said}");
        taken += 1;
    }
    forget(&bench);
    for number in 0..taken {
        let said = bench.toll(&["restore", &format!("../{number}.tar")]);
        assert_eq!(said.code, Some(0), "{said}");
        forget(&bench);
    }
    assert!(taken > 0);
}

/// A backup that was taken while an agent was at work, restored after the run had ended.
fn restored_from_the_middle() -> Bench {
    let bench = Bench::new();
    bench.agent(WAITS).plan(&tasks(&["c"]));
    let run = bench.command(&["run", "../plan.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !bench.path("../tmp/began").exists() && Instant::now() < deadline {}
    let said = bench.toll(&["backup", FILE]);
    bench.write("../tmp/go", "");
    let ended = run.and_then(|mut run| run.wait()).expect("toll runs");
    assert_eq!((said.code, ended.code()), (Some(0), Some(0)), "{said}");
    forget(&bench);
    let said = bench.toll(&["restore", FILE]);
    assert_eq!(said.code, Some(0), "{said}");
    bench
}

#[test]
fn backup_of_a_run_that_is_under_way_knows_the_run() {
    let bench = restored_from_the_middle();
    assert_eq!(bench.toll(&["status", "--json"]).json()["state"], "running");
}

#[test]
fn run_that_was_under_way_goes_on_from_a_backup() {
    let bench = restored_from_the_middle();
    bench.git(&["branch", "--quiet", "-D", "toll/main"]);
    let said = bench.toll(&["resume", "@"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["show", "toll/main:c.txt"]), "c");
}

#[test]
fn text_of_a_patch_that_was_committed_too_is_in_the_backup() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    // The text is borrowed from the project from now on: the ledger's own repository has it no more.
    let patch = bench.toll(&["patch", "list", "--json"]).json()["patches"][0]["id"].as_str().unwrap().to_owned();
    let text = bench.toll(&["patch", "show", &patch, "--diff"]).out;
    let blob = bench.toll(&["patch", "show", &patch, "--json"]).json()["blob"].as_str().unwrap().to_owned();
    fs::remove_file(bench.path(&format!(".git/tollhouse/repo.git/objects/{}/{}", &blob[..2], &blob[2..]))).unwrap();
    let raw = bench.git(&["-C", ".", "rev-parse", "--git-dir"]);
    let start = text.find("diff --git").expect("there is a diff");
    bench.write("one.patch", &text[start..]);
    assert_eq!(bench.git(&["hash-object", "-w", "one.patch"]), blob, "{raw}");
    assert_eq!(bench.toll(&["backup", FILE]).code, Some(0));
    forget(&bench);
    fs::remove_file(bench.path(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]))).unwrap();
    let said = bench.toll(&["restore", FILE]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.toll(&["patch", "show", &patch, "--diff"]).out, text);
}

#[test]
fn ledger_without_the_text_of_a_patch_is_not_backed_up_as_if_it_were_whole() {
    let bench = worked();
    let patches = bench.toll(&["patch", "list", "--json"]).json();
    let patch = patches["patches"][0]["id"].as_str().unwrap().to_owned();
    let blob = bench.toll(&["patch", "show", &patch, "--json"]).json()["blob"].as_str().unwrap().to_owned();
    fs::remove_file(bench.path(&format!(".git/tollhouse/repo.git/objects/{}/{}", &blob[..2], &blob[2..]))).unwrap();
    let said = bench.toll(&["backup", FILE, "--json"]);
    assert_eq!((said.code, said.error()["code"].as_str()), (Some(6), Some("ledger_damaged")), "{said}");
    assert!(!bench.path(FILE).exists());
}

#[test]
fn backup_goes_over_no_file() {
    let bench = worked();
    let said = bench.write(FILE, "mine\n").toll(&["backup", FILE]);
    assert_says!(bench, said, @r"
    exit: 5
    --- stdout
    --- stderr
    error: [AROUND]/repo/../ledger.tar is there already
    hint: name a file that is not there yet
    ");
    assert_eq!(bench.read(FILE), "mine\n");
}

#[test]
fn backup_of_nothing_is_not_found() {
    let bench = Bench::new();
    assert_eq!(bench.toll(&["backup", FILE]).code, Some(4));
}

#[test]
fn restore_goes_over_no_ledger() {
    let bench = backed_up();
    let said = refused(&bench);
    assert_says!(bench, said, @r"
    exit: 5
    --- stdout
    --- stderr
    error: [AROUND]/repo/.git/tollhouse/ledger.db is there already
    hint: a backup never goes over a ledger: move it away, or name another place with --ledger
    ");
}

#[test]
fn restore_goes_to_the_place_that_was_named() {
    let bench = backed_up();
    let said = bench.toll(&["restore", FILE, "--ledger", "../other.db"]);
    assert_eq!(said.code, Some(0), "{said}");
    let patches = bench.toll(&["patch", "list", "--ledger", "../other.db"]).out;
    assert_eq!(patches, bench.toll(&["patch", "list"]).out);
}

#[test]
fn backup_that_is_not_there_is_not_found() {
    let said = Bench::new().toll(&["restore", FILE]);
    assert_eq!(said.code, Some(4), "{said}");
}

#[test]
fn files_that_are_no_backup_are_refused() {
    let bench = Bench::new();
    let tar = |args: &[&str]| run(bench.isolated("tar").args(args));
    bench.write("../text", "this is no backup, whatever its name may say").write("../empty", "");
    bench.write("../long", "no backup ".repeat(1000));
    tar(&["cf", "../other.tar", "README.md"]);
    for name in ["../text", "../empty", "../long", "../other.tar", "..", "/dev/null"] {
        let said = bench.toll(&["restore", name, "--json"]);
        assert_eq!((said.code, said.error()["code"].as_str()), (Some(6), Some("not_a_backup")), "{name}\n{said}");
    }
    assert_eq!(bench.toll(&["status"]).code, Some(4));
}

#[test]
fn backup_that_was_cut_off_anywhere_is_refused_and_nothing_is_restored() {
    let bench = backed_up();
    forget(&bench);
    let whole = fs::read(bench.path(FILE)).unwrap();
    for part in
        [1, 300, 512, 700, 1024, 2000, whole.len() / 3, whole.len() / 2, whole.len() * 9 / 10, whole.len() - 1536]
    {
        fs::write(bench.path(FILE), &whole[..part]).unwrap();
        let said = refused(&bench);
        assert_eq!(said.code, Some(6), "{part}\n{said}");
    }
}

#[test]
fn backup_with_a_byte_that_changed_is_refused_and_nothing_is_restored() {
    let bench = backed_up();
    forget(&bench);
    let whole = fs::read(bench.path(FILE)).unwrap();
    for at in (0..whole.len() - 2048).step_by(whole.len() / 40) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(bench.path(FILE), &changed).unwrap();
        let said = bench.toll(&["restore", FILE]);
        // What only fills a block is not looked at.
        if said.code == Some(0) {
            forget(&bench);
            assert!(whole[at] == 0, "byte {at}");
        } else {
            assert_eq!(said.code, Some(6), "byte {at}\n{said}");
            assert_eq!(bench.toll(&["status"]).code, Some(4));
        }
    }
}

#[test]
fn restore_that_was_killed_leaves_no_ledger_and_can_be_done_again() {
    let bench = backed_up();
    let before = told(&bench);
    forget(&bench);
    let mut child = bench.command(&["restore", FILE]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let unpacks = || fs::read_dir(bench.path(".git/tollhouse")).is_ok_and(|mut entries| entries.next().is_some());
    while !unpacks() && child.try_wait().unwrap().is_none() {}
    child.kill().unwrap();
    child.wait().unwrap();
    // It may have been done before it was killed.
    if bench.toll(&["status"]).code == Some(4) {
        let said = bench.toll(&["restore", FILE]);
        assert_eq!(said.code, Some(0), "{said}");
    }
    assert_eq!(before, told(&bench));
}

#[test]
fn backup_of_a_later_version_is_refused() {
    let bench = backed_up();
    forget(&bench);
    tampered(&bench, &format!("sed -i 's/\"tollhouse_backup\": 2/\"tollhouse_backup\": 3/' backup.json; {SUMS}"));
    let said = refused(&bench);
    assert_says!(bench, said, @r"
    exit: 6
    --- stdout
    --- stderr
    error: [AROUND]/repo/../ledger.tar has the backup format 3, and this program knows formats up to 2
    hint: restore it with the version of `toll` that wrote it, or a later one
    ");
}

#[test]
fn backup_of_before_there_were_contents_beside_the_ledger_is_restored() {
    let bench = backed_up();
    let before = told(&bench);
    forget(&bench);
    tampered(&bench, &format!("sed -i 's/\"tollhouse_backup\": 2/\"tollhouse_backup\": 1/' backup.json; {SUMS}"));
    let said = bench.toll(&["restore", FILE]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(before, told(&bench));
}

#[test]
fn backup_of_a_ledger_of_a_later_version_is_refused() {
    let bench = backed_up();
    forget(&bench);
    // The version of the schema is four bytes of the file's header.
    tampered(
        &bench,
        &format!("printf '\\000\\000\\000\\143' | dd of=ledger.db bs=1 seek=60 conv=notrunc 2>/dev/null; {SUMS}"),
    );
    let said = refused(&bench);
    assert_says!(bench, said, @r"
    exit: 6
    --- stdout
    --- stderr
    error: [AROUND]/repo/../ledger.tar is truncated or damaged: its ledger.db cannot be opened as a ledger: it has schema 99, and this program knows schemas up to 5
    hint: copy it again from where it was written; nothing was restored
    ");
}

#[test]
fn what_has_no_place_in_a_backup_is_refused() {
    let lenders = "mkdir -p repo.git/objects/info; echo / > repo.git/objects/info/alternates
                   echo repo.git/objects/info/alternates >> ../names";
    let hook = "mkdir repo.git/hooks; echo x > repo.git/hooks/x; echo repo.git/hooks/x >> ../names";
    for (script, expected) in [
        ("ln -s /etc/passwd link; echo link >> ../names", "\"link\" in it is a link"),
        ("mkfifo pipe; echo pipe >> ../names", "\"pipe\" in it is neither file nor folder"),
        (lenders, "\"repo.git/objects/info/alternates\" has no place in one"),
        (hook, "\"repo.git/hooks/x\" has no place in one"),
        ("sed -i 's/.*HEAD/ledger.db/' ../names", "ledger.db is in it twice"),
        ("sed -i /ledger.db/d ../names", "no ledger is in it"),
        ("sed -i /backup.json/d ../names", "it begins with ledger.db"),
        ("sed -i /checksums.txt/d ../names", "its end, checksums.txt, is not in it"),
    ] {
        let bench = backed_up();
        forget(&bench);
        // Before the end, where nothing may follow.
        let order = "sed -i /checksums.txt/d ../names; echo checksums.txt >> ../names";
        let order = if script.contains("checksums") { "true" } else { order };
        tampered(&bench, &format!("{script}; {order}; {SUMS}"));
        let said = refused(&bench);
        assert_eq!(said.code, Some(6), "{script}\n{said}");
        assert!(said.err.contains(expected), "{script}\n{said}");
    }
}

#[test]
fn path_that_leads_out_of_the_folder_is_refused() {
    let bench = backed_up();
    forget(&bench);
    let mut bytes = fs::read(bench.path(FILE)).unwrap();
    // The name of the second file, and the sum of its header made right again.
    let second = bytes.windows(9).position(|window| window == b"ledger.db").unwrap();
    let old: u32 = bytes[second..second + 9].iter().map(|byte| u32::from(*byte)).sum();
    bytes[second..second + 9].copy_from_slice(b"../x.db\0\0");
    let new: u32 = bytes[second..second + 9].iter().map(|byte| u32::from(*byte)).sum();
    let sum = second + 148..second + 156;
    let text = String::from_utf8(bytes[sum.clone()].to_vec()).unwrap();
    let right = u32::from_str_radix(text.trim_matches(['\0', ' ']), 8).unwrap() + new - old;
    bytes[sum].copy_from_slice(format!("{right:07o}\0").as_bytes());
    fs::write(bench.path(FILE), bytes).unwrap();
    let said = refused(&bench);
    assert_eq!(said.code, Some(6), "{said}");
    assert!(said.err.contains("\"../x.db\" has no place in one"), "{said}");
}

#[test]
fn agent_may_neither_back_up_nor_restore() {
    let bench = worked();
    for args in [["backup", FILE], ["restore", FILE]] {
        let said = run(bench.command(&args).env("TOLLHOUSE_TASK", "one"));
        assert_eq!(said.code, Some(3), "{said}");
    }
}
