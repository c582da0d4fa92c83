//! Command line → verb → the one error → exit code.

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    ExitCode::FAILURE
}
