//! `exec`: a second process in a running container.

mod life;
mod settings;

use runtime_tests::{Bundle, Container, Value};

/// The facts of `probe facts` run by `exec` with these flags.
#[track_caller]
pub(crate) fn facts(container: &Container<'_>, flags: &[&str]) -> Value {
    container
        .exec_with(flags, ["/bin/probe", "facts"])
        .expect_success()
        .json()
}

pub(crate) fn sleeping(bundle: Bundle) -> Bundle {
    bundle.args(["/bin/probe", "sleep"])
}
