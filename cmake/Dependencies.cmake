# Finds what rto depends on, and where something is missing names the Debian and Ubuntu package that has it
# (scripts/setup installs them all).

# The packages that find themselves by their own configuration file.
macro(rto_require name package)
  if(NOT ${name}_FOUND)
    find_package(${name} ${ARGN} QUIET)
  endif()
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "rto: ${name} ${ARGN} is not found; on Debian and Ubuntu: apt install ${package} (or run scripts/setup)")
  endif()
endmacro()

# And those that have none, or not everywhere: a header and a library.
function(rto_require_library target header library package)
  find_path(RTO_${library}_INCLUDE_DIR ${header} DOC "Folder that has ${header}")
  find_library(RTO_${library}_LIBRARY ${library} DOC "The library ${library}")
  mark_as_advanced(RTO_${library}_INCLUDE_DIR RTO_${library}_LIBRARY)
  if(NOT RTO_${library}_INCLUDE_DIR OR NOT RTO_${library}_LIBRARY)
    message(FATAL_ERROR "rto: ${library} is not found; on Debian and Ubuntu: apt install ${package} (or run scripts/setup --torch)")
  endif()
  if(NOT TARGET ${target})
    add_library(${target} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${RTO_${library}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${RTO_${library}_INCLUDE_DIR}")
  endif()
endfunction()

# --- the library: Eigen and Boost's headers, nothing else ------------------------------------------------------------
include("${CMAKE_CURRENT_LIST_DIR}/rtoDependencies.cmake")
if(rto_dependencies_missing)
  message(FATAL_ERROR "rto: ${rto_dependencies_missing}; on Debian and Ubuntu: apt install libeigen3-dev libboost-dev (or run scripts/setup)")
endif()

# --- the simulator ---------------------------------------------------------------------------------------------------
if(RTO_BUILD_SIM)
  rto_require(CLI11 libcli11-dev)
  rto_require(fmt libfmt-dev 9)
  rto_require(nlohmann_json nlohmann-json3-dev 3.11)
  rto_require(TBB libtbb-dev 2021)
  rto_require(ZLIB zlib1g-dev)
  find_path(RTO_RANDOM123_INCLUDE_DIR Random123/philox.h DOC "Folder that has Random123/philox.h")
  mark_as_advanced(RTO_RANDOM123_INCLUDE_DIR)
  if(NOT RTO_RANDOM123_INCLUDE_DIR)
    message(FATAL_ERROR "rto: Random123 is not found; on Debian and Ubuntu: apt install librandom123-dev (or run scripts/setup)")
  endif()
  if(RTO_WITH_MPI)
    find_package(MPI 3 QUIET COMPONENTS CXX)
    if(NOT MPI_CXX_FOUND)
      message(FATAL_ERROR "rto: MPI >= 3 is not found; on Debian and Ubuntu: apt install libopenmpi-dev openmpi-bin (or run scripts/setup --mpi)")
    endif()
  endif()
  if(NOT TARGET Random123::Random123)
    add_library(Random123::Random123 INTERFACE IMPORTED)
    target_include_directories(Random123::Random123 SYSTEM INTERFACE "${RTO_RANDOM123_INCLUDE_DIR}")
  endif()
  if(RTO_WITH_TORCH) # rto-llm
    rto_require_library(PCRE2::8BIT pcre2.h pcre2-8 libpcre2-dev)
    rto_require_library(utf8proc::utf8proc utf8proc.h utf8proc libutf8proc-dev)
    rto_require(tomlplusplus libtomlplusplus-dev 3)
  endif()
endif()

# --- tests and benchmarks --------------------------------------------------------------------------------------------
if(RTO_BUILD_TESTS)
  rto_require(Catch2 catch2)
endif()
if(RTO_BUILD_BENCH)
  rto_require(benchmark libbenchmark-dev)
endif()
