//! What the tests of a person's word share: runs that wait for one, patches, branches made by hand.

use serde_json::Value;

use crate::harness::{Bench, GATE, Said, tasks};

/// Says what it was told, and makes a file named after its task.
pub(crate) const AGENT: &str = "cat > \"$TMPDIR/told-$1\"; echo $1 >> \"$TMPDIR/begun\"; echo $1 > $1.txt";

/// A policy that most of what agents do breaks.
pub(crate) const NARROW: &str = "\n[policy]\nwrite = [\"src/**\"]\n";

/// A plan of two tasks, the second after the first.
pub(crate) fn one_after_the_other() -> String {
    tasks(&["one", "two"]).replace("id = \"two\"", "id = \"two\"\nneeds = [\"one\"]")
}

/// A held run of a plan.
pub(crate) fn held(plan: &str) -> Bench {
    let bench = Bench::new();
    let said = bench.agent(AGENT).plan(plan).toll(&["run", "../plan.toml", "--hold"]);
    assert_eq!(said.code, Some(7), "{said}");
    bench
}

/// A run whose change was refused for its path; the patch.
pub(crate) fn refused() -> (Bench, String) {
    let bench = Bench::new();
    bench.agent(AGENT).config(&format!("{GATE}{NARROW}")).commit("Narrow");
    assert_eq!(bench.plan(&tasks(&["one"])).toll(&["run", "../plan.toml"]).code, Some(1));
    let id = patches(&bench).remove(0);
    (bench, id)
}

/// The ids of all patches, oldest first.
pub(crate) fn patches(bench: &Bench) -> Vec<String> {
    let list = bench.toll(&["patch", "list", "--json"]).json();
    let rows = list["patches"].as_array().expect("a list");
    rows.iter().rev().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

pub(crate) fn patch(bench: &Bench, id: &str) -> Value {
    bench.toll(&["patch", "show", id, "--json"]).json()
}

pub(crate) fn state_of(bench: &Bench, id: &str) -> String {
    patch(bench, id)["state"].as_str().expect("a state").to_owned()
}

#[track_caller]
pub(crate) fn assert_refused(said: &Said, exit: i32, code: &str) {
    assert_eq!((said.code, &said.error()["code"]), (Some(exit), &code.into()), "{said}");
}

/// A branch made by hand, with a commit that writes a file.
pub(crate) fn branch(bench: &Bench, name: &str, file: &str, content: &str) {
    bench.git(&["switch", "--quiet", "--create", name]);
    bench.write(file, content).commit(&format!("Write {file}")).git(&["switch", "--quiet", "main"]);
}
