# Finds LibTorch >= 2.6 and makes the target rto::libtorch: shared by the build and by the installed rtoConfig.cmake.
# Sets rto_torch_missing to a message, or to nothing when all is there.
#
# Not by find_package(Torch): with a wheel made for CUDA that asks for a CUDA toolkit, enables a language and asks the
# machine for its GPU, where all that is needed to compile and to run on the CPU are the headers and two libraries.
set(rto_torch_missing "")
set(RTO_TORCH_CUDA AUTO CACHE STRING "Link LibTorch's CUDA half: ON, OFF or AUTO (where all that it loads is on this machine)")
set_property(CACHE RTO_TORCH_CUDA PROPERTY STRINGS AUTO ON OFF)

# A folder named by the user comes first (CMAKE_PREFIX_PATH), then what scripts/setup --torch unpacked.
if(DEFINED ENV{RTO_CACHE})
  set(rto_torch_cache "$ENV{RTO_CACHE}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(rto_torch_cache "$ENV{XDG_CACHE_HOME}/rto")
else()
  set(rto_torch_cache "$ENV{HOME}/.cache/rto")
endif()
file(GLOB rto_torch_unpacked "${rto_torch_cache}/torch-*.*.*[0-9]" "${rto_torch_cache}/torch-*-cuda")
list(SORT rto_torch_unpacked COMPARE NATURAL ORDER DESCENDING)

find_path(RTO_TORCH_INCLUDE_DIR ATen/ATen.h HINTS ${rto_torch_unpacked} PATH_SUFFIXES include torch/include
          DOC "Folder that has ATen/ATen.h of LibTorch")
mark_as_advanced(RTO_TORCH_INCLUDE_DIR)
if(NOT RTO_TORCH_INCLUDE_DIR)
  set(rto_torch_missing "LibTorch (ATen/ATen.h) is not found: name its folder (of a Python wheel: site-packages/torch) in CMAKE_PREFIX_PATH, or fetch it by scripts/setup --torch of rto")
  return()
endif()
cmake_path(GET RTO_TORCH_INCLUDE_DIR PARENT_PATH rto_torch_prefix)
foreach(name c10 torch_cpu torch_cuda c10_cuda)
  find_library(RTO_TORCH_${name}_LIBRARY ${name} HINTS "${rto_torch_prefix}/lib" NO_DEFAULT_PATH)
  mark_as_advanced(RTO_TORCH_${name}_LIBRARY)
endforeach()
if(NOT RTO_TORCH_c10_LIBRARY OR NOT RTO_TORCH_torch_cpu_LIBRARY)
  set(rto_torch_missing "LibTorch has headers in ${RTO_TORCH_INCLUDE_DIR}, but no libtorch_cpu and libc10 in ${rto_torch_prefix}/lib")
  return()
endif()

set(rto_torch_version_lines "")
foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(EXISTS "${RTO_TORCH_INCLUDE_DIR}/${header}" AND NOT rto_torch_version_lines)
    file(STRINGS "${RTO_TORCH_INCLUDE_DIR}/${header}" rto_torch_version_lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]")
  endif()
endforeach()
string(REGEX REPLACE "[^;0-9]" "" rto_torch_version "${rto_torch_version_lines}")
string(REPLACE ";" "." rto_torch_version "${rto_torch_version}")
if(rto_torch_version VERSION_LESS 2.6)
  set(rto_torch_missing "LibTorch >= 2.6 is needed, ${rto_torch_prefix} is version ${rto_torch_version}")
  return()
endif()

# Wheels before 2.7 may be built with the old ABI of the standard library; they say so.
set(rto_torch_definitions "")
if(EXISTS "${rto_torch_prefix}/share/cmake/Torch/TorchConfig.cmake")
  file(STRINGS "${rto_torch_prefix}/share/cmake/Torch/TorchConfig.cmake" rto_torch_abi REGEX "_GLIBCXX_USE_CXX11_ABI=[01]")
  if(rto_torch_abi MATCHES "_GLIBCXX_USE_CXX11_ABI=([01])")
    set(rto_torch_definitions "_GLIBCXX_USE_CXX11_ABI=${CMAKE_MATCH_1}")
  endif()
endif()

# The CUDA half loads cuBLAS, cuDNN, NCCL and more, which a machine without a GPU need not have.
set(rto_torch_cuda OFF)
if(RTO_TORCH_torch_cuda_LIBRARY AND NOT RTO_TORCH_CUDA STREQUAL OFF)
  execute_process(COMMAND ldd "${RTO_TORCH_torch_cuda_LIBRARY}" OUTPUT_VARIABLE rto_torch_loaded ERROR_QUIET RESULT_VARIABLE rto_torch_status)
  string(REGEX MATCHALL "[^\n\t ]+ => not found" rto_torch_not_found "${rto_torch_loaded}")
  if(rto_torch_status EQUAL 0 AND NOT rto_torch_not_found)
    set(rto_torch_cuda ON)
  endif()
endif()
if(RTO_TORCH_CUDA STREQUAL ON AND NOT rto_torch_cuda)
  set(rto_torch_missing "RTO_TORCH_CUDA is ON, but libtorch_cuda of ${rto_torch_prefix} can't be loaded (${rto_torch_not_found}): scripts/setup_torch --cuda fetches what it needs")
  return()
endif()

# What launches kernels: LibTorch brings it, a toolkit has it too.
file(GLOB rto_torch_cudart "${rto_torch_prefix}/../nvidia/*/lib/libcudart.so*" "${rto_torch_prefix}/lib/libcudart*.so*")
find_library(RTO_TORCH_cudart_LIBRARY cudart HINTS /usr/local/cuda/lib64)
mark_as_advanced(RTO_TORCH_cudart_LIBRARY)
if(RTO_TORCH_cudart_LIBRARY)
  list(APPEND rto_torch_cudart "${RTO_TORCH_cudart_LIBRARY}")
endif()
list(SUBLIST rto_torch_cudart 0 1 rto_torch_cudart)

if(NOT TARGET rto::libtorch)
  add_library(rto::libtorch INTERFACE IMPORTED)
  set_target_properties(rto::libtorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${RTO_TORCH_INCLUDE_DIR};${RTO_TORCH_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_COMPILE_DEFINITIONS "${rto_torch_definitions}")
  target_link_libraries(rto::libtorch INTERFACE "${RTO_TORCH_torch_cpu_LIBRARY}" "${RTO_TORCH_c10_LIBRARY}")
  if(rto_torch_cuda)
    # Nothing refers to the CUDA half by name: it registers its kernels when it is loaded.
    target_link_libraries(rto::libtorch INTERFACE -Wl,--push-state,--no-as-needed "${RTO_TORCH_torch_cuda_LIBRARY}"
                          "${RTO_TORCH_c10_cuda_LIBRARY}" -Wl,--pop-state)
  endif()
endif()
