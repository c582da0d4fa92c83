//! What systemd is told of a container's unit: its settings as properties. Pure.
//!
//! systemd writes the control files that it knows anew when it likes (`daemon-reload`, a change
//! of the slice): what a setting says of such a file, systemd has to say too. So the properties
//! are made of the settings, by a table, and are as exact as systemd can be; the settings
//! themselves are written afterwards. Files that are not in the table are not systemd's.

use std::collections::BTreeMap;

use super::devices;
use crate::cgroup::placement::Placement;
use crate::cgroup::settings::{Setting, Write};
use crate::config::{DeviceRule, number_list};
use crate::error::{Error, Kind, Pointer, Result};
use crate::systemd::{Property, Value, annotations};

/// `infinity`
const INFINITY: u64 = u64::MAX;
/// systemd gives CPU time in hundredths of a CPU.
const QUOTA_STEP: u64 = 10_000;
/// `cpu.cfs_period_us`, or the second number of `cpu.max`, of a new cgroup.
const DEFAULT_PERIOD: u64 = 100_000;
const MICROSECONDS: u64 = 1_000_000;

/// A control file of one number, or of no limit.
struct Limit {
    file: &'static str,
    property: &'static str,
    /// The range that systemd takes: below it the least is said, above it nothing.
    range: (u64, u64),
    /// The first version that has the property.
    since: u32,
}

const fn limit(file: &'static str, property: &'static str, least: u64, since: u32) -> Limit {
    Limit {
        file,
        property,
        range: (least, INFINITY),
        since,
    }
}

const fn weight(file: &'static str, property: &'static str, range: (u64, u64)) -> Limit {
    Limit {
        file,
        property,
        range,
        since: 0,
    }
}

const LIMITS: [Limit; 12] = [
    limit("memory.min", "MemoryMin", 0, 240),
    limit("memory.low", "MemoryLow", 0, 0),
    limit("memory.high", "MemoryHigh", 1, 0),
    limit("memory.max", "MemoryMax", 1, 0),
    limit("memory.swap.max", "MemorySwapMax", 0, 232),
    limit("memory.zswap.max", "MemoryZSwapMax", 0, 253),
    limit("memory.limit_in_bytes", "MemoryLimit", 1, 0),
    limit("pids.max", "TasksMax", 1, 0),
    weight("cpu.weight", "CPUWeight", (1, 10_000)),
    weight("cpu.shares", "CPUShares", (2, 262_144)),
    weight("io.weight", "IOWeight", (1, 10_000)),
    weight("blkio.weight", "BlockIOWeight", (10, 1000)),
];

/// Everything that the properties of a unit are made of.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The container's id.
    pub id: &'a str,
    /// Its cgroups.
    pub placement: &'a Placement,
    /// Its limits.
    pub settings: &'a [Setting],
    /// Its device rules, the defaults behind.
    pub device_rules: &'a [DeviceRule],
    /// `annotations` of the configuration.
    pub annotations: &'a BTreeMap<String, String>,
    /// The text of /proc/devices.
    pub proc_devices: &'a str,
    /// The version of the systemd that will make the unit.
    pub version: u32,
}

/// The properties of a container's unit, but for its first process.
///
/// # Errors
/// An annotation that asks for no property, for what the runtime decides, or for what
/// `linux.resources` has decided.
pub fn properties(wanted: &Wanted<'_>) -> Result<Vec<Property>> {
    let Some(unit) = &wanted.placement.unit else {
        return Ok(Vec::new());
    };
    let mut properties = vec![
        text("Description", format!("saya container {}", wanted.id)),
        // A container is not to be stopped in the order of the machine's services.
        Property::new("DefaultDependencies", Value::Bool(false)),
        // Forgotten when it ends, failed or not.
        text("CollectMode", "inactive-or-failed".to_owned()),
    ];
    if !unit.is_slice {
        properties.push(text("Slice", unit.slice.clone()));
        // The cgroups below it and the files in it are ours and the container's.
        properties.push(Property::new("Delegate", Value::Bool(true)));
    }
    properties.extend(accounting(wanted.placement));
    // systemd has a default, which nobody has asked for.
    properties.push(Property::new("TasksMax", Value::U64(INFINITY)));
    let resources = resources(wanted.settings, wanted.version);
    let names = annotations_of(wanted, &resources)?;
    properties.retain(|usual| resources.iter().all(|asked| asked.name != usual.name));
    properties.extend(resources);
    properties.extend(devices::properties(
        wanted.device_rules,
        wanted.placement.v1("devices").is_some(),
        wanted.proc_devices,
    ));
    for asked in names {
        properties.retain(|property| property.name != asked.name);
        properties.push(asked);
    }
    Ok(properties)
}

