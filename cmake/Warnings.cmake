# Warnings for our own code, errors everywhere: a warning that nobody must mend is noise.
add_library(oomtrail_warnings INTERFACE)
target_compile_options(oomtrail_warnings INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough
  -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)

# Sanitizers reach every target, or their findings would stop at a library's edge.
if(OOMTRAIL_SANITIZE)
  add_compile_options(-fsanitize=${OOMTRAIL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OOMTRAIL_SANITIZE})
endif()
if(OOMTRAIL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
