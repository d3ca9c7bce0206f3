# What a program that uses rto needs: shared by the build and by the installed rtoConfig.cmake.
# Sets rto_dependencies_missing to a message, or to nothing when all is there.
set(rto_dependencies_missing "")

# Without a version: Eigen 5 does not call itself compatible with a request for 3.4, though rto works with both.
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 CONFIG QUIET)
endif()
if(NOT TARGET Eigen3::Eigen)
  string(APPEND rto_dependencies_missing "Eigen >= 3.4 is not found. ")
elseif(Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4)
  string(APPEND rto_dependencies_missing "Eigen >= 3.4 is needed, ${Eigen3_VERSION} is found. ")
endif()

# Boost's own configuration file first (CMake's module is deprecated since 3.30, CMP0167), the module where there is none.
if(NOT TARGET Boost::headers)
  find_package(Boost 1.74 CONFIG QUIET)
  if(NOT Boost_FOUND AND CMAKE_VERSION VERSION_LESS 3.30)
    find_package(Boost 1.74 MODULE QUIET)
  endif()
endif()
if(NOT TARGET Boost::headers)
  string(APPEND rto_dependencies_missing "Boost >= 1.74 (headers of Math and Random) is not found. ")
endif()
