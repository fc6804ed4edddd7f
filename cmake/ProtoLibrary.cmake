# proto_library(<target> ROOT <dir> PROTOS <file>... [GRPC])
#
# Generated C++ for .proto files below ROOT, as a library; with GRPC also the service stubs.
# Generated code is exempt from our warnings.
find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

function(proto_library target)
  cmake_parse_arguments(ARG "GRPC" "ROOT" "PROTOS" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target}_gen)
  file(MAKE_DIRECTORY ${out})
  set(sources)
  foreach(proto IN LISTS ARG_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(made ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(arguments --cpp_out=${out})
    if(ARG_GRPC)
      list(APPEND made ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      list(APPEND arguments --grpc_out=${out} --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN})
    endif()
    add_custom_command(
      OUTPUT ${made}
      COMMAND ${PROTOC} -I${ARG_ROOT} ${arguments} ${ARG_ROOT}/${proto}
      DEPENDS ${ARG_ROOT}/${proto}
      COMMENT "protoc ${proto}")
    list(APPEND sources ${made})
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  if(ARG_GRPC)
    target_link_libraries(${target} PUBLIC dep_grpc)
  else()
    target_link_libraries(${target} PUBLIC dep_protobuf)
  endif()
endfunction()
