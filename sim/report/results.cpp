// results.json, format rto-results/1.
#include "sim/engine/code.hpp"
#include "sim/report/report.hpp"

namespace rto::sim {
namespace {

ordered_json quantity_json(const quantity& q) {
  if (q.value) return ordered_json(*q.value);
  if (!q.text.empty()) return ordered_json(q.text);
  return ordered_json(nullptr);
}

}  // namespace

ordered_json results_json(const run_result& run, const run_options& options) {
  ordered_json claims = ordered_json::array();
  for (const claim_result& r : run.claims) {
    ordered_json figures = ordered_json::array(), checks = ordered_json::array();
    for (const figure& f : r.concluded.figures) figures.push_back(f.id + ".svg");
    for (const check& c : r.concluded.checks) {
      ordered_json one = {{"id", c.id},
                          {"tested", c.tested},
                          {"predicted", quantity_json(c.predicted)},
                          {"measured", quantity_json(c.measured)},
                          {"interval", nullptr},
                          {"n", c.n},
                          {"verdict", to_text(c.result)}};
      if (c.n == static_cast<double>(static_cast<std::int64_t>(c.n))) one["n"] = static_cast<std::int64_t>(c.n);
      if (c.range.given()) {
        one["interval"] = {c.range.low, c.range.high};
        one["confidence"] = c.confidence;
      }
      if (!c.predicted.text.empty() && c.predicted.value) one["predicted_text"] = c.predicted.text;
      checks.push_back(std::move(one));
    }
    claims.push_back({{"id", r.what->id},
                      {"title", r.what->title},
                      {"statement", r.what->statement},
                      {"source", r.what->source},
                      {"origin", to_text(r.what->origin)},
                      {"verdict", to_text(r.overall)},
                      {"settings", r.values.values()},
                      {"replicates", r.replicates},
                      {"seconds", r.seconds},
                      {"figures", std::move(figures)},
                      {"checks", std::move(checks)}});
  }
  ordered_json all = {{"format", "rto-results/1"},
                      {"version", version()},
                      {"commit", commit()},
                      {"seed", options.seed},
                      {"claims", std::move(claims)}};
  encode_non_finite(all);
  return all;
}

}  // namespace rto::sim
