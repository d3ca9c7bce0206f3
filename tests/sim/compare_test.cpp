#include "sim/solve/compare.hpp"

#include <cmath>

#include "support/catch.hpp"

using rto::sim::compare;
using rto::sim::json;

namespace {

std::size_t differences(const char* expect, const char* result, double atol = 1e-6, double rtol = 0) {
  return compare(json::parse(expect), json::parse(result), {atol, rtol}).differences.size();
}

}  // namespace

TEST_CASE("numbers are compared by field: the largest error against atol + rtol times the largest magnitude") {
  CHECK(differences(R"({"V": {"shape": [2], "data": [0.0, 100.0]}})", R"({"V": {"shape": [2], "data": [0.5, 100.0]}})",
                    0, 0.01) == 0);
  CHECK(differences(R"({"V": {"shape": [2], "data": [0.0, 100.0]}})", R"({"V": {"shape": [2], "data": [1.5, 100.0]}})",
                    0, 0.01) == 1);
  CHECK(differences(R"({"V": [1.0, 2.0]})", R"({"V": [1.0, 2.0000001]})") == 0);
  CHECK(compare(json::parse("[1.0]"), json::parse("[1.5]"), {1, 0}).largest_ratio == 0.5);
}

TEST_CASE("non-finite entries, whole numbers, texts and truth values must match exactly") {
  CHECK(differences(R"({"J": "-inf"})", R"({"J": "-inf"})") == 0);
  CHECK(differences(R"({"J": "-inf"})", R"({"J": -1e300})") == 1);
  CHECK(differences(R"({"J": 1.0})", R"({"J": "nan"})") == 1);
  CHECK(differences(R"({"J": "nan"})", R"({"J": "nan"})") == 0);
  CHECK(differences(R"({"rank": 3})", R"({"rank": 3.0000000001})") == 1);
  CHECK(differences(R"({"rank": 3})", R"({"rank": 3})") == 0);
  CHECK(differences(R"({"status": "interior"})", R"({"status": "boundary"})") == 1);
  CHECK(differences(R"({"ok": true})", R"({"ok": 1})") == 1);
}

TEST_CASE("only the fields that are expected count, and a null does not apply") {
  CHECK(differences(R"({"a": null})", R"({"b": 1})") == 0);
  CHECK(differences(R"({"a": 1.0})", R"({"b": 1.0})") == 1);
  CHECK(differences(R"({"runs": [{"J": [1.0]}, {"J": [2.0]}]})", R"({"runs": [{"J": [1.0], "x": 0}, {"J": [3.0]}]})") ==
        1);
  CHECK(differences(R"({"runs": [{}, {}]})", R"({"runs": [{}]})") == 1);
  CHECK(differences(R"({"V": {"shape": [2], "data": [1.0, 2.0]}})",
                    R"({"V": {"shape": [2, 1], "data": [1.0, 2.0]}})") == 1);
  CHECK(differences(R"({"V": [1.0, 2.0]})", R"({"V": [1.0]})") == 1);
}

TEST_CASE("a difference is named by its path") {
  CHECK(compare(json::parse(R"({"a": {"b": 1.0}})"), json::parse(R"({"a": {"b": 2.0}})"), {1e-9, 1e-9})
            .differences.at(0)
            .starts_with("a.b: error 1"));
}
