#include "llm/model/attention.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <stdexcept>

#include "llm/model/cached_attention_cpu.hpp"

namespace rto::llm {

std::vector<row_group> group_rows(const std::vector<std::int64_t>& lengths) {
  std::vector<row_group> groups;
  for (const std::int64_t n : lengths) {
    if (groups.empty() || groups.back().length != n) groups.push_back({0, n});
    ++groups.back().rows;
  }
  return groups;
}

at::Tensor causal_attention(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                            const std::vector<row_group>& groups) {
  const std::int64_t heads = queries.size(1), size = queries.size(2);
  const bool grouped = keys.size(1) != heads;
  const auto one = [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const row_group& g) {
    const auto shaped = [&](const at::Tensor& x) {
      return x.view({g.rows, g.length, x.size(1), size}).transpose(1, 2);
    };
    return at::scaled_dot_product_attention(shaped(q), shaped(k), shaped(v), {}, 0.0, true, {}, grouped)
        .transpose(1, 2)
        .reshape({g.rows * g.length, heads * size});
  };
  if (groups.size() == 1) return one(queries, keys, values, groups.front());
  std::vector<std::int64_t> tokens;
  for (const row_group& g : groups) tokens.push_back(g.rows * g.length);
  // split and cat: the gradient of a slice would be as large as the whole, for every group.
  const auto q = queries.split_with_sizes(tokens), k = keys.split_with_sizes(tokens),
             v = values.split_with_sizes(tokens);
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < groups.size(); ++i) parts.push_back(one(q[i], k[i], v[i], groups[i]));
  return at::cat(parts);
}

cache_places make_cache_places(const packed_rows& rows, const kv_cache& cache, const std::vector<std::int64_t>& slots) {
  if (slots.size() != rows.lengths.size())
    throw std::invalid_argument("rto::llm::make_cache_places: a slot for every row is needed");
  cache_places places{slots, rows.lengths, {}, {}, {}, true};
  std::vector<std::int64_t> slot, position;
  for (std::size_t r = 0; r < slots.size(); ++r) {
    const std::int64_t past = cache.lengths.at(static_cast<std::size_t>(slots[r]));
    if (past + rows.lengths[r] > cache.capacity())
      throw std::invalid_argument("rto::llm::make_cache_places: the cache has no room for the row");
    places.past.push_back(past);
    places.fresh = places.fresh && past == 0;
    for (std::int64_t i = 0; i < rows.lengths[r]; ++i) {
      slot.push_back(slots[r]);
      position.push_back(past + i);
    }
  }
  places.token_slot = at::tensor(slot, at::kLong).to(rows.ids.device());
  places.token_position = at::tensor(position, at::kLong).to(rows.ids.device());
  return places;
}

void store(const at::Tensor& keys, const at::Tensor& values, const cache_places& places, kv_cache& cache,
           std::size_t layer) {
  if (keys.is_cpu()) {
    store_cpu(keys, places, cache.keys[layer]);
    store_cpu(values, places, cache.values[layer]);
    return;
  }
  // [slots, capacity, heads, size]: the two indices of a token are then the first two.
  const c10::List<std::optional<at::Tensor>> where({places.token_slot, places.token_position});
  cache.keys[layer].transpose(1, 2).index_put_(where, keys);
  cache.values[layer].transpose(1, 2).index_put_(where, values);
}

at::Tensor cached_attention(const at::Tensor& queries, const cache_places& places, const kv_cache& cache,
                            std::size_t layer) {
  if (queries.is_cpu()) return cached_attention_cpu(queries, places, cache.keys[layer], cache.values[layer]);
  // One query a batch entry, keys up to the longest row, the rest masked.
  std::int64_t longest = 0;
  for (std::size_t r = 0; r < places.past.size(); ++r) longest = std::max(longest, places.past[r] + places.lengths[r]);
  const auto of_tokens = [&](const at::Tensor& x) {
    return x.narrow(2, 0, longest).index_select(0, places.token_slot);
  };
  const at::Tensor allowed =
      at::arange(longest, places.token_position.options()).unsqueeze(0) <= places.token_position.unsqueeze(1);
  return at::scaled_dot_product_attention(queries.unsqueeze(2), of_tokens(cache.keys[layer]),
                                          of_tokens(cache.values[layer]), allowed.unsqueeze(1).unsqueeze(1), 0.0, false,
                                          {}, queries.size(1) != cache.keys[layer].size(1))
      .reshape({queries.size(0), queries.size(1) * queries.size(2)});
}

}  // namespace rto::llm
