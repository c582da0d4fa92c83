//! A program that cannot be executed: the container is refused, the exit code
//! is the one engines expect, and the message says why.
//!
//! Every runtime must give the words engines look for. Saya must also say what
//! is wrong with the file.

use runtime_tests::{Bundle, Exit, Kind, Output, Test, conformance, json, sys};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// What must stand in the message: for engines, and from saya in addition.
struct Words {
    engine: &'static str,
    saya: &'static [&'static str],
}

/// Tries the program by `create` and by `exec`.
#[track_caller]
fn assert_refused(t: &Test, bundle: &Bundle, args: &[&str], words: &Words) {
    let create = bundle.clone().set("/process/args", json!(args));
    let output = t.verb_with_bundle("run", &create, &[], &t.new_id()).run();
    assert_eq!(output.status, Exit::Code(1), "{}", output.describe());
    assert_says(t, output, words);

    let container = t.start(&bundle.clone().args(["/bin/probe", "sleep"]));
    let output = t.runtime(["exec", &container.id]).args(args).run();
    assert!(
        codes_of_exec(t).contains(&output.status),
        "{}",
        output.describe()
    );
    assert_says(t, output, words);
    assert_eq!(container.status(), "running");
}

/// runc exits with 1 where only execve itself could tell that it fails.
fn codes_of_exec(t: &Test) -> &'static [Exit] {
    match t.runtime.kind {
        Kind::Saya => &[Exit::Code(255)],
        _ => &[Exit::Code(255), Exit::Code(1)],
    }
}

#[track_caller]
fn assert_says(t: &Test, output: Output, words: &Words) {
    let mut output = output.expect_stderr(words.engine);
    if t.runtime.kind == Kind::Saya {
        for word in words.saya {
            output = output.expect_stderr(word);
        }
    }
}

#[test]
fn not_found_in_path() {
    conformance(|t| {
        let words = Words {
            engine: "executable file not found in $PATH",
            saya: &["no-such-program", "/bin"],
        };
        assert_refused(t, &t.bundle(), &["no-such-program"], &words);
    });
}

#[test]
fn an_absolute_path_that_does_not_exist() {
    conformance(|t| {
        let words = Words {
            engine: "no such file or directory",
            saya: &["/no/such/program"],
        };
        assert_refused(t, &t.bundle(), &["/no/such/program"], &words);
    });
}

#[test]
fn an_empty_name() {
    conformance(|t| {
        let words = Words {
            engine: "not found",
            saya: &["executable file not found in $PATH"],
        };
        let bundle = t.bundle().args([""]);
        let output = t.run(&bundle).expect_failure();
        assert_says(t, output, &words);
    });
}

#[test]
fn a_file_without_execute_permission() {
    conformance(|t| {
        let bundle = t.bundle();
        let file = bundle.rootfs().join("bin/plain");
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let words = Words {
            engine: "permission denied",
            saya: &["/bin/plain", "execut"],
        };
        assert_refused(t, &bundle, &["/bin/plain"], &words);
    });
}

#[test]
fn a_directory() {
    conformance(|t| {
        let words = Words {
            engine: "",
            saya: &["is a directory", "/etc"],
        };
        assert_refused(t, &t.bundle(), &["/etc"], &words);
    });
}

#[test]
fn another_architecture() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.write_program("/bin/foreign", &elf_header(183));
        let words = Words {
            engine: "exec format error",
            saya: &["/bin/foreign", "aarch64"],
        };
        assert_refused(t, &bundle, &["/bin/foreign"], &words);
    });
}

/// The beginning of a 64-bit little-endian program for `machine`, elf(5).
fn elf_header(machine: u16) -> Vec<u8> {
    let mut header = vec![0u8; 64];
    header[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    header[16..18].copy_from_slice(&2u16.to_le_bytes());
    header[18..20].copy_from_slice(&machine.to_le_bytes());
    header[20] = 1;
    header
}

#[test]
fn a_script_without_a_shebang() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.write_program("/bin/bare", b"echo no interpreter line\n");
        let words = Words {
            engine: "exec format error",
            saya: &["/bin/bare", "#!"],
        };
        assert_refused(t, &bundle, &["/bin/bare"], &words);
    });
}

