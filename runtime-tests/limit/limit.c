/*
 * limit --root DIR run --bundle DIR ID: the least that the kernel must do for the default spec.
 *
 * No runtime can be faster than the system calls that its work consists of. This program makes those
 * for the default spec that scripts/bench uses, from constants: it reads no JSON, keeps no state,
 * checks nothing and runs /nothing. It stands in the benchmark as the floor, and is no runtime.
 * Left out, because cgroup limits are not part of the comparison: device rules.
 *
 * x86-64 only, for the one line of assembly that vfork needs. The child shares the parent's memory
 * and stack while the parent waits for its execve.
 */
#define _GNU_SOURCE
#include "limit.h"
#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn void die(const char *what) {
  dprintf(STDERR_FILENO, "limit: %s: %s\n", what, strerror(errno));
  _exit(125);
}

static void loopback_up(void) {
  int fd = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  must(ioctl(fd, SIOCSIFFLAGS, &request), "bring lo up");
  close(fd);
}

/* The default spec's three capabilities, in every set but the inheritable and ambient ones. */
static void limit_capabilities(void) {
  const uint64_t kept = 1ULL << CAP_AUDIT_WRITE | 1ULL << CAP_KILL | 1ULL << CAP_NET_BIND_SERVICE;
  for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
    if (!(kept >> cap & 1)) must(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "drop a capability");
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{.effective = kept, .permitted = kept}};
  must(syscall(SYS_capset, &header, data), "capset");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

static _Noreturn void child(const struct container *c) {
  for (int i = 0; i < c->hierarchies; i++) must(write(c->tasks[i], "0", 1), "enter a cgroup");
  must(unshare(CLONE_NEWCGROUP), "new cgroup namespace");
  must(setsid(), "setsid");
  enter_rootfs(c);
  must(sethostname("limit", 5), "sethostname");
  loopback_up();
  struct rlimit files = {1024, 1024};
  must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  limit_capabilities();
  char *arguments[] = {"/nothing", NULL}, *environment[] = {"PATH=/bin", NULL};
  execve(arguments[0], arguments, environment);
  die("execve");
}

/* Must be inlined: the child may not return from a function that the parent still needs. */
static inline __attribute__((always_inline)) long clone3(struct clone_args *arguments) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(SYS_clone3), "D"(arguments), "S"(sizeof *arguments)
                   : "rcx", "r11", "memory");
  return result;
}

static int run(struct container *c) {
  struct clone_args arguments = {
      .flags = CLONE_VM | CLONE_VFORK | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS,
      .exit_signal = SIGCHLD,
  };
  if (c->hierarchies == 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = (uint64_t)c->group;
  }
  long pid = clone3(&arguments);
  if (pid == 0) child(c);
  if (pid < 0) {
    errno = (int)-pid;
    die("clone3");
  }
  int status;
  must(waitpid((pid_t)pid, &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts("limit: the least system calls") < 0;
  if (argc != 7 || strcmp(argv[3], "run") != 0 || strcmp(argv[4], "--bundle") != 0) {
    errno = EINVAL;
    die("usage: limit --root DIR run --bundle DIR ID");
  }
  struct container c = {0};
  char rootfs[4096];
  snprintf(rootfs, sizeof rootfs, "%s/rootfs", argv[5]);
  c.rootfs = rootfs;
  snprintf(c.cgroup, sizeof c.cgroup, "%s", argv[6]);
  umask(0);
  make_cgroups(&c);
  int status = run(&c);
  remove_cgroups(&c);
  _exit(status);
}
