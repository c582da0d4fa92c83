"""The programs of libseccomp for the profiles on standard input, made as runc makes them.

A line of input is a profile as JSON with `native`, the machine's own architecture. A line of output
is the program in hexadecimal, eight bytes for an instruction.
"""
import json
import os
import sys
import tempfile

import seccomp

NAMES = {
    "SCMP_ARCH_X86_64": seccomp.Arch.X86_64,
    "SCMP_ARCH_X32": seccomp.Arch.X32,
    "SCMP_ARCH_X86": seccomp.Arch.X86,
    "SCMP_ARCH_AARCH64": seccomp.Arch.AARCH64,
    "SCMP_ARCH_ARM": seccomp.Arch.ARM,
}
OPERATORS = {
    "SCMP_CMP_NE": seccomp.NE,
    "SCMP_CMP_LT": seccomp.LT,
    "SCMP_CMP_LE": seccomp.LE,
    "SCMP_CMP_EQ": seccomp.EQ,
    "SCMP_CMP_GE": seccomp.GE,
    "SCMP_CMP_GT": seccomp.GT,
    "SCMP_CMP_MASKED_EQ": seccomp.MASKED_EQ,
}
ACTIONS = {
    "SCMP_ACT_KILL": seccomp.KILL,
    "SCMP_ACT_KILL_THREAD": seccomp.KILL,
    "SCMP_ACT_KILL_PROCESS": seccomp.KILL_PROCESS,
    "SCMP_ACT_TRAP": seccomp.TRAP,
    "SCMP_ACT_ALLOW": seccomp.ALLOW,
    "SCMP_ACT_LOG": seccomp.LOG,
    "SCMP_ACT_NOTIFY": seccomp.NOTIFY,
}


def action(name, errno):
    errno = 1 if errno is None else errno
    if name == "SCMP_ACT_ERRNO":
        return seccomp.ERRNO(errno)
    if name == "SCMP_ACT_TRACE":
        return seccomp.TRACE(errno)
    return ACTIONS[name]


def add(profile, table, rule, name):
    conditions = [
        seccomp.Arg(arg["index"], OPERATORS[arg["op"]], arg["value"], arg.get("valueTwo", 0))
        for arg in rule.get("args") or []
    ]
    what = action(rule["action"], rule.get("errnoRet"))
    indexes = [arg["index"] for arg in rule.get("args") or []]
    if len(set(indexes)) < len(indexes):
        for condition in conditions:
            table.add_rule(what, name, condition)
    else:
        table.add_rule(what, name, *conditions)


def program(profile):
    default = action(profile["defaultAction"], profile.get("defaultErrnoRet"))
    table = seccomp.SyscallFilter(default)
    wanted = {NAMES[profile["native"]]}
    wanted.update(NAMES[name] for name in profile.get("architectures") or [] if name in NAMES)
    for architecture in wanted:
        if not table.exist_arch(architecture):
            table.add_arch(architecture)
    if seccomp.Arch.X86_64 not in wanted:
        table.remove_arch(seccomp.Arch.X86_64)
    for rule in profile.get("syscalls") or []:
        if action(rule["action"], rule.get("errnoRet")) == default:
            continue
        for name in rule["names"]:
            add(profile, table, rule, name)
    with tempfile.TemporaryFile() as file:
        table.export_bpf(file)
        file.seek(0)
        return file.read().hex()


for line in sys.stdin:
    profile = json.loads(line)
    if isinstance(profile, list):
        known = []
        for name in profile:
            try:
                known.append(seccomp.resolve_syscall(seccomp.Arch.X86_64, name) != -1)
            except (ValueError, RuntimeError):
                known.append(False)
        print(json.dumps(known), flush=True)
    else:
        print(program(profile), flush=True)
