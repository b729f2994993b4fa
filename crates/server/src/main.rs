//! The `clearwell` binary.

fn main() -> std::process::ExitCode {
    clearwell::cli::run()
}
