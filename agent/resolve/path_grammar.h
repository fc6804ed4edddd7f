// The grammar of cgroup paths: from a path to the pod and container it belongs to.
//
// Pure and thread-safe; reads nothing but its argument, which is hostile (any process that may
// make a cgroup chooses its name). A path that matches no family is a host path, not an error.
//
// Names prove names, nothing more: who may make cgroups, a user in a delegated user@.service or a
// privileged container, may also name one after a pod that is not theirs. That cannot be told from
// a rootless kubelet here; names that come from CRI or the kubelet can be compared.
#pragma once

#include <cstddef>
#include <string_view>

#include "agent/model/cgroup_identity.h"

namespace oomtrail::resolve {

// PATH_MAX: the kernel makes no longer path.
inline constexpr size_t kMaxPathBytes = 4096;

// What `path` ("/a/b/c", relative to the cgroup mount) says.
//
// The innermost directory that is recognised decides, and what lies below it belongs to it: a
// container's own init.scope is the container, a monitor beside a container is the pod. A container
// inside a pod's container (Docker in Docker) has its own id and keeps that pod; a pod inside a
// container (kind) is the inner pod.
//
// Leading ".." is read as what it is, a view from inside a cgroup namespace. What the kernel never
// makes (any other "." or "..", a newline, a NUL, more than kMaxPathBytes) is a host path without
// a unit. Empty components count for nothing.
model::CgroupIdentity ParseCgroupPath(std::string_view path);

}  // namespace oomtrail::resolve
