//! The command line: arguments, global flags, logs, exit codes, and the verbs
//! that need no container.

mod arguments;
mod log;
mod spec;

use runtime_tests::{Output, Runner, Test};

/// The runtime without any of the harness' own flags.
pub(crate) fn bare<const N: usize>(t: &Test, args: [&str; N]) -> Output {
    Runner::new(&t.runtime.path).args(args).run()
}
