// How what one source says is completed by what another says. Pure and thread-safe.
#pragma once

#include "agent/model/event.h"

namespace oomtrail::attribute {

// Whether two sources can mean the same pod: what both name is equal.
bool SamePod(const model::PodFacts& a, const model::PodFacts& b);

// Fills fields of `to` that are missing from `from`, if that is the same pod; a workload that is
// known replaces one that was inferred. Returns whether anything was added.
bool FillIn(const model::PodFacts& from, model::PodFacts& to);

// Labels and annotations of `from` in place of those of `to`. Returns whether that changed any.
bool TakeMetadata(const model::PodFacts& from, model::PodFacts& to);

// FillIn for a container; an image's name replaces its bare id.
bool FillIn(const model::ContainerFacts& from, model::ContainerFacts& to);

}  // namespace oomtrail::attribute
