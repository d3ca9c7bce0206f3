#include "llm/model/norm.hpp"

#include <torch/torch.h>

namespace rto::llm {

norm::norm(std::string name_, std::int64_t size, bool root_mean_square, double epsilon_, const parameter_source& source)
    : name(std::move(name_)), epsilon(epsilon_) {
  weight = source({name + ".weight", {size}, 1, 0});
  if (!root_mean_square) bias = source({name + ".bias", {size}, 0, 0});
}

at::Tensor norm::operator()(const at::Tensor& x) const {
  if (bias.defined()) {
    const at::Tensor in = x.to(weight.scalar_type());
    return at::layer_norm(in, {weight.size(0)}, weight, bias, epsilon);
  }
  const at::Tensor in = x.to(at::kFloat);
  const at::Tensor unit = in * at::rsqrt(in.square().mean(-1, true) + epsilon);
  return weight * unit.to(x.scalar_type());
}

}  // namespace rto::llm
