/* limit: see limit.c. */
#pragma once
#include <stddef.h>

enum { HIERARCHIES = 16, NAME = 64 };

/* Everything the child needs, decided by the parent. */
struct container {
  const char *rootfs;
  char cgroup[NAME]; /* below the root of every hierarchy */
  int hierarchies;   /* cgroup v1: how many; 0 under cgroup v2 */
  char hierarchy[HIERARCHIES][NAME];
  int tasks[HIERARCHIES]; /* open "tasks" files */
  int group;              /* cgroup v2: the cgroup's directory */
};

/* Ends the program (or the child) with the name of what failed. */
_Noreturn void die(const char *what);

/* Fails unless a system call that returns -1 on error succeeded. */
static inline int must(long result, const char *what) {
  if (result < 0) die(what);
  return (int)result;
}

/* cgroups.c */
void make_cgroups(struct container *c);
void remove_cgroups(const struct container *c);

/* mounts.c: mounts what the default spec says and makes the rootfs the root. */
void enter_rootfs(const struct container *c);