fn annotations_of(wanted: &Wanted<'_>, resources: &[Property]) -> Result<Vec<Property>> {
    let all = wanted.annotations.iter();
    let asked = annotations::properties(all.map(|(key, value)| (key.as_str(), value.as_str())))?;
    let twice = |asked: &&Property| resources.iter().any(|other| other.name == asked.name);
    match asked.iter().find(twice) {
        Some(Property { name, .. }) => {
            let what = format!("set the unit's property `{name}`");
            let key = format!("{}{name}", annotations::PREFIX);
            let why = "linux.resources sets it too";
            let error = Error::new(Kind::Config, what, why);
            Err(error.at(Pointer::new("/annotations").key(&key)))
        }
        None => Ok(asked),
    }
}

fn text(name: &str, value: String) -> Property {
    Property::new(name, Value::Str(value))
}

/// Has systemd give the unit the controllers.
fn accounting(placement: &Placement) -> Vec<Property> {
    let io = if placement.v1("blkio").is_some() {
        "BlockIOAccounting"
    } else {
        "IOAccounting"
    };
    ["MemoryAccounting", "CPUAccounting", "TasksAccounting", io]
        .map(|name| Property::new(name, Value::Bool(true)))
        .into()
}

/// The settings that systemd knows, as its properties.
#[must_use]
pub fn resources(settings: &[Setting], version: u32) -> Vec<Property> {
    let mut draft = Draft {
        version,
        properties: Vec::new(),
    };
    let writes: Vec<&Write> = settings
        .iter()
        .flat_map(|setting| &setting.writes)
        .collect();
    for write in &writes {
        draft.add(write);
    }
    add_quota_v1(&mut draft, &writes);
    draft.properties
}

struct Draft {
    version: u32,
    properties: Vec<Property>,
}

impl Draft {
    /// Sets a property; of a file that is written twice, the last one counts.
    fn set(&mut self, name: &str, value: Value) {
        self.properties.retain(|property| property.name != name);
        self.properties.push(Property::new(name, value));
    }

    fn add(&mut self, Write { file, value }: &Write) {
        if let Some(limit) = LIMITS.iter().find(|limit| limit.file == file) {
            let (least, most) = limit.range;
            if let Some(number) = number(value)
                && number <= most
                && self.version >= limit.since
            {
                self.set(limit.property, Value::U64(number.max(least)));
            }
            return;
        }
        match &**file {
            "cpu.max" => {
                let (quota, period) = value.split_once(' ').unwrap_or((value, ""));
                self.set_quota(number(quota), number(period));
            }
            // systemd's `idle`.
            "cpu.idle" if value == "1" && self.version >= 252 => {
                self.set("CPUWeight", Value::U64(0));
            }
            "cpuset.cpus" => self.set_mask("AllowedCPUs", value),
            "cpuset.mems" => self.set_mask("AllowedMemoryNodes", value),
            _ => {}
        }
    }

    /// A time in each period as one in each second, rounded up.
    fn set_quota(&mut self, quota: Option<u64>, period: Option<u64>) {
        if let Some(period) = period.filter(|_| self.version >= 242) {
            self.set("CPUQuotaPeriodUSec", Value::U64(period));
        }
        let period = period.unwrap_or(DEFAULT_PERIOD);
        let in_second = match quota {
            Some(INFINITY) => Some(INFINITY),
            Some(quota) => quota.checked_mul(MICROSECONDS).and_then(|micros| {
                let exact = micros.checked_div(period)?.max(1);
                exact.checked_next_multiple_of(QUOTA_STEP)
            }),
            None => None,
        };
        if let Some(in_second) = in_second {
            self.set("CPUQuotaPerSecUSec", Value::U64(in_second));
        }
    }

    /// A list of numbers as a mask of bytes, lowest first.
    fn set_mask(&mut self, name: &str, list: &str) {
        // A list that is none is refused by the kernel, at its field.
        let Ok(words) = number_list::mask(list) else {
            return;
        };
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        if !bytes.is_empty() && self.version >= 244 {
            self.set(name, Value::bytes(&bytes));
        }
    }
}

/// v1 has two files for the CPU time.
fn add_quota_v1(draft: &mut Draft, writes: &[&Write]) {
    let last = |file: &str| {
        let write = writes.iter().rfind(|write| write.file == file)?;
        number(&write.value)
    };
    let (quota, period) = (last("cpu.cfs_quota_us"), last("cpu.cfs_period_us"));
    if quota.is_some() || period.is_some() {
        draft.set_quota(quota, period);
    }
}

