// What a hostile client can cost: its own connection, and nothing else. One damage a test; after
// each of them a probe is answered at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "agent/api/http_server.h"
#include "tests/unit/api/http_client.h"

namespace oomtrail::api {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using namespace std::string_literals;

// No test waits this long, so what ends in time did not end by it.
constexpr milliseconds kLong(60'000);
constexpr milliseconds kShort(200);
// For a probe's answer, on a machine that builds at the same time.
constexpr milliseconds kPrompt(5'000);
constexpr size_t kLarge = 4 << 20;
// Far more than any bound and all buffers on the way together.
constexpr size_t kEndless = 64 << 20;

class HttpHostileTest : public testing::Test {
 protected:
  void Serve(HttpServer::Bounds bounds) {
    auto server = HttpServer::Listen(
        "127.0.0.1:0",
        {{"/livez", [] { return HttpResponse{.body = "ok\n"}; }},
         {"/large", [] { return HttpResponse{.body = std::string(kLarge, 'x')}; }}},
        bounds);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Start();
  }

  int port() const { return server_->port(); }

  void ExpectProbeAnswered() {
    const auto before = Clock::now();
    EXPECT_EQ(Body(Ask(port(), Get("/livez"))), "ok\n");
    EXPECT_LT(Clock::now() - before, kPrompt);
  }

  HttpServer::Counts StoppedCounts() {
    server_->Stop();
    return server_->counts();
  }

  std::unique_ptr<HttpServer> server_;
};

// Sends again and again, until the server has had enough or `most` bytes are sent: how many were.
size_t Flood(HttpClient& client, std::string_view head, std::string_view again, size_t most) {
  size_t sent = 0;
  if (client.Send(head)) {
    while (sent < most && client.Send(again)) sent += again.size();
  }
  return sent;
}

// Bytes that are refused.

struct Row {
  const char* name;
  std::string bytes;
  const char* first_line;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const Row kRows[] = {
    {"garbage", "\x01\x02\x03 garbage", "HTTP/1.1 400 Bad Request"},
    {"a_tls_handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s,
     "HTTP/1.1 400 Bad Request"},
    {"a_nul", "GET /livez\0 HTTP/1.1\r\n\r\n"s, "HTTP/1.1 400 Bad Request"},
    {"a_huge_length",
     "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n",
     "HTTP/1.1 413 Content Too Large"},
    {"a_body_that_came", "POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
     "HTTP/1.1 405 Method Not Allowed"},
    {"a_long_uri", "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
     "HTTP/1.1 414 URI Too Long"},
    {"a_header_bomb", "GET /livez HTTP/1.1\r\nHost: a\r\nX: " + std::string(100'000, 'a'),
     "HTTP/1.1 431 Request Header Fields Too Large"},
    {"http_2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"},
};

class HttpRefusal : public HttpHostileTest, public testing::WithParamInterface<Row> {};

TEST_P(HttpRefusal, IsSaidAtOnceAndInFull) {
  Serve({.deadline = kLong});
  HttpClient client(port());
  client.Send(GetParam().bytes);
  client.HalfClose();
  const std::string answer = client.ReadAll();
  EXPECT_EQ(FirstLine(answer), GetParam().first_line);
  EXPECT_TRUE(Body(answer).ends_with("\n")) << answer;
  EXPECT_FALSE(client.reset()) << "what it still said took the answer away from it";
  ExpectProbeAnswered();
  EXPECT_EQ(StoppedCounts().bad_requests, 1U);
}

INSTANTIATE_TEST_SUITE_P(Requests, HttpRefusal, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

// Bytes without end.

TEST_F(HttpHostileTest, HeadersWithoutEndAreCutOff) {
  Serve({.deadline = kLong});
  HttpClient client(port());
  EXPECT_LT(Flood(client, "GET /livez HTTP/1.1\r\n", "a: b\r\n", kEndless), kEndless);
  client.ReadAll();
  EXPECT_TRUE(client.ended());
  ExpectProbeAnswered();
  EXPECT_EQ(StoppedCounts().bad_requests, 1U);
}

TEST_F(HttpHostileTest, AChunkedBodyWithoutEndIsCutOff) {
  Serve({.deadline = kLong});
  HttpClient client(port());
  EXPECT_LT(Flood(client, "GET /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                  "5\r\nhello\r\n", kEndless),
            kEndless);
  client.ReadAll();
  EXPECT_TRUE(client.ended());
  ExpectProbeAnswered();
}

TEST_F(HttpHostileTest, ABodyThatIsStillOnItsWayDoesNotSpoilTheRefusal) {
  Serve({.deadline = kLong});
  HttpClient client(port());
  client.Send("POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  ASSERT_TRUE(client.Readable(kPatienceMs));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client.Send(std::string(10'000, 'x'))) << i;
  client.HalfClose();
  EXPECT_EQ(FirstLine(client.ReadAll()), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_FALSE(client.reset());
}

TEST_F(HttpHostileTest, AClientThatGoesInTheMiddleOfItsAnswerRaisesNoSigpipe) {
  Serve({.deadline = kLong});
  {
    HttpClient client(port(), /*receive_buffer_bytes=*/4096);
    client.Send(Get("/large"));
    client.HalfClose();
    // It goes with bytes unread, so the kernel resets the connection: EPIPE, after the half-close.
    ASSERT_TRUE(client.Readable(kPatienceMs));
  }
  ExpectProbeAnswered();
  EXPECT_EQ(StoppedCounts().served, 1U);
}

TEST_F(HttpHostileTest, PipelinedGarbageDoesNotSpoilTheAnswer) {
  Serve({.deadline = kLong});
  HttpClient client(port());
  client.Send(Get("/livez") + std::string(50'000, '\0') + Get("/livez"));
  client.HalfClose();
  const std::string answer = client.ReadAll();
  EXPECT_EQ(Body(answer), "ok\n") << "one answer, to the first request";
  EXPECT_FALSE(client.reset());
}

// Time.

TEST_F(HttpHostileTest, OneByteAtATimeEndsAtTheDeadline) {
  Serve({.deadline = kShort});
  HttpClient client(port());
  const auto before = Clock::now();
  // poll() is the pace: a byte whenever the server stays silent for 5 ms.
  for (size_t i = 0; !client.Readable(5); ++i) {
    client.Send(i == 0 ? "GET /livez HTTP/1.1\r\nX: " : "a");
  }
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_GE(Clock::now() - before, kShort - milliseconds(1));
  EXPECT_LT(Clock::now() - before, kPrompt);
  ExpectProbeAnswered();
  EXPECT_EQ(StoppedCounts().timed_out, 1U);
}

TEST_F(HttpHostileTest, AReaderThatNeverReadsEndsAtTheDeadline) {
  Serve({.deadline = kShort});
  HttpClient client(port(), /*receive_buffer_bytes=*/4096);
  client.Send(Get("/large"));
  ExpectProbeAnswered();
  pollfd hung_up{client.fd(), 0, 0};
  EXPECT_EQ(::poll(&hung_up, 1, kPatienceMs), 1) << "it was not told that it waited too long";
  EXPECT_LT(client.ReadAll().size(), kLarge);
  EXPECT_TRUE(client.reset()) << "the kernel still keeps the rest";
  ExpectProbeAnswered();
  EXPECT_EQ(StoppedCounts().timed_out, 1U);
}

TEST_F(HttpHostileTest, AClientThatNeverHangsUpIsLeftAtTheDeadline) {
  Serve({.deadline = kShort});
  HttpClient client(port());
  client.Send(Get("/livez"));
  EXPECT_EQ(Body(client.ReadAll()), "ok\n");
  // Its side stays open; ours does not. A byte sent then meets a closed connection.
  const auto before = Clock::now();
  pollfd refused{client.fd(), 0, 0};
  while (Clock::now() - before < kPrompt && ::poll(&refused, 1, 20) == 0) client.Send("x");
  EXPECT_NE(refused.revents & (POLLERR | POLLHUP), 0);
  EXPECT_EQ(StoppedCounts().timed_out, 0U) << "it had its answer";
}

// Numbers.

TEST_F(HttpHostileTest, SilentConnectionsMakeRoomForAProbe) {
  Serve({.max_connections = 8, .deadline = kLong});
  HttpClient taking(port(), /*receive_buffer_bytes=*/4096);
  taking.Send(Get("/large"));
  ASSERT_TRUE(taking.Readable(kPatienceMs));
  std::deque<HttpClient> silent;
  for (int i = 0; i < 50; ++i) {
    silent.emplace_back(port());
    silent.back().Send("GET /livez HTTP/1.1\r\n");
  }
  ExpectProbeAnswered();
  // The oldest went, in order.
  EXPECT_TRUE(silent.front().Readable(kPatienceMs));
  EXPECT_FALSE(silent.back().Readable(0));
  EXPECT_EQ(Body(taking.ReadAll()).size(), kLarge) << "who is being served is not disturbed";
  EXPECT_EQ(StoppedCounts().evicted, 44U);
}

TEST_F(HttpHostileTest, ReadersThatNeverReadMakeRoomForAProbe) {
  Serve({.max_connections = 4, .max_unsent_bytes = 100 * kLarge, .deadline = kLong});
  std::deque<HttpClient> stuck;
  for (int i = 0; i < 6; ++i) {
    stuck.emplace_back(port(), /*receive_buffer_bytes=*/4096);
    stuck.back().Send(Get("/large"));
    ASSERT_TRUE(stuck.back().Readable(kPatienceMs));
  }
  ExpectProbeAnswered();
  EXPECT_EQ(StoppedCounts().evicted, 3U);
}

TEST_F(HttpHostileTest, AnswersThatNobodyTakesAreBoundedTogether) {
  Serve({.max_unsent_bytes = 2 * kLarge + 4096, .deadline = kLong});
  std::deque<HttpClient> stuck;
  for (int i = 0; i < 5; ++i) {
    stuck.emplace_back(port(), /*receive_buffer_bytes=*/4096);
    stuck.back().Send(Get("/large"));
    ASSERT_TRUE(stuck.back().Readable(kPatienceMs));
  }
  EXPECT_EQ(Body(stuck.back().ReadAll()).size(), kLarge) << "the newest is served in full";
  ExpectProbeAnswered();
  EXPECT_EQ(StoppedCounts().evicted, 3U);
}

TEST_F(HttpHostileTest, TwoThousandConnectionsAtOnce) {
  Serve({.deadline = kLong});
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::deque<HttpClient> clients;
  for (int i = 0; i < 2000; ++i) {
    clients.emplace_back(port());
    ASSERT_TRUE(clients.back().connected()) << i << ": " << errno;
  }
  ExpectProbeAnswered();
  EXPECT_GE(StoppedCounts().evicted, 1936U);
}

TEST_F(HttpHostileTest, TwoThousandConnectionsInARow) {
  Serve({.deadline = kLong});
  const auto before = Clock::now();
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(HttpClient(port()).connected());
  ExpectProbeAnswered();
  EXPECT_LT(Clock::now() - before, kPrompt) << "some had to knock twice, a second later";
}

TEST_F(HttpHostileTest, WithoutADescriptorAClientWaitsAndNothingSpins) {
  Serve({.deadline = kLong});
  ExpectProbeAnswered();
  // The next descriptor would be the one above this client's.
  base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{static_cast<rlim_t>(socket.get()) + 1, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto began = Clock::now();
  HttpClient client(port(), std::move(socket));
  ASSERT_TRUE(client.connected());
  client.Send(Get("/livez"));
  EXPECT_FALSE(client.Readable(500)) << "silence is what is waited for here";
  const uint64_t failures = server_->counts().accept_failures;
  const auto waited = Clock::now() - began;
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_GE(failures, 2U) << "it is tried again";
  EXPECT_LE(failures, static_cast<uint64_t>(waited / milliseconds(50)) + 1) << "but not at once";
  EXPECT_EQ(Body(client.ReadAll()), "ok\n") << "and then it is answered";
}

// The end.

TEST_F(HttpHostileTest, StopDoesNotWaitForAnyOfThem) {
  Serve({.deadline = kLong});
  HttpClient silent(port());
  HttpClient slow(port());
  slow.Send("GET /livez HTT");
  HttpClient stuck(port(), /*receive_buffer_bytes=*/4096);
  stuck.Send(Get("/large"));
  ASSERT_TRUE(stuck.Readable(kPatienceMs));
  HttpClient leaving(port());
  leaving.Send(Get("/livez"));
  EXPECT_EQ(Body(leaving.ReadAll()), "ok\n");
  const auto before = Clock::now();
  server_->Stop();
  EXPECT_LT(Clock::now() - before, kPrompt);
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_TRUE(silent.ended());
}

}  // namespace
}  // namespace oomtrail::api
