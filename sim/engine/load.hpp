#pragma once
// What a run has to compute, in which order, and how long what is left of it will take.
#include <cstdint>
#include <string>
#include <vector>

namespace rto::sim {

/// One cell of a claim's grid: its replicates and what those that are finished took.
struct cell_load {
  std::size_t total = 0;
  std::size_t kept = 0;     // finished in an earlier run
  std::size_t done = 0;     // finished in this run
  double seconds = 0;       // of computing, of kept and done together
  double seconds_kept = 0;  // of these, of kept

  std::size_t finished() const { return kept + done; }
  std::size_t left() const { return total - finished(); }
};

/// A claim, cells in the order of its plan.
struct claim_load {
  std::string name{};
  std::vector<cell_load> cells{};

  std::size_t total() const;
  std::size_t kept() const;
  std::size_t done() const;
  double seconds() const;
  double seconds_kept() const;
};

/// Seconds of computing that are left of the claim. A cell none of whose replicates is finished counts as the nearest
/// one in the grid that has some. \returns NaN while no cell has any and some are left
double seconds_left(const claim_load& claim);
/// Of all claims; one without a finished replicate counts as the mean replicate of the others. NaN while none has any.
double seconds_left(const std::vector<claim_load>& claims);
/// Whether every claim has a finished replicate, so that `seconds_left` knows something of each.
bool tried(const std::vector<claim_load>& claims);
/// Whether every cell has a finished replicate, so that `seconds_left` guesses nothing.
bool measured(const std::vector<claim_load>& claims);

/// One replicate to compute.
struct task {
  std::size_t claim, cell;
  std::int64_t replicate;
};

/// The order in which a run takes its tasks: first one replicate of every cell, claims in turn and the cells of each
/// spread over its grid, so that the time that is left is known early; then the others as they come.
/// \param tasks in the order of the plan
std::vector<task> pilots_first(const std::vector<task>& tasks);

/// `40 s`, `12 min`, `3.5 h`
std::string duration(double seconds);

}  // namespace rto::sim
