// What a kubelet may cost: time and memory, against one that wants to take more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "agent/attribute/kubelet_source.h"
#include "agent/base/strings.h"
#include "tests/fakes/fake_kubelet.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::attribute {
namespace {

using fakes::FakeKubelet;
using fakes::TestAuthority;
using std::chrono::milliseconds;
using testing::HasSubstr;

using Connection = FakeKubelet::Connection;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kGenerous(20'000);
constexpr milliseconds kShort(300);

class KubeletBoundsTest : public testing::Test {
 protected:
  void Serve(FakeKubelet::Script script, bool handshake = true) {
    kubelet_.emplace(FakeKubelet::Options{&certificate_, handshake}, std::move(script));
  }

  std::string Failure(absl::StatusCode code) {
    KubeletSource source(*ParseKubeletUrl(kubelet_->url()), options_);
    const auto before = Clock::now();
    const auto listing = source.List();
    // Not much longer than the least patience; far less than the most.
    EXPECT_LT(Clock::now() - before, kGenerous / 2);
    EXPECT_EQ(listing.status().code(), code) << listing.status().message();
    return std::string(listing.status().message());
  }

  // List() on another thread, cancelled when the kubelet has the connection.
  void ExpectPromptCancel() {
    KubeletSource source(*ParseKubeletUrl(kubelet_->url()), options_);
    absl::Status status;
    std::thread lister([&] { status = source.List().status(); });
    EXPECT_TRUE(kubelet_->WaitForConnection());
    const auto before = Clock::now();
    source.Cancel();
    lister.join();
    EXPECT_LT(Clock::now() - before, kGenerous / 2);
    EXPECT_TRUE(absl::IsCancelled(status)) << status.message();
    EXPECT_TRUE(absl::IsCancelled(source.List().status())) << "it is for good";
  }

  const TestAuthority authority_;
  const TestAuthority::Certificate certificate_ = authority_.Issue("IP:127.0.0.1");
  const fakes::TempDir directory_;
  KubeletOptions options_{.trust = {.ca_file = directory_.Write("ca.crt", authority_.pem())},
                          .idle_timeout = kGenerous,
                          .total_timeout = kGenerous};
  CancelSignal flooding_;  // raised by a script, so it outlives the kubelet
  std::optional<FakeKubelet> kubelet_;
};

// Time.

TEST_F(KubeletBoundsTest, SilenceBeforeTls) {
  options_.idle_timeout = kShort;
  Serve([](Connection& client) { client.WaitUntilGone(); }, /*handshake=*/false);
  EXPECT_THAT(Failure(absl::StatusCode::kDeadlineExceeded),
              HasSubstr("TLS handshake: nothing for 300 ms"));
}

TEST_F(KubeletBoundsTest, SilenceBeforeTheHeaders) {
  options_.idle_timeout = kShort;
  Serve([](Connection& client) { client.WaitUntilGone(); });
  EXPECT_THAT(Failure(absl::StatusCode::kDeadlineExceeded), HasSubstr("read: nothing for 300 ms"));
}

TEST_F(KubeletBoundsTest, SilenceInTheBody) {
  options_.idle_timeout = kShort;
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    client.WaitUntilGone();
  });
  EXPECT_THAT(Failure(absl::StatusCode::kDeadlineExceeded), HasSubstr("read: nothing for 300 ms"));
}

TEST_F(KubeletBoundsTest, ADripInTheHandshake) {
  options_.total_timeout = kShort;
  Serve(
      [](Connection& client) {
        client.Drip(std::string("\x16\x03\x03\x40\x00", 5), milliseconds(20));
      },
      /*handshake=*/false);
  Failure(absl::StatusCode::kDeadlineExceeded);
}

TEST_F(KubeletBoundsTest, ADripInTheHeaders) {
  options_.total_timeout = kShort;
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\n");
    client.Drip("X-Slow: yes\r\n", milliseconds(20));
  });
  EXPECT_THAT(Failure(absl::StatusCode::kDeadlineExceeded),
              HasSubstr("not complete in the time allowed"));
}

TEST_F(KubeletBoundsTest, ADripInTheBody) {
  options_.total_timeout = kShort;
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\n\r\n");
    client.Drip("[", milliseconds(20));
  });
  EXPECT_THAT(Failure(absl::StatusCode::kDeadlineExceeded),
              HasSubstr("not complete in the time allowed"));
}

TEST_F(KubeletBoundsTest, ADripOfSpacesBehindAWholeAnswer) {
  options_.total_timeout = kShort;
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\n\r\n{\"items\":[]}");
    client.Drip(" ", milliseconds(20));
  });
  Failure(absl::StatusCode::kDeadlineExceeded);
}

TEST_F(KubeletBoundsTest, NameServersThatDoNotAnswer) {
  options_.total_timeout = kShort;
  // Let go only after the source is gone: the lookup outlives it.
  auto gate = std::make_shared<CancelSignal>();
  const Resolver hanging = [gate](const std::string&, uint16_t) {
    const auto released = WaitReady(gate->fd(), POLLIN, Clock::now() + kGenerous, -1, "gate");
    return absl::StatusOr<std::vector<SocketAddress>>(absl::UnavailableError("too late"));
  };
  {
    KubeletSource source(*ParseKubeletUrl("https://node-1"), options_, hanging);
    for (int i = 0; i < 2; ++i) {
      const auto listing = source.List();
      EXPECT_TRUE(absl::IsDeadlineExceeded(listing.status()));
      EXPECT_THAT(std::string(listing.status().message()),
                  testing::AllOf(HasSubstr("look up node-1"), HasSubstr("an address instead")));
    }
  }
  gate->Raise();
}

