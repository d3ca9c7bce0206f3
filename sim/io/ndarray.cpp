#include "sim/io/ndarray.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <numeric>

namespace rto::sim {

std::string shape_text(const std::vector<std::size_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

json array_json(const std::vector<std::size_t>& shape, const double* data) {
  const std::size_t size = std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
  json entries = json::array();
  entries.get_ref<json::array_t&>().reserve(size);
  for (std::size_t i = 0; i < size; ++i) entries.push_back(number(data[i]));
  return {{"shape", shape}, {"data", std::move(entries)}};
}

json to_json(const ndarray& array) {
  const std::size_t size = std::accumulate(array.shape.begin(), array.shape.end(), std::size_t{1}, std::multiplies<>());
  if (size != array.data.size())
    throw std::invalid_argument(fmt::format("rto::sim::to_json: shape {} needs {} entries, got {}",
                                            shape_text(array.shape), size, array.data.size()));
  return array_json(array.shape, array.data.data());
}

json list_json(const std::vector<double>& values) {
  json list = json::array();
  for (const double x : values) list.push_back(number(x));
  return list;
}

}  // namespace rto::sim
