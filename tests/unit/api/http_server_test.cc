// What a well-meaning client gets.
#include "agent/api/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/api/http_client.h"

namespace oomtrail::api {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() { server_->Start(); }

  int port() const { return server_->port(); }

  std::unique_ptr<HttpServer> server_ = [] {
    auto server = HttpServer::Listen(
        "127.0.0.1:0",
        {{"/livez", [] { return HttpResponse{.body = "ok\n"}; }},
         {"/readyz", [] { return HttpResponse{.status = 503, .body = "no hook works\n"}; }},
         {"/empty", [] { return HttpResponse{}; }},
         {"/metrics", [] {
            return HttpResponse{.content_type = "application/openmetrics-text; version=1.0.0",
                                .body = std::string(300'000, 'm')};
          }}});
    EXPECT_TRUE(server.ok()) << server.status();
    return *std::move(server);
  }();
};

TEST_F(HttpServerTest, ARouteIsAnsweredWithItsBodyAndTheConnectionCloses) {
  const std::string answer = Ask(port(), Get("/livez"));
  EXPECT_EQ(FirstLine(answer), "HTTP/1.1 200 OK");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(Body(answer), "ok\n");
}

TEST_F(HttpServerTest, AHandlersStatusIsPassedOn) {
  const std::string answer = Ask(port(), Get("/readyz"));
  EXPECT_EQ(FirstLine(answer), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(Body(answer), "no hook works\n");
}

TEST_F(HttpServerTest, ALargeBodyComesWholeAndAsItsType) {
  const std::string answer = Ask(port(), Get("/metrics"));
  EXPECT_THAT(answer.substr(0, 500),
              HasSubstr("\r\nContent-Type: application/openmetrics-text; version=1.0.0\r\n"));
  EXPECT_EQ(Body(answer).size(), 300'000U);
}

TEST_F(HttpServerTest, AnEmptyBodyIsSaidToBeEmpty) {
  const std::string answer = Ask(port(), Get("/empty"));
  EXPECT_EQ(FirstLine(answer), "HTTP/1.1 200 OK");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 0\r\n"));
}

TEST_F(HttpServerTest, HeadHasTheLengthWithoutTheBody) {
  const std::string answer = Ask(port(), "HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(FirstLine(answer), "HTTP/1.1 200 OK");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, AnUnknownPathIsToldWhatThereIs) {
  const std::string answer = Ask(port(), Get("/metricsx"));
  EXPECT_EQ(FirstLine(answer), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(Body(answer), "404 Not Found: there is /empty /livez /metrics /readyz\n");
}

TEST_F(HttpServerTest, AnotherMethodIsToldWhichThereAre) {
  const std::string answer = Ask(port(), "DELETE /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(FirstLine(answer), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_THAT(answer, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
}

TEST_F(HttpServerTest, AQueryDoesNotChangeTheRoute) {
  EXPECT_EQ(Body(Ask(port(), Get("/livez?verbose=1&a[]=%zz"))), "ok\n");
}

TEST_F(HttpServerTest, AnEscapedPathIsTheSamePath) {
  EXPECT_EQ(Body(Ask(port(), Get("/%6civez"))), "ok\n");
  EXPECT_EQ(FirstLine(Ask(port(), Get("/livez%00"))), "HTTP/1.1 404 Not Found");
}

TEST_F(HttpServerTest, HeadersThatCouldChangeTheAnswerDoNot) {
  // With ranges a small request could ask for many copies; compression would cost the agent's CPU.
  const std::string answer =
      Ask(port(),
          "GET /livez HTTP/1.1\r\nHost: a\r\nRange: bytes=0-,0-,0-\r\nAccept-Encoding: gzip, br\r\n"
          "Expect: 100-continue\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(FirstLine(answer), "HTTP/1.1 200 OK");
  EXPECT_THAT(answer, Not(HasSubstr("Content-Encoding")));
  EXPECT_EQ(Body(answer), "ok\n");
}

TEST_F(HttpServerTest, AClientThatHasSaidAllIsStillAnswered) {
  HttpClient client(port());
  client.Send(Get("/metrics"));
  client.HalfClose();
  EXPECT_EQ(Body(client.ReadAll()).size(), 300'000U);
}

TEST_F(HttpServerTest, ManyThreadsAreAllAnswered) {
  std::vector<std::thread> threads;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        if (Body(Ask(port(), Get("/livez"))) == "ok\n") ++answered;
        (void)server_->counts();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 400);
  server_->Stop();
  EXPECT_EQ(server_->counts().served, 400U);
}

TEST_F(HttpServerTest, WhatWasAnsweredIsCounted) {
  Ask(port(), Get("/livez"));
  Ask(port(), Get("/nowhere"));
  Ask(port(), "garbage\r\n");
  server_->Stop();
  const auto counts = server_->counts();
  EXPECT_EQ(counts.served, 2U);
  EXPECT_EQ(counts.bad_requests, 1U);
  EXPECT_EQ(counts.timed_out, 0U);
  EXPECT_EQ(counts.evicted, 0U);
}

TEST_F(HttpServerTest, StopsAsOftenAsAsked) {
  server_->Stop();
  server_->Stop();
  EXPECT_FALSE(HttpClient(port()).connected());
}

TEST(HttpServer, AClientThatComesBeforeTheStartWaits) {
  auto server =
      HttpServer::Listen("127.0.0.1:0", {{"/", [] { return HttpResponse{.body = "x"}; }}});
  ASSERT_TRUE(server.ok()) << server.status();
  HttpClient client((*server)->port());
  client.Send(Get("/"));
  (*server)->Start();
  EXPECT_EQ(Body(client.ReadAll()), "x");
}

TEST(HttpServer, ABurstWaitsForItsTurnInsteadOfKnockingAgain) {
  auto server = HttpServer::Listen("127.0.0.1:0", {});
  ASSERT_TRUE(server.ok()) << server.status();
  // Nobody accepts yet: all of them are in the kernel's queue.
  std::deque<HttpClient> burst;
  for (int i = 0; i < 500; ++i) {
    burst.emplace_back((*server)->port());
    ASSERT_TRUE(burst.back().connected()) << i;
  }
}

TEST(HttpServer, OnEveryAddressItIsReachedByIPv4) {
  auto server = HttpServer::Listen(":0", {{"/", [] { return HttpResponse{.body = "x"}; }}});
  ASSERT_TRUE(server.ok()) << server.status();
  (*server)->Start();
  EXPECT_EQ(Body(Ask((*server)->port(), Get("/"))), "x");
}

TEST(HttpServer, IPv6IsReachedToo) {
  auto alone = HttpServer::Listen("[::1]:0", {{"/", [] { return HttpResponse{.body = "x"}; }}});
  if (!alone.ok()) GTEST_SKIP() << "no IPv6 here: " << alone.status();
  auto every = HttpServer::Listen(":0", {{"/", [] { return HttpResponse{.body = "x"}; }}});
  ASSERT_TRUE(every.ok()) << every.status();
  for (HttpServer* server : {alone->get(), every->get()}) {
    server->Start();
    HttpClient client(server->port(), HttpClient::kIPv6);
    client.Send(Get("/"));
    EXPECT_EQ(Body(client.ReadAll()), "x");
  }
}

TEST(HttpServer, LeavesTheProcesssSigpipeAlone) {
  auto server = HttpServer::Listen("127.0.0.1:0", {});
  ASSERT_TRUE(server.ok()) << server.status();
  struct sigaction now = {};
  ::sigaction(SIGPIPE, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_DFL);
}

TEST(HttpServer, ABadAddressIsSaidBeforeAnythingIsMade) {
  const auto server = HttpServer::Listen("node:9464", {});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace oomtrail::api
