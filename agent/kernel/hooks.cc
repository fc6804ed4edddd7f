#include "agent/kernel/hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/kernel/libbpf_log.h"
#include "bpf/events.h"
#include "oomtrail.skel.h"

namespace oomtrail::kernel {

using model::HookMethod;

namespace {

// One program; the programs of one hook and method stand or fall together.
struct Program {
  Hook hook;
  HookMethod method;
  const char* name;
};

// Per hook in order of preference.
constexpr Program kPrograms[] = {
    {Hook::kVictim, HookMethod::kFentry, "victim_fentry"},
    {Hook::kVictim, HookMethod::kKprobe, "victim_kprobe"},
    {Hook::kVictim, HookMethod::kTpBtf, "victim_tp_btf"},
    {Hook::kVictim, HookMethod::kTpBtf, "victim_tp_btf_pid"},
    {Hook::kVictim, HookMethod::kTracepoint, "victim_tracepoint"},
    {Hook::kContext, HookMethod::kFentry, "context_fentry"},
    {Hook::kContext, HookMethod::kFentry, "context_fexit"},
    {Hook::kContext, HookMethod::kKprobe, "context_kprobe"},
    {Hook::kContext, HookMethod::kKprobe, "context_kretprobe"},
    {Hook::kMemcgOom, HookMethod::kFentry, "memcg_oom_fexit"},
    {Hook::kMemcgOom, HookMethod::kKprobe, "memcg_oom_kprobe"},
    {Hook::kMemcgOom, HookMethod::kKprobe, "memcg_oom_kretprobe"},
    {Hook::kCgroups, HookMethod::kTpBtf, "cgroup_made_tp_btf"},
    {Hook::kCgroups, HookMethod::kTpBtf, "cgroup_removed_tp_btf"},
    {Hook::kCgroups, HookMethod::kTpBtf, "cgroup_renamed_tp_btf"},
    {Hook::kCgroups, HookMethod::kTracepoint, "cgroup_made_tracepoint"},
    {Hook::kCgroups, HookMethod::kTracepoint, "cgroup_removed_tracepoint"},
    {Hook::kCgroups, HookMethod::kTracepoint, "cgroup_renamed_tracepoint"},
};

constexpr std::string_view kLossNames[OT_LOSS_COUNT] = {
    "kill_ring_full", "oom_ring_full", "hint_ring_full", "context_map", "scratch",
};

using Candidate = std::pair<Hook, HookMethod>;

struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using UniqueLink = std::unique_ptr<bpf_link, LinkDeleter>;

struct SkeletonDeleter {
  void operator()(oomtrail_bpf* skeleton) const { oomtrail_bpf::destroy(skeleton); }
};
using UniqueSkeleton = std::unique_ptr<oomtrail_bpf, SkeletonDeleter>;

// Which of the two programs for mark_victim fits this kernel's argument.
bool FitsKernel(const Program& program, const KernelFeatures& features) {
  const bool by_pid = features.mark_victim == MarkVictimArgument::kPid;
  if (std::strcmp(program.name, "victim_tp_btf") == 0) return !by_pid;
  if (std::strcmp(program.name, "victim_tp_btf_pid") == 0) return by_pid;
  return true;
}

// `--hook-method` names the victim's method. The cgroup hints have only tracepoint kinds: they take
// what they can get, for they are no source of facts about a kill.
bool Allowed(const Program& program, const HookOptions& options) {
  return !options.only || program.hook == Hook::kCgroups || program.method == *options.only;
}

// Every hook and method that may be tried here, per hook in order of preference.
std::vector<Candidate> CandidatesFor(const KernelFeatures& features, const HookOptions& options) {
  std::vector<Candidate> candidates;
  for (const Program& program : kPrograms) {
    const Candidate candidate(program.hook, program.method);
    if (!FitsKernel(program, features) || !Allowed(program, options)) continue;
    if (candidates.empty() || candidates.back() != candidate) candidates.push_back(candidate);
  }
  return candidates;
}

// Pinned maps of another shape cannot be read on; better found here than in the middle of a load.
bool PinnedMapFits(const bpf_map* map, const std::string& path) {
  base::UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd.ok()) return true;  // none there
  bpf_map_info pinned{};
  uint32_t size = sizeof pinned;
  if (bpf_obj_get_info_by_fd(fd.get(), &pinned, &size) != 0) return false;
  return pinned.type == bpf_map__type(map) && pinned.max_entries == bpf_map__max_entries(map) &&
         pinned.key_size == bpf_map__key_size(map) && pinned.value_size == bpf_map__value_size(map);
}

}  // namespace

