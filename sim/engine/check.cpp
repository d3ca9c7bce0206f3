#include "sim/engine/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rto::sim {
namespace {

check base(std::string id, std::string tested, quantity predicted, quantity measured, double n) {
  check c;
  c.id = std::move(id);
  c.tested = std::move(tested);
  c.predicted = std::move(predicted);
  c.measured = std::move(measured);
  c.n = n;
  return c;
}

}  // namespace

std::string to_text(verdict v) {
  switch (v) {
    case verdict::holds:
      return "holds";
    case verdict::holds_as_corrected:
      return "holds as corrected";
    case verdict::fails_as_printed:
      return "fails as printed";
    case verdict::inconclusive:
      return "inconclusive";
    case verdict::skipped:
      return "skipped";
    case verdict::contradicted:
      return "contradicted";
  }
  return "inconclusive";
}

verdict combine(const std::vector<verdict>& verdicts) {
  for (const verdict v : {verdict::contradicted, verdict::fails_as_printed, verdict::inconclusive,
                          verdict::holds_as_corrected, verdict::holds}) {
    if (std::find(verdicts.begin(), verdicts.end(), v) != verdicts.end()) return v;
  }
  return verdict::skipped;
}

std::string shown_number(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  if (x == 0) return "0";
  const double size = std::abs(x);
  if (std::nearbyint(x) == x && size < 1e9) {
    std::string digits = fmt::format("{:.0f}", size);
    for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0 && size >= 1e4; i -= 3)
      digits.insert(static_cast<std::size_t>(i), 1, ' ');
    return (x < 0 ? "-" : "") + digits;
  }
  if (size >= 1e6 || size < 1e-3) return fmt::format("{:.3g}", x);
  return fmt::format("{:.4g}", x);
}

std::string quantity::shown() const {
  if (!text.empty()) return text;
  return value ? shown_number(*value) : "-";
}

std::string shown_interval(const estimate& e, int digits) {
  return fmt::format("{:.{}f} <small>[{:.{}f}, {:.{}f}]</small>", e.value, digits, e.range.low, digits, e.range.high,
                     digits);
}

check identity_check(std::string id, std::string tested, double largest_error, double tolerance, double n,
                     verdict if_true) {
  check c = base(std::move(id), std::move(tested), {tolerance, fmt::format("error ≤ {:g}", tolerance)},
                 {largest_error, fmt::format("{:.2g}", largest_error)}, n);
  c.result = n == 0 ? verdict::inconclusive : largest_error <= tolerance ? if_true : verdict::contradicted;
  return c;
}

check equality_check(std::string id, std::string tested, double predicted, double measured, double n, verdict if_true) {
  check c = base(std::move(id), std::move(tested), predicted, measured, n);
  c.result = predicted == measured ? if_true : verdict::contradicted;
  return c;
}

check always_check(std::string id, std::string tested, double violations, double n, verdict if_true) {
  check c = base(std::move(id), std::move(tested), {0.0, "no violation"},
                 {violations, fmt::format("{} of {}", shown_number(violations), shown_number(n))}, n);
  c.result = n == 0 ? verdict::inconclusive : violations == 0 ? if_true : verdict::contradicted;
  return c;
}

check interval_check(std::string id, std::string tested, double predicted, const estimate& measured, double n,
                     double confidence, verdict if_true) {
  check c = base(std::move(id), std::move(tested), predicted, measured.value, n);
  c.range = measured.range;
  c.confidence = confidence;
  c.result = !measured.range.given()              ? verdict::inconclusive
             : measured.range.contains(predicted) ? if_true
                                                  : verdict::contradicted;
  return c;
}

check slope_check(std::string id, std::string tested, double predicted, double tolerance, const estimate& slope,
                  double n, double confidence, verdict if_true) {
  check c = base(std::move(id), std::move(tested),
                 {predicted, fmt::format("{} ± {}", shown_number(predicted), shown_number(tolerance))}, slope.value, n);
  c.range = slope.range;
  c.confidence = confidence;
  const double low = predicted - tolerance, high = predicted + tolerance;
  if (slope.value >= low && slope.value <= high) {
    c.result = if_true;
  } else if (!slope.range.given() || (slope.range.low <= high && slope.range.high >= low)) {
    c.result = verdict::inconclusive;
  } else {
    c.result = verdict::contradicted;
  }
  return c;
}

check printed_bound_check(std::string id, std::string tested, double bound, double measured, double n) {
  check c = base(std::move(id), std::move(tested), {bound, "≤ " + shown_number(bound)}, measured, n);
  c.result = std::isnan(measured) || std::isnan(bound) ? verdict::inconclusive
             : measured <= bound                       ? verdict::holds
                                                       : verdict::fails_as_printed;
  return c;
}

check side_check(std::string id, std::string tested, quantity predicted, const estimate& measured, double border,
                 bool above, double n, double confidence, verdict if_true, verdict if_false) {
  check c;
  c.id = std::move(id);
  c.tested = std::move(tested);
  c.predicted = std::move(predicted);
  c.measured = measured.value;
  c.range = measured.range;
  c.confidence = confidence;
  c.n = n;
  if (measured.range.given()) {
    const bool on_side = above ? measured.range.low > border : measured.range.high < border;
    const bool beyond = above ? measured.range.high < border : measured.range.low > border;
    c.result = on_side ? if_true : beyond ? if_false : verdict::inconclusive;
  }
  return c;
}

}  // namespace rto::sim
