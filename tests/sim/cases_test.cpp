// The example problem files of tests/data/cases, solved and compared at their tolerances.
#include <filesystem>
#include <set>

#include "sim/io/json.hpp"
#include "sim/solve/compare.hpp"
#include "sim/solve/registry.hpp"
#include "support/catch.hpp"

using namespace rto::sim;

namespace {

// What the program answers in one case, refusals included.
json answer(const std::string& file_family, const json& one) {
  const std::string kind = one.value("kind", ""), family = file_family == "edge" ? kind : file_family;
  const solver* solve = find_family(family);
  REQUIRE(solve != nullptr);
  json result;
  try {
    result = (*solve)({one["id"], family, kind, reader(one["input"], one["id"]), &one["expect"]});
  } catch (const non_finite_result&) {
    return {{"status", "non_finite_result"}};
  } catch (const std::invalid_argument&) {
    return {{"status", "invalid_input"}};
  } catch (const std::domain_error&) {
    return {{"status", "invalid_input"}};
  }
  if (file_family == "edge" && !result.contains("status")) result["status"] = "ok";
  encode_non_finite(result);
  return result;
}

}  // namespace

TEST_CASE("every example problem is solved to its tolerance") {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(RTO_TEST_DATA) / "cases"))
    if (entry.path().extension() == ".json") files.insert(entry.path());
  REQUIRE(files.size() >= 10);
  for (const auto& file : files) {
    const json document = read_json(file);
    const tolerances allowed{document["tol"]["atol"], document["tol"]["rtol"]};
    REQUIRE(!document["cases"].empty());
    for (const json& one : document["cases"]) {
      const comparison c = compare(one["expect"], answer(document["family"], one), allowed);
      CAPTURE(one["id"].get<std::string>(), c.differences);
      CHECK(c.differences.empty());
      CHECK(c.fields > 0);
    }
  }
}
