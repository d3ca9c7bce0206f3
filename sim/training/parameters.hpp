#pragma once
// What an optimiser moves: numbers with a sparse gradient, and Adam on those that the gradient touches.
#include <cmath>
#include <cstdint>
#include <vector>

namespace rto::sim {

/// Parameters [n], their gradient, and Adam's moments.
///
/// A step costs what it touches, not n: a parameter that the gradient does not reach stays where it is, and its moments
/// wait (as in the sparse Adam of tensor libraries; here each parameter's bias correction also has its own clock, so
/// that a rarely visited one makes first steps of the usual size).
/// \source Kingma, Ba 2015 (arXiv 1412.6980), Algorithm 1
class trainable_parameters {
 public:
  explicit trainable_parameters(std::int64_t n = 0) : states_(static_cast<std::size_t>(n)) {}

  std::int64_t size() const { return static_cast<std::int64_t>(states_.size()); }
  double operator[](std::int64_t i) const { return states_[static_cast<std::size_t>(i)].value; }
  void set(std::int64_t i, double value) { states_[static_cast<std::size_t>(i)].value = value; }
  double gradient(std::int64_t i) const { return states_[static_cast<std::size_t>(i)].gradient; }

  /// gradient_i += g.
  void add_gradient(std::int64_t i, double g) {
    state& s = states_[static_cast<std::size_t>(i)];
    if (!s.touched) {
      s.touched = true;
      touched_.push_back(i);
    }
    s.gradient += g;
  }

  /// One step of Adam at `rate` on the touched parameters; the gradient is 0 afterwards. \returns its norm
  double step(double rate) {
    double squared = 0;
    for (const std::int64_t i : touched_) {
      state& s = states_[static_cast<std::size_t>(i)];
      const double g = s.gradient;
      squared += g * g;
      s.first = beta_1 * s.first + (1 - beta_1) * g;
      s.second = beta_2 * s.second + (1 - beta_2) * g * g;
      s.decay_1 *= beta_1;
      s.decay_2 *= beta_2;
      s.value -= rate * (s.first / (1 - s.decay_1)) / (std::sqrt(s.second / (1 - s.decay_2)) + epsilon);
      s.gradient = 0;
      s.touched = false;
    }
    touched_.clear();
    return std::sqrt(squared);
  }

 private:
  static constexpr double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;

  struct state {  // one cache line: a step reads all of it
    double value = 0, gradient = 0, first = 0, second = 0;
    double decay_1 = 1, decay_2 = 1;  // beta^(number of steps of this parameter)
    bool touched = false;
  };
  std::vector<state> states_;
  std::vector<std::int64_t> touched_;
};

}  // namespace rto::sim
