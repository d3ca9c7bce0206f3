#include "llm/model/rotary.hpp"

#include <ATen/Dispatch.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <rto/torch/for_blocks.hpp>

namespace rto::llm {
namespace {

template <class T>
void turn_rows(T* x, const float* cosine, const float* sine, const head_layout& layout, std::int64_t half, float sign,
               std::int64_t from, std::int64_t to) {
  const std::int64_t vectors = layout.vectors(), size = layout.head_size;
  for (std::int64_t t = from; t < to; ++t) {
    const float *c = cosine + t * half, *s = sine + t * half;
    for (std::int64_t v = 0; v < vectors; ++v) {
      if (!layout.rotates(v)) continue;
      T* const p = x + (t * vectors + v) * size;
      for (std::int64_t i = 0; i < half; ++i) {
        const float a = static_cast<float>(p[i]), b = static_cast<float>(p[i + half]), turn = sign * s[i];
        p[i] = static_cast<T>(a * c[i] - b * turn);
        p[i + half] = static_cast<T>(b * c[i] + a * turn);
      }
    }
  }
}

void turn(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine, const head_layout& layout, bool back) {
  const at::NoGradGuard no_gradients;
  const std::int64_t tokens = x.size(0), half = cosine.size(1);
  if (x.is_cpu()) {
    const float *c = cosine.const_data_ptr<float>(), *s = sine.const_data_ptr<float>();
    AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "rotate", [&] {
      scalar_t* const data = x.mutable_data_ptr<scalar_t>();
      detail::for_ranges(tokens, std::max<std::int64_t>(1, 32768 / (layout.vectors() * layout.head_size)),
                         [&](std::int64_t from, std::int64_t to) {
                           turn_rows(data, c, s, layout, half, back ? -1.0F : 1.0F, from, to);
                         });
    });
    return;
  }
  const at::Tensor all =
      layout.by_head
          ? x.view({tokens, layout.heads, 3, layout.head_size}).narrow(2, 0, 2)
          : x.view({tokens, layout.vectors(), 1, layout.head_size}).narrow(1, 0, layout.heads + layout.key_value_heads);
  const at::Tensor first = all.narrow(3, 0, half), second = all.narrow(3, half, half);
  const at::Tensor c = cosine.view({tokens, 1, 1, half}),
                   s = back ? -sine.view({tokens, 1, 1, half}) : sine.view({tokens, 1, 1, half});
  const at::Tensor a = first.to(at::kFloat, false, true), b = second.to(at::kFloat, false, true);
  first.copy_(a * c - b * s);
  second.copy_(b * c + a * s);
}

struct rotation : torch::autograd::Function<rotation> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& cosine,
                            const at::Tensor& sine, const head_layout& layout) {
    turn(x, cosine, sine, layout, false);
    ctx->mark_dirty({x});
    ctx->save_for_backward({cosine, sine});
    ctx->saved_data["heads"] = layout.heads;
    ctx->saved_data["key_value_heads"] = layout.key_value_heads;
    ctx->saved_data["head_size"] = layout.head_size;
    ctx->saved_data["by_head"] = layout.by_head;
    return x;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = ctx->get_saved_variables();
    const head_layout layout{ctx->saved_data["heads"].toInt(), ctx->saved_data["key_value_heads"].toInt(),
                             ctx->saved_data["head_size"].toInt(), ctx->saved_data["by_head"].toBool()};
    const at::Tensor result = gradients[0].clone(at::MemoryFormat::Contiguous);
    turn(result, saved[0], saved[1], layout, true);
    return {result, {}, {}, {}};
  }
};

}  // namespace

std::vector<double> rotary_frequencies(const model_config& config) {
  std::vector<double> result;
  const double original = static_cast<double>(config.rope_original_context), factor = config.rope_factor;
  for (std::int64_t i = 0; i < config.rotary_size / 2; ++i) {
    const double f =
        std::pow(config.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(config.rotary_size));
    if (config.positions == position_kind::rotary_linear) {
      result.push_back(f / factor);
    } else if (config.positions == position_kind::rotary_llama3) {
      const double turns = original * f / (2 * std::numbers::pi);  // L / wavelength
      const double low = config.rope_low_frequency_factor, high = config.rope_high_frequency_factor;
      const double s = std::clamp((turns - low) / (high - low), 0.0, 1.0);
      result.push_back(f * (s + (1 - s) / factor));
    } else {
      result.push_back(f);
    }
  }
  return result;
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine, const head_layout& layout) {
  if (at::GradMode::is_enabled() && x.requires_grad()) return rotation::apply(x, cosine, sine, layout);
  turn(x, cosine, sine, layout, false);
  return x;
}

}  // namespace rto::llm
