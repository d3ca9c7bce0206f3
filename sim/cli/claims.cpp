// The commands that look at claims: list and show.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "sim/cli/command.hpp"
#include "sim/engine/claim.hpp"

namespace rto::sim {
namespace {

int list_claims() {
  for (const claim& c : all_claims()) fmt::print("{:<18} {}\n", c.id, c.title);
  return 0;
}

ordered_json described(const claim& c) {
  ordered_json schema = ordered_json::object();
  for (const setting& s : c.schema) {
    schema[s.key] = {
        {"doc", s.doc}, {"accepts", accepts(s)}, {"value", s.standard}, {"quick", s.quick}, {"full", s.full}};
  }
  return {{"claim", c.id},      {"title", c.title},           {"statement", c.statement},
          {"source", c.source}, {"needs_data", c.needs_data}, {"settings", std::move(schema)}};
}

int show_claim(const std::string& id) {
  fmt::print("{}\n", described(find_claim(id)).dump(2));
  return 0;
}

const registered_command list{"list", "List the claims that can be reproduced",
                              [](CLI::App&) { return std::function<int()>(list_claims); }, 1};

const registered_command show{"show", "Show a claim and its settings as JSON; edited, it is a file for --settings",
                              [](CLI::App& app) {
                                auto id = std::make_shared<std::string>();
                                app.add_option("CLAIM", *id, "Claim, as `list` names it")->required();
                                return std::function<int()>([id] { return show_claim(*id); });
                              },
                              2};

}  // namespace
}  // namespace rto::sim
