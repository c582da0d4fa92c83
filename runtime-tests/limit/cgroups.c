/* limit: one cgroup in each hierarchy of v1 or in v2's. See limit.c. */
#define _GNU_SOURCE
#include "limit.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"

enum { PATH = 512 };

static int opened(int directory, const char *name, int flags) {
  return must(openat(directory, name, flags | O_CLOEXEC), name);
}

/* A new cpuset is empty and takes no process before it has these two. */
static void copy_from_parent(int directory, const char *name) {
  char above[PATH], value[1024];
  snprintf(above, sizeof above, "../%s", name);
  int from = opened(directory, above, O_RDONLY), to = opened(directory, name, O_WRONLY);
  int length = must(read(from, value, sizeof value), "read the parent's cpuset");
  must(write(to, value, (size_t)length), "write a cpuset");
  close(from);
  close(to);
}

static void make_v1(struct container *c, const char *hierarchy) {
  char path[PATH];
  if (c->hierarchies == HIERARCHIES) return;
  snprintf(path, sizeof path, ROOT "/%s/%s", hierarchy, c->cgroup);
  must(mkdir(path, 0755), path);
  int directory = opened(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  if (strstr(hierarchy, "cpuset")) {
    copy_from_parent(directory, "cpuset.cpus");
    copy_from_parent(directory, "cpuset.mems");
  }
  snprintf(c->hierarchy[c->hierarchies], NAME, "%.*s", NAME - 1, hierarchy);
  /* Moving oneself by "tasks" spares the lock that every move by "cgroup.procs" takes. */
  c->tasks[c->hierarchies++] = opened(directory, "tasks", O_WRONLY);
  close(directory);
}

static int is_v1(const char *name) {
  char path[PATH];
  struct statfs fs;
  struct stat st;
  snprintf(path, sizeof path, ROOT "/%s", name);
  return name[0] != '.' && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && statfs(path, &fs) == 0 &&
         fs.f_type == CGROUP_SUPER_MAGIC;
}

void make_cgroups(struct container *c) {
  struct statfs fs;
  must(statfs(ROOT, &fs), ROOT);
  if (fs.f_type == CGROUP2_SUPER_MAGIC) {
    char path[PATH];
    snprintf(path, sizeof path, ROOT "/%s", c->cgroup);
    must(mkdir(path, 0755), path);
    c->group = opened(AT_FDCWD, path, O_PATH | O_DIRECTORY);
    return;
  }
  DIR *root = opendir(ROOT);
  if (!root) die(ROOT);
  for (struct dirent *entry; (entry = readdir(root));)
    if (is_v1(entry->d_name)) make_v1(c, entry->d_name);
  closedir(root);
  if (c->hierarchies == 0) die("no cgroup hierarchy in " ROOT);
}

void remove_cgroups(const struct container *c) {
  char path[PATH];
  if (c->hierarchies == 0) {
    snprintf(path, sizeof path, ROOT "/%s", c->cgroup);
    must(rmdir(path), path);
  }
  for (int i = 0; i < c->hierarchies; i++) {
    snprintf(path, sizeof path, ROOT "/%s/%s", c->hierarchy[i], c->cgroup);
    must(rmdir(path), path);
  }
}
