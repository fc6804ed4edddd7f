#include "tests/fakes/fake_kubelet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "agent/base/strings.h"

namespace oomtrail::fakes {
namespace {

void UseCertificate(SSL_CTX* context, const TestAuthority::Certificate& certificate) {
  const auto open = [](const std::string& pem) {
    return ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  };
  BIO* memory = open(certificate.certificate_pem);
  X509* x509 = ::PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  ::SSL_CTX_use_certificate(context, x509);
  ::X509_free(x509);
  ::BIO_free(memory);
  memory = open(certificate.key_pem);
  EVP_PKEY* key = ::PEM_read_bio_PrivateKey(memory, nullptr, nullptr, nullptr);
  ::SSL_CTX_use_PrivateKey(context, key);
  ::EVP_PKEY_free(key);
  ::BIO_free(memory);
}

// The client hangs up on misbehaviour: that is for Send() to report.
void BlockSigpipe() {
  sigset_t sigpipe;
  ::sigemptyset(&sigpipe);
  ::sigaddset(&sigpipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
}

}  // namespace

std::string FakeKubelet::Connection::ReadRequest() {
  std::string request;
  while (!request.ends_with("\r\n\r\n")) {
    char byte = 0;
    const ssize_t got =
        ssl_ != nullptr ? ::SSL_read(ssl_, &byte, 1) : ::recv(socket_.get(), &byte, 1, 0);
    if (got != 1) return "";
    request += byte;
  }
  base::MutexLock lock(kubelet_.mutex_);
  kubelet_.requests_.push_back(request);
  return request;
}

bool FakeKubelet::Connection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ssl_ != nullptr
                             ? ::SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                             : ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void FakeKubelet::Connection::Drip(std::string_view bytes, std::chrono::milliseconds pause) {
  for (size_t i = 0; Send(bytes.substr(i % bytes.size(), 1)); ++i) {
    pollfd hung_up{socket_.get(), POLLRDHUP, 0};
    if (::poll(&hung_up, 1, static_cast<int>(pause.count())) > 0) return;
  }
}

void FakeKubelet::Connection::WaitUntilGone() {
  pollfd hung_up{socket_.get(), POLLRDHUP, 0};
  ::poll(&hung_up, 1, 60'000);
}

void FakeKubelet::Connection::Reset() {
  const linger now{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

FakeKubelet::FakeKubelet(Options options, Script script)
    : options_(options), script_(std::move(script)) {
  if (options_.certificate != nullptr) {
    context_ = ::SSL_CTX_new(::TLS_server_method());
    UseCertificate(context_, *options_.certificate);
  }
  listener_.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::listen(listener_.get(), 16);
  socklen_t size = sizeof address;
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ::ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeKubelet::~FakeKubelet() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  for (std::thread& server : servers_) server.join();
  if (context_ != nullptr) ::SSL_CTX_free(context_);
}

std::string FakeKubelet::url() const {
  return base::StrCat(context_ != nullptr ? "https" : "http", "://127.0.0.1:", port_);
}

std::vector<std::string> FakeKubelet::requests() const {
  base::MutexLock lock(mutex_);
  return requests_;
}

bool FakeKubelet::WaitForConnection() {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  base::MutexLock lock(mutex_);
  while (connections_ == 0) {
    if (std::chrono::steady_clock::now() >= give_up) return false;
    changed_.WaitFor(mutex_, std::chrono::seconds(1));
  }
  return true;
}

std::string FakeKubelet::Ok(std::string_view body) {
  return base::StrCat("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ",
                      body.size(), "\r\n\r\n", body);
}

bool FakeKubelet::stopping() const {
  base::MutexLock lock(mutex_);
  return stopping_;
}

void FakeKubelet::Accept() {
  while (!stopping()) {
    const int socket = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    {
      base::MutexLock lock(mutex_);
      ++connections_;
      sockets_.push_back(socket);
      if (stopping_) ::shutdown(socket, SHUT_RDWR);
    }
    changed_.NotifyAll();
    servers_.emplace_back([this, socket] { Serve(socket); });
  }
}

void FakeKubelet::Serve(int socket) {
  BlockSigpipe();
  Connection connection(*this);
  connection.socket_.Reset(socket);
  bool ready = true;
  if (context_ != nullptr && options_.handshake) {
    connection.ssl_ = ::SSL_new(context_);
    ::SSL_set_fd(connection.ssl_, socket);
    ready = ::SSL_accept(connection.ssl_) == 1;
  }
  if (ready) script_(connection);
  if (connection.ssl_ != nullptr) {
    if (ready) ::SSL_shutdown(connection.ssl_);
    ::SSL_free(connection.ssl_);
  }
  base::MutexLock lock(mutex_);
  std::erase(sockets_, socket);
  connection.socket_.Reset();
}

}  // namespace oomtrail::fakes
