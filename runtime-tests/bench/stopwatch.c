/*
 * stopwatch PROGRAM [ARGUMENT]...: how long a program takes and how much memory it used at most.
 *
 * Prints "<nanoseconds> <peak RSS in KiB> <wait status>" for PROGRAM, started by its full path with
 * stdin and stdout on /dev/null. It exists because the kernel counts the memory of the process that
 * calls execve towards the new program's peak (getrusage(2), ru_maxrss): measured from Python, every
 * small runtime would appear as large as Python. This one is static and tiny, and posix_spawn(3)
 * neither copies page tables nor runs handlers. The kernel counts pages in batches for each CPU, so
 * that a peak may be a few hundred KiB too low.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int fail(const char *what, int error) {
  fprintf(stderr, "stopwatch: %s: %s\n", what, strerror(error));
  return 125;
}

int main(int argc, char **argv) {
  if (argc < 2) return fail("usage: stopwatch PROGRAM [ARGUMENT]...", EINVAL);
  int result = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (result < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
    return fail("redirect stdin and stdout", errno);

  pid_t pid;
  int status;
  struct rusage usage;
  long long start = now();
  int error = posix_spawn(&pid, argv[1], NULL, NULL, argv + 1, environ);
  if (error) return fail(argv[1], error);
  while (wait4(pid, &status, 0, &usage) < 0)
    if (errno != EINTR) return fail("wait4", errno);
  dprintf(result, "%lld %ld %d\n", now() - start, usage.ru_maxrss, status);
  return 0;
}
