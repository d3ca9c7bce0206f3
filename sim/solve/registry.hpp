#pragma once
// The families of problem files that `rto-sim solve` can answer.
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

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

/// Solvers by the name of their family.
using family_table = std::map<std::string, solver>;

/// Adds a back end that computes families on its own arrays, for `--device`.
struct registered_back_end {
  /// \param open the families on a device; throws user_error where the device is not known or not there
  explicit registered_back_end(std::function<family_table(const std::string& device)> open);
};

/// All families: on Eigen arrays for the device "", otherwise on the arrays of the back end that the program is built
/// with. A family without arrays (prop_32, which counts queries) is the same on every device.
/// \throws user_error without a back end, or where it has no such device
family_table families_on(const std::string& device);

/// nullptr when the family is unknown.
const solver* find_family(const std::string& name);

}  // namespace rto::sim
