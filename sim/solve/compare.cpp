#include "sim/solve/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rto::sim {
namespace {

bool is_array_object(const json& value) {
  return value.is_object() && value.size() == 2 && value.contains("shape") && value.contains("data");
}

// A list of numbers and nothing else: one field.
bool is_number_list(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const json& x) { return is_number(x); });
}

bool whole(const json& value) { return value.is_number_integer(); }

class comparer {
 public:
  comparer(const tolerances& allowed, comparison& out) : allowed_(allowed), out_(out) {}

  void visit(const json& want, const json& got, const std::string& place) {
    if (want.is_null()) return;
    if (is_array_object(want)) {
      if (!is_array_object(got)) return differ(place, "expected an array, found " + describe(got));
      if (want["shape"] != got["shape"])
        return differ(place, fmt::format("expected shape {}, found {}", want["shape"].dump(), got["shape"].dump()));
      return numbers(want["data"], got["data"], place);
    }
    if (is_number_list(want)) return numbers(want, got, place);
    if (want.is_object()) {
      if (!got.is_object()) return differ(place, "expected an object, found " + describe(got));
      for (const auto& [key, value] : want.items()) {
        const std::string field = place.empty() ? key : place + "." + key;
        if (value.is_null()) continue;
        if (!got.contains(key)) {
          differ(field, "missing");
        } else {
          visit(value, got[key], field);
        }
      }
      return;
    }
    if (want.is_array()) {
      if (!got.is_array() || got.size() != want.size())
        return differ(place, fmt::format("expected a list of {}, found {}", want.size(), describe(got)));
      for (std::size_t i = 0; i < want.size(); ++i) visit(want[i], got[i], fmt::format("{}[{}]", place, i));
      return;
    }
    if (is_number(want)) return numbers(json::array({want}), json::array({got}), place);
    ++out_.fields;
    if (want != got) differ(place, fmt::format("expected {}, found {}", describe(want), describe(got)));
  }

 private:
  void differ(const std::string& place, const std::string& what) {
    out_.differences.push_back(fmt::format("{}: {}", place.empty() ? "result" : place, what));
    out_.largest_ratio = std::numeric_limits<double>::infinity();
  }

  void numbers(const json& want, const json& got, const std::string& place) {
    ++out_.fields;
    if (!got.is_array() || got.size() != want.size())
      return differ(place, fmt::format("expected {} numbers, found {}", want.size(),
                                       got.is_array() ? std::to_string(got.size()) : describe(got)));
    double error = 0, size = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (!is_number(got[i]))
        return differ(place, fmt::format("expected {} at {}, found {}", describe(want[i]), i, describe(got[i])));
      const double w = to_number(want[i], place), g = to_number(got[i], place);
      if (!std::isfinite(w) || !std::isfinite(g)) {
        const bool same = std::isnan(w) ? std::isnan(g) : w == g;
        if (!same)
          return differ(place, fmt::format("expected {} at {}, found {}", describe(want[i]), i, describe(got[i])));
        continue;
      }
      if (whole(want[i]) && w != g)
        return differ(place, fmt::format("expected {} at {}, found {}", describe(want[i]), i, describe(got[i])));
      error = std::max(error, std::abs(g - w));
      size = std::max(size, std::abs(w));
    }
    const double allowed = allowed_.absolute + allowed_.relative * size;
    if (error > allowed) {
      out_.differences.push_back(fmt::format("{}: error {:.2g}, allowed {:.2g}", place, error, allowed));
    }
    if (error > 0) out_.largest_ratio = std::max(out_.largest_ratio, error / allowed);
  }

  tolerances allowed_;
  comparison& out_;
};

}  // namespace

comparison compare(const json& expect, const json& result, const tolerances& allowed) {
  comparison out;
  comparer(allowed, out).visit(expect, result, "");
  return out;
}

}  // namespace rto::sim
