#include "sim/engine/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace rto::sim {
namespace {

template <class T> T sum_of(const std::vector<cell_load>& cells, T cell_load::*field) {
  T sum{};
  for (const cell_load& c : cells) sum += c.*field;
  return sum;
}

// 0, the middle, the quarters, ...: every beginning of the list is spread over 0 .. n - 1.
std::vector<std::size_t> spread(std::size_t n) {
  std::vector<std::size_t> order;
  if (n == 0) return order;
  order.push_back(0);
  std::size_t step = 1;
  while (step < n) step *= 2;
  for (step /= 2; step >= 1; step /= 2) {
    for (std::size_t i = step; i < n; i += 2 * step) order.push_back(i);
  }
  return order;
}

}  // namespace

std::size_t claim_load::total() const { return sum_of(cells, &cell_load::total); }
std::size_t claim_load::kept() const { return sum_of(cells, &cell_load::kept); }
std::size_t claim_load::done() const { return sum_of(cells, &cell_load::done); }
double claim_load::seconds() const { return sum_of(cells, &cell_load::seconds); }
double claim_load::seconds_kept() const { return sum_of(cells, &cell_load::seconds_kept); }

double seconds_left(const claim_load& claim) {
  const std::vector<cell_load>& cells = claim.cells;
  std::vector<std::size_t> known;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].finished() > 0) known.push_back(i);
  }
  if (known.empty()) return claim.total() == 0 ? 0 : std::nan("");
  double left = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto distance = [&](std::size_t k) { return known[k] > i ? known[k] - i : i - known[k]; };
    while (at + 1 < known.size() && distance(at + 1) <= distance(at)) ++at;
    const cell_load& like = cells[known[at]];
    left += static_cast<double>(cells[i].left()) * like.seconds / static_cast<double>(like.finished());
  }
  return left;
}

double seconds_left(const std::vector<claim_load>& claims) {
  double left = 0, spent = 0, finished = 0, unknown = 0;
  for (const claim_load& claim : claims) {
    const double of_claim = seconds_left(claim);
    if (std::isnan(of_claim)) {
      unknown += static_cast<double>(claim.total());
    } else {
      left += of_claim;
      spent += claim.seconds();
      finished += static_cast<double>(claim.kept() + claim.done());
    }
  }
  if (unknown > 0) left += finished > 0 ? unknown * spent / finished : std::nan("");
  return left;
}

bool tried(const std::vector<claim_load>& claims) {
  return std::all_of(claims.begin(), claims.end(),
                     [](const claim_load& claim) { return claim.total() == 0 || claim.kept() + claim.done() > 0; });
}

bool measured(const std::vector<claim_load>& claims) {
  return std::all_of(claims.begin(), claims.end(), [](const claim_load& claim) {
    return std::all_of(claim.cells.begin(), claim.cells.end(),
                       [](const cell_load& c) { return c.total == 0 || c.finished() > 0; });
  });
}

std::vector<task> pilots_first(const std::vector<task>& tasks) {
  // The first task of every cell that has one, by claim.
  std::map<std::size_t, std::vector<std::size_t>> first;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (i == 0 || tasks[i].claim != tasks[i - 1].claim || tasks[i].cell != tasks[i - 1].cell)
      first[tasks[i].claim].push_back(i);
  }
  std::vector<task> ordered;
  ordered.reserve(tasks.size());
  std::vector<bool> taken(tasks.size(), false);
  std::map<std::size_t, std::vector<std::size_t>> order;
  std::size_t rounds = 0;
  for (const auto& [claim, cells] : first) {
    order[claim] = spread(cells.size());
    rounds = std::max(rounds, cells.size());
  }
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const auto& [claim, cells] : first) {
      if (round >= cells.size()) continue;
      const std::size_t index = cells[order[claim][round]];
      ordered.push_back(tasks[index]);
      taken[index] = true;
    }
  }
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (!taken[i]) ordered.push_back(tasks[i]);
  }
  return ordered;
}

std::string duration(double seconds) {
  if (seconds < 1) return "< 1 s";
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace rto::sim
