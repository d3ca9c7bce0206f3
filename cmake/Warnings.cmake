# Warnings for rto's own programs and tests. They are never on the rto target: a user's flags are the user's.
function(rto_enable_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang) # where -Wconversion includes it; with g++ it does not
    target_compile_options(${target} PRIVATE -Wno-sign-conversion)
  endif()
  # g++ takes the undefined registers of its own AVX-512 intrinsics for uninitialised ones (its bug 105593).
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-Wno-maybe-uninitialized>)
  endif()
  if(RTO_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
