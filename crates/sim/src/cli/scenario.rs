//! Stories from text files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clearwell_sim::scenario::Scenario;

/// Plays one and prints what happened.
pub fn one(path: &Path) -> ExitCode {
    let scenario = match read(path) {
        Ok(scenario) => scenario,
        Err(wrong) => return fail(&wrong),
    };
    let played = scenario.play(None);
    played.lines.iter().for_each(|line| print_line!("{line}"));
    played.broken.iter().for_each(|line| eprintln!("{}: {line}", path.display()));
    if played.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays all files of a folder and compares what happened with what is recorded, or records it.
pub fn all(folder: &Path, record: bool) -> ExitCode {
    let paths = match paths(folder) {
        Ok(paths) => paths,
        Err(error) => return fail(&format!("{}: {error}", folder.display())),
    };
    let failed = paths.iter().filter(|path| !check(path, record)).count();
    print_line!("{} scenarios, {failed} failed", paths.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check(path: &Path, record: bool) -> bool {
    let name = path.display();
    let scenario = match read(path) {
        Ok(scenario) => scenario,
        Err(wrong) => {
            print_line!("{wrong}");
            return false;
        }
    };
    let played = scenario.play(None);
    played.broken.iter().for_each(|line| print_line!("{name}: {line}"));
    let same = scenario.recorded.as_deref().map(str::trim_end) == Some(&played.lines.join("\n"));
    if same || !played.broken.is_empty() {
        return played.broken.is_empty();
    }
    match record {
        true => match fs::write(path, scenario.recorded_as(&played)) {
            Ok(()) => print_line!("{name}: recorded"),
            Err(error) => print_line!("{name}: {error}"),
        },
        false => print_line!(
            "{name}: it went otherwise than recorded; look with `scenario {name}`, keep it with --record"
        ),
    }
    record
}

fn read(path: &Path) -> Result<Scenario, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Scenario::parse(&text).map_err(|wrong| format!("{}, {wrong}", path.display()))
}

fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    paths.sort();
    Ok(paths)
}

fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
