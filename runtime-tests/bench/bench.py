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
WARM_UP_ROUNDS = 3


class Failure(Exception):
    """A runtime that could not run the container."""


class Runtime:
    """A runtime with a state directory of its own, and what was measured of it."""

    def __init__(self, path, scratch):
        self.path = path
        self.name = pathlib.Path(path).name
        self.root = scratch / f"root-{self.name}"
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


def make_bundle(subject, scratch):
    """The default spec of the subject, with the static program in place of a shell."""
    bundle = scratch / "bundle"
    for name in ("dev", "etc", "proc", "sys"):
        (bundle / "rootfs" / name).mkdir(parents=True)
    compile_static(bundle / "rootfs" / "nothing", HERE / "nothing.c")
    subprocess.run([subject.path, "spec", "--bundle", bundle], check=True)
    config = bundle / "config.json"
    spec = json.loads(config.read_text())
    spec["ociVersion"] = "1.0.2"  # the newest that crun 1.8 accepts
    spec["process"]["terminal"] = False
    spec["process"]["args"] = ["/nothing"]
    namespaces = spec["linux"]["namespaces"]
    if {"type": "cgroup"} not in namespaces:
        namespaces.append({"type": "cgroup"})
    config.write_text(json.dumps(spec, indent=2))
    return bundle, [namespace["type"] for namespace in namespaces]


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
    print(f"\n{'':8}{'median ms':>10}{'p10':>8}{'p90':>8}{'peak RSS MB':>13}{'system calls':>14}")
    for runtime in runtimes:
        low, median, high = spread(runtime.times_ms)
        peak_mb = statistics.median(runtime.peaks_kib) / 1024
        print(f"{runtime.name:8}{median:10.2f}{low:8.2f}{high:8.2f}{peak_mb:13.1f}{runtime.calls:14}")
    print()
    for peer in runtimes[1:]:
        ratios = [ours / theirs for ours, theirs in zip(subject.times_ms, peer.times_ms)]
        low, median, high = spread(ratios)
        print(f"{subject.name} / {peer.name}: median of the rounds' ratios {median:.3f} (p10 {low:.3f}, p90 {high:.3f})")


def compare(options, scratch):
    runtimes = [Runtime(path, scratch) for path in options.runtimes]
    bundle, namespaces = make_bundle(runtimes[0], scratch)
    stopwatch = scratch / "stopwatch"
    compile_static(stopwatch, HERE / "stopwatch.c")
    if os.uname().machine == "x86_64":
        compile_static(scratch / "limit", *(HERE.parent / "limit").glob("*.c"))
        runtimes.append(Runtime(scratch / "limit", scratch))
    print(f"kernel {os.uname().release}, {os.cpu_count()} CPUs, {options.view}")
    for runtime in runtimes:
        print(runtime.version())
    print(f"`run` of a static program that exits at once, default spec, new namespaces: {' '.join(namespaces)}")
    print(f"{options.rounds} rounds, interleaved", flush=True)
    try:
        runtimes = usable(runtimes, stopwatch, bundle)
        measure_rounds(runtimes, options.rounds, stopwatch, bundle)
        for runtime in runtimes:
            runtime.count_calls(bundle, scratch)
    finally:
        for runtime in runtimes:
            runtime.delete_leftovers()
    report(runtimes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--view", default="cgroups as mounted", help="what to call the mounted cgroups")
    parser.add_argument("runtimes", nargs="+", metavar="RUNTIME", help="full path; the first is the subject")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds must be at least 2, to have a spread")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        compare(options, scratch)
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