#[test]
fn a_missing_script_interpreter() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.write_program("/bin/script", b"#!/no/such/interpreter\n");
        let words = Words {
            engine: "no such file or directory",
            saya: &["/bin/script", "interpreter", "/no/such/interpreter"],
        };
        assert_refused(t, &bundle, &["/bin/script"], &words);
    });
}

#[test]
fn a_shebang_with_a_carriage_return() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.write_program("/bin/script", b"#!/bin/sh\r\necho hello\r\n");
        let words = Words {
            engine: "no such file or directory",
            saya: &["/bin/script", "CRLF"],
        };
        assert_refused(t, &bundle, &["/bin/script"], &words);
    });
}

#[test]
fn a_missing_dynamic_loader() {
    conformance(|t| {
        let bundle = t.bundle();
        bundle.write_program("/bin/dynamic", &elf_with_loader("/lib/no-such-loader.so.1"));
        let words = Words {
            engine: "no such file or directory",
            saya: &["/bin/dynamic", "/lib/no-such-loader.so.1"],
        };
        assert_refused(t, &bundle, &["/bin/dynamic"], &words);
    });
}

/// A program of one header, which asks for a dynamic loader: PT_INTERP, elf(5).
fn elf_with_loader(loader: &str) -> Vec<u8> {
    const EM_X86_64: u16 = 62;
    const PT_INTERP: u32 = 3;
    let mut file = elf_header(EM_X86_64);
    file[32] = 64; // The program headers follow the file header,
    file[52] = 64; // which has this size;
    file[54] = 56; // one of them has this size,
    file[56] = 1; // and there is one.
    let length = loader.len() as u64 + 1;
    file.extend(PT_INTERP.to_le_bytes());
    file.extend(4u32.to_le_bytes());
    for word in [64 + 56, 0, 0, length, length, 1u64] {
        file.extend(word.to_le_bytes());
    }
    file.extend(loader.as_bytes());
    file.push(0);
    file
}

#[test]
fn a_file_on_a_noexec_mount() {
    conformance(|t| {
        let source = t.dir().join("volume");
        fs::create_dir(&source).unwrap();
        let bundle = t.bundle();
        fs::copy(bundle.rootfs().join("bin/probe"), source.join("probe")).unwrap();
        let options = ["bind", "noexec"];
        let bundle = bundle.mount("/volume", "bind", source.to_str().unwrap(), &options);
        let words = Words {
            engine: "permission denied",
            saya: &["/volume/probe", "noexec"],
        };
        assert_refused(t, &bundle, &["/volume/probe"], &words);
    });
}

#[test]
fn a_directory_on_the_way_that_may_not_be_searched() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/process/user", json!({"uid": 1000, "gid": 1000}));
        let closed = bundle.rootfs().join("closed");
        fs::create_dir(&closed).unwrap();
        bundle.write_program("/closed/program", b"#!/bin/sh\n");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let words = Words {
            engine: "permission denied",
            saya: &["/closed"],
        };
        assert_refused(t, &bundle, &["/closed/program"], &words);
    });
}

#[test]
fn a_directory_of_path_that_may_not_be_searched_is_passed_over() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/process/user", json!({"uid": 1000, "gid": 1000}))
            .set("/process/env", json!(["PATH=/closed:/bin"]));
        let closed = bundle.rootfs().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let _ = t.run(&bundle.args(["true"])).expect_success();
    });
}

#[test]
fn a_cwd_that_may_not_be_entered() {
    conformance(|t| {
        let bundle = t
            .bundle()
            .set("/process/user", json!({"uid": 1000, "gid": 1000}))
            .set("/process/cwd", json!("/closed"))
            .set("/process/capabilities", json!({}));
        let closed = bundle.rootfs().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        // runtime.md lets a runtime enter the directory before it drops root.
        let run = t.run(&bundle);
        if run.status != Exit::Code(0) {
            let _ = run
                .expect_stderr("/closed")
                .expect_stderr("permission denied");
        }
    });
}

#[test]
fn a_device_is_no_program() {
    conformance(|t| {
        let bundle = t.bundle().without_mount("/dev");
        sys::make_node(&bundle.rootfs().join("node"), libc::S_IFCHR | 0o755, 1, 3).unwrap();
        let words = Words {
            engine: "permission denied",
            saya: &["/node"],
        };
        let output = t.run(&bundle.args(["/node"])).expect_failure();
        assert_says(t, output, &words);
    });
}
