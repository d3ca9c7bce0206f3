#include "llm/data/sample_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <unordered_map>

#include "sim/engine/stream.hpp"

namespace rto::llm {
namespace {

// Streams of one seed: what an epoch's samples, its batches and a split draw are disjoint.
enum class purpose : std::uint64_t { samples = 1, batches = 2, split = 3 };

sim::stream stream_of(std::uint64_t seed, purpose what, std::uint64_t epoch) {
  return sim::stream(seed, static_cast<std::uint64_t>(what)).substream(epoch);
}

template <class T> void shuffle(std::vector<T>& items, sim::stream& random) {
  for (std::size_t left = items.size(); left > 1; --left) {
    boost::random::uniform_int_distribution<std::size_t> below(0, left - 1);
    std::swap(items[left - 1], items[below(random)]);
  }
}

std::vector<std::size_t> counted(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

std::vector<std::size_t> shuffled_for(purpose what, std::size_t count, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::size_t> order = counted(count);
  sim::stream random = stream_of(seed, what, epoch);
  shuffle(order, random);
  return order;
}

// Takes samples as they come while the padded batch fits.
std::vector<std::vector<std::size_t>> cut_into_batches(const std::vector<std::size_t>& order,
                                                       const std::vector<std::size_t>& lengths,
                                                       const batch_options& options) {
  std::vector<std::vector<std::size_t>> batches;
  std::size_t longest = 0;
  for (const std::size_t i : order) {
    const std::size_t grown = std::max(longest, lengths[i]);
    const bool fits = !batches.empty() && (options.rows == 0 || batches.back().size() < options.rows) &&
                      (options.tokens == 0 || grown * (batches.back().size() + 1) <= options.tokens);
    if (!fits) batches.emplace_back();
    longest = fits ? grown : lengths[i];
    batches.back().push_back(i);
  }
  return batches;
}

}  // namespace

std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, std::uint64_t epoch) {
  return shuffled_for(purpose::samples, count, seed, epoch);
}

data_split split(std::size_t count, double share, std::uint64_t seed, const std::vector<std::uint64_t>& group) {
  if (!(share >= 0 && share < 1))
    throw std::domain_error(fmt::format("rto::llm::split: share must be in [0, 1), got {}", share));
  if (!group.empty() && group.size() != count)
    throw std::invalid_argument(
        fmt::format("rto::llm::split: expected {} groups, one for each sample, got {}", count, group.size()));
  std::vector<std::vector<std::size_t>> members;  // of each group, in the order of its first sample
  std::unordered_map<std::uint64_t, std::size_t> index;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [at, fresh] = index.try_emplace(group.empty() ? i : group[i], members.size());
    if (fresh) members.emplace_back();
    members[at->second].push_back(i);
  }
  auto wanted = static_cast<std::size_t>(std::llround(share * static_cast<double>(count)));
  if (share > 0 && count >= 2) wanted = std::clamp<std::size_t>(wanted, 1, count - 1);
  data_split parts;
  const std::vector<std::size_t> order = shuffled_for(purpose::split, members.size(), seed, 0);
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::vector<std::size_t>& samples = members[order[k]];
    // The last group stays, so that there is something to learn from.
    const bool hold = parts.held_out.size() < wanted && (k + 1 < order.size() || !parts.training.empty());
    std::vector<std::size_t>& part = hold ? parts.held_out : parts.training;
    part.insert(part.end(), samples.begin(), samples.end());
  }
  std::sort(parts.training.begin(), parts.training.end());
  std::sort(parts.held_out.begin(), parts.held_out.end());
  return parts;
}

batch_sequence::batch_sequence(std::vector<std::size_t> lengths, const batch_options& options, std::uint64_t seed)
    : lengths_(std::move(lengths)), options_(options), seed_(seed) {
  if (lengths_.empty()) throw std::invalid_argument("rto::llm::batch_sequence: expected samples, got none");
  if (options_.rows == 0 && options_.tokens == 0)
    throw std::invalid_argument("rto::llm::batch_sequence: rows and tokens of a batch must not both be 0");
  const std::size_t longest = *std::max_element(lengths_.begin(), lengths_.end());
  if (options_.tokens != 0 && longest > options_.tokens)
    throw std::domain_error(
        fmt::format("rto::llm::batch_sequence: tokens of a batch must be at least the longest sample's {}, got {}",
                    longest, options_.tokens));
  begin_epoch(0);
}

void batch_sequence::begin_epoch(std::uint64_t epoch) {
  std::vector<std::size_t> order =
      options_.shuffle ? shuffled(lengths_.size(), seed_, epoch) : counted(lengths_.size());
  if (options_.length_window > 0) {
    const std::size_t rows = options_.rows > 0 ? options_.rows : 8;
    const std::size_t window = options_.length_window * rows;
    for (std::size_t from = 0; from < order.size(); from += window) {
      const auto begin = order.begin() + static_cast<std::ptrdiff_t>(from);
      const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), from + window));
      std::stable_sort(begin, end, [&](std::size_t a, std::size_t b) { return lengths_[a] > lengths_[b]; });
    }
  }
  batches_ = cut_into_batches(order, lengths_, options_);
  if (options_.drop_last && options_.rows > 0 && batches_.back().size() < options_.rows) batches_.pop_back();
  if (batches_.empty())
    throw std::invalid_argument(
        fmt::format("rto::llm::batch_sequence: expected at least one batch of {} samples, got {} samples",
                    options_.rows, lengths_.size()));
  if (options_.length_window > 0 && options_.shuffle) {
    sim::stream random = stream_of(seed_, purpose::batches, epoch);
    shuffle(batches_, random);
  }
  cursor_ = {epoch, 0};
}

std::vector<std::size_t> batch_sequence::next() {
  std::vector<std::size_t> batch = std::move(batches_[cursor_.position]);
  if (++cursor_.position == batches_.size()) begin_epoch(cursor_.epoch + 1);
  return batch;
}

void batch_sequence::set_cursor(const data_cursor& cursor) {
  begin_epoch(cursor.epoch);
  if (cursor.position >= batches_.size())
    throw std::invalid_argument(
        fmt::format("rto::llm::batch_sequence: position must be below {}, the batches of the epoch, got {}",
                    batches_.size(), cursor.position));
  cursor_ = cursor;
}

}  // namespace rto::llm
