#include "tests/scenarios/features.h"

#include <linux/btf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::scenarios {
namespace {

constexpr size_t kMaxBtfBytes = 64 << 20;

// Walks the types of a raw BTF image. The image is the running kernel's own, but every offset is
// checked all the same: a short read must not become a wrong expectation.
class Btf {
 public:
  static absl::StatusOr<Btf> Parse(std::string image) {
    Btf btf;
    btf.image_ = std::move(image);
    if (btf.image_.size() < sizeof btf.header_) return absl::DataLossError("BTF: no header");
    std::memcpy(&btf.header_, btf.image_.data(), sizeof btf.header_);
    const size_t end = btf.image_.size() - std::min<size_t>(btf.header_.hdr_len, btf.image_.size());
    if (btf.header_.magic != BTF_MAGIC || btf.header_.type_off + btf.header_.type_len > end ||
        btf.header_.str_off + btf.header_.str_len > end) {
      return absl::DataLossError("BTF: damaged header");
    }
    return btf;
  }

  bool HasFunction(std::string_view name) const { return Find(BTF_KIND_FUNC, name).has_value(); }
  bool HasStruct(std::string_view name) const { return Find(BTF_KIND_STRUCT, name).has_value(); }
  bool HasMember(std::string_view structure, std::string_view member) const {
    const auto members = Find(BTF_KIND_STRUCT, structure);
    if (!members) return false;
    for (size_t at = 0; at + sizeof(btf_member) <= members->size(); at += sizeof(btf_member)) {
      btf_member found;
      std::memcpy(&found, members->data() + at, sizeof found);
      if (Name(found.name_off) == member) return true;
    }
    return false;
  }

 private:
  static size_t TrailingBytes(const btf_type& type) {
    const size_t count = BTF_INFO_VLEN(type.info);
    switch (BTF_INFO_KIND(type.info)) {
      case BTF_KIND_INT: return sizeof(uint32_t);
      case BTF_KIND_ARRAY: return sizeof(btf_array);
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION: return count * sizeof(btf_member);
      case BTF_KIND_ENUM: return count * sizeof(btf_enum);
      case BTF_KIND_FUNC_PROTO: return count * sizeof(btf_param);
      case BTF_KIND_VAR: return sizeof(btf_var);
      case BTF_KIND_DATASEC: return count * sizeof(btf_var_secinfo);
      case BTF_KIND_DECL_TAG: return sizeof(btf_decl_tag);
      case BTF_KIND_ENUM64: return count * sizeof(btf_enum64);
      default: return 0;
    }
  }

  std::string_view Name(uint32_t offset) const {
    if (offset >= header_.str_len) return "";
    const char* text = image_.data() + header_.hdr_len + header_.str_off + offset;
    return {text, ::strnlen(text, header_.str_len - offset)};
  }

  // What follows the type of this kind and name.
  std::optional<std::string_view> Find(uint32_t kind, std::string_view name) const {
    const std::string_view types =
        std::string_view(image_).substr(header_.hdr_len + header_.type_off, header_.type_len);
    for (size_t at = 0; at + sizeof(btf_type) <= types.size();) {
      btf_type type;
      std::memcpy(&type, types.data() + at, sizeof type);
      const size_t bytes = TrailingBytes(type);
      at += sizeof type;
      if (bytes > types.size() - at) return std::nullopt;
      if (BTF_INFO_KIND(type.info) == kind && Name(type.name_off) == name) {
        return types.substr(at, bytes);
      }
      at += bytes;
    }
    return std::nullopt;
  }

  std::string image_;
  btf_header header_{};
};

// By securityfs where it is mounted, else by what the kernel was told at boot.
std::string ReadLockdown() {
  const auto modes = base::ReadFile("/sys/kernel/security/lockdown", 256);
  if (modes.ok()) {
    const size_t open = modes->find('[');
    const size_t close = modes->find(']', open);
    if (close != std::string::npos) return modes->substr(open + 1, close - open - 1);
  }
  const auto cmdline = base::ReadFile("/proc/cmdline", 64 * 1024);
  for (const char* mode : {"confidentiality", "integrity"}) {
    if (cmdline.ok() && base::StrContains(*cmdline, std::string("lockdown=") + mode)) return mode;
  }
  return modes.ok() ? "none" : "unknown";
}

}  // namespace

absl::StatusOr<Features> ReadFeatures() {
  Features features;
  utsname names{};
  if (::uname(&names) == 0) features.release = names.release;
  features.lockdown = ReadLockdown();
  features.cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  ASSIGN_OR_RETURN(std::string image, base::ReadFile("/sys/kernel/btf/vmlinux", kMaxBtfBytes));
  ASSIGN_OR_RETURN(const Btf btf, Btf::Parse(std::move(image)));
  features.mark_victim_task = btf.HasMember("trace_event_raw_mark_victim", "anon_rss");
  features.snprintf = btf.HasFunction("bpf_snprintf");
  features.current_btf = btf.HasFunction("bpf_get_current_task_btf");
  features.rdonly_cast = btf.HasFunction("bpf_rdonly_cast");
  features.rss_direct = !btf.HasStruct("mm_rss_stat");
  features.perf_link = btf.HasStruct("bpf_perf_link");
  return features;
}

}  // namespace oomtrail::scenarios
