//! What an agent or a gate finds in its environment: little, and always the same.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// What every program gets from ours, where ours has it.
const PASSED_ON: &[&str] = &["PATH", "HOME", "USER", "LANG", "TZ", "TERM", "TMPDIR"];

/// Passed on, too: how text and dates are to look.
const LOCALE_PREFIX: &str = "LC_";

/// The variables of one program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The base: a short list of variables of ours, and those that the configuration names.
    pub fn base(pass: &[String]) -> Self {
        Self::from_vars(std::env::vars_os(), pass)
    }

    fn from_vars(vars: impl Iterator<Item = (OsString, OsString)>, pass: &[String]) -> Self {
        let wanted = |name: &str| {
            PASSED_ON.contains(&name) || name.starts_with(LOCALE_PREFIX) || pass.iter().any(|pass| pass == name)
        };
        Self(vars.filter(|(name, _)| name.to_str().is_some_and(wanted)).collect())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// Passes on variables of ours that the configuration names, where we have them.
    pub fn pass_on(&mut self, names: &[String]) {
        for name in names {
            if let Some(value) = std::env::var_os(name) {
                self.set(name, value);
            }
        }
    }

    /// Sets the variables that the configuration gives.
    pub fn set_all(&mut self, env: &BTreeMap<String, String>) {
        for (name, value) in env {
            self.set(name, value);
        }
    }

    /// All of them.
    pub fn vars(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_or_named_is_passed_on() {
        let vars = ["PATH", "LC_ALL", "SECRET_TOKEN", "MY_TOOL", "HOME"];
        let vars = vars.iter().map(|name| (OsString::from(name), OsString::from("x")));
        let environment = Environment::from_vars(vars, &["MY_TOOL".to_owned()]);
        let names: Vec<_> = environment.vars().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["HOME", "LC_ALL", "MY_TOOL", "PATH"]);
    }
}
