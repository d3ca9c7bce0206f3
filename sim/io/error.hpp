#pragma once
// The two kinds of complaint a program makes about what it was given.
#include <stdexcept>
#include <string>

namespace rto::sim {

/// Bad input or a bad environment (a file, an option, a full disk): the program prints the message as ONE line and ends
/// with status 2. The message names the place, what was expected and what was found: `cases.json: line 3, column 7:
/// expected ',', found 'x'`.
struct user_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A field of a JSON document that is absent or of the wrong type, shape or range. It is an invalid argument of the
/// computation that asked for it, so that a problem file's other cases can still be solved.
struct field_error : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

}  // namespace rto::sim
