#!/usr/bin/env python3
"""Time `run` of a static program that exits at once, under several OCI runtimes.

Called by scripts/bench, in a mount namespace of its own. The first runtime is the
subject; the others are compared with it. Rounds are interleaved (A B C A B C ...),
because a virtual machine's speed drifts: trust the ratios, which are taken per
round, more than the milliseconds.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
CGROUPS = pathlib.Path("/sys/fs/cgroup")
WARM_UP_ROUNDS = 3


class Failure(Exception):
    """A runtime that could not run the container."""


class Runtime:
    """A runtime with a state directory of its own, and what was measured of it."""

    def __init__(self, path, scratch):
        self.path = path
        self.name = pathlib.Path(path).name
        self.root = scratch / f"root-{pathlib.Path(path).parent.name}-{self.name}"
        self.label = self.name if self.name == "limit" else self.version().replace(" version ", " ")
        self.runs = 0
        self.times_ms = []
        self.peaks_kib = []
        self.calls = None

    def version(self):
        lines = subprocess.run([self.path, "--version"], capture_output=True, text=True, check=True)
        return lines.stdout.splitlines()[0]

    def run_command(self, bundle):
        self.runs += 1
        container = f"bench-{os.getpid()}-{self.runs}"
        return [self.path, "--root", self.root, "run", "--bundle", bundle, container]

    def measure(self, stopwatch, bundle):
        """Runs the container once: (milliseconds, peak RSS in KiB)."""
        done = subprocess.run([stopwatch, *self.run_command(bundle)], capture_output=True, text=True)
        fields = done.stdout.split()
        if done.returncode != 0 or len(fields) != 3 or fields[2] != "0":
            raise Failure(f"{self.name}: {done.stderr.strip() or 'failed: ' + done.stdout}")
        return int(fields[0]) / 1e6, int(fields[1])

    def count_calls(self, bundle, scratch):
        """System calls of one run, of the runtime, its children and the program."""
        summary = scratch / "strace"
        subprocess.run(
            ["strace", "-f", "-c", "-o", summary, *self.run_command(bundle)],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )
        total = [line for line in summary.read_text().splitlines() if line.endswith(" total")]
        self.calls = int(total[-1].split()[3])

    def delete_leftovers(self):
        for state in self.root.glob("*"):
            subprocess.run([self.path, "--root", self.root, "delete", "--force", state.name])


def compile_static(target, *sources):
    # musl brings no kernel headers; after its own, those of the machine.
    kernel_headers = ["-idirafter", "/usr/include", "-idirafter", f"/usr/include/{os.uname().machine}-linux-gnu"]
    command = ["musl-gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s", *kernel_headers]
    subprocess.run([*command, "-o", target, *sources], check=True)


def default_spec(subject, bundle):
    """The default spec of the subject, with the static program in place of a shell."""
    subprocess.run([subject.path, "spec", "--bundle", bundle], check=True)
    spec = json.loads((bundle / "config.json").read_text())
    spec["ociVersion"] = "1.0.2"  # the newest that crun 1.8 accepts
    spec["process"]["terminal"] = False
    spec["process"]["args"] = ["/nothing"]
    namespaces = spec["linux"]["namespaces"]
    if {"type": "cgroup"} not in namespaces:
        namespaces.append({"type": "cgroup"})
    return spec


def add_what_docker_adds(spec, bundle):
    """Limits, device rules, the three files, two sysctls; seccomp apart."""
    for name in ("resolv.conf", "hostname", "hosts"):
        (bundle / name).write_text("127.0.0.1 localhost\n")
        options = ["rbind", "rprivate"]
        spec["mounts"].append({"destination": f"/etc/{name}", "type": "bind", "source": str(bundle / name), "options": options})
    allowed = [("c", 1, 3), ("c", 1, 5), ("c", 1, 7), ("c", 1, 8), ("c", 1, 9), ("c", 5, 0), ("c", 5, 2)]
    rules = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "access": "m"}, {"allow": True, "type": "b", "access": "m"}]
    rules += [{"allow": True, "type": kind, "major": major, "minor": minor, "access": "rwm"} for kind, major, minor in allowed]
    spec["linux"]["resources"] = {"devices": rules, **limits()}
    spec["linux"]["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}


def limits():
    """Those of `docker run -m 512m --cpus 1.5 --cpu-shares 512 --pids-limit 200`, as far as the mounted cgroups have them."""
    if not has_controller("memory"):
        return {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]} if has_controller("hugetlb") else {}
    return {
        "memory": {"limit": 512 << 20, "reservation": 0, "disableOOMKiller": False},
        "cpu": {"shares": 512, "quota": 150000, "period": 100000},
        "pids": {"limit": 200},
        "blockIO": {"weight": 0},
    }


def has_controller(name):
    v2 = CGROUPS / "cgroup.controllers"
    return name in v2.read_text().split() if v2.exists() else (CGROUPS / name).exists()


WORKS = {
    "default": ("default spec", lambda spec, bundle: None),
    "docker": ("docker-like: limits, device rules, three files bound, two sysctls", add_what_docker_adds),
}


def make_bundle(subject, work, scratch):
    bundle = scratch / f"bundle-{work}"
    for name in ("dev", "etc", "proc", "sys"):
        (bundle / "rootfs" / name).mkdir(parents=True)
    compile_static(bundle / "rootfs" / "nothing", HERE / "nothing.c")
    spec = default_spec(subject, bundle)
    WORKS[work][1](spec, bundle)
    (bundle / "config.json").write_text(json.dumps(spec, indent=2))
    return bundle, [namespace["type"] for namespace in spec["linux"]["namespaces"]]


def usable(runtimes, stopwatch, bundle):
    """Warms up; leaves out a peer that cannot run this bundle here, and says why."""
    kept = []
    for runtime in runtimes:
        try:
            for _ in range(WARM_UP_ROUNDS):
                runtime.measure(stopwatch, bundle)
            kept.append(runtime)
        except Failure as failure:
            if runtime is runtimes[0]:
                raise
            print(f"left out: {failure}")
    return kept


def measure_rounds(runtimes, rounds, stopwatch, bundle):
    for _ in range(rounds):
        for runtime in runtimes:
            time_ms, peak_kib = runtime.measure(stopwatch, bundle)
            runtime.times_ms.append(time_ms)
            runtime.peaks_kib.append(peak_kib)


def spread(values):
    """(10th percentile, median, 90th percentile)"""
    deciles = statistics.quantiles(values, n=10, method="inclusive")
    return deciles[0], statistics.median(values), deciles[8]


def report(runtimes):
    subject = runtimes[0]
    print(f"\n{'':16}{'median ms':>10}{'p10':>8}{'p90':>8}{'peak RSS MB':>13}{'system calls':>14}")
    for runtime in runtimes:
        low, median, high = spread(runtime.times_ms)
        peak_mb = statistics.median(runtime.peaks_kib) / 1024
        print(f"{runtime.label:16}{median:10.2f}{low:8.2f}{high:8.2f}{peak_mb:13.1f}{runtime.calls:14}")
    print()
    for peer in runtimes[1:]:
        ratios = [ours / theirs for ours, theirs in zip(subject.times_ms, peer.times_ms)]
        low, median, high = spread(ratios)
        print(f"{subject.label} / {peer.label}: median of the rounds' ratios {median:.3f} (p10 {low:.3f}, p90 {high:.3f})")


def compare(work, options, scratch):
    runtimes = [Runtime(path, scratch / work) for path in options.runtimes]
    bundle, namespaces = make_bundle(runtimes[0], work, scratch)
    if (scratch / "limit").exists() and work == "default":
        runtimes.append(Runtime(scratch / "limit", scratch / work))
    print(f"\n`run` of a static program that exits at once, {WORKS[work][0]}, new namespaces: {' '.join(namespaces)}")
    print(f"{options.rounds} rounds, interleaved", flush=True)
    stopwatch = scratch / "stopwatch"
    try:
        runtimes = usable(runtimes, stopwatch, bundle)
        measure_rounds(runtimes, options.rounds, stopwatch, bundle)
        for runtime in runtimes:
            runtime.count_calls(bundle, scratch)
    finally:
        for runtime in runtimes:
            runtime.delete_leftovers()
    report(runtimes)


def compare_all(options, scratch):
    compile_static(scratch / "stopwatch", HERE / "stopwatch.c")
    if os.uname().machine == "x86_64":
        compile_static(scratch / "limit", *(HERE.parent / "limit").glob("*.c"))
    print(f"kernel {os.uname().release}, {os.cpu_count()} CPUs, {options.view}")
    for work in options.works:
        compare(work, options, scratch)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--view", default="cgroups as mounted", help="what to call the mounted cgroups")
    parser.add_argument("--work", dest="works", action="append", choices=WORKS, help="what to run; all where absent")
    parser.add_argument("runtimes", nargs="+", metavar="RUNTIME", help="full path; the first is the subject")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds must be at least 2, to have a spread")
    options.works = options.works or list(WORKS)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        compare_all(options, scratch)
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
