//! The table of system calls against the kernel headers that are installed.

use std::collections::BTreeMap;
use std::fs;

use crate::config::linux::seccomp::Architecture;
use crate::seccomp::syscalls;
use crate::seccomp::table::SYSCALLS;

#[test]
fn names_are_sorted() {
    assert!(SYSCALLS.is_sorted_by(|(a, _), (b, _)| a < b));
}

/// `#define __NR_name number` and `(__X32_SYSCALL_BIT + number)`.
fn defined(header: &str) -> Option<BTreeMap<String, u32>> {
    let text = fs::read_to_string(header).ok()?;
    let line = |line: &str| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        let number = number.trim_matches(['(', ')']);
        let (bit, number) = match number.strip_prefix("__X32_SYSCALL_BIT + ") {
            Some(number) => (syscalls::X32_BIT, number),
            None => (0, number),
        };
        Some((name.to_owned(), number.parse::<u32>().ok()? | bit))
    };
    Some(text.lines().filter_map(line).collect())
}

#[test]
fn numbers_are_those_of_the_headers() {
    let directory = "/usr/include/x86_64-linux-gnu/asm";
    for (file, architecture) in [
        ("unistd_64.h", Architecture::X86_64),
        ("unistd_32.h", Architecture::X86),
        ("unistd_x32.h", Architecture::X32),
    ] {
        let Some(defined) = defined(&format!("{directory}/{file}")) else {
            println!("skipped: {file} is not installed (apt install linux-libc-dev)");
            continue;
        };
        assert!(defined.len() > 300, "{file} was not understood");
        for (name, number) in &defined {
            let ours = syscalls::find(name).and_then(|call| call.number(architecture));
            assert_eq!(ours, Some(*number), "{name} in {file}");
        }
        // What the headers lack is newer than they are (x32 has a few of its own above all), or
        // one of the uprobe calls, which got numbers that were free.
        let newest = *defined
            .values()
            .filter(|number| **number & 0xffff < 512)
            .max()
            .unwrap();
        for (name, _) in SYSCALLS {
            let ours = syscalls::find(name).and_then(|call| call.number(architecture));
            if let Some(number) = ours.filter(|_| !defined.contains_key(*name)) {
                let is_uprobe = matches!(*name, "uprobe" | "uretprobe");
                assert!(number > newest || is_uprobe, "{name} is not in {file}");
            }
        }
    }
}

#[test]
fn libc_knows_the_same_numbers() {
    for (name, number) in [
        ("read", libc::SYS_read),
        ("seccomp", libc::SYS_seccomp),
        ("openat2", libc::SYS_openat2),
        ("mseal", libc::SYS_mseal),
    ] {
        let ours = syscalls::find(name).and_then(|call| call.number(crate::seccomp::NATIVE?));
        assert_eq!(ours.map(libc::c_long::from), Some(number), "{name}");
    }
}
