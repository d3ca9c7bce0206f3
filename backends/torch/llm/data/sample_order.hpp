#pragma once
// In which order samples are seen: shuffled by epoch, split and batched, each a function of a seed alone, so that a run
// that was stopped goes on with the very sample it would have seen next.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rto::llm {

/// A permutation of 0..count-1 that depends on (seed, epoch) alone: Fisher-Yates on a counter-based stream.
std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, std::uint64_t epoch = 0);

struct data_split {
  std::vector<std::size_t> training, held_out;  // each in ascending order
};

/// Holds out round(share * count) samples at random, at least one of each part where count >= 2 and 0 < share < 1.
/// \param group one number for each sample, or empty: samples of one group (of one prompt, say) stay on one side; then
///   whole groups are held out until the share is reached
/// \throws std::domain_error share outside [0, 1)  \throws std::invalid_argument a group list of another length
data_split split(std::size_t count, double share, std::uint64_t seed, const std::vector<std::uint64_t>& group = {});

/// Where a run over the data stands: the next batch is number `position` (from 0) of epoch `epoch`.
struct data_cursor {
  std::uint64_t epoch = 0;
  std::uint64_t position = 0;
  bool operator==(const data_cursor&) const = default;
};

struct batch_options {
  std::size_t rows = 8;    ///< samples of a batch; 0: as many as `tokens` allows
  std::size_t tokens = 0;  ///< upper bound of (longest sample) x (samples), what a padded batch costs; 0: none
  bool shuffle = true;     ///< false: in the order of the file, every epoch
  /// Samples of about equal length go together: they are sorted within windows of this many batches of the shuffled
  /// order, and the batches are shuffled again. 0: off
  std::size_t length_window = 0;
  bool drop_last = false;  ///< leaves out a last batch that is smaller than `rows`
};

/// An endless sequence of batches over the samples of a data set.
class batch_sequence {
 public:
  /// \param lengths tokens of each sample
  /// \throws std::invalid_argument for no sample, for rows and tokens both 0, for a batch that drop_last leaves none of
  /// \throws std::domain_error for a sample longer than `tokens`
  batch_sequence(std::vector<std::size_t> lengths, const batch_options& options, std::uint64_t seed);

  /// Indices of the samples of the next batch; the next epoch begins by itself.
  std::vector<std::size_t> next();

  /// Where `next` stands; setting it makes the sequence go on exactly there.
  /// \throws std::invalid_argument for a position beyond the epoch's batches (of another data set, say)
  const data_cursor& cursor() const { return cursor_; }
  void set_cursor(const data_cursor& cursor);

  /// Batches of the epoch that the next batch belongs to (with `tokens`, epochs may differ).
  std::size_t batches_per_epoch() const { return batches_.size(); }

 private:
  void begin_epoch(std::uint64_t epoch);

  std::vector<std::size_t> lengths_;
  batch_options options_;
  std::uint64_t seed_;
  data_cursor cursor_;
  std::vector<std::vector<std::size_t>> batches_;
};

}  // namespace rto::llm
