#include "sim/engine/claim.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

namespace rto::sim {
namespace {

struct place {
  const char* id;
  const char* part;
};

// The order of the paper, with the picture of the whole first.
constexpr std::array claim_order = {
    place{"figure-1", "Theory"},           place{"prop-3.2", "Theory"},          place{"figure-2", "Theory"},
    place{"identity-3.a", "Theory"},       place{"lem-A.1", "Theory"},           place{"thm-4.2", "Theory"},
    place{"algorithm-1", "Theory"},        place{"eq-4.3-4.6", "Practice"},      place{"algorithm-2", "Practice"},
    place{"table-1", "Practice"},          place{"figure-3", "Practice"},        place{"sample-efficiency", "Practice"},
    place{"misspecification", "Practice"}, place{"general-rewards", "Practice"}, place{"real-preferences", "Practice"},
    place{"lem-A.2", "Appendix"},          place{"rem-A.3", "Appendix"},         place{"thm-B.1", "Appendix"},
    place{"rem-B.2", "Appendix"},          place{"lem-C.1", "Appendix"},         place{"prop-C.2", "Appendix"}};

const auto* find_place(const std::string& id) {
  return std::find_if(claim_order.begin(), claim_order.end(), [&](const place& p) { return id == p.id; });
}

std::size_t rank(const std::string& id) { return static_cast<std::size_t>(find_place(id) - claim_order.begin()); }

std::vector<claim>& registry() {
  static std::vector<claim> all;
  return all;
}

// nullptr when the field is absent.
const json* field(const json& outcome, const std::string& name) {
  const json* at = &outcome;
  std::size_t start = 0;
  while (true) {
    const std::size_t dot = name.find('.', start);
    const std::string part = name.substr(start, dot == std::string::npos ? dot : dot - start);
    if (!at->is_object()) return nullptr;
    const auto found = at->find(part);
    if (found == at->end()) return nullptr;
    at = &*found;
    if (dot == std::string::npos) return at;
    start = dot + 1;
  }
}

double maximum_of(const std::vector<double>& values) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const double x : values) {
    if (std::isnan(x)) return x;  // an error that is not a number must not be overlooked
    largest = std::max(largest, x);
  }
  return largest;
}

double sum_of(const std::vector<double>& values) {
  double total = 0;
  for (const double x : values) total += x;
  return total;
}

}  // namespace

std::vector<double> cell_outcomes::values(const std::string& name) const {
  std::vector<double> list;
  list.reserve(replicates.size());
  for (const json& outcome : replicates) {
    const json* value = field(outcome, name);
    if (value == nullptr)
      throw std::logic_error(fmt::format("rto::sim::cell_outcomes: no field \"{}\" at {}", name, point.dump()));
    list.push_back(to_number(*value, name));
  }
  return list;
}

double cell_outcomes::maximum(const std::string& name) const { return maximum_of(values(name)); }
double cell_outcomes::sum(const std::string& name) const { return sum_of(values(name)); }
double cell_outcomes::mean(const std::string& name) const { return sum(name) / static_cast<double>(count()); }

std::size_t outcomes::count() const {
  std::size_t total = 0;
  for (const cell_outcomes& cell : cells) total += cell.count();
  return total;
}

std::vector<double> outcomes::values(const std::string& name) const {
  std::vector<double> list;
  for (const cell_outcomes& cell : cells) {
    for (const json& outcome : cell.replicates) {
      if (const json* value = field(outcome, name)) list.push_back(to_number(*value, name));
    }
  }
  return list;
}

double outcomes::maximum(const std::string& name) const { return maximum_of(values(name)); }
double outcomes::sum(const std::string& name) const { return sum_of(values(name)); }

outcomes outcomes::where(const json& fields) const {
  outcomes some;
  for (const cell_outcomes& cell : cells) {
    bool all = true;
    for (const auto& [key, value] : fields.items()) all = all && cell.point.contains(key) && cell.point[key] == value;
    if (all) some.cells.push_back(cell);
  }
  return some;
}

const cell_outcomes& outcomes::at(const json& point) const {
  for (const cell_outcomes& cell : cells) {
    if (cell.point == point) return cell;
  }
  throw std::logic_error("rto::sim::outcomes: no cell at " + point.dump());
}

registered_claim::registered_claim(claim c) {
  std::vector<claim>& all = registry();
  for (const claim& other : all) {
    if (other.id == c.id) throw std::logic_error("rto::sim::registered_claim: claim " + c.id + " is registered twice");
  }
  const auto before = [](const claim& a, const claim& b) {
    return std::pair(rank(a.id), a.id) < std::pair(rank(b.id), b.id);
  };
  all.insert(std::upper_bound(all.begin(), all.end(), c, before), c);
}

std::string to_text(claim_origin origin) {
  switch (origin) {
    case claim_origin::stated:
      return "stated";
    case claim_origin::analogue:
      return "analogue";
    case claim_origin::own:
      return "own";
  }
  return "stated";
}

std::string paper_part(const std::string& id) {
  const auto* found = find_place(id);
  return found == claim_order.end() ? "More" : found->part;
}

const std::vector<claim>& all_claims() { return registry(); }

const claim& find_claim(const std::string& id) {
  std::vector<std::string> known;
  for (const claim& c : registry()) {
    if (c.id == id) return c;
    known.push_back(c.id);
  }
  throw user_error(fmt::format("unknown claim \"{}\"; the claims are: {}", id, fmt::join(known, ", ")));
}

}  // namespace rto::sim
