#include "agent/cli/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>

#include "agent/base/unique_fd.h"

namespace oomtrail::cli {
namespace {

class OutputTest : public ::testing::Test {
 protected:
  OutputTest() : stop_(::eventfd(0, EFD_CLOEXEC)) {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    read_.Reset(ends[0]);
    write_.Reset(ends[1]);
  }
  void Stop() const { EXPECT_EQ(::eventfd_write(stop_.get(), 1), 0); }

  base::UniqueFd stop_;
  base::UniqueFd read_;
  base::UniqueFd write_;
};

TEST_F(OutputTest, WritesWhatWasGathered) {
  Output output(write_.get(), stop_.get());
  EXPECT_TRUE(output.Check().ok());
  EXPECT_TRUE(output.Write("a\n").ok());
  pollfd readable{.fd = read_.get(), .events = POLLIN};
  EXPECT_EQ(::poll(&readable, 1, 0), 0);
  EXPECT_TRUE(output.Write("b\n").ok());
  EXPECT_TRUE(output.Flush().ok());
  char buffer[16];
  EXPECT_EQ(::read(read_.get(), buffer, sizeof buffer), 4);
}

TEST_F(OutputTest, AWaitForAFullPipeEndsWhenTheUserHasHadEnough) {
  Output output(write_.get(), stop_.get());
  Stop();
  EXPECT_EQ(output.Write(std::string(4 << 20, 'x')).code(), absl::StatusCode::kCancelled);
}

TEST_F(OutputTest, WhatThePipeStillTakesIsWrittenEvenThen) {
  Output output(write_.get(), stop_.get());
  Stop();
  EXPECT_TRUE(output.Write("a\n").ok());
  EXPECT_TRUE(output.Flush().ok());
}

TEST_F(OutputTest, AReaderThatHasLeftIsNoFailure) {
  Output output(write_.get(), stop_.get());
  read_.Reset();
  EXPECT_TRUE(output.Write("a\n").ok());
  EXPECT_EQ(output.Flush().code(), absl::StatusCode::kCancelled);
}

TEST_F(OutputTest, AFullDiskIsAFailure) {
  const base::UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Output output(full.get(), stop_.get());
  EXPECT_TRUE(output.Write("a\n").ok());
  const absl::Status status = output.Flush();
  EXPECT_EQ(status.message().substr(0, 22), "write to stdout: ENOSP");
}

TEST_F(OutputTest, AStdoutThatIsClosedIsFoundOut) {
  const base::UniqueFd closed(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(Output(closed.get(), stop_.get()).Check().ok());
  EXPECT_FALSE(Output(-1, stop_.get()).Check().ok());
}

class TerminalTest : public ::testing::Test {
 protected:
  TerminalTest() {
    const winsize size{.ws_row = 24, .ws_col = 123};
    int master = -1;
    int slave = -1;
    EXPECT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
    master_.Reset(master);
    terminal_.Reset(slave);
    file_.Reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    for (const char* name : {"COLUMNS", "NO_COLOR", "TERM"}) ::unsetenv(name);
  }
  ~TerminalTest() override {
    for (const char* name : {"COLUMNS", "NO_COLOR", "TERM"}) ::unsetenv(name);
  }

  base::UniqueFd master_;
  base::UniqueFd terminal_;
  base::UniqueFd file_;
};

TEST_F(TerminalTest, ItsWidthIsTheTerminals) {
  ::setenv("COLUMNS", "55", 1);
  EXPECT_EQ(TerminalColumns(terminal_.get()), 123);
}

TEST_F(TerminalTest, ElseTheVariables) {
  ::setenv("COLUMNS", "55", 1);
  EXPECT_EQ(TerminalColumns(file_.get()), 55);
}

TEST_F(TerminalTest, Else80) {
  EXPECT_EQ(TerminalColumns(file_.get()), 80);
  for (const char* wrong : {"", "0", "-5", "wide", "99999999999"}) {
    ::setenv("COLUMNS", wrong, 1);
    EXPECT_EQ(TerminalColumns(file_.get()), 80) << wrong;
  }
}

TEST_F(TerminalTest, ColoursAreForTerminals) {
  EXPECT_TRUE(WantsColor(ColorWhen::kAuto, terminal_.get()));
  EXPECT_FALSE(WantsColor(ColorWhen::kAuto, file_.get()));
  EXPECT_TRUE(WantsColor(ColorWhen::kAlways, file_.get()));
  EXPECT_FALSE(WantsColor(ColorWhen::kNever, terminal_.get()));
}

TEST_F(TerminalTest, NoColorIsHonoured) {
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(WantsColor(ColorWhen::kAuto, terminal_.get()));
  EXPECT_TRUE(WantsColor(ColorWhen::kAlways, terminal_.get()));
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(WantsColor(ColorWhen::kAuto, terminal_.get()));
}

TEST_F(TerminalTest, ADumbTerminalGetsNoColours) {
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(WantsColor(ColorWhen::kAuto, terminal_.get()));
}

}  // namespace
}  // namespace oomtrail::cli
