//! A second reader of the specification, oci-spec, must accept what we accept and see the
//! same in it. (Not the other way round: it lets values pass that no kernel takes.)

use std::path::Path;

use oci_spec::runtime::{LinuxNamespaceType, LinuxResources, LinuxThrottleDevice, Spec};
use serde_json::{Value, json};

use super::members::places;
use super::valid::{accept, corpus};
use crate::config::resources::types::ThrottleKind;
use crate::config::{Config, Field, NamespaceSource, Process, Resources};

fn read(name: &str, document: &Value) -> Spec {
    serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_oracle_accepts_our_corpus_and_sees_the_same() {
    for (name, document) in corpus() {
        let (config, spec) = (accept(&document), read(&name, &document));
        assert_eq!(&config.version, spec.version(), "{name}");
        let root = spec.root().as_ref().unwrap();
        assert_eq!(
            Path::new(&config.root.path),
            Path::new("/bundle").join(root.path()),
            "{name}"
        );
        assert_eq!(
            config.root.readonly,
            root.readonly().unwrap_or(false),
            "{name}"
        );
        let hostname = config.hostname.as_ref().map(|hostname| &hostname.value);
        assert_eq!(hostname, spec.hostname().as_ref(), "{name}");
        same_process(&name, config.process.as_ref().unwrap(), &spec);
        same_mounts(&name, &config, &spec);
        same_linux(&name, &config, &spec);
    }
}

fn same_process(name: &str, process: &Process, spec: &Spec) {
    let other = spec.process().as_ref().unwrap();
    assert_eq!(Some(&process.args.value), other.args().as_ref(), "{name}");
    assert_eq!(
        process.env,
        other.env().clone().unwrap_or_default(),
        "{name}"
    );
    assert_eq!(Path::new(&process.cwd.value), other.cwd(), "{name}");
    assert_eq!(
        process.terminal,
        other.terminal().unwrap_or(false),
        "{name}"
    );
    assert_eq!(
        process.no_new_privileges,
        other.no_new_privileges().unwrap_or(false),
        "{name}"
    );
    let user = other.user();
    assert_eq!(
        (process.user.uid, process.user.gid),
        (user.uid(), user.gid()),
        "{name}"
    );
    let groups = user.additional_gids().clone().unwrap_or_default();
    assert_eq!(process.user.additional_gids, groups, "{name}");
    assert_eq!(process.user.umask, user.umask(), "{name}");
    let score = process.oom_score_adj.as_ref().map(|score| score.value);
    assert_eq!(score, other.oom_score_adj(), "{name}");
    let sets = other.capabilities().as_ref().unwrap();
    let bounding = sets.bounding().as_ref().map_or(0, |set| set.len());
    assert_eq!(
        process.capabilities.bounding.count_ones() as usize,
        bounding,
        "{name}"
    );
    let limits = other.rlimits().clone().unwrap_or_default();
    let limits: Vec<_> = limits
        .iter()
        .map(|limit| (limit.typ().to_string(), limit.soft(), limit.hard()))
        .collect();
    let ours = process.rlimits.iter();
    let ours: Vec<_> = ours
        .map(|limit| (limit.name.to_owned(), limit.soft, limit.hard))
        .collect();
    assert_eq!(ours, limits, "{name}");
}

fn same_mounts(name: &str, config: &Config, spec: &Spec) {
    let others = spec.mounts().as_ref().unwrap();
    let others: Vec<_> = others
        .iter()
        .map(|mount| mount.destination().as_path())
        .collect();
    let ours = config
        .mounts
        .iter()
        .map(|mount| Path::new(&mount.destination));
    assert_eq!(ours.collect::<Vec<_>>(), others, "{name}");
}

fn same_linux(name: &str, config: &Config, spec: &Spec) {
    let linux = spec.linux().as_ref().unwrap();
    let mut others: Vec<_> = linux
        .namespaces()
        .iter()
        .flatten()
        .map(|other| (name_of(other.typ()), other.path().clone()))
        .collect();
    let mut ours: Vec<_> = config
        .namespaces
        .iter()
        .map(|(kind, source, _)| match source {
            NamespaceSource::New => (kind.name(), None),
            NamespaceSource::Path(path) => (kind.name(), Some(path.into())),
        })
        .collect();
    ours.sort();
    others.sort();
    assert_eq!(ours, others, "{name}");
    for (ours, others) in [
        (&config.masked_paths, linux.masked_paths()),
        (&config.readonly_paths, linux.readonly_paths()),
    ] {
        let ours: Vec<_> = ours.iter().map(|path| path.value.clone()).collect();
        assert_eq!(ours, others.clone().unwrap_or_default(), "{name}");
    }
    let rules = linux
        .resources()
        .as_ref()
        .and_then(|other| other.devices().as_ref());
    assert_eq!(
        config.resources.devices.len(),
        rules.map_or(0, Vec::len),
        "{name}"
    );
    if let Some(other) = linux.resources() {
        same_resources(name, &config.resources, other);
    }
    let path = config
        .cgroups_path
        .as_ref()
        .map(|path| Path::new(&path.value));
    assert_eq!(path, linux.cgroups_path().as_deref(), "{name}");
    let devices = linux.devices().as_ref().map_or(0, Vec::len);
    assert_eq!(config.devices.len(), devices, "{name}");
    let sysctl = linux.sysctl().as_ref().map_or(0, |sysctl| sysctl.len());
    assert_eq!(config.sysctl.len(), sysctl, "{name}");
}

/// A value as the oracle has it: 0 is what engines send for an unset one.
fn set<T: PartialEq + Default>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}

