// Why contests have no unique or no finite maximum, in terms of their items.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "sim/fit/result.hpp"

namespace rto::sim {

namespace {

using graph = std::vector<std::vector<int>>;

// Strongly connected components by Tarjan's algorithm, with an explicit stack (items can be many). Components are
// numbered so that an edge goes from a higher number to a lower one, or stays inside.
std::vector<int> strong_components(const graph& edges) {
  const int n = static_cast<int>(edges.size());
  std::vector<int> order(n, -1), low(n, 0), component(n, -1), stack;
  std::vector<std::pair<int, std::size_t>> calls;
  int visited = 0, components = 0;
  for (int root = 0; root < n; ++root) {
    if (order[root] != -1) continue;
    calls.emplace_back(root, 0);
    while (!calls.empty()) {
      auto& [v, next] = calls.back();
      if (next == 0) {
        order[v] = low[v] = visited++;
        stack.push_back(v);
      }
      if (next < edges[v].size()) {
        const int w = edges[v][next++];
        if (order[w] == -1) {
          calls.emplace_back(w, 0);
        } else if (component[w] == -1) {
          low[v] = std::min(low[v], order[w]);
        }
        continue;
      }
      if (low[v] == order[v]) {
        int w = -1;
        do {
          w = stack.back();
          stack.pop_back();
          component[w] = components;
        } while (w != v);
        ++components;
      }
      const int done = v;
      calls.pop_back();
      if (!calls.empty()) low[calls.back().first] = std::min(low[calls.back().first], low[done]);
    }
  }
  return component;
}

std::string listed(const comparison_model& model, const std::vector<int>& items) {
  constexpr std::size_t shown = 6;
  std::vector<std::string> names;
  for (std::size_t k = 0; k < std::min(items.size(), shown); ++k) names.push_back(model.items[items[k]]);
  std::string text = fmt::format("{}", fmt::join(names, ", "));
  if (items.size() > shown) text += fmt::format(" and {} more", items.size() - shown);
  return text;
}

std::vector<std::vector<int>> groups(const std::vector<int>& component) {
  std::vector<std::vector<int>> members(component.empty() ? 0
                                                          : 1 + *std::max_element(component.begin(), component.end()));
  for (std::size_t i = 0; i < component.size(); ++i) members[component[i]].push_back(static_cast<int>(i));
  return members;
}

}  // namespace

std::vector<std::string> diagnose_contests(const comparison_model& model) {
  std::vector<std::string> findings;
  const std::size_t n = model.items.size();
  graph met(n), beat(n);
  for (std::size_t row = 0; row < model.rows(); ++row) {
    const auto [i, j] = model.pairs[row];
    met[i].push_back(j);
    met[j].push_back(i);
    if (model.label[row] > 0) beat[i].push_back(j);
    if (model.label[row] < 1) beat[j].push_back(i);
  }
  const auto islands = groups(strong_components(met));
  if (islands.size() > 1) {
    std::string text = fmt::format("The items fall into {} groups that never met, whose abilities cannot be compared:",
                                   islands.size());
    for (std::size_t k = 0; k < std::min<std::size_t>(islands.size(), 4); ++k)
      text += fmt::format("{} ({})", k > 0 ? ";" : "", listed(model, islands[k]));
    findings.push_back(text + (islands.size() > 4 ? "; ..." : "."));
  }

  // A finite maximum needs every split of the items to have wins in both directions (Zermelo; Ford 1957): the graph of
  // wins must be strongly connected on each island. Components without an edge into them never lost to the rest.
  const std::vector<int> component = strong_components(beat);
  const auto parts = groups(component);
  std::vector<bool> lost(parts.size(), false), won(parts.size(), false);
  for (std::size_t i = 0; i < n; ++i) {
    for (const int j : beat[i]) {
      if (component[i] == component[j]) continue;
      won[component[i]] = true;
      lost[component[j]] = true;
    }
  }
  for (std::size_t k = parts.size(); k-- > 0;) {
    if (findings.size() >= 8) break;
    const char* number = parts[k].size() == 1 ? "" : "together ";
    if (won[k] && !lost[k])
      findings.push_back(fmt::format("Never lost to any other: {}{}; the ability grows without bound.", number,
                                     listed(model, parts[k])));
    if (lost[k] && !won[k])
      findings.push_back(fmt::format("Never won against any other: {}{}; the ability falls without bound.", number,
                                     listed(model, parts[k])));
  }
  return findings;
}

}  // namespace rto::sim
