#include "llm/model/linear.hpp"

#include <torch/torch.h>

namespace rto::llm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Constants of the product: the buffers that the leaves are views of, in the type of the product.
struct linear_buffers {
  at::Tensor weight, bias;  // weight [out, in]
  bool transposed = false;  // the leaf is weight^T
};

struct linear_function : torch::autograd::Function<linear_function> {
  // at::TensorList: the only kind of list whose tensors autograd looks for.
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, at::TensorList weights, at::TensorList biases,
                            const linear_buffers& buffers) {
    ctx->save_for_backward({x, buffers.weight});
    std::vector<std::int64_t> outputs;
    for (const at::Tensor& w : weights) outputs.push_back(w.size(buffers.transposed ? 1 : 0));
    ctx->saved_data["outputs"] = outputs;
    ctx->saved_data["biases"] = static_cast<std::int64_t>(biases.size());
    ctx->saved_data["transposed"] = buffers.transposed;
    return at::linear(x, buffers.weight, buffers.bias);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &g = gradients[0];
    const std::vector<std::int64_t> outputs = ctx->saved_data["outputs"].toIntVector();
    const std::int64_t biases = ctx->saved_data["biases"].toInt();
    variable_list result(1 + outputs.size() + static_cast<std::size_t>(biases) + 1);
    if (ctx->needs_input_grad(0)) result[0] = g.mm(weight);
    const auto some = [&](std::size_t from, std::size_t n) {
      for (std::size_t i = from; i < from + n; ++i)
        if (ctx->needs_input_grad(i)) return true;
      return false;
    };
    const auto hand_out = [&](std::size_t from, const at::Tensor& whole) {
      std::int64_t row = 0;
      for (std::size_t i = 0; i < outputs.size(); row += outputs[i++])
        result[from + i] = outputs.size() == 1 ? whole : whole.narrow(0, row, outputs[i]);
    };
    if (some(1, outputs.size())) hand_out(1, ctx->saved_data["transposed"].toBool() ? x.t().mm(g) : g.t().mm(x));
    if (biases > 0 && some(1 + outputs.size(), outputs.size())) hand_out(1 + outputs.size(), g.sum(0));
    return result;
  }
};

}  // namespace

linear::linear(const description& d, const parameter_source& source) : transposed_(d.transposed) {
  std::int64_t outputs = 0;
  for (const auto& [name, rows] : d.parts) outputs += rows;
  const auto make = [&](const char* suffix, const std::vector<std::int64_t>& inner, double deviation) {
    std::vector<at::Tensor> all;
    for (const auto& [name, rows] : d.parts) {
      std::vector<std::int64_t> shape = inner;
      shape.insert(transposed_ ? shape.end() : shape.begin(), rows);
      all.push_back(source({name + suffix, shape, 0, deviation}));
    }
    return all;
  };
  const auto together = [&](std::vector<at::Tensor>& all) {
    if (all.size() == 1) return all.front();
    const at::NoGradGuard no_gradients;
    const at::Tensor whole = at::cat(all, 0);
    std::int64_t row = 0;
    for (at::Tensor& t : all) {
      const std::int64_t n = t.size(0);
      t = whole.narrow(0, row, n).detach();
      row += n;
    }
    return whole;
  };
  std::vector<at::Tensor> weights = make(".weight", {d.inputs}, d.deviation), biases;
  weight_ = together(weights);
  if (d.bias) {
    biases = make(".bias", {}, 0);
    bias_ = together(biases);
  }
  for (std::size_t i = 0; i < d.parts.size(); ++i)
    parts_.push_back({d.parts[i].first, d.parts[i].second, weights[i], d.bias ? biases[i] : at::Tensor()});
  // The buffer itself is no leaf: training sees the parts.
  weight_ = weight_.detach();
  if (bias_.defined()) bias_ = bias_.detach();
}

at::Tensor linear::cast(const at::Tensor& whole, cast_cache& cache) const {
  if (!compute || !whole.defined() || whole.scalar_type() == *compute) return whole;
  const std::int64_t version = whole._version();
  if (!cache.tensor.defined() || cache.tensor.scalar_type() != *compute || cache.version != version) {
    const at::NoGradGuard no_gradients;
    cache = {whole.to(*compute), version};
  }
  return cache.tensor;
}

at::Tensor linear::operator()(const at::Tensor& input) const {
  const at::Tensor stored = cast(weight_, *cast_weight_), bias = cast(bias_, *cast_bias_);
  const at::Tensor x = input.to(stored.scalar_type());
  const at::Tensor weight = transposed_ ? stored.t() : stored;
  at::Tensor y;
  if (at::GradMode::is_enabled()) {
    variable_list weights, biases;
    for (const part& p : parts_) {
      weights.push_back(p.weight);
      if (p.bias.defined()) biases.push_back(p.bias);
    }
    y = linear_function::apply(x, at::TensorList(weights), at::TensorList(biases),
                               linear_buffers{weight, bias, transposed_});
  } else {
    y = at::linear(x, weight, bias);
  }
  if (terms.empty()) return y;
  std::vector<at::Tensor> added(parts_.size());
  for (const low_rank_term& term : terms) {
    const at::Tensor delta =
        at::linear(at::linear(x, term.a.to(x.scalar_type())), term.b.to(x.scalar_type())) * term.scale;
    added[term.part] = added[term.part].defined() ? added[term.part] + delta : delta;
  }
  for (std::size_t i = 0; i < parts_.size(); ++i)
    if (!added[i].defined()) added[i] = at::zeros({x.size(0), parts_[i].outputs}, x.options());
  return y + (added.size() == 1 ? added.front() : at::cat(added, 1));
}

}  // namespace rto::llm
