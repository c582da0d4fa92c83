/* limit: the default spec's mounts, devices, masked and readonly paths. See limit.c. */
#define _GNU_SOURCE
#include "limit.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { NOTHING_RUNS = MS_NOSUID | MS_NOEXEC | MS_NODEV };

static void mounted(const char *type, const char *on, unsigned long flags, const char *data) {
  must(mount(type, on, type, flags, data), on);
}

static void make_devices(void) {
  static const struct {
    const char *path;
    unsigned major, minor;
  } device[] = {{"dev/null", 1, 3}, {"dev/zero", 1, 5},   {"dev/full", 1, 7},
                {"dev/tty", 5, 0},  {"dev/random", 1, 8}, {"dev/urandom", 1, 9}};
  for (size_t i = 0; i < sizeof device / sizeof *device; i++)
    must(mknod(device[i].path, S_IFCHR | 0666, makedev(device[i].major, device[i].minor)), device[i].path);
  must(symlink("/proc/self/fd", "dev/fd"), "dev/fd");
  must(symlink("/proc/self/fd/0", "dev/stdin"), "dev/stdin");
  must(symlink("/proc/self/fd/1", "dev/stdout"), "dev/stdout");
  must(symlink("/proc/self/fd/2", "dev/stderr"), "dev/stderr");
  must(symlink("pts/ptmx", "dev/ptmx"), "dev/ptmx");
}

/* v1: the container's cgroups, bound into a tmpfs and made read-only in one call. */
static void mount_cgroups(const struct container *c) {
  if (c->hierarchies == 0) {
    mounted("cgroup2", "sys/fs/cgroup", NOTHING_RUNS | MS_RELATIME | MS_RDONLY, NULL);
    return;
  }
  mounted("tmpfs", "sys/fs/cgroup", NOTHING_RUNS, "mode=755");
  for (int i = 0; i < c->hierarchies; i++) {
    char from[256], to[256];
    snprintf(from, sizeof from, "/sys/fs/cgroup/%s/%s", c->hierarchy[i], c->cgroup);
    snprintf(to, sizeof to, "sys/fs/cgroup/%s", c->hierarchy[i]);
    must(mkdir(to, 0755), to);
    must(mount(from, to, NULL, MS_BIND, NULL), to);
  }
  struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
  must(syscall(SYS_mount_setattr, AT_FDCWD, "sys/fs/cgroup", 0x8000 /* AT_RECURSIVE */, &readonly, sizeof readonly),
       "make the cgroups read-only");
}

static void mount_all(const struct container *c) {
  mounted("proc", "proc", 0, NULL);
  mounted("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
  must(mkdir("dev/pts", 0755), "dev/pts");
  must(mkdir("dev/shm", 0755), "dev/shm");
  must(mkdir("dev/mqueue", 0755), "dev/mqueue");
  mounted("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  mounted("tmpfs", "dev/shm", NOTHING_RUNS, "mode=1777,size=65536k");
  mounted("mqueue", "dev/mqueue", NOTHING_RUNS, NULL);
  mounted("sysfs", "sys", NOTHING_RUNS | MS_RDONLY, NULL);
  mount_cgroups(c);
}

static void mask_paths(void) {
  static const char *const masked[] = {"proc/acpi",         "proc/asound",     "proc/kcore",
                                       "proc/keys",         "proc/latency_stats", "proc/timer_list",
                                       "proc/timer_stats",  "proc/sched_debug", "sys/firmware",
                                       "proc/scsi"};
  for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) {
    struct stat st;
    if (stat(masked[i], &st) < 0) continue;
    if (S_ISDIR(st.st_mode))
      mounted("tmpfs", masked[i], MS_RDONLY, NULL);
    else
      must(mount("dev/null", masked[i], NULL, MS_BIND, NULL), masked[i]);
  }
}

static void protect_paths(void) {
  static const char *const readonly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
  for (size_t i = 0; i < sizeof readonly / sizeof *readonly; i++) {
    if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) < 0) continue;
    must(mount(NULL, readonly[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), readonly[i]);
  }
}

void enter_rootfs(const struct container *c) {
  must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "stop propagation");
  must(mount(c->rootfs, c->rootfs, NULL, MS_BIND | MS_REC, NULL), c->rootfs);
  must(chdir(c->rootfs), c->rootfs);
  mount_all(c);
  make_devices();
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "unmount the old root");
  must(chdir("/"), "/");
  mask_paths();
  protect_paths();
  must(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "make / read-only");
}
