// An event as one line for people. Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "agent/model/event.h"

namespace oomtrail::publish {

// Without a newline:
// 2026-11-21T05:41:07.123Z OOM-KILL shop/cart-7d9f api java[4312] rss=498.2MiB scope=container
// limit=512.0MiB usage=512.0MiB trigger=java[4312] workload=Deployment/cart
//
// Where names are missing, what is proven stands in their place: pod:<uid>, the short container id,
// host/<unit>. An amendment says OOM-KILL-NAMED and repeats the line in full.
//
// A warning, and its end:
// … EARLY-WARNING shop/cart-7d9f api scope=container in=42s growth=1.2MiB/s workingset=480.0MiB
// limit=512.0MiB usage=500.0MiB confidence=0.93 reason=growth workload=Deployment/cart
// … EARLY-WARNING-END … outcome=receded after=61s
std::string ToText(const model::Event& event);

// A name as one word of such a line: printable, and a blank is "\x20". The line is made to be cut
// at its blanks. Reversible as Printable() is, so a name that has a "\x20" of its own (systemd
// writes such) keeps it apart.
std::string Word(std::string_view name);

// "498.2MiB"; binary units, one decimal.
std::string FormatBytes(uint64_t bytes);

// "1.2MiB/s", "-300B/s"; a rate that is no number is "?".
std::string FormatRate(double bytes_per_second);

// "42s", under ten "4.2s"; what is no number is "?".
std::string FormatSeconds(double seconds);

}  // namespace oomtrail::publish
