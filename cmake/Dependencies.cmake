# Debian's packages as imported targets.
#
# What Debian ships as an archive is linked statically (gRPC, protobuf, abseil, libbpf): the agent
# then carries only what it uses of them. TLS, zlib and cpp-httplib, which has no archive, stay
# shared, so that a security update of the distribution reaches them. An image gets its updates by being
# built anew: there everything is static (docs/adr/0008).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

if(OOMTRAIL_STATIC)
  # Then the linker takes the archive of whatever is named.
  add_link_options(-static-pie -Wl,-z,relro,-z,now)
endif()

set(OOMTRAIL_SHARED_DEPENDENCIES ssl crypto z dl m rt pthread cpp-httplib brotlicommon brotlidec
    brotlienc elf)

# Not pkg_check_modules, which asks twenty times: gRPC's and abseil's hundreds of packages take a second
# each time.
function(pkg_config variable)
  execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} ${ARGN}
    OUTPUT_VARIABLE words OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(words UNIX_COMMAND "${words}")
  set(${variable} "${words}" PARENT_SCOPE)
endfunction()

# static_dependency(<target> <pkg-config name>...): an INTERFACE library of the packages.
function(static_dependency target)
  pkg_config(names --static --libs-only-l ${ARGN})
  pkg_config(flags --cflags ${ARGN})
  list(TRANSFORM names REPLACE "^-l" "")
  set(includes ${flags})
  list(FILTER includes INCLUDE REGEX "^-I")
  list(TRANSFORM includes REPLACE "^-I" "")
  list(FILTER flags EXCLUDE REGEX "^-I|^-pthread$")
  set(libraries)
  foreach(name IN LISTS names)
    set(archive archive-NOTFOUND)
    if(NOT name IN_LIST OOMTRAIL_SHARED_DEPENDENCIES)
      find_library(archive_${name} lib${name}.a)
      set(archive ${archive_${name}})
    endif()
    if(archive)
      list(APPEND libraries ${archive})
    else()
      list(APPEND libraries ${name})
    endif()
  endforeach()
  add_library(${target} INTERFACE)
  # The archives refer to each other in circles.
  target_link_libraries(${target} INTERFACE -Wl,--start-group ${libraries} -Wl,--end-group)
  target_include_directories(${target} SYSTEM INTERFACE ${includes})
  target_compile_options(${target} INTERFACE ${flags})
endfunction()

static_dependency(dep_absl absl_base absl_status absl_statusor absl_strings absl_str_format
                  absl_flat_hash_map)
static_dependency(dep_protobuf protobuf)
# gRPC's file does not name RE2, whose archive needs what RE2's own file names.
static_dependency(dep_grpc grpc++ protobuf re2)
# No pkg-config file names it.
find_library(archive_grpc_reflection libgrpc++_reflection.a REQUIRED)
add_library(dep_grpc_reflection INTERFACE)
target_link_libraries(dep_grpc_reflection INTERFACE ${archive_grpc_reflection} dep_grpc)
static_dependency(dep_sqlite sqlite3)
# protobuf gives its map fields two members more where it sees ThreadSanitizer; the library was built
# without it, and both must mean the same. libstdc++ still has to know.
if(OOMTRAIL_SANITIZE MATCHES "thread")
  foreach(target dep_protobuf dep_grpc)
    target_compile_options(${target} INTERFACE -U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1)
  endforeach()
endif()
static_dependency(dep_bpf libbpf)
# Only with its own compile flags: the layout of its classes depends on them.
static_dependency(dep_httplib cpp-httplib)
static_dependency(dep_openssl openssl)
target_link_libraries(dep_httplib INTERFACE dep_openssl)

find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
