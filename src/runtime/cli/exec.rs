//! `saya exec`

use std::path::PathBuf;

use super::line::{Arity, Context, Flags, Options, Verb};
use super::run::exit_code;
use crate::cgroup::Below;
use crate::config::process::capability_name;
use crate::container::exec::{Changes, Paused, Request, What, exec};
use crate::container::run::Stay;
use crate::error::{Error, Kind, Result};
use crate::terminal::Orphans;

pub(super) const VERB: Verb = Verb {
    name: "exec",
    about: "execute a further program in a running container",
    operands: "ID PROGRAM [ARGUMENTS]",
    arity: Arity::AtLeast(1),
    options: Options::BeforeOperand,
    // So that a caller can tell our failure from most programs' own.
    failure: 255,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// Socket that the terminal is sent to
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// Socket that a pidfd of the process is sent to
    #[arg(long, value_name = "SOCKET")]
    pidfd_socket: Option<PathBuf>,
    /// Working directory in the container
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// Set a variable of the environment; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    env: Vec<String>,
    /// Give the program a terminal
    #[arg(short, long)]
    tty: bool,
    /// User and group by number
    #[arg(short, long, value_name = "UID[:GID]")]
    user: Option<String>,
    /// Further group; may be repeated
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,
    /// File that describes the process, as `process` in config.json does
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,
    /// Do not wait for the program's end
    #[arg(short, long)]
    detach: bool,
    /// File that the process id is written to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// SELinux label of the process (not supported yet)
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,
    /// AppArmor profile of the process (not supported yet)
    #[arg(long, value_name = "PROFILE")]
    apparmor: Option<String>,
    /// The program can gain no privileges
    #[arg(long)]
    no_new_privs: bool,
    /// Further capability; may be repeated
    #[arg(short, long, value_name = "CAPABILITY")]
    cap: Vec<String>,
    /// Pass N descriptors on to the program, from 3 on
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// Cgroup below the container's own; may be repeated for single controllers
    #[arg(long, value_name = "[CONTROLLERS:]PATH")]
    cgroup: Vec<String>,
    /// Do not refuse a paused container
    #[arg(long)]
    ignore_paused: bool,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    refuse_unsupported(args)?;
    let request = Request {
        root: &context.root,
        id: args.id().unwrap_or_default(),
        what: what(args)?,
        console_socket: args.console_socket.as_deref(),
        pidfd_socket: args.pidfd_socket.as_deref(),
        pid_file: args.pid_file.as_deref(),
        preserve_fds: args.preserve_fds,
        paused: if args.ignore_paused {
            Paused::Ignore
        } else {
            Paused::Refuse
        },
        below: Below::parse(&args.cgroup)?,
    };
    let stay = if args.detach {
        Stay::Detached
    } else {
        Stay::Foreground(Orphans::Leave)
    };
    let ran = exec(&request, stay)?;
    context.warn(&ran.warnings);
    Ok(exit_code(ran.code))
}

fn refuse_unsupported(args: &Args) -> Result<()> {
    let asked = [
        ("--process-label", args.process_label.is_some()),
        ("--apparmor", args.apparmor.is_some()),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((flag, _)) => Err(Error::new(Kind::Unsupported, flag, "not supported yet")),
        None => Ok(()),
    }
}

fn what(args: &Args) -> Result<What<'_>> {
    let changes = changes(args)?;
    let Some(document) = &args.process else {
        return Ok(What::Changes(changes));
    };
    let changed = [
        ("a program", !changes.args.is_empty()),
        ("--cwd", args.cwd.is_some()),
        ("--env", !args.env.is_empty()),
        ("--user", args.user.is_some()),
        ("--additional-gids", !args.additional_gids.is_empty()),
        ("--no-new-privs", args.no_new_privs),
        ("--cap", !args.cap.is_empty()),
    ];
    match changed.into_iter().find(|(_, changed)| *changed) {
        Some((flag, _)) => {
            let why = format!("{flag} cannot be combined with --process");
            Err(Error::new(Kind::Usage, "", why).hint("write it into the process file"))
        }
        // conmon repeats the document's terminal as --tty.
        None => Ok(What::Document {
            path: document,
            terminal: args.tty,
        }),
    }
}

fn changes(args: &Args) -> Result<Changes> {
    Ok(Changes {
        args: args.operands.iter().skip(1).cloned().collect(),
        cwd: args.cwd.clone(),
        env: args.env.clone(),
        terminal: args.tty,
        user: args.user.as_deref().map(user).transpose()?,
        additional_gids: args.additional_gids.clone(),
        capabilities: capabilities(&args.cap)?,
        no_new_privileges: args.no_new_privs,
    })
}

/// `UID` or `UID:GID`
fn user(text: &str) -> Result<(u32, Option<u32>)> {
    let number = |text: &str| {
        // −1 as an unsigned number means "leave as it is" to the kernel.
        let number = text.parse().ok().filter(|number| *number != u32::MAX);
        number.ok_or_else(|| {
            let why = format!("{text:?} is not the number of a user or group");
            Error::new(Kind::Usage, "read --user", why).hint("it is UID or UID:GID")
        })
    };
    match text.split_once(':') {
        Some((uid, gid)) => Ok((number(uid)?, Some(number(gid)?))),
        None => Ok((number(text)?, None)),
    }
}

fn capabilities(names: &[String]) -> Result<u64> {
    let mut mask = 0;
    for name in names {
        let number = (0..u64::BITS).find(|number| capability_name(*number) == *name);
        mask |= number.map(|number| 1_u64 << number).ok_or_else(|| {
            Error::new(
                Kind::Usage,
                "read --cap",
                format!("unknown capability {name:?}"),
            )
            .hint("names are as in capabilities(7), such as CAP_NET_ADMIN")
        })?;
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_numbers() {
        assert_eq!(user("7").unwrap(), (7, None));
        assert_eq!(user("7:8").unwrap(), (7, Some(8)));
        for text in ["", "x", "1:", ":1", "1:2:3", "-1", "4294967296"] {
            assert_eq!(user(text).unwrap_err().kind(), Kind::Usage, "{text}");
        }
    }

    #[test]
    fn capabilities_are_names() {
        let names = ["CAP_CHOWN".to_owned(), "CAP_KILL".to_owned()];
        assert_eq!(capabilities(&names).unwrap(), 1 | 1 << 5);
        let error = capabilities(&["CAP_X".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "read --cap: unknown capability \"CAP_X\""
        );
    }
}
