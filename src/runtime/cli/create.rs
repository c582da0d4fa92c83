//! `saya create`; its flags are also those of `run`.

use std::path::{Path, PathBuf};

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::create::create;
use crate::container::prepare::Request;
use crate::error::Result;
use crate::plan::{EnterRoot, Keyring};

pub(super) const VERB: Verb = Verb {
    name: "create",
    about: "create a container from a bundle, ready to be started",
    operands: "ID",
    arity: Arity::Exactly(1),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

/// What a new container is made of.
#[derive(clap::Args)]
pub(super) struct Making {
    /// Directory of the bundle [default: the current directory]
    #[arg(short, long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// Socket that the terminal is sent to
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// Socket that a pidfd of the container's first process is sent to
    #[arg(long, value_name = "SOCKET")]
    pidfd_socket: Option<PathBuf>,
    /// File that the process id is written to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Do not use pivot_root(2), as on a root file system in memory
    #[arg(long)]
    no_pivot: bool,
    /// Do not make a new session keyring
    #[arg(long)]
    no_new_keyring: bool,
    /// Pass N descriptors on to the container, from 3 on
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
}

impl Making {
    /// The flags in the words of `container`.
    pub(super) fn request<'a>(&'a self, context: &'a Context<'_>, id: &'a str) -> Request<'a> {
        Request {
            root: &context.root,
            id,
            bundle: self.bundle.as_deref().unwrap_or(Path::new(".")),
            console_socket: self.console_socket.as_deref(),
            pidfd_socket: self.pidfd_socket.as_deref(),
            pid_file: self.pid_file.as_deref(),
            enter: if self.no_pivot {
                EnterRoot::Move
            } else {
                EnterRoot::Pivot
            },
            keyring: if self.no_new_keyring {
                Keyring::Callers
            } else {
                Keyring::New
            },
            preserve_fds: self.preserve_fds,
            cgroups: context.cgroups,
        }
    }
}

#[derive(clap::Args)]
struct Args {
    #[command(flatten)]
    making: Making,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    let id = args.id().unwrap_or_default();
    let warnings = create(&args.making.request(context, id))?;
    context.warn(&warnings);
    Ok(0)
}
