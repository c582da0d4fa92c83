#!/bin/sh
# Runs inside the container, as its first process: says what it can see of its world.

title() { printf '\n%s\n' "$*"; }
row() { printf '  %-14s %s\n' "$@"; }

# First line of the first file that exists; "-" if none does.
first_line() {
  for file; do
    [ -r "$file" ] && head -n 1 "$file" && return
  done
  echo -
}

echo "Hello from inside a container."

title "Who am I?"
row hostname "$(hostname)"
row user "uid $(id -u), gid $(id -g)"
row 'my pid' "$$"
row 'pid 1' "$(tr '\0' ' ' </proc/1/cmdline)"
set -- /proc/[0-9]*
row 'processes' "$# to be seen"
row interfaces "$(cd /sys/class/net && echo *)"

title "Namespaces"
for namespace in /proc/self/ns/*; do
  case $namespace in *_for_children) continue ;; esac
  row "${namespace##*/}" "$(readlink "$namespace" | tr -dc 0-9)"
done

title "Mounts"
while read -r _ target type options _; do
  printf '  %-24s %-8s %.44s\n' "$target" "$type" "$options"
done </proc/self/mounts

title "Limits of the process"
# shellcheck disable=SC3045 # busybox's sh knows both
{
  row 'open files' "$(ulimit -n)"
  row 'core file' "$(ulimit -c)"
}
row capabilities "$(awk '/^CapEff/ { print "0x" $2 }' /proc/self/status)"
row 'no new privs' "$(awk '/^NoNewPrivs/ { print $2 }' /proc/self/status)"

title "Limits of the cgroup"
row path "$(awk -F: 'NR == 1 { print $3 }' /proc/self/cgroup)"
row memory "$(first_line /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes)"
row processes "$(first_line /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max)"
echo