fn value<T: Clone>(field: &Option<Field<T>>) -> Option<T> {
    field.as_ref().map(|field| field.value.clone())
}

fn same_resources(name: &str, ours: &Resources, other: &LinuxResources) {
    let memory = other.memory().unwrap_or_default();
    assert_eq!(value(&ours.memory.limit), set(memory.limit()), "{name}");
    let reservation = set(memory.reservation());
    assert_eq!(value(&ours.memory.reservation), reservation, "{name}");
    assert_eq!(value(&ours.memory.swap), set(memory.swap()), "{name}");
    let killer = memory.disable_oom_killer();
    assert_eq!(value(&ours.memory.disable_oom_killer), killer, "{name}");
    let check = memory.check_before_update().unwrap_or_default();
    assert_eq!(ours.memory.check_before_update, check, "{name}");
    let cpu = other.cpu().clone().unwrap_or_default();
    assert_eq!(value(&ours.cpu.shares), set(cpu.shares()), "{name}");
    assert_eq!(value(&ours.cpu.quota), set(cpu.quota()), "{name}");
    assert_eq!(value(&ours.cpu.burst), cpu.burst(), "{name}");
    assert_eq!(value(&ours.cpu.period), set(cpu.period()), "{name}");
    assert_eq!(value(&ours.cpu.cpus), set(cpu.cpus().clone()), "{name}");
    assert_eq!(value(&ours.cpu.mems), set(cpu.mems().clone()), "{name}");
    assert_eq!(value(&ours.cpu.idle), cpu.idle(), "{name}");
    let pids = other.pids().map(|pids| pids.limit());
    assert_eq!(
        value(&ours.pids),
        pids.filter(|limit| *limit != 0),
        "{name}"
    );
    same_devices(name, ours, other);
    same_names(name, ours, other);
}

fn same_devices(name: &str, ours: &Resources, other: &LinuxResources) {
    let block_io = other.block_io().clone().unwrap_or_default();
    assert_eq!(
        value(&ours.block_io.weight),
        set(block_io.weight()),
        "{name}"
    );
    for (kind, others) in [
        (ThrottleKind::ReadBps, block_io.throttle_read_bps_device()),
        (ThrottleKind::WriteBps, block_io.throttle_write_bps_device()),
        (ThrottleKind::ReadIops, block_io.throttle_read_iops_device()),
        (
            ThrottleKind::WriteIops,
            block_io.throttle_write_iops_device(),
        ),
    ] {
        let of_kind = ours
            .block_io
            .throttles
            .iter()
            .filter(|ours| ours.kind == kind);
        let found: Vec<_> = of_kind
            .map(|ours| (ours.major.into(), ours.minor.into(), ours.rate))
            .collect();
        let line = |other: &LinuxThrottleDevice| (other.major(), other.minor(), other.rate());
        let others: Vec<_> = others.iter().flatten().map(line).collect();
        assert_eq!(found, others, "{name}");
    }
    let others = other.hugepage_limits().iter().flatten();
    let others: Vec<_> = others
        .map(|other| {
            (
                other.page_size().clone(),
                u64::try_from(other.limit()).unwrap(),
            )
        })
        .collect();
    let found = ours.hugepages.iter();
    let found: Vec<_> = found
        .map(|ours| (ours.page_size.clone(), ours.limit))
        .collect();
    assert_eq!(found, others, "{name}");
}

