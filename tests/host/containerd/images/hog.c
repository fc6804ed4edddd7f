/* A process in a container that takes memory when told to.
 *
 * hog SOCKET NAME [grow]
 *
 * Connects to SOCKET and says its NAME: the other end then knows its pid (SO_PEERCRED), tells it
 * what to do, a line each, and sees its end as the connection's.
 *   hold N      takes N MiB, answers "holding"
 *   grow        takes memory until it is killed
 *   child NAME  forks a child that says NAME on a connection of its own, and is the first that the
 *               OOM killer takes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { kMiB = 1 << 20, kPage = 4096 };

static int Hello(const char* path, const char* name) {
  struct sockaddr_un where = {.sun_family = AF_UNIX};
  strncpy(where.sun_path, path, sizeof where.sun_path - 1);
  const int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (line < 0 || connect(line, (struct sockaddr*)&where, sizeof where) != 0) exit(97);
  if (dprintf(line, "%s\n", name) < 0) exit(97);
  return line;
}

static void Take(unsigned long mib) {
  for (; mib > 0; --mib) {
    volatile char* memory = malloc(kMiB);
    if (memory == NULL) exit(98);
    for (int at = 0; at < kMiB; at += kPage) memory[at] = 'h';
  }
}

static void PreferMe(void) {
  FILE* score = fopen("/proc/self/oom_score_adj", "w");
  if (score == NULL || fputs("1000", score) < 0 || fclose(score) != 0) exit(97);
}

int main(int argc, char** argv) {
  char command[64];
  if (argc < 3) return 96;
  int line = Hello(argv[1], argv[2]);
  if (argc > 3 && strcmp(argv[3], "grow") == 0) Take(~0UL);
  FILE* commands = fdopen(line, "r");
  while (commands != NULL && fgets(command, sizeof command, commands) != NULL) {
    command[strcspn(command, "\n")] = 0;
    if (strcmp(command, "grow") == 0) {
      Take(~0UL);
    } else if (strncmp(command, "hold ", 5) == 0) {
      Take(strtoul(command + 5, NULL, 10));
      if (write(line, "holding\n", 8) != 8) return 97;
    } else if (strncmp(command, "child ", 6) == 0 && fork() == 0) {
      fclose(commands);
      prctl(PR_SET_NAME, command + 6);
      PreferMe();
      line = Hello(argv[1], command + 6);
      commands = fdopen(line, "r");
    }
  }
  return 0;
}