// One object loaded, and its programs attached.
struct Hooks::Object {
  UniqueSkeleton skeleton;
  std::map<Candidate, std::vector<UniqueLink>> links;

  bpf_program* Find(const char* name) const {
    return bpf_object__find_program_by_name(skeleton->obj, name);
  }
};

// The search for the best object, which needs more state than the finished Hooks keep.
class Hooks::Search {
 public:
  Search(const KernelFeatures& features, const HookOptions& options)
      : features_(features), options_(options), candidates_(CandidatesFor(features, options)) {}

  absl::Status OpenPins();
  // The object with the best method of each hook; null where there is none for any hook.
  absl::StatusOr<std::unique_ptr<Object>> Best();
  // Tries each method of each hook alone, keeping nothing.
  absl::Status TryAll();
  // What the search found, and the links of `object` pinned.
  std::vector<HookReport> Report(Object* object);
  std::optional<PinDirectory> TakePins() { return std::move(pins_); }

 private:
  // Loads and attaches the candidates together. Null where the kernel refused one or more of them:
  // their attempts say so.
  absl::StatusOr<std::unique_ptr<Object>> Try(const std::vector<Candidate>& candidates);
  absl::Status Open(Object& object, const std::vector<Program>& programs);
  bool AttachAll(Object& object, const std::vector<Program>& programs);
  bool RefuseHopeless(const Object& object, const std::vector<Program>& programs);
  bool Refused(const Candidate& candidate) const;
  void Refuse(const Candidate& candidate, std::string stage, int error);
  std::vector<Program> ProgramsOf(const std::vector<Candidate>& candidates) const;
  void PinLinks(std::vector<UniqueLink>& links, const Candidate& candidate, HookReport& report);

  const KernelFeatures& features_;
  const HookOptions& options_;
  const std::vector<Candidate> candidates_;
  LibbpfLog log_;
  std::map<Candidate, Attempt> attempts_;
  std::optional<PinDirectory> pins_;
  std::string pin_error_;
};

absl::Status Hooks::Search::OpenPins() {
  if (options_.pin_dir.empty()) return absl::OkStatus();
  absl::StatusOr<PinDirectory> opened = PinDirectory::Open(options_.pin_dir);
  if (opened.ok()) {
    pins_ = *std::move(opened);
    return absl::OkStatus();
  }
  if (absl::IsFailedPrecondition(opened.status())) return opened.status();
  pin_error_ = std::string(opened.status().message());
  return absl::OkStatus();
}

std::vector<Program> Hooks::Search::ProgramsOf(const std::vector<Candidate>& candidates) const {
  std::vector<Program> programs;
  for (const Program& program : kPrograms) {
    const auto wanted =
        std::find(candidates.begin(), candidates.end(), Candidate(program.hook, program.method));
    if (wanted != candidates.end() && FitsKernel(program, features_)) programs.push_back(program);
  }
  return programs;
}

absl::Status Hooks::Search::Open(Object& object, const std::vector<Program>& programs) {
  object.skeleton.reset(oomtrail_bpf::open());
  if (object.skeleton == nullptr) return base::ErrnoStatus(errno, "open the embedded BPF object");
  auto& rodata = *object.skeleton->rodata;
  rodata.has_snprintf = features_.snprintf;
  rodata.has_probe_read = features_.probe_read;
  rodata.has_rdonly_cast = features_.rdonly_cast;
  rodata.has_current_btf = features_.current_btf;
  rodata.page_size = features_.page_size;
  rodata.memory_hierarchy = options_.memory_hierarchy;
  for (const Program& program : programs) {
    bpf_program* found = object.Find(program.name);
    bpf_program__set_autoload(found, true);
    Attempt& attempt = attempts_[{program.hook, program.method}];
    attempt.method = program.method;
    if (attempt.target.empty()) {
      attempt.target = base::StripPrefix(bpf_program__section_name(found), "?");
    }
  }
  if (!pins_) return absl::OkStatus();
  auto& maps = object.skeleton->maps;
  for (bpf_map* map : {maps.ot_kills, maps.ot_hints, maps.ot_losses}) {
    const std::string path = pins_->PathOf(bpf_map__name(map));
    if (!PinnedMapFits(map, path)) pins_->RemoveAll();
    bpf_map__set_pin_path(map, path.c_str());
  }
  return absl::OkStatus();
}

