//! What to write to a control file so that it is again as it was. Pure.
//!
//! Most files hold one value, which they take as they give it. Those with a line for each device
//! take one line at a time (cgroup-v2.rst, "Format"; cgroup-v1/blkio-controller.rst), and have no
//! line for a device without a limit.

/// What undoes writing `written` to `file`, which read `before`; `None` where nothing can.
pub(super) fn old_text(file: &str, written: &str, before: &str) -> Option<String> {
    if file == "memory.oom_control" {
        return flag(before, "oom_kill_disable").map(str::to_owned);
    }
    let key = written.split_whitespace().next().unwrap_or_default();
    if let Some(unlimited) = without_limit(file).filter(|_| key.contains(':')) {
        let line = line_of(before, key).map(str::to_owned);
        return Some(line.unwrap_or_else(|| format!("{key} {unlimited}")));
    }
    if has_keys(file) {
        return line_of(before, key).map(str::to_owned);
    }
    // A weight for all devices, which is followed by those of some.
    if let Some(line) = line_of(before, "default") {
        return Some(line.to_owned());
    }
    let mut lines = before.lines();
    match (lines.next(), lines.next()) {
        // Writing nothing would not reach the kernel.
        (None | Some(""), None) => Some("\n".to_owned()),
        (Some(line), None) => Some(line.to_owned()),
        _ => None,
    }
}

/// How a device is freed from the limit of a file that has a line for each `MAJOR:MINOR`.
fn without_limit(file: &str) -> Option<&'static str> {
    match file {
        "io.max" => Some("rbps=max wbps=max riops=max wiops=max"),
        "io.weight" | "io.bfq.weight" => Some("default"),
        "io.latency" => Some("target=0"),
        _ if file.starts_with("blkio.") => Some("0"),
        _ => None,
    }
}

/// Files that always have a line for each thing that can be limited.
fn has_keys(file: &str) -> bool {
    matches!(
        file,
        "rdma.max" | "misc.max" | "net_prio.ifpriomap" | "dmem.max" | "dmem.min" | "dmem.low"
    )
}

/// The line that begins with the word `key`.
fn line_of<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let mut lines = text.lines();
    lines.find(|line| line.split_whitespace().next() == Some(key))
}

fn flag<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    line_of(text, key)?.split_whitespace().nth(1)
}

#[cfg(test)]
mod tests {
    use super::old_text;

    fn undone(file: &str, written: &str, before: &str) -> Option<String> {
        old_text(file, written, before)
    }

    #[test]
    fn files_of_one_value_take_what_they_gave() {
        for (file, written, before, old) in [
            ("memory.max", "1", "max\n", "max"),
            ("memory.limit_in_bytes", "1", "4096\n", "4096"),
            ("cpu.max", "5 6", "max 100000\n", "max 100000"),
            ("cpuset.cpus", "0", "0-1,3\n", "0-1,3"),
            ("cpuset.cpus", "0", "\n", "\n"),
            ("cpuset.cpus", "0", "", "\n"),
            (
                "memory.oom_control",
                "1",
                "oom_kill_disable 0\nunder_oom 0\n",
                "0",
            ),
            ("future.file", "a", "b c\n", "b c"),
        ] {
            assert_eq!(
                undone(file, written, before).as_deref(),
                Some(old),
                "{file}"
            );
        }
    }

    #[test]
    fn a_device_gets_its_line_or_none() {
        let max = "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2\n";
        for (file, written, before, old) in [
            (
                "io.max",
                "8:0 rbps=7",
                max,
                "8:0 rbps=1 wbps=max riops=max wiops=max",
            ),
            (
                "io.max",
                "8:1 rbps=7",
                max,
                "8:1 rbps=max wbps=max riops=max wiops=max",
            ),
            ("io.weight", "8:0 5", "default 100\n8:0 50\n", "8:0 50"),
            (
                "io.bfq.weight",
                "8:1 5",
                "default 100\n8:0 50\n",
                "8:1 default",
            ),
            ("io.weight", "7", "default 100\n8:0 50\n", "default 100"),
            ("blkio.throttle.read_bps_device", "8:0 5", "", "8:0 0"),
            (
                "blkio.throttle.read_bps_device",
                "8:0 5",
                "8:0 9\n",
                "8:0 9",
            ),
            ("blkio.bfq.weight", "7", "100\n", "100"),
            ("net_prio.ifpriomap", "lo 5", "lo 0\neth0 1\n", "lo 0"),
            (
                "rdma.max",
                "a hca_handle=1",
                "a hca_handle=max hca_object=3\n",
                "a hca_handle=max hca_object=3",
            ),
        ] {
            assert_eq!(
                undone(file, written, before).as_deref(),
                Some(old),
                "{file}"
            );
        }
    }

    #[test]
    fn what_cannot_be_told_is_left() {
        assert_eq!(undone("future.file", "a", "b\nc\n"), None);
        assert_eq!(undone("rdma.max", "b x=1", "a x=1\n"), None);
    }
}