TEST_F(KubeletBoundsTest, CancelDuringTheHandshake) {
  Serve([](Connection& client) { client.WaitUntilGone(); }, /*handshake=*/false);
  ExpectPromptCancel();
}

TEST_F(KubeletBoundsTest, CancelDuringTheAnswer) {
  Serve([](Connection& client) { client.WaitUntilGone(); });
  ExpectPromptCancel();
}

TEST_F(KubeletBoundsTest, CancelDuringAFlood) {
  options_.max_body_bytes = size_t{1} << 32;
  Serve([this](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\n\r\n");
    // More than the socket's buffers hold: the client is reading.
    for (int i = 0; i < 1000 && client.Send(std::string(1 << 16, ' ')); ++i) {
    }
    flooding_.Raise();
    while (client.Send(std::string(1 << 16, ' '))) {
    }
  });
  KubeletSource source(*ParseKubeletUrl(kubelet_->url()), options_);
  absl::Status status;
  std::thread lister([&] { status = source.List().status(); });
  EXPECT_TRUE(WaitReady(flooding_.fd(), POLLIN, Clock::now() + kGenerous, -1, "flood").ok());
  source.Cancel();
  lister.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status.message();
}

// Memory.

TEST_F(KubeletBoundsTest, AnAnnouncedBodyThatIsTooLarge) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n");
    while (client.Send(std::string(1 << 16, '['))) {
    }
  });
  EXPECT_THAT(Failure(absl::StatusCode::kResourceExhausted),
              HasSubstr("2147483648 bytes or more, the bound is 67108864"));
}

TEST_F(KubeletBoundsTest, ABodyWithoutEnd) {
  options_.max_body_bytes = 1 << 20;
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\n\r\n");
    while (client.Send(std::string(1 << 16, ' '))) {
    }
  });
  EXPECT_THAT(Failure(absl::StatusCode::kResourceExhausted), HasSubstr("the bound is 1048576"));
}

TEST_F(KubeletBoundsTest, ChunksWithoutEnd) {
  options_.max_body_bytes = 1 << 20;
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (client.Send(base::StrCat("10000\r\n", std::string(0x10000, ' '), "\r\n"))) {
    }
  });
  EXPECT_THAT(Failure(absl::StatusCode::kResourceExhausted), HasSubstr("the bound is 1048576"));
}

TEST_F(KubeletBoundsTest, AChunkSizeWithoutEnd) {
  options_.max_body_bytes = 1 << 20;
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (client.Send(std::string(1 << 16, '0'))) {
    }
  });
  KubeletSource source(*ParseKubeletUrl(kubelet_->url()), options_);
  EXPECT_FALSE(source.List().ok());
}

TEST_F(KubeletBoundsTest, AStatusLineWithoutEnd) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 ");
    while (client.Send(std::string(1 << 16, 'x'))) {
    }
  });
  EXPECT_THAT(Failure(absl::StatusCode::kInvalidArgument), HasSubstr("headers are longer"));
}

TEST_F(KubeletBoundsTest, AHeaderWithoutEnd) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\nX: ");
    while (client.Send(std::string(1 << 16, 'x'))) {
    }
  });
  EXPECT_THAT(Failure(absl::StatusCode::kInvalidArgument), HasSubstr("headers are longer"));
}

TEST_F(KubeletBoundsTest, HeadersWithoutNumber) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\n");
    while (client.Send("X: y\r\n")) {
    }
  });
  Failure(absl::StatusCode::kInvalidArgument);
}

TEST_F(KubeletBoundsTest, ContinuesWithoutEnd) {
  Serve([](Connection& client) {
    client.ReadRequest();
    while (client.Send("HTTP/1.1 100 Continue\r\n\r\n")) {
    }
  });
  Failure(absl::StatusCode::kInvalidArgument);
}

// Sense.

TEST_F(KubeletBoundsTest, ABodyShorterThanAnnounced) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"items\":[]}");
  });
  EXPECT_THAT(Failure(absl::StatusCode::kDataLoss), HasSubstr("in the middle of the answer"));
}

TEST_F(KubeletBoundsTest, AChunkedBodyCutOff) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"it");
  });
  EXPECT_THAT(Failure(absl::StatusCode::kDataLoss), HasSubstr("in the middle of the answer"));
}

TEST_F(KubeletBoundsTest, ABodyOfUnknownLengthCutOff) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 200 OK\r\n\r\n{\"items\":[{\"meta");
  });
  EXPECT_THAT(Failure(absl::StatusCode::kDataLoss), HasSubstr("ends too early"));
}

TEST_F(KubeletBoundsTest, NoAnswerAtAll) {
  Serve([](Connection& client) { client.ReadRequest(); });
  EXPECT_THAT(Failure(absl::StatusCode::kUnavailable), HasSubstr("without an answer"));
}

TEST_F(KubeletBoundsTest, AnAnswerThatIsNotHttp) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("220 mail.example.org ESMTP\r\n\r\n");
    client.WaitUntilGone();
  });
  EXPECT_THAT(Failure(absl::StatusCode::kInvalidArgument), HasSubstr("not HTTP"));
}

}  // namespace
}  // namespace oomtrail::attribute
