#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "agent/cli/client_channel.h"

namespace oomtrail::cli {
namespace {

using ::testing::HasSubstr;

struct AddressRow {
  ServerOptions options;
  std::string target;
  std::string text;
};

TEST(ServerAddressTest, ReadsSocketsAndPorts) {
  const AddressRow rows[] = {
      {{}, "unix:/run/oomtrail/oomtrail.sock", "unix:///run/oomtrail/oomtrail.sock"},
      {{.address = "unix:///a b"}, "unix:/a b", "unix:///a b"},
      {{.address = "unix:/a"}, "unix:/a", "unix:///a"},
      {{.address = "/a"}, "unix:/a", "unix:///a"},
      {{.address = "/a", .insecure = true}, "unix:/a", "unix:///a"},
      {{.address = "node-3:9443", .tls_ca = "ca"}, "dns:///node-3:9443", "node-3:9443"},
      {{.address = "10.0.0.1:1", .insecure = true}, "dns:///10.0.0.1:1", "10.0.0.1:1"},
      {{.address = "[::1]:65535", .insecure = true}, "dns:///[::1]:65535", "[::1]:65535"},
      {{.address = "a:1", .tls_ca = "ca", .tls_cert = "c", .tls_key = "k"}, "dns:///a:1", "a:1"},
  };
  for (const AddressRow& row : rows) {
    const auto address = ServerAddress::Parse(row.options);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->target(), row.target);
    EXPECT_EQ(address->text(), row.text);
    EXPECT_EQ(address->socket_path().empty(), row.target.starts_with("dns"));
  }
}

TEST(ServerAddressTest, RefusesTheRestWithARemedy) {
  struct Row {
    ServerOptions options;
    std::string remedy;
  };
  const Row rows[] = {
      {{.address = ""}, "HOST:PORT"},
      {{.address = "node-3"}, "HOST:PORT"},
      {{.address = ":9443"}, "HOST:PORT"},
      {{.address = "node-3:"}, "HOST:PORT"},
      {{.address = "node-3:0"}, "HOST:PORT"},
      {{.address = "node-3:65536"}, "HOST:PORT"},
      {{.address = "node-3:http"}, "HOST:PORT"},
      {{.address = "::1:9443"}, "HOST:PORT"},
      {{.address = "[]:9443"}, "HOST:PORT"},
      {{.address = "https://node-3:9443"}, "HOST:PORT"},
      {{.address = "unix://relative"}, "unix:///path"},
      {{.address = "unix://"}, "unix:///path"},
      {{.address = "/" + std::string(107, 'a')}, "107 bytes"},
      {{.address = "node-3:9443"}, "--tls-ca"},
      {{.address = "a:1", .tls_cert = "c", .tls_key = "k"}, "--tls-ca"},
      {{.address = "a:1", .tls_ca = "ca", .tls_cert = "c"}, "--tls-key"},
      {{.address = "a:1", .tls_ca = "ca", .tls_key = "k"}, "--tls-cert"},
      {{.address = "a:1", .tls_ca = "ca", .insecure = true}, "exclude"},
  };
  for (const Row& row : rows) {
    const auto address = ServerAddress::Parse(row.options);
    ASSERT_FALSE(address.ok()) << row.options.address;
    EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(address.status().message()), HasSubstr(row.remedy));
  }
}

}  // namespace
}  // namespace oomtrail::cli
