//! libseccomp at work: a process that compiles profiles (Debian's python3-seccomp).

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::sys::seccomp::Instruction;

/// The script and what it talks through.
pub(super) struct Oracle {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Oracle {
    /// `None` where this machine has no libseccomp for Python, which is said. Debian's own Python is
    /// the one that has it, whatever comes first in PATH.
    pub(super) fn new() -> Option<Self> {
        let has_library = Command::new("/usr/bin/python3")
            .args(["-c", "import seccomp"])
            .output()
            .is_ok_and(|output| output.status.success());
        if !has_library {
            println!("skipped: no libseccomp to compare with (apt install python3-seccomp)");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/seccomp/tests/libseccomp.py");
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Self {
            child,
            input,
            output,
        })
    }

    fn ask(&mut self, question: &Value) -> String {
        writeln!(self.input.as_mut().unwrap(), "{question}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "libseccomp refuses {question}");
        line
    }

    /// Leaves out the names that this version of libseccomp does not know.
    pub(super) fn cut(&mut self, profile: &mut Value) {
        for rule in profile["syscalls"].as_array_mut().unwrap() {
            let answer = self.ask(&rule["names"]);
            let known: Vec<bool> = serde_json::from_str(&answer).unwrap();
            let mut known = known.into_iter();
            let names = rule["names"].as_array_mut().unwrap();
            names.retain(|_| known.next().unwrap());
        }
        let rules = profile["syscalls"].as_array_mut().unwrap();
        rules.retain(|rule| !rule["names"].as_array().unwrap().is_empty());
    }

    /// Its program for the profile on a machine of the architecture `native`.
    pub(super) fn compile(&mut self, profile: &Value, native: &str) -> Vec<Instruction> {
        let mut profile = profile.clone();
        profile["native"] = native.into();
        let text = self.ask(&profile);
        let bytes: Vec<u8> = text
            .trim()
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let instruction = |bytes: &[u8]| Instruction {
            code: u16::from_le_bytes([bytes[0], bytes[1]]),
            if_true: bytes[2],
            if_false: bytes[3],
            operand: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        };
        bytes.chunks(8).map(instruction).collect()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
