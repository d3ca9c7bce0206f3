#pragma once

// The example problem files of tests/data/cases, solved and compared at their tolerances.

#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>

#include "sim/io/json.hpp"
#include "sim/solve/compare.hpp"
#include "sim/solve/registry.hpp"
#include "support/catch.hpp"

namespace rto::test {

/// What the program answers in one case, refusals included.
inline sim::json answer(const sim::family_table& families, const std::string& file_family, const sim::json& one) {
  using sim::json;
  const std::string kind = one.value("kind", ""), family = file_family == "edge" ? kind : file_family;
  const auto solve = families.find(family);
  REQUIRE(solve != families.end());
  json result;
  try {
    result = solve->second({one["id"], family, kind, sim::reader(one["input"], one["id"]), &one["expect"]});
  } catch (const sim::non_finite_result&) {
    return {{"status", "non_finite_result"}};
  } catch (const std::invalid_argument&) {
    return {{"status", "invalid_input"}};
  } catch (const std::domain_error&) {
    return {{"status", "invalid_input"}};
  }
  if (file_family == "edge" && !result.contains("status")) result["status"] = "ok";
  sim::encode_non_finite(result);
  return result;
}

/// Every case of every file is answered as it expects.
inline void check_case_files(const sim::family_table& families) {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(RTO_TEST_DATA) / "cases"))
    if (entry.path().extension() == ".json") files.insert(entry.path());
  REQUIRE(files.size() >= 10);
  for (const auto& file : files) {
    const sim::json document = sim::read_json(file);
    const sim::tolerances allowed{document["tol"]["atol"], document["tol"]["rtol"]};
    REQUIRE(!document["cases"].empty());
    for (const sim::json& one : document["cases"]) {
      const sim::comparison c = sim::compare(one["expect"], answer(families, document["family"], one), allowed);
      CAPTURE(one["id"].get<std::string>(), c.differences);
      CHECK(c.differences.empty());
      CHECK(c.fields > 0);
    }
  }
}

}  // namespace rto::test
