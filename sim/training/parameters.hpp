#pragma once
// What an optimiser moves: numbers with a sparse gradient, and Adam on those that the gradient touches.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rto::sim {

/// Parameters [rows, width], their gradient, and Adam's moments. A row is what a gradient reaches as a whole: the
/// logits of a state, or (width 1) a single number.
///
/// A step costs what it touches: a row that the gradient does not reach stays where it is, and its moments wait (as
/// in the sparse Adam of tensor libraries; here each row's bias correction also has its own clock, so that a rarely
/// visited one makes first steps of the usual size).
/// \source Kingma, Ba 2015 (arXiv 1412.6980), Algorithm 1
class trainable_parameters {
 public:
  explicit trainable_parameters(std::int64_t n = 0, std::int64_t width = 1)
      : width_(static_cast<std::size_t>(width)),
        numbers_(fields * static_cast<std::size_t>(n)),
        clock_(static_cast<std::size_t>(n) / width_) {}

  std::int64_t size() const { return static_cast<std::int64_t>(numbers_.size() / fields); }
  std::int64_t width() const { return static_cast<std::int64_t>(width_); }
  double operator[](std::int64_t i) const { return numbers_[place(i, value)]; }
  void set(std::int64_t i, double x) { numbers_[place(i, value)] = x; }
  double gradient(std::int64_t i) const { return numbers_[place(i, slope)]; }

  /// The values of a row, [width].
  std::span<const double> row(std::int64_t r) const { return {&numbers_[begin(r) + value * width_], width_}; }
  /// The gradient of a row [width], to be added to. It counts as touched.
  std::span<double> touch(std::int64_t r) {
    clock& c = clock_[static_cast<std::size_t>(r)];
    if (!c.touched) {
      c.touched = true;
      touched_.push_back(r);
    }
    return {&numbers_[begin(r) + slope * width_], width_};
  }

  /// One step of Adam at `rate` on the touched rows; the gradient is 0 afterwards. \returns its norm
  double step(double rate) {
    double squared = 0;
    for (const std::int64_t r : touched_) {
      clock& c = clock_[static_cast<std::size_t>(r)];
      c.touched = false;
      const bias_correction& correct = correction(c.steps++);
      const double first_rate = rate * correct.first;
      double* const x = &numbers_[begin(r)];
      double *const g = x + slope * width_, *const m = x + first * width_, *const v = x + second * width_;
      for (std::size_t i = 0; i < width_; ++i) {
        squared += g[i] * g[i];
        m[i] = beta_1 * m[i] + (1 - beta_1) * g[i];
        v[i] = beta_2 * v[i] + (1 - beta_2) * g[i] * g[i];
        x[i] -= first_rate * m[i] / (std::sqrt(v[i]) * correct.second + epsilon);
        g[i] = 0;
      }
    }
    touched_.clear();
    return std::sqrt(squared);
  }

 private:
  static constexpr double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;

  // The numbers of a row lie together, field by field: a step reads all of them.
  enum field : std::size_t { value, slope, first, second, fields };
  std::size_t begin(std::int64_t r) const { return fields * width_ * static_cast<std::size_t>(r); }
  std::size_t place(std::int64_t i, field f) const {
    const auto k = static_cast<std::size_t>(i);
    return (k / width_ * fields + f) * width_ + k % width_;
  }

  // 1 / (1 - beta_1^k) and 1 / sqrt(1 - beta_2^k) at the step number k = steps + 1 of a row.
  struct bias_correction {
    double first, second;
  };
  const bias_correction& correction(std::size_t steps) {
    while (correction_.size() <= steps) {
      decay_1_ *= beta_1;
      decay_2_ *= beta_2;
      correction_.push_back({1 / (1 - decay_1_), 1 / std::sqrt(1 - decay_2_)});
    }
    return correction_[steps];
  }

  struct clock {
    std::uint32_t steps = 0;
    bool touched = false;
  };
  std::size_t width_;
  std::vector<double> numbers_;  // [rows, fields, width]
  std::vector<clock> clock_;     // [rows]
  std::vector<std::int64_t> touched_;
  double decay_1_ = 1, decay_2_ = 1;
  std::vector<bias_correction> correction_;
};

}  // namespace rto::sim
