//! The demo's project, carried in the program.

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        /// Every file, by its path in the repository.
        pub(super) const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../../../examples/demo/", $name)))),+];
    };
}

files! {
    ".gitignore",
    "README.md",
    "plan.toml",
    "tally/__init__.py",
    "tally/basket.py",
    "tally/money.py",
    "tally/receipt.py",
    "tests/golden/receipt.txt",
    "tests/test_basket.py",
    "tests/test_money.py",
    "tests/test_receipt.py",
    "tollhouse.toml",
    "tools/agent.py",
    "tools/lint.py",
}

/// The plan.
pub(super) const PLAN: &str = include_str!("../../../../../examples/demo/plan.toml");

/// How many tasks the plan has.
pub(super) fn tasks() -> usize {
    PLAN.matches("[[task]]").count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::FILES;

    #[test]
    fn the_program_carries_every_file_of_the_demo() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/demo");
        let mut found = BTreeSet::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    if path.file_name().is_some_and(|name| name != "__pycache__") {
                        folders.push(path);
                    }
                } else {
                    found.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let carried: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(carried, found);
    }
}
