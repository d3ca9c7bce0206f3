#include "llm/model/recomputation.hpp"

#include <torch/torch.h>

namespace rto::llm {
namespace {

struct kept : torch::CustomClassHolder {
  kept(decoder_layer l, std::shared_ptr<const layer_pass> p) : layer(std::move(l)), pass(std::move(p)) {}
  decoder_layer layer;  // shares its parameters
  std::shared_ptr<const layer_pass> pass;
};

struct recomputation : torch::autograd::Function<recomputation> {
  // `anchor`: a parameter, so that the output has a gradient also where the input has none.
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& /*anchor*/,
                            const c10::intrusive_ptr<kept>& with) {
    ctx->save_for_backward({x});
    ctx->saved_data["kept"] = c10::IValue::make_capsule(with);
    return with->layer(x, *with->pass);  // gradients are off within a function's forward pass
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& gradients) {
    const auto with = c10::static_intrusive_pointer_cast<kept>(ctx->saved_data["kept"].toCapsule());
    const at::Tensor x = ctx->get_saved_variables()[0].detach().set_requires_grad(true);
    const at::AutoGradMode on(true);
    const at::Tensor y = with->layer(x, *with->pass);
    torch::autograd::backward({y}, {gradients[0]});
    return {x.grad(), {}, {}};
  }
};

at::Tensor trained_parameter(const decoder_layer& layer) {
  const auto first = [](const at::Tensor& a, const at::Tensor& b) { return a.defined() ? a : b; };
  at::Tensor found;
  const auto offer = [&](const at::Tensor& t) {
    if (t.defined() && t.requires_grad()) found = first(found, t);
  };
  for (const norm* n : {&layer.attention_norm, &layer.mlp_norm, &layer.query_norm, &layer.key_norm}) offer(n->weight);
  for (const linear* l : layer.linears()) {
    for (const linear::part& p : l->parts()) offer(p.weight);
    for (const low_rank_term& t : l->terms) offer(t.b);
  }
  return found;
}

}  // namespace

at::Tensor recomputed(const decoder_layer& layer, std::shared_ptr<const layer_pass> pass, const at::Tensor& x) {
  const at::Tensor anchor = trained_parameter(layer);
  if (!anchor.defined() && !x.requires_grad()) return layer(x, *pass);
  return recomputation::apply(x, anchor.defined() ? anchor : x, c10::make_intrusive<kept>(layer, std::move(pass)));
}

}  // namespace rto::llm
