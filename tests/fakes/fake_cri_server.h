// A container runtime's CRI service: a real gRPC server on a unix socket in a directory of its own.
// Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "runtime/v1/api.pb.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::fakes {

class FakeCriServer {
 public:
  FakeCriServer();  // listens from here on
  ~FakeCriServer();

  std::string socket_path() const { return directory_ / "cri.sock"; }

  void SetRuntimeName(const std::string& name);
  void Add(const ::runtime::v1::PodSandbox& sandbox);
  void Add(const ::runtime::v1::Container& container);

  // Every method fails from now on; code 0 mends it.
  void FailWith(int code, const std::string& message);
  // Every method hangs from now on, until the client gives up or the server stops.
  void Hang();
  // Waits until a client hangs.
  bool WaitUntilHanging();

  // The runtime goes away, its socket too; calls in progress are cut off.
  void Stop();
  void Start();

 private:
  class Service;
  struct Running;

  TempDir directory_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Running> running_;
};

}  // namespace oomtrail::fakes
