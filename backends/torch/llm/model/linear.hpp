#pragma once
// A linear map whose rows may be several of the checkpoint's matrices, computed in one product.
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rto::llm {

/// A parameter as the checkpoint has it, and how a new one begins.
struct parameter_description {
  std::string name;
  std::vector<std::int64_t> shape;
  double mean = 0, deviation = 0;  // of the normal distribution that a new one is drawn from
};
/// Gives a parameter: from a file, from another model, or new.
using parameter_source = std::function<at::Tensor(const parameter_description&)>;

/// A term scale B A x added to some of a linear map's outputs (LoRA). \source E. Hu et al. 2021, arXiv 2106.09685
struct low_rank_term {
  std::size_t part = 0;  // of the linear map
  at::Tensor a, b;       // [rank, in], [outputs of the part, rank]
  double scale = 1;
};

/// y = x W^T + b. The leaves that training sees are the checkpoint's matrices; they lie one below the other in one
/// buffer, so that q, k and v (or gate and up) are one product and nothing is copied to make it one.
class linear {
 public:
  struct part {
    std::string name;  // without `.weight`
    std::int64_t outputs = 0;
    at::Tensor weight, bias;  // leaves; views of the buffers
  };
  struct description {
    std::vector<std::pair<std::string, std::int64_t>> parts;  // name, outputs
    std::int64_t inputs = 0;
    bool bias = false;
    bool transposed = false;  // the file has [in, out] (GPT-2); one part only
    double deviation = 0.02;
  };

  linear() = default;
  linear(const description& d, const parameter_source& source);

  bool defined() const { return weight_.defined(); }
  /// \param x [tokens, in]; in another type than the weights' where `compute` is set: both are cast to it
  at::Tensor operator()(const at::Tensor& x) const;

  const std::vector<part>& parts() const { return parts_; }
  /// [outputs, in], all parts; no leaf.
  at::Tensor weight() const { return transposed_ ? weight_.t() : weight_; }
  bool transposed() const { return transposed_; }

  /// The type of the product where it is not that of the weights (bf16 over fp32 master weights).
  std::optional<at::ScalarType> compute;
  std::vector<low_rank_term> terms;

 private:
  /// A buffer in the type of the product, until it changes; copies of the map share it.
  struct cast_cache {
    at::Tensor tensor;
    std::int64_t version = 0;
  };
  at::Tensor cast(const at::Tensor& whole, cast_cache& cache) const;

  at::Tensor weight_, bias_;
  std::vector<part> parts_;
  bool transposed_ = false;
  std::shared_ptr<cast_cache> cast_weight_ = std::make_shared<cast_cache>(),
                              cast_bias_ = std::make_shared<cast_cache>();
};

}  // namespace rto::llm