bool Hooks::Search::Refused(const Candidate& candidate) const {
  const auto found = attempts_.find(candidate);
  return found != attempts_.end() && found->second.error != 0;
}

void Hooks::Search::Refuse(const Candidate& candidate, std::string stage, int error) {
  Attempt& attempt = attempts_[candidate];
  attempt.stage = std::move(stage);
  attempt.error = error;
  attempt.detail = log_.VerifierReason();
}

// What the kernel has refused to an empty program already needs no load of the object, which costs
// some 25 ms. Doctor asks with the real programs, for the verifier's words.
bool Hooks::Search::RefuseHopeless(const Object& object, const std::vector<Program>& programs) {
  if (options_.try_all) return false;
  log_.Clear();
  bool any = false;
  for (const Program& program : programs) {
    const Candidate candidate(program.hook, program.method);
    if (Refused(candidate)) continue;
    const std::string section(
        base::StripPrefix(bpf_program__section_name(object.Find(program.name)), "?"));
    if (const auto refused = features_.refused_loads.find(section);
        refused != features_.refused_loads.end()) {
      Refuse(candidate, "load", refused->second);
      any = true;
    } else if (program.method == HookMethod::kKprobe && features_.no_kprobes) {
      Refuse(candidate, "attach", ENOENT);
      any = true;
    }
  }
  return any;
}

bool Hooks::Search::AttachAll(Object& object, const std::vector<Program>& programs) {
  bool all = true;
  for (const Program& program : programs) {
    const Candidate candidate(program.hook, program.method);
    if (Refused(candidate)) continue;  // its first program was
    log_.Clear();
    UniqueLink link(bpf_program__attach(object.Find(program.name)));
    if (link == nullptr) {
      Refuse(candidate, "attach", errno);
      all = false;
    } else {
      object.links[candidate].push_back(std::move(link));
      attempts_[candidate].stage = "attach";
    }
  }
  return all;
}

absl::StatusOr<std::unique_ptr<Hooks::Object>> Hooks::Search::Try(
    const std::vector<Candidate>& candidates) {
  const std::vector<Program> programs = ProgramsOf(candidates);
  auto object = std::make_unique<Object>();
  RETURN_IF_ERROR(Open(*object, programs));
  if (RefuseHopeless(*object, programs)) return nullptr;
  log_.Clear();
  const int error = -oomtrail_bpf::load(object->skeleton.get());
  if (error != 0) {
    const std::string culprit = log_.LastProgram();
    const auto found = std::find_if(programs.begin(), programs.end(), [&](const Program& program) {
      return culprit == program.name;
    });
    // Not a program's fault: a map that could not be made, or no right to use bpf() at all.
    if (found == programs.end()) {
      return base::ErrnoStatus(error,
                               base::StrCat("load the BPF object (", log_.ObjectReason(), ")"));
    }
    Refuse({found->hook, found->method}, "load", error);
    return nullptr;
  }
  if (!AttachAll(*object, programs)) return nullptr;
  return object;
}

absl::StatusOr<std::unique_ptr<Hooks::Object>> Hooks::Search::Best() {
  while (true) {
    std::vector<Candidate> wanted;
    for (const Candidate& candidate : candidates_) {
      const bool have = !wanted.empty() && wanted.back().first == candidate.first;
      if (!have && !Refused(candidate)) wanted.push_back(candidate);
    }
    if (wanted.empty()) return nullptr;
    ASSIGN_OR_RETURN(std::unique_ptr<Object> object, Try(wanted));
    if (object != nullptr) return object;  // else at least one candidate fewer
  }
}

absl::Status Hooks::Search::TryAll() {
  for (const Candidate& candidate : candidates_) RETURN_IF_ERROR(Try({candidate}).status());
  return absl::OkStatus();
}

