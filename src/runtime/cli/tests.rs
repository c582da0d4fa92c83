//! The command line from words to exit code.

use super::*;

fn call(line: &str) -> u8 {
    let words = line.split_whitespace().map(OsString::from);
    dispatch("saya".to_owned(), words)
}

#[test]
fn exit_codes() {
    let root = std::env::temp_dir().join(format!("saya-cli-{}", std::process::id()));
    let root = root.display();
    for (line, code) in [
        ("", 0),
        ("--help", 0),
        ("--version", 0),
        ("help", 0),
        ("help kill", 0),
        ("nope", 3),
        ("help nope", 3),
        ("--nope list", 1),
        ("list --nope", 1),
        ("create --bundle", 1),
        ("create --preserve-fds x web", 1),
        ("state", 1),
        ("state a b", 1),
        ("state --help", 0),
        ("exec", 255),
        ("exec --nope web", 255),
        ("exec --root R web ls --help", 255),
        ("kill --root R web NOSIG", 1),
        ("delete --root R web", 1),
        ("--root R delete web --force", 0),
        ("--root R delete --force web", 0),
        ("list --root R", 1),
        ("list --log-format bad", 1),
        ("list --rootless true", 1),
        ("list --rootless maybe", 1),
        ("list --cgroup-manager maybe", 1),
        ("pause web", 1),
        ("pause --help", 0),
        ("checkpoint --image-path x web", 1),
        ("spec --rootless", 1),
        ("features", 0),
        (
            "features --rootless=false --debug --cgroup-manager disabled",
            0,
        ),
        ("features --systemd-cgroup", 0),
        ("features --cgroup-manager systemd", 0),
    ] {
        let line = line.replace('R', &root.to_string());
        assert_eq!(call(&line), code, "{line}");
    }
    assert!(!Path::new(&root.to_string()).exists());
}

#[test]
fn every_verb_has_help_in_the_form_of_go() {
    for verb in VERBS {
        assert_eq!(call(&format!("{} --help", verb.name)), 0);
        assert_eq!(call(&format!("{} -h", verb.name)), 0);
    }
    let text = help::program("saya");
    let head = "NAME:\n   saya - Open Container Initiative runtime\n\nUSAGE:\n";
    assert!(text.starts_with(head), "{text}");
    for part in [
        "\nCOMMANDS:\n",
        "\n   create      ",
        "\nGLOBAL OPTIONS:\n",
        "--log-format",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = help::verb(&kill::VERB, "saya", |command| command);
    assert!(
        text.starts_with("NAME:\n   saya kill - send a signal"),
        "{text}"
    );
}

#[test]
fn verbs_are_in_the_order_of_their_names() {
    let names: Vec<_> = VERBS.iter().map(|verb| verb.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
}

#[test]
fn the_version_is_what_engines_parse() {
    let text = help::version("saya");
    let mut lines = text.lines();
    let version = lines.next().unwrap().strip_prefix("saya version ").unwrap();
    assert_eq!(version.split('.').count(), 3);
    assert!(lines.next().unwrap().starts_with("commit: "));
    assert_eq!(lines.next(), Some("spec: 1.3.0"));
    assert_eq!(lines.next(), None);
}

#[test]
fn the_program_is_called_by_its_file_name() {
    assert_eq!(program_name(Some("/usr/bin/saya".into())), "saya");
    assert_eq!(program_name(None), "saya");
}
