# oomtrail_library(<folder> SOURCES <file>... [DEPENDS <target>...] [PRIVATE <target>...])
#
# The library of one folder under agent/, as oomtrail_<folder>.
function(oomtrail_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(oomtrail_${folder} STATIC ${ARG_SOURCES})
  target_include_directories(oomtrail_${folder} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(oomtrail_${folder} PUBLIC ${ARG_DEPENDS}
                        PRIVATE oomtrail_warnings ${ARG_PRIVATE})
endfunction()

# oomtrail_test(<name> SOURCES <file>... DEPENDS <target>...): one GoogleTest program.
function(oomtrail_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} oomtrail_warnings GTest::gmock_main)
  target_compile_definitions(${name} PRIVATE OOMTRAIL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 120)
endfunction()

# oomtrail_fuzzer(<name> SOURCES <file>... DEPENDS <target>...): one libFuzzer program. Its corpus is
# tests/fuzz/corpus/<name>.
function(oomtrail_fuzzer name)
  if(NOT OOMTRAIL_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} oomtrail_warnings)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

# oomtrail_benchmark(<name> SOURCES <file>... DEPENDS <target>...): one Google Benchmark program.
function(oomtrail_benchmark name)
  if(NOT OOMTRAIL_BENCH)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} oomtrail_warnings benchmark::benchmark_main)
endfunction()
