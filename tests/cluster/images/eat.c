/* A process in a container that takes memory.
 *
 * eat max              takes memory until it is killed
 * eat hold MIB         takes MIB, says so, and sleeps
 * eat file PATH        writes PATH until it is killed: on a tmpfs that is memory of its container
 * eat child            PID 1 lives on: a child takes memory until it is killed; says so and sleeps
 * eat after PATH       waits until there is a file PATH, then as max
 * eat storm START STOP from when there is a file START until there is a file STOP: as child, again and
 *                      again; says how many died
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMiB = 1 << 20, kPage = 4096 };

static void Pause(long milliseconds) {
  struct timespec wait = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&wait, NULL);
}

static void Take(unsigned long mib) {
  for (; mib > 0; --mib) {
    volatile char* memory = malloc(kMiB);
    if (memory == NULL) exit(98);
    for (int at = 0; at < kMiB; at += kPage) memory[at] = 'e';
  }
}

static void Sleep(void) {
  for (;;) pause();
}

static void PreferMe(void) {
  FILE* score = fopen("/proc/self/oom_score_adj", "w");
  if (score == NULL || fputs("1000", score) < 0 || fclose(score) != 0) exit(97);
}

/* Whether the child was ended by SIGKILL. */
static int KilledChild(void) {
  int status = 0;
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NAME, "eat-child");
    PreferMe();
    Take(~0UL);
  }
  if (child < 0 || waitpid(child, &status, 0) != child) exit(97);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void Fill(const char* path) {
  static char block[kMiB];
  const int file = open(path, O_WRONLY | O_CREAT, 0600);
  memset(block, 'e', sizeof block);
  while (file >= 0 && write(file, block, sizeof block) == (ssize_t)sizeof block) continue;
  perror(path);
  exit(98);
}

static void Await(const char* path) {
  while (access(path, F_OK) != 0) Pause(20);
}

static void OnTerm(int number) { _exit(128 + number); }

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  signal(SIGTERM, OnTerm); /* PID 1 must ask for a signal to get it. */
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(what, "max") == 0) Take(~0UL);
  if (strcmp(what, "hold") == 0 && argc > 2) {
    Take(strtoul(argv[2], NULL, 10));
    printf("holding %s MiB\n", argv[2]);
    Sleep();
  }
  if (strcmp(what, "file") == 0 && argc > 2) Fill(argv[2]);
  if (strcmp(what, "child") == 0) {
    printf("killed %d\n", KilledChild());
    Sleep();
  }
  if (strcmp(what, "storm") == 0 && argc > 3) {
    int killed = 0;
    signal(SIGTERM, SIG_IGN); /* It lives on while its pod is being deleted. */
    Await(argv[2]);
    while (access(argv[3], F_OK) != 0 && KilledChild()) {
      ++killed;
      Pause(200);
    }
    printf("killed %d\n", killed);
    Sleep();
  }
  if (strcmp(what, "after") == 0 && argc > 2) {
    signal(SIGTERM, SIG_IGN); /* It lives on while its pod is being deleted. */
    Await(argv[2]);
    Take(~0UL);
  }
  fprintf(stderr, "usage: see eat.c\n");
  return 96;
}