/// A number, or no limit.
fn number(text: &str) -> Option<u64> {
    match text.trim() {
        "max" | "-1" => Some(INFINITY),
        text => text.strip_prefix("default ").unwrap_or(text).parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{placement, setting};
    use super::*;

    fn of(files: &[(&'static str, &str)], version: u32) -> Vec<(String, Value)> {
        let settings: Vec<Setting> = files
            .iter()
            .map(|(file, value)| setting(file, value))
            .collect();
        let properties = resources(&settings, version);
        properties
            .into_iter()
            .map(|property| (property.name, property.value))
            .collect()
    }

    fn one(file: &'static str, value: &str) -> Option<(String, Value)> {
        of(&[(file, value)], 252).pop()
    }

    #[test]
    fn a_limit_is_the_same_number() {
        for (file, value, name, number) in [
            ("memory.max", "1048576", "MemoryMax", 1_048_576),
            ("memory.max", "max", "MemoryMax", INFINITY),
            ("memory.limit_in_bytes", "-1", "MemoryLimit", INFINITY),
            ("memory.swap.max", "0", "MemorySwapMax", 0),
            ("pids.max", "0", "TasksMax", 1),
            ("pids.max", "max", "TasksMax", INFINITY),
            ("cpu.weight", "79", "CPUWeight", 79),
            ("cpu.idle", "1", "CPUWeight", 0),
            ("io.weight", "default 7", "IOWeight", 7),
            ("blkio.weight", "500", "BlockIOWeight", 500),
        ] {
            assert_eq!(
                one(file, value),
                Some((name.to_owned(), Value::U64(number))),
                "{file}"
            );
        }
    }

    #[test]
    fn what_systemd_does_not_know_is_left_to_the_file() {
        for (file, value) in [
            ("cpu.weight", "10001"),
            ("cpu.weight", "x"),
            ("io.weight", "8:0 100"),
            ("io.max", "8:0 rbps=1"),
            ("cpu.idle", "0"),
            ("cpuset.cpus", "x"),
            ("cpuset.cpus", ""),
            ("hugetlb.2MB.max", "1"),
            ("memory.zswap.max", "1"),
        ] {
            assert_eq!(one(file, value), None, "{file} {value}");
        }
        assert_eq!(
            of(&[("cpuset.cpus", "0"), ("cpu.max", "1 2")], 239).len(),
            1
        );
    }

    #[test]
    fn the_last_write_counts() {
        let twice = of(&[("memory.max", "5"), ("memory.max", "6")], 252);
        assert_eq!(twice, [("MemoryMax".to_owned(), Value::U64(6))]);
    }

    #[test]
    fn cpu_time_is_given_by_the_second_and_rounded_up() {
        for (text, per_second, period) in [
            ("50000 100000", Some(500_000), Some(100_000)),
            ("50000", Some(500_000), None),
            ("1000 1000000", Some(10_000), Some(1_000_000)),
            ("33333 100000", Some(340_000), Some(100_000)),
            ("max 50000", Some(INFINITY), Some(50_000)),
            ("5 0", None, Some(0)),
        ] {
            let mut expected = Vec::new();
            if let Some(period) = period {
                expected.push(("CPUQuotaPeriodUSec".to_owned(), Value::U64(period)));
            }
            if let Some(quota) = per_second {
                expected.push(("CPUQuotaPerSecUSec".to_owned(), Value::U64(quota)));
            }
            assert_eq!(of(&[("cpu.max", text)], 252), expected, "{text}");
        }
        let v1 = [
            ("cpu.cfs_period_us", "200000"),
            ("cpu.cfs_quota_us", "50000"),
        ];
        let expected = [
            ("CPUQuotaPeriodUSec", 200_000),
            ("CPUQuotaPerSecUSec", 250_000),
        ]
        .map(|(name, number)| (name.to_owned(), Value::U64(number)));
        assert_eq!(of(&v1, 252), expected);
    }

    #[test]
    fn a_list_of_cpus_is_a_mask() {
        let mask = |bytes: &[u8]| Some(("AllowedCPUs".to_owned(), Value::bytes(bytes)));
        assert_eq!(one("cpuset.cpus", "0-2,9"), mask(&[7, 2]));
        assert_eq!(one("cpuset.cpus", "64"), mask(&[0, 0, 0, 0, 0, 0, 0, 0, 1]));
    }

    fn all(annotations: &[(&str, &str)]) -> Result<Vec<Property>> {
        let annotations = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        properties(&Wanted {
            id: "web",
            placement: &placement("system.slice:saya:web"),
            settings: &[setting("memory.max", "5")],
            device_rules: &[],
            annotations: &annotations,
            proc_devices: "",
            version: 252,
        })
    }

    #[test]
    fn an_annotation_may_replace_what_is_only_usual() {
        let key = "org.systemd.property.DefaultDependencies";
        let properties = all(&[(key, "true")]).unwrap();
        let of_name = |name: &str| {
            let named = properties.iter().filter(|property| property.name == name);
            named
                .map(|property| property.value.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(of_name("DefaultDependencies"), [Value::Bool(true)]);
        assert_eq!(of_name("Delegate"), [Value::Bool(true)]);
        assert_eq!(of_name("Slice"), [Value::Str("system.slice".to_owned())]);
        assert_eq!(of_name("MemoryMax"), [Value::U64(5)]);
        assert_eq!(of_name("TasksMax"), [Value::U64(INFINITY)]);
        let description = Value::Str("saya container web".to_owned());
        assert_eq!(of_name("Description"), [description]);
    }

    #[test]
    fn an_annotation_and_the_resources_may_not_ask_for_one_property() {
        let error = all(&[("org.systemd.property.MemoryMax", "uint64 7")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "set the unit's property `MemoryMax` (config.json: \
             /annotations/org.systemd.property.MemoryMax): linux.resources sets it too"
        );
    }
}
