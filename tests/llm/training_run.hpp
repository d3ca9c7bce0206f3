#pragma once
// Runs of the training commands: the model they start from, what they log, waiting for a step.
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "program.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"

namespace rto::llm::test {

using std::filesystem::path;

/// A model of a few thousand parameters; without RTO_SHARED a word that the test is skipped.
inline std::optional<path> tiny_model() {
  const char* shared = std::getenv("RTO_SHARED");
  if (shared != nullptr) return path(shared) / "llm" / "models" / "neox";
  std::cout << "SKIPPED: training by the program, as RTO_SHARED is not set\n";
  return std::nullopt;
}

/// What a run has logged so far, a line a step.
inline std::vector<sim::json> metrics(const path& folder) {
  std::vector<sim::json> rows;
  std::ifstream file(folder / "metrics.jsonl");
  for (std::string line; std::getline(file, line);)
    if (const sim::json row = sim::json::parse(line, nullptr, false); row.is_object()) rows.push_back(row);
  return rows;
}

/// Waits until so many steps are done; false where the program ended before.
inline bool wait_for_step(process& p, const path& folder, std::size_t steps) {
  while (p.running()) {
    if (metrics(folder).size() >= steps) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

inline bool same_bytes(const path& one, const path& other) { return sim::read_file(one) == sim::read_file(other); }

}  // namespace rto::llm::test
