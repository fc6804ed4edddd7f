// A kubelet's HTTPS port that a test scripts byte by byte. Thread-safe.
//
// Each connection is handed to the script, on a thread of its own. The destructor cuts all
// connections off and waits for the scripts, whose Send() and Wait…() then return false.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/base/mutex.h"
#include "agent/base/unique_fd.h"
#include "tests/fakes/test_authority.h"

namespace oomtrail::fakes {

class FakeKubelet {
 public:
  class Connection {
   public:
    // Up to the blank line; empty if the client went away first.
    std::string ReadRequest();
    // Whether the client is still there.
    bool Send(std::string_view bytes);
    // One byte every `pause`, again and again from the start, while the client is there.
    void Drip(std::string_view bytes, std::chrono::milliseconds pause);
    // Says nothing until the client goes away.
    void WaitUntilGone();
    // Closes so that the client's next write fails.
    void Reset();

   private:
    friend class FakeKubelet;
    explicit Connection(FakeKubelet& kubelet) : kubelet_(kubelet) {}

    FakeKubelet& kubelet_;
    base::UniqueFd socket_;
    SSL* ssl_ = nullptr;
  };
  using Script = std::function<void(Connection&)>;

  struct Options {
    const TestAuthority::Certificate* certificate = nullptr;  // absent: plain http
    bool handshake = true;  // false: the script gets the connection before TLS begins
  };

  FakeKubelet(Options options, Script script);
  ~FakeKubelet();

  uint16_t port() const { return port_; }
  std::string url() const;
  // All requests so far, as ReadRequest() returned them.
  std::vector<std::string> requests() const;
  bool WaitForConnection();

  // A whole answer of status 200.
  static std::string Ok(std::string_view body);

 private:
  void Accept();
  void Serve(int socket);
  bool stopping() const;

  const Options options_;
  const Script script_;
  SSL_CTX* context_ = nullptr;
  base::UniqueFd listener_;
  uint16_t port_ = 0;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;  // ever
  std::vector<int> sockets_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> servers_;  // of the accepting thread; then of the destructor
  std::thread acceptor_;
};

}  // namespace oomtrail::fakes
