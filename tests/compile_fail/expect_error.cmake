# cmake -DCOMPILER=... -DINCLUDES=DIR|DIR... -DFILE=... -P expect_error.cmake: see CMakeLists.txt beside this file.
file(STRINGS "${FILE}" line REGEX "^// expect: " LIMIT_COUNT 1)
if(NOT line)
  message(FATAL_ERROR "${FILE} has no line `// expect: REGEX`")
endif()
string(REGEX REPLACE "^// expect: " "" expected "${line}")

string(REPLACE "|" ";" folders "${INCLUDES}")
list(TRANSFORM folders PREPEND -I OUTPUT_VARIABLE flags)
# In the C locale messages are in English and their quotes plain.
execute_process(COMMAND "${CMAKE_COMMAND}" -E env LC_ALL=C "${COMPILER}" -std=c++20 -fsyntax-only ${flags} "${FILE}" RESULT_VARIABLE status
                OUTPUT_VARIABLE output ERROR_VARIABLE output)

if(expected STREQUAL "success")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${FILE} must compile, and does not:\n${output}")
  endif()
elseif(status EQUAL 0)
  message(FATAL_ERROR "${FILE} must not compile, and does")
elseif(NOT output MATCHES "${expected}")
  message(FATAL_ERROR "${FILE} does not compile, but the error does not match `${expected}`:\n${output}")
endif()
