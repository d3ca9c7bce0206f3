#include "llm/data/sample_order.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "llm/data/preference_sample.hpp"
#include "support/catch.hpp"

using namespace rto::llm;

namespace {

std::vector<std::size_t> some_lengths(std::size_t count) {
  std::vector<std::size_t> lengths(count);
  for (std::size_t i = 0; i < count; ++i) lengths[i] = 1 + (i * 7919) % 97;
  return lengths;
}

std::vector<std::size_t> epoch_of(batch_sequence& batches) {
  std::vector<std::size_t> seen;
  const std::size_t count = batches.batches_per_epoch();
  for (std::size_t b = 0; b < count; ++b) {
    for (const std::size_t i : batches.next()) seen.push_back(i);
  }
  return seen;
}

}  // namespace

TEST_CASE("a shuffled order is a permutation that depends on seed and epoch alone") {
  const auto order = shuffled(1000, 7, 3);
  CHECK(order == shuffled(1000, 7, 3));
  CHECK(order != shuffled(1000, 7, 4));
  CHECK(order != shuffled(1000, 8, 3));
  CHECK(std::set<std::size_t>(order.begin(), order.end()).size() == 1000);
  CHECK(*std::max_element(order.begin(), order.end()) == 999);
  CHECK(shuffled(0, 1).empty());
}

TEST_CASE("every permutation of three samples is about equally frequent") {
  std::map<std::vector<std::size_t>, int> counts;
  constexpr int draws = 6000;
  for (std::uint64_t epoch = 0; epoch < draws; ++epoch) ++counts[shuffled(3, 11, epoch)];
  REQUIRE(counts.size() == 6);
  // Binomial(6000, 1/6): standard deviation 28.9; five of them, a false alarm in a million.
  for (const auto& [order, count] : counts) CHECK(std::abs(count - draws / 6) < 145);
}

TEST_CASE("a split holds out the share asked for, whole groups where there are groups") {
  const data_split parts = split(1000, 0.1, 5);
  CHECK(parts.held_out.size() == 100);
  CHECK(parts.training.size() == 900);
  std::vector<std::size_t> all = parts.training;
  all.insert(all.end(), parts.held_out.begin(), parts.held_out.end());
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i] == i);

  std::vector<std::uint64_t> group(1000);
  for (std::size_t i = 0; i < group.size(); ++i) group[i] = i / 4;
  const data_split grouped = split(1000, 0.1, 5, group);
  CHECK(grouped.held_out.size() == 100);
  std::set<std::uint64_t> held;
  for (const std::size_t i : grouped.held_out) held.insert(group[i]);
  for (const std::size_t i : grouped.training) CHECK(held.count(group[i]) == 0);

  CHECK(split(2, 0.01, 1).held_out.size() == 1);
  CHECK(split(10, 0, 1).held_out.empty());
  CHECK(split(8, 0.5, 1, std::vector<std::uint64_t>(8, 1)).training.size() == 8);  // one group: nothing to hold out
  CHECK_THROWS_AS(split(10, 1.0, 1), std::domain_error);
  CHECK_THROWS_AS(split(10, 0.5, 1, {1, 2}), std::invalid_argument);
}

TEST_CASE("batches show every sample once an epoch, by rows or by tokens, with and without length windows") {
  const auto lengths = some_lengths(101);
  for (const batch_options& options :
       {batch_options{.rows = 8}, batch_options{.rows = 8, .length_window = 4}, batch_options{.rows = 0, .tokens = 256},
        batch_options{.rows = 5, .tokens = 300, .length_window = 3}, batch_options{.rows = 8, .shuffle = false}}) {
    batch_sequence batches(lengths, options, 42);
    for (int epoch = 0; epoch < 2; ++epoch) {
      std::vector<std::size_t> seen = epoch_of(batches);
      std::sort(seen.begin(), seen.end());
      REQUIRE(seen.size() == lengths.size());
      for (std::size_t i = 0; i < seen.size(); ++i) REQUIRE(seen[i] == i);
    }
  }
}

TEST_CASE("a batch of at most so many tokens is, once padded, no larger") {
  const auto lengths = some_lengths(101);
  batch_sequence batches(lengths, {.rows = 0, .tokens = 256}, 42);
  for (std::size_t b = 0; b < batches.batches_per_epoch(); ++b) {
    std::size_t longest = 0;
    const auto batch = batches.next();
    for (const std::size_t i : batch) longest = std::max(longest, lengths[i]);
    CHECK(longest * batch.size() <= 256);
  }
}

TEST_CASE("length windows waste less padding") {
  const auto lengths = some_lengths(800);
  const auto padded = [&](std::size_t window) {
    batch_sequence batches(lengths, {.rows = 8, .length_window = window}, 42);
    std::size_t total = 0;
    for (std::size_t b = 0; b < 100; ++b) {
      std::size_t longest = 0;
      for (const std::size_t i : batches.next()) longest = std::max(longest, lengths[i]);
      total += 8 * longest;
    }
    return total;
  };
  CHECK(padded(20) * 10 < padded(0) * 7);
}

TEST_CASE("from a saved cursor a sequence goes on exactly as it would have") {
  for (const std::size_t window : {0, 4}) {
    const batch_options options{.rows = 8, .length_window = window};
    batch_sequence first(some_lengths(101), options, 42);
    for (int b = 0; b < 17; ++b) first.next();
    batch_sequence second(some_lengths(101), options, 42);
    second.set_cursor(first.cursor());
    CHECK(second.cursor() == first.cursor());
    for (int b = 0; b < 30; ++b) CHECK(second.next() == first.next());
  }
  batch_sequence batches(some_lengths(16), {.rows = 8}, 1);
  CHECK_THROWS_AS(batches.set_cursor({0, 2}), std::invalid_argument);
}

TEST_CASE("a last batch that is smaller is left out on request, and a batch sequence needs samples and a size") {
  batch_sequence batches(some_lengths(10), {.rows = 8, .drop_last = true}, 1);
  CHECK(batches.batches_per_epoch() == 1);
  CHECK_THROWS_AS(batch_sequence({}, {}, 1), std::invalid_argument);
  CHECK_THROWS_AS(batch_sequence({1, 2}, {.rows = 0}, 1), std::invalid_argument);
  CHECK_THROWS_AS(batch_sequence({1, 2}, {.rows = 8, .drop_last = true}, 1), std::invalid_argument);
  CHECK_THROWS_AS(batch_sequence({1, 300}, {.tokens = 256}, 1), std::domain_error);
}

TEST_CASE("an id is trained on after the prompt, or where the mask says, and never at the very start") {
  const encoded_answer plain = side_by_side({1, 2}, {3, 4});
  CHECK_FALSE(plain.trained(1));
  CHECK(plain.trained(2));
  CHECK(plain.trained(3));
  const encoded_answer text = side_by_side({}, {3, 4});
  CHECK_FALSE(text.trained(0));
  CHECK(text.trained(1));
  encoded_answer turns = side_by_side({1}, {2, 3, 4});
  turns.loss_mask = {0, 1, 0, 1};
  CHECK(turns.trained(1));
  CHECK_FALSE(turns.trained(2));
}
