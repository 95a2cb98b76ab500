//! The Python package: a wheel is built, installed where the source cannot be imported, and tested there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment::{Failure, Repo, capture, succeed};

pub(crate) fn check_wheel(repo: &Repo) -> Result<(), Failure> {
    let package = repo.root.join("crates").join("py");
    let python = prepare_venv(repo, &package)?;
    let wheel = build_wheel(repo, &package, &python)?;
    // Nothing is fetched: what the wheel needs at run time is nothing.
    run(
        repo,
        &python,
        &["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall"],
        &[&wheel],
    )?;
    let config = package.join("pyproject.toml");
    let tests = package.join("tests");
    run(repo, &python, &["-m", "pytest", "-p", "no:cacheprovider", "-c"], &[&config, &tests])?;
    run(repo, &python, &["-m", "mypy.stubtest", "tollhouse"], &[])?;
    run(repo, &python, &["-m", "mypy", "--no-incremental", "--config-file"], &[&config, &tests])
}

/// The interpreter of a virtual environment that holds exactly what `requirements-dev.txt` pins; made anew when that
/// or the Python behind it changed.
fn prepare_venv(repo: &Repo, package: &Path) -> Result<PathBuf, Failure> {
    let requirements = package.join("requirements-dev.txt");
    let venv = repo.target.join("py-venv");
    let python = venv.join("bin").join("python");
    let stamp = venv.join("made-from.txt");
    let pins = fs::read_to_string(&requirements).map_err(|error| unusable(&requirements, &error))?;
    let base = capture(repo.isolated("python3").args(["-c", "import sys; print(sys.base_prefix, sys.version)"]))?;
    let wanted = format!("{base}{pins}");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return Ok(python);
    }
    eprintln!("making {}", venv.display());
    succeed(repo.isolated("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    // With the person's own environment, for there is where the index is configured.
    let mut pip = repo.fetching(&python);
    succeed(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements))?;
    fs::write(&stamp, wanted).map_err(|error| unusable(&stamp, &error))?;
    Ok(python)
}

/// The one wheel, of the dev profile: it is tested, not shipped.
fn build_wheel(repo: &Repo, package: &Path, python: &Path) -> Result<PathBuf, Failure> {
    let wheels = repo.target.join("wheels");
    if wheels.exists() {
        fs::remove_dir_all(&wheels).map_err(|error| unusable(&wheels, &error))?;
    }
    let mut maturin = repo.isolated(python);
    maturin.args(["-m", "maturin", "build", "--quiet", "--profile", "dev", "--interpreter"]).arg(python);
    maturin.arg("--manifest-path").arg(package.join("Cargo.toml")).arg("--out").arg(&wheels);
    succeed(&mut maturin)?;
    let built: Vec<PathBuf> = fs::read_dir(&wheels)
        .map_err(|error| unusable(&wheels, &error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .collect();
    let [wheel] = built.as_slice() else {
        return Err(Failure::Refused(format!("maturin made {} wheels, not one, in {}", built.len(), wheels.display())));
    };
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains("-cp310-abi3-") {
        return Err(Failure::Refused(format!("{name} is not for every CPython from 3.10 on (abi3)")));
    }
    Ok(wheel.clone())
}

/// Runs the environment's Python from an empty folder.
fn run(repo: &Repo, python: &Path, arguments: &[&str], paths: &[&PathBuf]) -> Result<(), Failure> {
    let mut command: Command = repo.isolated(python);
    succeed(command.current_dir(repo.elsewhere()).args(arguments).args(paths))
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Refused(format!("failed to use {}: {error}", path.display()))
}
