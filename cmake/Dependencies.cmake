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
endif()

# --- tests and benchmarks --------------------------------------------------------------------------------------------
if(RTO_BUILD_TESTS)
  rto_require(Catch2 catch2)
endif()
if(RTO_BUILD_BENCH)
  rto_require(benchmark libbenchmark-dev)
endif()
