#pragma once
// Which program this is: results name it, and kept replicates are only used by the program that made them.
#include <string>

namespace rto::sim {

/// `0.1.0`
std::string version();

/// The git commit it was built from (`-dirty` with uncommitted changes), or `unknown` outside a repository.
std::string commit();

/// The compiler and the versions of the libraries that the numbers depend on.
std::string built_with();

/// 16 hexadecimal digits that change whenever the program's code does: a digest of the executable itself.
const std::string& code_key();

}  // namespace rto::sim
