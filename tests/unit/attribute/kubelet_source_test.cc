#include "agent/attribute/kubelet_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "agent/base/strings.h"
#include "tests/fakes/fake_kubelet.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using fakes::FakeKubelet;
using fakes::TestAuthority;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using Connection = FakeKubelet::Connection;

constexpr char kOnePod[] = R"({"items":[{"metadata":{"name":"cart","namespace":"shop"}}]})";

class KubeletSourceTest : public testing::Test {
 protected:
  // A kubelet with a certificate that the options trust.
  FakeKubelet& Serve(FakeKubelet::Script script, bool handshake = true) {
    kubelet_.emplace(FakeKubelet::Options{&certificate_, handshake}, std::move(script));
    return *kubelet_;
  }
  // As Serve(), with the whole answer to a request given.
  FakeKubelet& Answer(std::string answer) {
    return Serve([answer](Connection& client) {
      client.ReadRequest();
      client.Send(answer);
    });
  }

  KubeletSource Source() { return Source(kubelet_->url()); }
  KubeletSource Source(const std::string& url) {
    return KubeletSource(*ParseKubeletUrl(url), options_);
  }

  // The error of one List(), which has to come within `bound`.
  std::string Failure(absl::StatusCode code, milliseconds bound = milliseconds(20'000)) {
    KubeletSource source = Source();
    const auto before = std::chrono::steady_clock::now();
    const auto listing = source.List();
    EXPECT_LT(std::chrono::steady_clock::now() - before, bound);
    EXPECT_EQ(listing.status().code(), code) << listing.status().message();
    const std::string message(listing.status().message());
    EXPECT_THAT(message, HasSubstr(base::StrCat("kubelet ", kubelet_->url(), "/pods: ")));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    return message;
  }

  const fakes::TempDir directory_;
  const TestAuthority authority_;
  TestAuthority::Certificate certificate_ = authority_.Issue("IP:127.0.0.1");
  KubeletOptions options_{.trust = {.ca_file = directory_.Write("ca.crt", authority_.pem())},
                          .token_file = directory_.Write("token", "s3cr3t\n"),
                          .idle_timeout = milliseconds(10'000),
                          .total_timeout = milliseconds(20'000)};
  std::optional<FakeKubelet> kubelet_;
};

TEST_F(KubeletSourceTest, ListsPods) {
  Answer(FakeKubelet::Ok(kOnePod));
  const auto listing = Source().List();
  ASSERT_TRUE(listing.ok()) << listing.status().message();
  ASSERT_THAT(listing->pods, SizeIs(1));
  EXPECT_EQ(listing->pods[0].facts.name, "cart");
  ASSERT_THAT(kubelet_->requests(), SizeIs(1));
  EXPECT_THAT(
      kubelet_->requests()[0],
      AllOf(HasSubstr("GET /pods HTTP/1.1\r\n"), HasSubstr("Authorization: Bearer s3cr3t\r\n"),
            HasSubstr(base::StrCat("Host: 127.0.0.1:", kubelet_->port(), "\r\n")),
            HasSubstr("Accept-Encoding: identity\r\n"), HasSubstr("Connection: close\r\n")));
}

TEST_F(KubeletSourceTest, TheTokenIsReadAnewAtEachRequest) {
  Answer(FakeKubelet::Ok(kOnePod));
  KubeletSource source = Source();
  ASSERT_TRUE(source.List().ok());
  directory_.Write("token", "rotated");
  ASSERT_TRUE(source.List().ok());
  EXPECT_THAT(kubelet_->requests()[1], HasSubstr("Authorization: Bearer rotated\r\n"));
}

TEST_F(KubeletSourceTest, WithoutATokenFileNoneIsSent) {
  options_.token_file.clear();
  Answer(FakeKubelet::Ok(kOnePod));
  ASSERT_TRUE(Source().List().ok());
  EXPECT_THAT(kubelet_->requests()[0], Not(HasSubstr("Authorization")));
}

TEST_F(KubeletSourceTest, ReadsAChunkedBody) {
  Answer(base::StrCat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                      "7\r\n{\"items\r\n4\r\n\":[]\r\n1\r\n}\r\n0\r\n\r\n"));
  const auto listing = Source().List();
  EXPECT_TRUE(listing.ok()) << listing.status().message();
}

TEST_F(KubeletSourceTest, ReadsABodyThatEndsWithTheConnection) {
  Answer(base::StrCat("HTTP/1.1 200 OK\r\n\r\n", kOnePod));
  const auto listing = Source().List();
  ASSERT_TRUE(listing.ok()) << listing.status().message();
  EXPECT_THAT(listing->pods, SizeIs(1));
}

TEST_F(KubeletSourceTest, ReadsALargeBody) {
  std::string json = R"({"items":[)";
  for (int i = 0; i < 20'000; ++i) {
    base::StrAppend(&json, i == 0 ? "" : ",", R"({"metadata":{"name":"p)", i,
                    R"(","namespace":"shop"},"spec":")", std::string(200, 's'), R"("})");
  }
  json += "]}";
  Answer(FakeKubelet::Ok(json));
  const auto listing = Source().List();
  ASSERT_TRUE(listing.ok()) << listing.status().message();
  EXPECT_THAT(listing->pods, SizeIs(20'000));
}

TEST_F(KubeletSourceTest, PlainHttpOnThisMachine) {
  kubelet_.emplace(FakeKubelet::Options{}, [](Connection& client) {
    client.ReadRequest();
    client.Send(FakeKubelet::Ok(kOnePod));
  });
  EXPECT_TRUE(Source().List().ok());
}

// Who answers.

TEST_F(KubeletSourceTest, NobodyListens) {
  const std::string url = Answer("").url();
  kubelet_.reset();
  const auto listing = Source(url).List();
  EXPECT_TRUE(absl::IsUnavailable(listing.status()));
  EXPECT_THAT(std::string(listing.status().message()),
              AllOf(HasSubstr("connect: ECONNREFUSED"), HasSubstr("is the kubelet running")));
}

TEST_F(KubeletSourceTest, ACertificateOfAnotherAuthority) {
  const TestAuthority other;
  options_.trust.ca_file = directory_.Write("other.crt", other.pem());
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_THAT(Failure(absl::StatusCode::kUnauthenticated),
              AllOf(HasSubstr("certificate is not trusted"), HasSubstr("--kubelet-ca")));
  EXPECT_THAT(kubelet_->requests(), IsEmpty()) << "the token was shown to a stranger";
}

TEST_F(KubeletSourceTest, ACertificateForAnotherHost) {
  certificate_ = authority_.Issue("IP:192.0.2.1");
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_THAT(Failure(absl::StatusCode::kUnauthenticated),
              AllOf(HasSubstr("certificate is not for 127.0.0.1"), HasSubstr("--kubelet-url")));
  EXPECT_THAT(kubelet_->requests(), IsEmpty());
}

TEST_F(KubeletSourceTest, ACertificateThatHasExpired) {
  certificate_ = authority_.Issue("IP:127.0.0.1", /*expired=*/true);
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_THAT(Failure(absl::StatusCode::kUnauthenticated), HasSubstr("expired"));
}

TEST_F(KubeletSourceTest, AnyCertificateWhereThatWasAskedFor) {
  certificate_ = TestAuthority().Issue("IP:192.0.2.1");
  options_.trust = {.insecure = true};
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_TRUE(Source().List().ok());
}

TEST_F(KubeletSourceTest, TheKubeletsOwnCertificateAsTrust) {
  options_.trust.ca_file = directory_.Write("kubelet.crt", certificate_.certificate_pem);
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_TRUE(Source().List().ok());
}

TEST_F(KubeletSourceTest, AHostByName) {
  certificate_ = authority_.Issue("DNS:localhost");
  Answer(FakeKubelet::Ok(kOnePod));
  KubeletSource source = Source(base::StrCat("https://localhost:", kubelet_->port()));
  const auto listing = source.List();
  EXPECT_TRUE(listing.ok()) << listing.status().message();
}

TEST_F(KubeletSourceTest, AnAuthorityFileThatIsMissing) {
  options_.trust.ca_file = directory_ / "none.crt";
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_THAT(Failure(absl::StatusCode::kNotFound),
              HasSubstr(base::StrCat("--kubelet-ca: open ", options_.trust.ca_file, ": ENOENT")));
  EXPECT_TRUE(absl::IsNotFound(Source().CheckFiles()));
}

TEST_F(KubeletSourceTest, AnAuthorityFileThatIsNotPem) {
  options_.trust.ca_file = directory_.Write("ca.crt", "garbage");
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_THAT(Failure(absl::StatusCode::kFailedPrecondition),
              HasSubstr(base::StrCat("--kubelet-ca ", options_.trust.ca_file,
                                     ": holds no PEM certificates")));
  EXPECT_TRUE(absl::IsFailedPrecondition(Source().CheckFiles()));
}

TEST_F(KubeletSourceTest, SoundFilesAreFoundSoBeforeAnythingIsAsked) {
  Answer("");
  EXPECT_TRUE(Source().CheckFiles().ok());
  options_.token_file = directory_ / "none";
  EXPECT_TRUE(absl::IsNotFound(Source().CheckFiles()));
  EXPECT_THAT(kubelet_->requests(), IsEmpty());
}

TEST_F(KubeletSourceTest, AServerWithoutTls) {
  Serve(
      [](Connection& client) {
        client.Send("HTTP/1.1 400 Bad Request\r\n\r\n");
        client.WaitUntilGone();
      },
      /*handshake=*/false);
  EXPECT_THAT(Failure(absl::StatusCode::kUnavailable),
              AllOf(HasSubstr("TLS handshake"), HasSubstr("speak TLS?")));
}

TEST_F(KubeletSourceTest, AServerThatHangsUpBeforeTheRequest) {
  Serve([](Connection& client) { client.Reset(); });
  Failure(absl::StatusCode::kUnavailable);
}

// The token.

TEST_F(KubeletSourceTest, ATokenFileThatIsMissing) {
  options_.token_file = directory_ / "none";
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_THAT(Failure(absl::StatusCode::kNotFound),
              AllOf(HasSubstr("--kubelet-token-file"), HasSubstr("ENOENT")));
}

TEST_F(KubeletSourceTest, ATokenFileThatHoldsNoToken) {
  for (const char* content : {"", "\n", "two words", "a\r\nX-Evil: b", "\x01"}) {
    directory_.Write("token", content);
    Answer(FakeKubelet::Ok(kOnePod));
    EXPECT_THAT(Failure(absl::StatusCode::kFailedPrecondition),
                AllOf(HasSubstr("holds no token"), Not(HasSubstr("two words"))));
    EXPECT_THAT(kubelet_->requests(), IsEmpty());
  }
}

TEST_F(KubeletSourceTest, ATokenFileThatIsNone) {
  options_.token_file = directory_.Write("token", std::string(1 << 20, 'x'));
  Answer(FakeKubelet::Ok(kOnePod));
  EXPECT_THAT(Failure(absl::StatusCode::kResourceExhausted), HasSubstr("--kubelet-token-file"));
}

// What it answers.

TEST_F(KubeletSourceTest, ATokenThatIsNotAccepted) {
  Answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nUnauthorized");
  EXPECT_THAT(Failure(absl::StatusCode::kUnauthenticated),
              AllOf(HasSubstr("status 401 (Unauthorized)"), HasSubstr("--kubelet-token-file"),
                    HasSubstr(options_.token_file), Not(HasSubstr("s3cr3t"))));
}

TEST_F(KubeletSourceTest, NoTokenWhereOneIsWanted) {
  options_.token_file.clear();
  Answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(Failure(absl::StatusCode::kUnauthenticated),
              HasSubstr("wants a token; give --kubelet-token-file"));
}

TEST_F(KubeletSourceTest, AnAccountThatMayNotReadPods) {
  Answer(
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 48\r\n\r\n"
      "Forbidden (user=x, verb=get, resource=nodes, ...)");
  EXPECT_THAT(Failure(absl::StatusCode::kPermissionDenied),
              AllOf(HasSubstr("user=x"), HasSubstr("nodes/pods"), HasSubstr("nodes/proxy"),
                    HasSubstr("1.32")));
}

TEST_F(KubeletSourceTest, AServerInTrouble) {
  Answer("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops");
  EXPECT_THAT(Failure(absl::StatusCode::kUnavailable), HasSubstr("status 500 (oops)"));
}

TEST_F(KubeletSourceTest, AnAddressThatHasNoPods) {
  Answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(Failure(absl::StatusCode::kNotFound),
              AllOf(HasSubstr("status 404"), HasSubstr("--kubelet-url")));
}

TEST_F(KubeletSourceTest, ARedirectIsNotFollowed) {
  Answer("HTTP/1.1 302 Found\r\nLocation: https://203.0.113.1/pods\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(Failure(absl::StatusCode::kFailedPrecondition),
              AllOf(HasSubstr("status 302"), HasSubstr("redirects are not followed")));
}

TEST_F(KubeletSourceTest, AnAnswerWithoutContent) {
  Answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_THAT(Failure(absl::StatusCode::kUnknown), HasSubstr("status 204"));
}

TEST_F(KubeletSourceTest, OfALongErrorOnlyTheBeginningIsQuoted) {
  Serve([](Connection& client) {
    client.ReadRequest();
    client.Send("HTTP/1.1 500 Oops\r\n\r\n");
    while (client.Send(std::string(4096, 'e'))) {
    }
  });
  EXPECT_THAT(Failure(absl::StatusCode::kUnavailable).size(), testing::Lt(600u));
}

TEST_F(KubeletSourceTest, ALoginPage) {
  Answer("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>");
  EXPECT_THAT(Failure(absl::StatusCode::kInvalidArgument),
              AllOf(HasSubstr("HTML, not JSON"), HasSubstr("--kubelet-url")));
}

TEST_F(KubeletSourceTest, BrokenJson) {
  Answer(FakeKubelet::Ok(R"({"items":[}])"));
  EXPECT_THAT(Failure(absl::StatusCode::kInvalidArgument), HasSubstr("not JSON, at byte"));
}

TEST_F(KubeletSourceTest, ANestingBomb) {
  Answer(FakeKubelet::Ok(base::StrCat(R"({"items":)", std::string(1 << 20, '['))));
  EXPECT_THAT(Failure(absl::StatusCode::kInvalidArgument), HasSubstr("nested deeper"));
}

TEST_F(KubeletSourceTest, AnEncodedBodyIsNotUnpacked) {
  Answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b");
  EXPECT_THAT(Failure(absl::StatusCode::kInvalidArgument), HasSubstr("encoded (gzip)"));
}

}  // namespace
}  // namespace oomtrail::attribute
