// Memory that only the start of the program needed, given back.
#pragma once

namespace oomtrail::base {

// Returns free heap to the kernel, and lets go of the program's own code: the pages that are still
// run come back from the page cache by themselves, the rest (loaders, parsers, registration) was
// run once. A matter of milliseconds; any thread.
void ReleaseStartupMemory();

}  // namespace oomtrail::base
