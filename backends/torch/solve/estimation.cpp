// Maximum likelihood, pessimism and unknown transitions on tensors.
#include <rto/torch/array.hpp>

#include "backends/torch/solve/tensor_families.hpp"
#include "sim/solve/algo1.hpp"
#include "sim/solve/bt_mle.hpp"
#include "sim/solve/unknown_p.hpp"

namespace rto::sim {

family_table estimation_families(const at::Tensor& like) {
  return {{"bt_mle", [like](const problem& p) { return solve_bt_mle(p, like); }},
          {"algo1", [like](const problem& p) { return solve_algo1(p, like); }},
          {"unknown_p", [like](const problem& p) { return solve_unknown_p(p, like); }}};
}

}  // namespace rto::sim
