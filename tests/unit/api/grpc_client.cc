#include "tests/unit/api/grpc_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <chrono>

#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

constexpr std::chrono::seconds kPatience(20);

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

std::string ToBytes(const grpc::ByteBuffer& buffer) {
  grpc::Slice whole;
  if (!buffer.Valid() || !buffer.DumpToSingleSlice(&whole).ok()) return "";
  return {reinterpret_cast<const char*>(whole.begin()), whole.size()};
}

// HealthCheckRequest.service, field 1.
std::string HealthRequest(const std::string& service) {
  if (service.empty()) return "";
  return base::StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
}

// HealthCheckResponse.status, field 1.
std::string HealthState(const std::string& bytes) {
  if (bytes == "\x08\x01") return "SERVING";
  if (bytes == "\x08\x02") return "NOT_SERVING";
  if (bytes == "\x08\x03") return "SERVICE_UNKNOWN";
  return "UNKNOWN";
}

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    const std::string& name) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!name.empty()) arguments.SetSslTargetNameOverride(name);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

std::string CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                        std::string* server_pem) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::ByteBuffer request = ToBuffer(HealthRequest(service));
  grpc::ByteBuffer response;
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel.get(), method, &context, request, &response);
  if (!status.ok())
    return base::StrCat(static_cast<int>(status.error_code()), " ", status.error_message());
  if (server_pem != nullptr) {
    const auto found = context.auth_context()->FindPropertyValues("x509_pem_cert");
    *server_pem = found.empty() ? "" : std::string(found[0].data(), found[0].size());
  }
  return HealthState(ToBytes(response));
}

std::string ListServices(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto await = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  grpc::ByteBuffer answer;
  grpc::Status status;
  if (await()) {
    // ServerReflectionRequest.list_services, field 7.
    call->WriteLast(ToBuffer(std::string("\x3a\x00", 2)), grpc::WriteOptions(), nullptr);
    if (await()) {
      call->Read(&answer, nullptr);
      await();
    }
  }
  context.TryCancel();
  call->Finish(&status, nullptr);
  await();
  return ToBytes(answer);
}

HealthWatch::HealthWatch(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
  call_ = stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
  call_->StartCall(nullptr);
  if (!Await()) return;
  call_->WriteLast(ToBuffer(""), grpc::WriteOptions(), nullptr);
  Await();
}

HealthWatch::~HealthWatch() {
  if (!finished_) {
    context_.TryCancel();
    Finish();
  }
}

std::string HealthWatch::Next() {
  grpc::ByteBuffer message;
  call_->Read(&message, nullptr);
  return Await() ? HealthState(ToBytes(message)) : "";
}

grpc::StatusCode HealthWatch::Finish() {
  grpc::Status status;
  call_->Finish(&status, nullptr);
  Await();
  finished_ = true;
  return status.error_code();
}

bool HealthWatch::Await() {
  void* tag = nullptr;
  bool ok = false;
  if (queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kPatience) ==
      grpc::CompletionQueue::TIMEOUT) {
    context_.TryCancel();
    queue_.Next(&tag, &ok);
    return false;
  }
  return ok;
}

}  // namespace oomtrail::api
