#pragma once
// Problems made by hand for the families of `rto-sim solve`, and whether a family takes them.
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sim/io/json.hpp"
#include "sim/solve/registry.hpp"
#include "support/catch.hpp"

namespace rto::test {

using sim::json;

inline json array_of(std::vector<std::size_t> shape, json data) {
  return {{"shape", std::move(shape)}, {"data", std::move(data)}};
}

/// The input with one field changed.
inline json with(json input, const std::string& field, json value) {
  input[field] = std::move(value);
  return input;
}

/// What the family answers. Throws as it does.
inline json solve(const std::string& family, const json& input) {
  const sim::solver* answer = sim::find_family(family);
  REQUIRE(answer != nullptr);
  return (*answer)({"test", family, "", sim::reader(input, "case \"test\": input"), nullptr});
}

inline bool refused(const std::string& family, const json& input) {
  try {
    solve(family, input);
  } catch (const std::invalid_argument&) {
    return true;
  } catch (const std::domain_error&) {
    return true;
  }
  return false;
}

}  // namespace rto::test
