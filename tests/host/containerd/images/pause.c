/* What holds a sandbox open: waits to be told to end. PID 1 must ask for a signal to get it. */
#include <signal.h>

int main(void) {
  sigset_t end;
  int received;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  sigprocmask(SIG_BLOCK, &end, 0);
  return sigwait(&end, &received) == 0 ? 0 : 1;
}
