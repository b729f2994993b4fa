//! Installs what the tests drive: Debian's programs, and the clients of other languages.

mod clients;
mod packages;

/// Installs what is missing, and does nothing at once when nothing is.
pub fn run() -> Result<(), String> {
    packages::install()?;
    clients::python()?;
    clients::node()
}
