#pragma once
// The families of problem files that `rto-sim solve` can answer.
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/io/reader.hpp"

namespace rto::sim {

/// One case of a problem file.
struct problem {
  std::string id;      // "tree_plan/3"
  std::string family;  // the family that answers it (for `edge` files: the case's kind)
  std::string kind;    // the case's own kind, "" when it has none
  reader input;
  const json* expect;  // nullptr when the case has none; only to see WHICH fields are wanted, never their values
};

/// Thrown where a result is not finite and must be reported instead of returned (mathematics.md 15).
struct non_finite_result : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Answers a problem in the layout of `expect`. Throws std::invalid_argument or std::domain_error to reject it.
using solver = std::function<json(const problem&)>;

/// Adds a family at start-up: `const registered_family tree_plan{"tree_plan", solve_tree_plan};`
struct registered_family {
  registered_family(std::string name, solver solve);
};

/// nullptr when the family is unknown.
const solver* find_family(const std::string& name);
std::vector<std::string> known_families();

}  // namespace rto::sim
