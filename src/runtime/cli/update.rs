//! `saya update`

use std::path::{Path, PathBuf};

use super::line::{Arity, Context, Flags, Options, Verb};
use crate::container::update::source::Source;
use crate::container::update::{Request, update};
use crate::error::{Error, Kind, Result};

pub(super) const VERB: Verb = Verb {
    name: "update",
    about: "change resource limits of a container; what is not given stays",
    operands: "ID",
    arity: Arity::Exactly(1),
    options: Options::Anywhere,
    failure: 1,
    execute: |line| line.run(run),
};

#[derive(clap::Args)]
struct Args {
    /// File, or `-` for standard input, with an object as `linux.resources`
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,
    /// Weight of block I/O, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<String>,
    /// Period of the CPU quota, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<String>,
    /// CPU time in a period, in microseconds; -1 for no limit
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    cpu_quota: Option<String>,
    /// CPU time that may be saved up for later periods, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_burst: Option<String>,
    /// Share of the CPU beside other containers, 2 to 262144
    #[arg(long, value_name = "SHARES")]
    cpu_share: Option<String>,
    /// Period of the realtime quota, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_period: Option<String>,
    /// Realtime CPU time in a period, in microseconds; -1 for no limit
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    cpu_rt_runtime: Option<String>,
    /// 1 to run only when nobody else wants the CPU, 0 for the default
    #[arg(long, value_name = "0|1")]
    cpu_idle: Option<String>,
    /// CPUs to use, such as 0-3,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Memory nodes to use
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Memory limit, such as 512m; -1 for none
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    memory: Option<String>,
    /// Memory that is reclaimed last
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    memory_reservation: Option<String>,
    /// Limit of memory and swap together; -1 for unlimited swap
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    memory_swap: Option<String>,
    /// Number of processes and threads; -1 for no limit
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pids_limit: Option<String>,
    /// Line `L3:…` for the container's group below resctrl
    #[arg(long, value_name = "LINE")]
    l3_cache_schema: Option<String>,
    /// Line `MB:…` for the container's group below resctrl
    #[arg(long, value_name = "LINE")]
    mem_bw_schema: Option<String>,
    #[arg(long, hide = true, allow_negative_numbers = true)]
    kernel_memory: Option<String>,
    #[arg(long, hide = true, allow_negative_numbers = true)]
    kernel_memory_tcp: Option<String>,
    #[arg(hide = true)]
    operands: Vec<String>,
}

impl Flags for Args {
    fn operands(&self) -> &[String] {
        &self.operands
    }
}

fn run(context: &Context<'_>, args: &Args) -> Result<u8> {
    context.warn(&obsolete(args));
    update(&Request {
        root: &context.root,
        id: args.id().unwrap_or_default(),
        source: source(args)?,
    })?;
    Ok(0)
}

/// Flags that the kernel has nothing for any more; engines of old still send them.
fn obsolete(args: &Args) -> Vec<String> {
    let flags = [
        ("kernel-memory", &args.kernel_memory),
        ("kernel-memory-tcp", &args.kernel_memory_tcp),
    ];
    let given = flags.iter().filter(|(_, value)| value.is_some());
    given
        .map(|(name, _)| format!("setting --{name} is ignored and will be removed"))
        .collect()
}

fn source(args: &Args) -> Result<Source<'_>> {
    let given = given(args);
    let Some(file) = &args.resources else {
        return Ok(Source::Flags(given));
    };
    if let Some((flag, _)) = given.first() {
        let why = format!("--{flag} cannot be combined with --resources");
        return Err(Error::new(Kind::Usage, "", why).hint("write it into the resources"));
    }
    Ok(if file == Path::new("-") {
        Source::Stdin
    } else {
        Source::File(file)
    })
}

fn given(args: &Args) -> Vec<(&'static str, &str)> {
    let flags = [
        ("blkio-weight", &args.blkio_weight),
        ("cpu-period", &args.cpu_period),
        ("cpu-quota", &args.cpu_quota),
        ("cpu-burst", &args.cpu_burst),
        ("cpu-share", &args.cpu_share),
        ("cpu-rt-period", &args.cpu_rt_period),
        ("cpu-rt-runtime", &args.cpu_rt_runtime),
        ("cpu-idle", &args.cpu_idle),
        ("cpuset-cpus", &args.cpuset_cpus),
        ("cpuset-mems", &args.cpuset_mems),
        ("memory", &args.memory),
        ("memory-reservation", &args.memory_reservation),
        ("memory-swap", &args.memory_swap),
        ("pids-limit", &args.pids_limit),
        ("l3-cache-schema", &args.l3_cache_schema),
        ("mem-bw-schema", &args.mem_bw_schema),
    ];
    let given = flags.into_iter();
    given
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect()
}
