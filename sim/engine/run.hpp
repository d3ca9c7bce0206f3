#pragma once
// Runs claims: plans, computes the replicates that are not kept yet, concludes.
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine/claim.hpp"
#include "sim/engine/load.hpp"
#include "sim/engine/transport.hpp"

namespace rto::sim {

struct run_options {
  std::filesystem::path out = "results";
  std::uint64_t seed = 1;
  int threads = 0;  // 0: one per core
  std::optional<std::filesystem::path> data{};
  bool quiet = false;           // nothing on standard error
  bool pdf = false;             // figures as PDF too
  transport* others = nullptr;  // processes that share the work
};

/// One claim with the settings it is to run at.
struct planned_claim {
  const claim* what;
  settings values;
};

/// One claim, run.
struct claim_result {
  const claim* what;
  settings values;
  conclusion concluded;
  verdict overall = verdict::skipped;
  std::size_t replicates = 0;  // behind the conclusion
  std::size_t computed = 0;    // of these, in this run; the others were kept from earlier ones
  double seconds = 0;          // of computing, summed over all replicates, kept ones included
};

struct run_result {
  std::vector<claim_result> claims;
  bool interrupted = false;
  int signal = 0;                         // that interrupted it
  std::size_t finished = 0, planned = 0;  // replicates
};

/// Runs the claims. Every replicate is a function of its stream, sums are over replicates in their order: the result
/// does not depend on `threads` or `others`. \throws user_error on bad settings, a full disk, or a replicate that
/// rejects its input
run_result run_claims(const std::vector<planned_claim>& claims, const run_options& options);

/// What a run would have to compute, and what it would take: computes one replicate of every cell that has none, for at
/// most `seconds` (each to its end, and one of every claim in any case), and drops what it computed. Nothing is
/// written.  \throws user_error
std::vector<claim_load> measure_claims(const std::vector<planned_claim>& claims, run_options options, double seconds);

/// Replicate number `replicate` of every cell of a claim, computed again from its stream; nothing is read from the
/// store or kept. \returns a list of {"claim", "point", "seed", "replicate", "outcome"}  \throws user_error
json replicate_again(const planned_claim& claim, const run_options& options, std::int64_t replicate);

}  // namespace rto::sim
