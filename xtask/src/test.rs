//! THE test command: everything that must hold, in one run.

use crate::step::{self, Checklist};
use crate::worlds::FreshWorlds;
use crate::{cargo, packages, repo, setup, tidy};
use std::path::PathBuf;
use std::process::Command;

/// Crates whose build needs CMake or a C++ compiler, or that exist in pure Rust.
const REFUSED: [&str; 2] = ["aws-lc-sys", "zstd-sys"];

/// Sets up, checks and tests everything.
///
/// Unit tests run with overflow checks and debug assertions. Everything under a `tests/` folder runs
/// optimized: model tests of millions of steps, and harnesses around a node as it is shipped.
pub fn run() -> Result<(), String> {
    let mut steps = Checklist::default();
    let before = repo::status()?;
    steps.run("set-up", setup::run)?;
    quick(&mut steps)?;
    steps.run("dependencies", dependencies)?;
    steps.run("documentation", documentation)?;
    steps.run("examples in the documentation", || cargo::call("test --workspace --locked --doc"))?;
    steps.run("release build", || {
        cargo::call("build --workspace --locked --release --lib --bins --examples --test *")
    })?;
    steps.run("examples", examples)?;
    let worlds = FreshWorlds::begin()?;
    steps.run("tests", || cargo::call("test --workspace --locked --release --no-fail-fast --test *"))?;
    steps.run("fresh worlds", || worlds.end())?;
    steps.run("planted bugs", || {
        cargo::call(
            "test --locked --release -p clearwell-sim --features planted --test planted --test scenarios",
        )
    })?;
    steps.run("packages", packages::run)?;
    steps.run("leftovers", || leftovers(&before))?;
    steps.summary();
    Ok(())
}

/// What is worth running before each commit: the form, the lints and the tests of the libraries. Needs no set-up.
pub fn check() -> Result<(), String> {
    let mut steps = Checklist::default();
    quick(&mut steps)?;
    steps.summary();
    Ok(())
}

fn quick(steps: &mut Checklist) -> Result<(), String> {
    steps.run("format", || cargo::call("fmt --all --check"))?;
    steps.run("tidy", tidy::run)?;
    steps.run("lints", || cargo::call("clippy --workspace --all-targets --locked -- -D warnings"))?;
    steps.run("unit tests", || cargo::call("test --workspace --locked --lib --bins"))
}

/// Fails when the steps before it left files that git would take.
fn leftovers(before: &str) -> Result<(), String> {
    let after = repo::status()?;
    if after == before {
        return Ok(());
    }
    Err(format!("the tests changed the checkout; git status before:\n{before}and after:\n{after}"))
}

fn documentation() -> Result<(), String> {
    let mut command = cargo::cargo("doc --no-deps --workspace --locked");
    step::call(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Fails when a refused crate has come into the tree of what is built here.
fn dependencies() -> Result<(), String> {
    let mut command = cargo::cargo("tree --workspace --locked --edges normal,build,dev --prefix none");
    let tree = step::output(&mut command)?;
    let found: Vec<&str> = tree.lines().filter(|line| REFUSED.iter().any(|name| named(line, name))).collect();
    if found.is_empty() { Ok(()) } else { Err(format!("refused dependencies: {}", found.join(", "))) }
}

fn named(line: &str, name: &str) -> bool {
    line.split(' ').next() == Some(name)
}

/// Runs every example to its end. They were built with everything else; asking cargo to run one would build the
/// dependencies again, with the features of that package alone.
fn examples() -> Result<(), String> {
    let mut examples: Vec<_> = repo::files()?.into_iter().filter_map(example).collect();
    examples.sort();
    for example in examples {
        println!("    {example}");
        let program = repo::target().join("release/examples").join(example);
        step::call(Command::new(program).current_dir(repo::top()))?;
    }
    Ok(())
}

/// The name of an example, if `file` is one.
fn example(file: PathBuf) -> Option<String> {
    let (_, rest) = file.to_str()?.rsplit_once("/examples/")?;
    let name = rest.strip_suffix("/main.rs").or_else(|| rest.strip_suffix(".rs"))?;
    (!name.contains('/')).then(|| name.to_owned())
}
