# bpf_object(<name> SOURCE <file.bpf.c> DEPENDS <headers>...)
#
# Compiles one CO-RE object and makes an INTERFACE target of the skeleton header made from it
# (<name>.skel.h). The object needs no kernel headers and no running kernel: the kernel types it
# reads are declared in bpf/ and relocated at load.
find_program(BPF_CLANG NAMES clang REQUIRED)
find_program(BPF_STRIP NAMES llvm-strip llvm-strip-14 llvm-strip-19 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

function(bpf_object name)
  cmake_parse_arguments(ARG "" "SOURCE" "DEPENDS" ${ARGN})
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    set(arch arm64)
  else()
    set(arch x86)
  endif()
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_${arch}
            -Wall -Wextra -Werror -Wno-missing-declarations -Wno-unused-parameter
            -I${CMAKE_SOURCE_DIR} -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -c ${ARG_SOURCE} -o ${object}
    COMMAND ${BPF_STRIP} -g ${object}
    DEPENDS ${ARG_SOURCE} ${ARG_DEPENDS}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    COMMENT "BPF object ${name}")
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}
    DEPENDS ${object}
    COMMENT "BPF skeleton ${name}")
  add_custom_target(${name}_skeleton DEPENDS ${skeleton})
  add_library(${name}_bpf INTERFACE)
  add_dependencies(${name}_bpf ${name}_skeleton)
  target_include_directories(${name}_bpf SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name}_bpf INTERFACE dep_bpf)
endfunction()
