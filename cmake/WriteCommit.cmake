# cmake -DSOURCE=... -DOUTPUT=... -P WriteCommit.cmake: writes `#define RTO_COMMIT "..."`, the commit that is being built
# (`-dirty` with uncommitted changes), or `unknown` outside a checkout. The file is only touched when that changes.
set(commit "unknown")
find_program(git NAMES git)
if(git)
  execute_process(COMMAND "${git}" -C "${SOURCE}" rev-parse --show-toplevel OUTPUT_VARIABLE top ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  file(REAL_PATH "${SOURCE}" source)
  if(top AND EXISTS "${top}") # not the repository of somebody who has unpacked rto inside theirs
    file(REAL_PATH "${top}" top)
  endif()
  if(top STREQUAL source)
    execute_process(COMMAND "${git}" -C "${SOURCE}" describe --always --abbrev=12 --dirty --exclude "*" OUTPUT_VARIABLE described
                    ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
    if(status EQUAL 0)
      set(commit "${described}")
    endif()
  endif()
endif()

set(text "#define RTO_COMMIT \"${commit}\"\n")
set(old "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" old)
endif()
if(NOT old STREQUAL text)
  file(WRITE "${OUTPUT}" "${text}")
endif()