void Hooks::Search::PinLinks(std::vector<UniqueLink>& links, const Candidate& candidate,
                             HookReport& report) {
  if (!pins_) {
    report.pin_error = pin_error_;
    return;
  }
  const std::vector<Program> programs = ProgramsOf({candidate});
  for (size_t i = 0; i < programs.size(); ++i) {
    const auto status = pins_->ReplaceLink(links[i].get(), programs[i].name);
    if (!status.ok()) {
      report.pin_error = std::string(status.message());
      return;
    }
    // Destroying an attached kprobe's link would disable the event that the pin holds.
    bpf_link__disconnect(links[i].get());
  }
  report.pinned = true;
}

std::vector<HookReport> Hooks::Search::Report(Object* object) {
  std::vector<HookReport> reports;
  std::vector<std::string> kept;
  for (const Hook hook : kHooks) {
    HookReport& report = reports.emplace_back();
    report.hook = hook;
    for (const Candidate& candidate : candidates_) {
      const auto tried = attempts_.find(candidate);
      if (candidate.first != hook || tried == attempts_.end()) continue;
      report.attempts.push_back(tried->second);
      if (tried->second.error == 0 && !report.chosen) report.chosen = candidate.second;
    }
    if (object == nullptr || !report.chosen || options_.pin_dir.empty()) continue;
    const Candidate chosen(hook, *report.chosen);
    PinLinks(object->links[chosen], chosen, report);
    if (!report.pinned) continue;
    for (const Program& program : ProgramsOf({chosen})) kept.emplace_back(program.name);
  }
  if (pins_) pins_->RemoveLinksExcept(kept);
  return reports;
}

Hooks::Hooks() = default;
Hooks::~Hooks() = default;

absl::StatusOr<std::unique_ptr<Hooks>> Hooks::Attach(const KernelFeatures& features,
                                                     const HookOptions& options) {
  if (!features.btf) return absl::FailedPreconditionError(features.btf_error);
  Search search(features, options);
  RETURN_IF_ERROR(search.OpenPins());
  auto hooks = std::unique_ptr<Hooks>(new Hooks());
  if (options.try_all) {
    RETURN_IF_ERROR(search.TryAll());
  } else {
    ASSIGN_OR_RETURN(hooks->object_, search.Best());
  }
  hooks->reports_ = search.Report(hooks->object_.get());
  hooks->pins_ = search.TakePins();
  return hooks;
}

int Hooks::kills_ring_fd() const {
  return object_ == nullptr ? -1 : bpf_map__fd(object_->skeleton->maps.ot_kills);
}

int Hooks::hints_ring_fd() const {
  return object_ == nullptr ? -1 : bpf_map__fd(object_->skeleton->maps.ot_hints);
}

std::string_view Hooks::LossName(size_t index) { return kLossNames[index]; }

std::vector<std::string> Hooks::EventLossNames() {
  std::vector<std::string> names;
  for (size_t cause = 0; cause < OT_LOSS_COUNT; ++cause) {
    if (cause != OT_LOSS_HINT_RING_FULL) names.emplace_back(kLossNames[cause]);
  }
  return names;
}

Hooks::Losses Hooks::ReadLosses() const {
  Losses losses;
  const int map = bpf_map__fd(object_->skeleton->maps.ot_losses);
  for (uint32_t cause = 0; cause < OT_LOSS_COUNT; ++cause) {
    const uint32_t told_key = OT_LOSS_COUNT + cause;
    uint64_t counted = 0;
    uint64_t told = 0;
    bpf_map_lookup_elem(map, &cause, &counted);
    bpf_map_lookup_elem(map, &told_key, &told);
    losses.untold.push_back(counted - std::min(told, counted));
  }
  return losses;
}

void Hooks::Told(const Losses& losses) const {
  const int map = bpf_map__fd(object_->skeleton->maps.ot_losses);
  for (uint32_t cause = 0; cause < losses.untold.size(); ++cause) {
    if (losses.untold[cause] == 0) continue;
    const uint32_t told_key = OT_LOSS_COUNT + cause;
    uint64_t told = 0;
    bpf_map_lookup_elem(map, &told_key, &told);
    told += losses.untold[cause];
    bpf_map_update_elem(map, &told_key, &told, BPF_ANY);
  }
}

}  // namespace oomtrail::kernel
