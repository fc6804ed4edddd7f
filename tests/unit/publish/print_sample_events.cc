// The sample events, one a line, for tests in other languages: as JSON, or with --text as text.
#include <cstring>
#include <iostream>

#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "tests/unit/publish/sample_events.h"

int main(int argc, char** argv) {
  const bool text = argc > 1 && std::strcmp(argv[1], "--text") == 0;
  for (const auto& sample : oomtrail::publish::Samples()) {
    std::cout << (text ? oomtrail::publish::ToText(sample.event)
                       : oomtrail::publish::ToJson(sample.event))
              << '\n';
  }
  return std::cout.flush() ? 0 : 1;
}
