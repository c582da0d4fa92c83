//! Create, start, kill, delete: the states of a container.

use runtime_tests::{Exit, conformance};

#[test]
fn run_passes_the_exit_code_on() {
    conformance(|t| {
        let output = t.run(&t.bundle().args(["/bin/probe", "exit", "42"]));
        assert_eq!(output.status, Exit::Code(42), "{}", output.describe());
    });
}

#[test]
fn create_start_wait_delete() {
    conformance(|t| {
        let container = t.create(&t.bundle().args(["/bin/probe", "exit", "7"]));
        assert_eq!(container.status(), "created");
        container.call("start").expect_success();
        assert_eq!(container.wait(), Exit::Code(7));
        assert_eq!(container.status(), "stopped");
        container.call("delete").expect_success();
        container.call("state").expect_failure();
    });
}

#[test]
fn facts_are_json() {
    conformance(|t| {
        let facts = t.facts(t.bundle());
        println!("{facts:#}");
        assert_eq!(facts["names"]["hostname"], "box");
    });
}
