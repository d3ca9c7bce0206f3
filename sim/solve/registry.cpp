#include "sim/solve/registry.hpp"

#include <utility>

#include "sim/io/error.hpp"

namespace rto::sim {
namespace {

family_table& families() {
  static family_table all;
  return all;
}

using opener = std::function<family_table(const std::string&)>;
opener& back_end() {
  static opener open;
  return open;
}

}  // namespace

registered_family::registered_family(std::string name, solver solve) {
  if (!families().emplace(name, std::move(solve)).second)
    throw std::logic_error("rto::sim::registered_family: family " + name + " is registered twice");
}

registered_back_end::registered_back_end(std::function<family_table(const std::string& device)> open) {
  if (back_end()) throw std::logic_error("rto::sim::registered_back_end: there is one already");
  back_end() = std::move(open);
}

family_table families_on(const std::string& device) {
  if (device.empty()) return families();
  if (!back_end())
    throw user_error("--device " + device +
                     ": expected a program built with LibTorch, this one is not: scripts/setup --torch, then "
                     "scripts/build torch rto-sim makes build/torch/bin/rto-sim");
  family_table table = back_end()(device);
  table.insert(families().begin(), families().end());  // those that the back end does not have
  return table;
}

const solver* find_family(const std::string& name) {
  const auto found = families().find(name);
  return found == families().end() ? nullptr : &found->second;
}

}  // namespace rto::sim
