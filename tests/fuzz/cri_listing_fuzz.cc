// Whatever a container runtime answers: it is joined within its bounds. The input is both answers,
// each behind its length in two bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/attribute/cri_listing.h"

namespace {

std::string_view TakePiece(std::string_view& input) {
  if (input.size() < 2) return {};
  const size_t length =
      static_cast<uint8_t>(input[0]) * size_t{256} + static_cast<uint8_t>(input[1]);
  input.remove_prefix(2);
  const std::string_view piece = input.substr(0, length);
  input.remove_prefix(piece.size());
  return piece;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace oomtrail::attribute;
  std::string_view input(reinterpret_cast<const char*>(bytes), size);
  ::runtime::v1::ListPodSandboxResponse sandboxes;
  ::runtime::v1::ListContainersResponse containers;
  const std::string_view first = TakePiece(input);
  if (!sandboxes.ParseFromArray(first.data(), static_cast<int>(first.size()))) return 0;
  const std::string_view second = TakePiece(input);
  if (!containers.ParseFromArray(second.data(), static_cast<int>(second.size()))) return 0;
  const Listing listing =
      JoinCriAnswers(sandboxes, containers, std::nullopt,
                     {.labels = KeyList::Everything(), .annotations = KeyList::Everything()});
  for (const PodEntry& pod : listing.pods) {
    if (pod.facts.name.empty() || pod.facts.name.size() > kMaxNameBytes) std::abort();
    if (pod.facts.labels.size() > kMaxLabels) std::abort();
    if (pod.facts.annotations.size() > kMaxAnnotations) std::abort();
    for (const ContainerEntry& container : pod.containers) {
      if (container.facts.name.size() > kMaxNameBytes) std::abort();
      if (container.facts.image.size() > kMaxImageBytes) std::abort();
    }
  }
  return 0;
}
