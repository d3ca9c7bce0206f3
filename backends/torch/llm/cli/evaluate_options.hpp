#pragma once
// What rto-llm evaluate is asked, and its parts.
#include "llm/cli/compute_options.hpp"
#include "llm/cli/data_options.hpp"
#include "llm/cli/reward_options.hpp"
#include "llm/judging/verdicts.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

struct evaluate_options : data_arguments, compute_arguments, reward_arguments {
  std::vector<std::string> data;  // held out
  std::filesystem::path model;    // for its loss
  std::vector<std::string> answers;
  std::string baseline, judge, preset, task = "dialogue";
  std::vector<std::string> verdicts;
  std::filesystem::path export_to, output;
  std::int64_t limit = 0;
  std::uint64_t seed = 1;
  double confidence = 0.95;
  std::size_t batch = 16;
  std::string dtype = "float32";

  load_options loading(at::Device where) const {
    return {.device = where, .dtype = scalar_type(dtype), .check_finite = true};
  }
};

/// The loss of --model and the accuracy of each reward on every file of --data: printed, and returned for --output.
sim::ordered_json evaluate_data(const evaluate_options& options, at::Device device);

/// Win rates of every file of --answers against --baseline, or of --verdicts; or the pairs for a judge, written.
sim::ordered_json evaluate_answers(const evaluate_options& options, at::Device device);

/// `0.712 [0.683, 0.739]`
std::string with_interval(const sim::estimate& e);
sim::ordered_json to_json(const sim::estimate& e);

}  // namespace rto::llm
