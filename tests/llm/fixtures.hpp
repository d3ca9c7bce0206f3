#pragma once
// Checkpoints and what the reference computes from them (tests/data/llm, and others of the form where RTO_SHARED is
// set).
#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/model/language_model.hpp"
#include "sim/io/json.hpp"
#include "support/catch.hpp"

namespace rto::llm::test {

struct fixture {
  std::filesystem::path root;
  sim::json expected;

  std::string name() const { return expected.at("model").get<std::string>(); }
  std::filesystem::path folder(const std::string& which = "policy") const {
    return root / expected.at("files").at(which).get<std::string>();
  }
  bool has(const std::string& which) const {
    return expected.at("files").contains(which) && !expected.at("files").at(which).is_null();
  }
  language_model model(const std::string& which = "policy") const { return language_model::load(folder(which)); }
};

inline std::vector<fixture> fixtures() {
  std::vector<std::filesystem::path> roots{std::filesystem::path(RTO_TEST_DATA) / "llm",
                                           std::filesystem::path(RTO_TEST_DATA) / "llm_more"};
  if (const char* shared = std::getenv("RTO_SHARED"); shared != nullptr)
    roots.push_back(std::filesystem::path(shared) / "llm");
  std::vector<fixture> all;
  for (const auto& root : roots) {
    if (!std::filesystem::exists(root / "expected")) continue;
    for (const auto& entry : std::filesystem::directory_iterator(root / "expected")) {
      if (entry.path().extension() != ".json") continue;
      fixture f{root, sim::read_json(entry.path())};
      if (!f.expected.contains("forward")) continue;
      const auto same = [&](const fixture& g) { return g.name() == f.name(); };
      if (std::find_if(all.begin(), all.end(), same) == all.end()) all.push_back(std::move(f));
    }
  }
  REQUIRE(all.size() >= 7);
  return all;
}

inline at::Tensor tensor_of(const sim::json& list) {
  return at::tensor(list.get<std::vector<double>>(), at::kDouble).to(at::kFloat);
}

/// Rows of a padded batch without the padding.
inline std::vector<token_ids> real_rows(const sim::json& ids, const sim::json& mask) {
  std::vector<token_ids> rows;
  for (std::size_t r = 0; r < ids.size(); ++r) {
    rows.emplace_back();
    for (std::size_t t = 0; t < ids[r].size(); ++t)
      if (mask[r][t].get<int>() != 0) rows.back().push_back(ids[r][t].get<token_id>());
  }
  return rows;
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace rto::llm::test