fn same_names(name: &str, ours: &Resources, other: &LinuxResources) {
    let others = other.unified().clone().unwrap_or_default();
    let found = ours.unified.iter();
    let found: std::collections::HashMap<_, _> = found
        .map(|ours| (ours.file.clone(), ours.value.clone()))
        .collect();
    assert_eq!(found, others, "{name}");
    let others = other.rdma().clone().unwrap_or_default();
    assert_eq!(ours.rdma.len(), others.len(), "{name}");
    for ours in &ours.rdma {
        let other = &others[&ours.device];
        let numbers = (other.hca_handles(), other.hca_objects());
        assert_eq!((ours.handles, ours.objects), numbers, "{name}");
    }
    let network = other.network().clone().unwrap_or_default();
    let class = set(network.class_id());
    assert_eq!(value(&ours.network.class_id), class, "{name}");
    let others = network.priorities().iter().flatten();
    let others: Vec<_> = others
        .map(|other| (other.name().clone(), other.priority()))
        .collect();
    let found = ours.network.priorities.iter();
    let found: Vec<_> = found
        .map(|ours| (ours.name.clone(), ours.priority))
        .collect();
    assert_eq!(found, others, "{name}");
}

fn name_of(kind: LinuxNamespaceType) -> &'static str {
    match kind {
        LinuxNamespaceType::Mount => "mount",
        LinuxNamespaceType::Cgroup => "cgroup",
        LinuxNamespaceType::Uts => "uts",
        LinuxNamespaceType::Ipc => "ipc",
        LinuxNamespaceType::User => "user",
        LinuxNamespaceType::Pid => "pid",
        LinuxNamespaceType::Network => "network",
        LinuxNamespaceType::Time => "time",
    }
}

/// Every value of a document in turn replaced by odd ones: nothing panics, and what we still
/// accept the oracle accepts too.
#[test]
fn what_we_accept_of_a_damaged_document_the_oracle_accepts() {
    let odd = json!([
        null, true, -1, 0, 1, u64::MAX, 1e300, 1.5, "", "x", "a/b", "\0", [], [[]], ["x"], {},
        {"a": "b"}
    ]);
    let mut differences = Vec::new();
    let documents = corpus().into_iter();
    for (name, document) in documents.filter(|(name, _)| name == "every-member") {
        for place in places(&document) {
            for value in odd.as_array().unwrap() {
                let mut damaged = document.clone();
                *damaged.pointer_mut(&place).unwrap() = value.clone();
                if Config::from_spec(&damaged, "/bundle").is_ok()
                    && let Err(error) = serde_json::from_value::<Spec>(damaged)
                    && !stricter_than_the_specification(&place, value)
                {
                    differences.push(format!("{name}: {place} = {value}: {error}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Where oci-spec refuses what the specification does not.
fn stricter_than_the_specification(place: &str, value: &Value) -> bool {
    let parts: Vec<&str> = place.split('/').skip(1).collect();
    match parts.as_slice() {
        // Unknown capabilities are a warning.
        ["process", "capabilities", ..] => true,
        // The schema does not require them.
        ["process", "user", ..] | ["process", "ioPriority", "priority"] => value.is_null(),
        // What engines written in Go send for an absent one.
        ["linux", "resources", "devices", _, "type"] => value == "",
        ["process", "execCPUAffinity", _] => value == "",
        ["linux", "resources", "pids", "limit"] => value.is_null(),
        ["linux", "resources", "memory", "swappiness"] => value == -1,
        // A signed number there, an unsigned one in the specification.
        ["linux", "resources", "hugepageLimits", _, "limit"] => value == u64::MAX,
        _ => false,
    }
}
