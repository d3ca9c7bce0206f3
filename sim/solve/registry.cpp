#include "sim/solve/registry.hpp"

#include <map>

namespace rto::sim {
namespace {

std::map<std::string, solver>& families() {
  static std::map<std::string, solver> all;
  return all;
}

}  // namespace

registered_family::registered_family(std::string name, solver solve) {
  if (!families().emplace(name, std::move(solve)).second)
    throw std::logic_error("rto::sim::registered_family: family " + name + " is registered twice");
}

const solver* find_family(const std::string& name) {
  const auto found = families().find(name);
  return found == families().end() ? nullptr : &found->second;
}

std::vector<std::string> known_families() {
  std::vector<std::string> names;
  for (const auto& entry : families()) names.push_back(entry.first);
  return names;
}

}  // namespace rto::sim
