//! The configuration as a document: what is ignored, what is refused, and what
//! a hostile one does.

use runtime_tests::{Bundle, Exit, Output, Test, conformance, json};
use std::fs;
use std::time::Duration;

/// Runs a bundle whose `config.json` is exactly this text.
#[track_caller]
fn run_text(t: &Test, bundle: &Bundle, text: &[u8]) -> Output {
    fs::write(bundle.dir().join("config.json"), text).unwrap();
    let dir = bundle.dir().to_str().unwrap();
    let run = t
        .runtime(["run", "--bundle", dir, &t.new_id()])
        .patience(Duration::from_secs(5))
        .run();
    assert!(matches!(run.status, Exit::Code(_)), "{}", run.describe());
    run
}

/// The default config as text with one part of it replaced.
fn text_with(bundle: &Bundle, from: &str, to: &str) -> String {
    let text = bundle.config.to_string();
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}

#[test]
fn unknown_fields_are_ignored_in_silence() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/noSuchField", json!({"a": [1, 2]}))
            .set("/process/noSuchField", json!("x"))
            .set("/linux/noSuchField", json!(7))
            .set("/root/noSuchField", json!(null));
        let run = t.run(&bundle).expect_success();
        assert_eq!(run.stderr(), "");
    });
}

#[test]
fn annotations_have_no_effect() {
    conformance(|t| {
        let bundle = t.bundle().set(
            "/annotations",
            json!({
                "run.oci.keep_original_groups": "1",
                "run.oci.hooks.stdout": "/no/such/file",
                "org.systemd.property.TimeoutStopUSec": "uint64 5"
            }),
        );
        let run = t.verb_with_bundle(
            "run",
            &bundle.args(["/bin/probe", "facts"]),
            &[],
            &t.new_id(),
        );
        let facts = run.groups(&[4, 27]).run().expect_success().json();
        assert_eq!(facts["identity"]["groups"], json!([]));
    });
}

#[test]
fn a_version_of_another_major_is_refused() {
    conformance(|t| {
        for version in ["2.0.0", "not-a-version", ""] {
            let _ = t
                .run(&t.bundle().set("/ociVersion", json!(version)))
                .expect_failure();
        }
    });
}

#[test]
fn versions_of_this_major_are_accepted() {
    conformance(|t| {
        for version in ["1.0.0", "1.0.2-dev", "1.2.1", "1.3.0"] {
            let _ = t
                .run(&t.bundle().set("/ociVersion", json!(version)))
                .expect_success();
        }
    });
}

#[test]
fn values_of_a_wrong_type_are_refused() {
    conformance(|t| {
        let wrong = [
            ("/process/args", json!("/bin/true")),
            ("/process/user/uid", json!("0")),
            ("/process/user/uid", json!(-1)),
            ("/process/env", json!({"PATH": "/bin"})),
            ("/root/path", json!(7)),
            ("/linux/namespaces", json!({"type": "pid"})),
            ("/mounts", json!("/proc")),
        ];
        for (pointer, value) in wrong {
            let _ = t.run(&t.bundle().set(pointer, value)).expect_failure();
        }
    });
}

#[test]
fn what_a_container_cannot_do_without_is_demanded() {
    conformance(|t| {
        for pointer in ["/process/args", "/process/cwd", "/root"] {
            let _ = t.run(&t.bundle().remove(pointer)).expect_failure();
        }
        let _ = t
            .run(&t.bundle().set("/process/args", json!([])))
            .expect_failure();
        let _ = t
            .run(&t.bundle().set("/process/cwd", json!("relative")))
            .expect_failure();
        let _ = t
            .run(&t.bundle().set("/root/path", json!("no-such-dir")))
            .expect_failure();
    });
}

#[test]
fn a_document_that_is_cut_off_is_refused() {
    conformance(|t| {
        let bundle = t.bundle();
        let text = bundle.config.to_string();
        for length in [0, 1, text.len() / 3, text.len() / 2, text.len() - 1] {
            let _ = run_text(t, &bundle, &text.as_bytes()[..length]).expect_failure();
        }
    });
}

#[test]
fn a_document_nested_ten_thousand_deep_is_refused() {
    conformance(|t| {
        let bundle = t.bundle();
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let text = text_with(
            &bundle,
            "\"hostname\":\"box\"",
            &format!("\"hostname\":{deep}"),
        );
        let _ = run_text(t, &bundle, text.as_bytes()).expect_failure();
    });
}

#[test]
fn bytes_that_are_no_utf8_are_refused() {
    conformance(|t| {
        let bundle = t.bundle();
        let text = text_with(&bundle, "\"cwd\":\"/\"", "\"cwd\":\"/@@\"");
        let bytes = text.replace("@@", "\u{1}").into_bytes();
        let bytes: Vec<u8> = bytes
            .into_iter()
            .map(|b| if b == 1 { 0xff } else { b })
            .collect();
        let _ = run_text(t, &bundle, &bytes).expect_failure();
    });
}

#[test]
fn a_nul_in_a_string_is_refused() {
    conformance(|t| {
        for (pointer, value) in [
            ("/process/args", json!(["/bin/true\0/bin/false"])),
            ("/process/env", json!(["PATH=/bin", "A=b\0c"])),
            ("/process/cwd", json!("/\0tmp")),
            ("/hostname", json!("bo\0x")),
        ] {
            let _ = t.run(&t.bundle().set(pointer, value)).expect_failure();
        }
    });
}

#[test]
fn numbers_out_of_range_are_refused() {
    conformance(|t| {
        let bundle = t.bundle();
        for number in ["4294967296", "-1", "1.5", "1e400", "18446744073709551616"] {
            let text = text_with(&bundle, "\"uid\":0", &format!("\"uid\":{number}"));
            let _ = run_text(t, &bundle, text.as_bytes()).expect_failure();
        }
    });
}

#[test]
fn a_config_that_is_no_file_is_refused_at_once() {
    conformance(|t| {
        let bundle = t.bundle();
        let path = bundle.dir().join("config.json");
        let dir = bundle.dir().to_str().unwrap();
        fs::create_dir(&path).unwrap();
        let _ = t
            .call(["create", "--bundle", dir, &t.new_id()])
            .expect_failure();
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/no/such/file", &path).unwrap();
        let _ = t
            .call(["create", "--bundle", dir, &t.new_id()])
            .expect_failure();
    });
}

#[test]
fn a_large_environment_gets_in_whole() {
    conformance(|t| {
        let mut bundle = t.bundle().shell("echo ${#BIG_7} ${#BIG_0}");
        for n in 0..8 {
            bundle = bundle.push(
                "/process/env",
                json!(format!("BIG_{n}={}", "x".repeat(100_000))),
            );
        }
        assert_eq!(t.run(&bundle).expect_success().stdout(), "100000 100000\n");
    });
}

#[test]
fn three_hundred_mounts_are_made() {
    conformance(|t| {
        let mut bundle = t.bundle().shell("grep -c ' /many/' /proc/self/mountinfo");
        for n in 0..300 {
            bundle = bundle.mount(&format!("/many/{n}"), "tmpfs", "tmpfs", &["size=4k"]);
        }
        assert_eq!(t.run(&bundle).expect_success().stdout(), "300\n");
    });
}
