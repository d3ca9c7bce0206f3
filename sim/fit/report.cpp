// A fit as text, JSON, CSV and LaTeX.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/data/utf8.hpp"
#include "sim/engine/code.hpp"
#include "sim/fit/result.hpp"
#include "sim/io/ndarray.hpp"

namespace rto::sim {

namespace {

json number_or_null(double x) { return std::isnan(x) ? json(nullptr) : number(x); }

ordered_json interval_json(const interval& range) {
  return range.given() ? ordered_json{number(range.low), number(range.high)} : ordered_json(nullptr);
}

// A number for a table: `-` where there is none.
std::string shown(double x, int digits = 4) { return std::isnan(x) ? "-" : fmt::format("{:.{}f}", x, digits); }

std::string shown_p(double p) {
  if (std::isnan(p)) return "-";
  return p < 1e-4 ? "<0.0001" : fmt::format("{:.4f}", p);
}

std::string percent(double level) { return fmt::format("{:g} %", 100 * level); }

std::size_t display_width(const std::string& text) { return code_point_count(text); }

std::string padded(const std::string& text, std::size_t width, bool left) {
  const std::string space(width - std::min(width, display_width(text)), ' ');
  return left ? text + space : space + text;
}

using rows = std::vector<std::vector<std::string>>;

std::string aligned(const rows& table) {
  std::vector<std::size_t> widths(table.front().size(), 0);
  for (const auto& row : table)
    for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], display_width(row[k]));
  std::string text;
  for (const auto& row : table) {
    for (std::size_t k = 0; k < row.size(); ++k) text += (k > 0 ? "  " : "  ") + padded(row[k], widths[k], k == 0);
    text += '\n';
  }
  return text;
}

std::string interval_text(const interval& range, int digits = 4) {
  return range.given() ? fmt::format("[{:.{}f}, {:.{}f}]", range.low, digits, range.high, digits) : "-";
}

std::string latex_escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) {
      escaped += '\\';
      escaped += c;
    } else if (c == '~') {
      escaped += "\\textasciitilde{}";
    } else if (c == '^') {
      escaped += "\\textasciicircum{}";
    } else if (c == '\\') {
      escaped += "\\textbackslash{}";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string csv_quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

bool has_ratio_intervals(const fit_result& result) {
  return std::any_of(result.parameters.begin(), result.parameters.end(),
                     [](const parameter_result& p) { return p.likelihood_ratio.given(); });
}

std::string verdict_text(const fit_result& result) {
  if (result.status == "not_attained") return "NOT ATTAINED: the likelihood has no finite maximum";
  if (!result.converged) return "NOT CONVERGED";
  return result.status == "boundary" ? "converged, on the boundary of the norm bound" : "converged";
}

}  // namespace

ordered_json to_json(const comparison_model& model, const fit_result& result, const fit_options& options) {
  ordered_json document;
  document["format"] = "rto-fit/1";
  document["version"] = version();
  document["data"] = options.data.filename().string();
  document["kind"] = model.kind;
  document["notes"] = model.notes;
  document["warnings"] = result.warnings;
  document["status"] = result.status;
  document["converged"] = result.converged;
  document["separability"] = result.separability;
  document["rows"] = model.rows();
  document["comparisons"] = model.comparisons();
  document["dimension"] = model.parameters.size();
  document["rank"] = result.rank < 0 ? ordered_json(nullptr) : ordered_json(result.rank);
  document["iterations"] = result.iterations;
  document["gradient_norm"] = number_or_null(result.gradient_norm);
  document["bound"] = number(options.bound);
  document["multiplier"] = number_or_null(result.multiplier);
  document["norm"] = number_or_null(result.norm);
  document["log_likelihood"] = number_or_null(result.log_likelihood);
  document["log_likelihood_at_zero"] = number_or_null(result.log_likelihood_at_zero);
  document["log_binomial_constant"] = number_or_null(model.log_binomial_constant);
  document["log_likelihood_with_binomial_constant"] =
      number_or_null(result.log_likelihood + model.log_binomial_constant);
  document["test_of_zero"] = {
      {"statistic", number_or_null(result.test_of_zero)},
      {"degrees_of_freedom", result.rank < 0 ? ordered_json(nullptr) : ordered_json(result.rank)},
      {"p", number_or_null(result.p_of_zero)}};
  if (!model.items.empty()) document["reference"] = model.items.front();
  document["level"] = options.level;
  ordered_json parameters = ordered_json::array();
  for (const parameter_result& p : result.parameters) {
    ordered_json one = {{"name", p.name},
                        {"estimate", number_or_null(p.estimate)},
                        {"std_error", number_or_null(p.std_error)},
                        {"z", number_or_null(p.z)},
                        {"p", number_or_null(p.p)},
                        {"wald_interval", interval_json(p.wald)}};
    if (options.likelihood_ratio) one["likelihood_ratio_interval"] = interval_json(p.likelihood_ratio);
    parameters.push_back(std::move(one));
  }
  document["parameters"] = std::move(parameters);
  const std::size_t d = model.parameters.size();
  if (!result.covariance.empty()) document["covariance"] = array_json({d, d}, result.covariance.data());
  if (result.held_out) {
    const held_out_result& h = *result.held_out;
    document["held_out"] = {{"scheme", h.scheme},
                            {"seed", options.seed},
                            {"rows", h.rows},
                            {"comparisons", h.comparisons},
                            {"accuracy", number_or_null(h.accuracy.value)},
                            {"interval", interval_json(h.accuracy.range)},
                            {"log_likelihood_per_comparison", number_or_null(h.log_likelihood)},
                            {"fits", h.fits},
                            {"fits_not_attained", h.not_attained}};
  }
  if (result.confidence) {
    const confidence_result& c = *result.confidence;
    ordered_json one = {{"bound", number(c.bound)},
                        {"lambda", c.lambda},
                        {"delta", c.delta},
                        {"max_row_norm", c.max_row_norm},
                        {"radius", c.radius ? ordered_json(number(*c.radius)) : ordered_json(nullptr)},
                        {"smallest_eigenvalue", c.smallest_eigenvalue},
                        {"largest_eigenvalue", c.largest_eigenvalue},
                        {"log_determinant_ratio", c.log_determinant_ratio}};
    if (!c.sigma.empty()) one["sigma_d"] = array_json({d, d}, c.sigma.data());
    document["confidence"] = std::move(one);
  }
  return document;
}

std::string to_text(const comparison_model& model, const fit_result& result, const fit_options& options) {
  std::string text = fmt::format("{}\n", options.data.filename().string());
  for (const std::string& note : model.notes) text += fmt::format("  {}\n", printable(note, 2000));
  text += fmt::format("  {:g} comparisons in {} rows, {} parameters{}\n\n", model.comparisons(), model.rows(),
                      model.parameters.size(), result.rank < 0 ? "" : fmt::format(", rank {}", result.rank));

  const bool ratio = has_ratio_intervals(result);
  rows table{{"", "estimate", "std. error", "z", "p", fmt::format("{} Wald", percent(options.level))}};
  if (ratio) table.front().push_back(fmt::format("{} likelihood ratio", percent(options.level)));
  constexpr std::size_t longest = 64;  // the files have them all
  for (std::size_t k = 0; k < std::min(result.parameters.size(), longest); ++k) {
    const parameter_result& p = result.parameters[k];
    table.push_back(
        {printable(p.name), shown(p.estimate), shown(p.std_error), shown(p.z, 2), shown_p(p.p), interval_text(p.wald)});
    if (ratio) table.back().push_back(interval_text(p.likelihood_ratio));
  }
  text += aligned(table);
  if (result.parameters.size() > longest)
    text += fmt::format("  ... and {} more (--out or --csv writes all)\n", result.parameters.size() - longest);

  text += fmt::format("\n  {}, {} iterations, gradient norm {:.2g}; data {}\n", verdict_text(result), result.iterations,
                      result.gradient_norm, result.separability);
  text +=
      fmt::format("  log-likelihood {:.6f} (with binomial constant {:.6f}), at zero {:.6f}\n", result.log_likelihood,
                  result.log_likelihood + model.log_binomial_constant, result.log_likelihood_at_zero);
  if (!std::isnan(result.p_of_zero))
    text += fmt::format("  all zero? likelihood ratio {:.2f} on {} degrees of freedom, p {}\n", result.test_of_zero,
                        result.rank, shown_p(result.p_of_zero));
  if (result.held_out) {
    const held_out_result& h = *result.held_out;
    text += fmt::format("  held out ({}): accuracy {:.4f} {}, log-likelihood {:.4f} a comparison\n", h.scheme,
                        h.accuracy.value, interval_text(h.accuracy.range), h.log_likelihood);
  }
  if (result.confidence) {
    const confidence_result& c = *result.confidence;
    text += c.radius ? fmt::format("  confidence radius {:.4g} (B {:g}, lambda {:g}, delta {:g}, largest row {:.4g})",
                                   *c.radius, c.bound, c.lambda, c.delta, c.max_row_norm)
                     : fmt::format("  confidence radius: none without --bound (lambda {:g})", c.lambda);
    text += fmt::format("; Sigma_D has eigenvalues {:.4g} to {:.4g}\n", c.smallest_eigenvalue, c.largest_eigenvalue);
  }
  for (const std::string& warning : result.warnings) text += fmt::format("  ! {}\n", printable(warning, 2000));
  return text;
}

std::string to_csv(const fit_result& result) {
  const auto field = [](double x) { return std::isnan(x) ? std::string() : fmt::format("{}", x); };
  std::string text = "name,estimate,std_error,z,p,wald_low,wald_high,likelihood_ratio_low,likelihood_ratio_high\n";
  for (const parameter_result& p : result.parameters)
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", csv_quoted(p.name), field(p.estimate), field(p.std_error),
                        field(p.z), field(p.p), field(p.wald.low), field(p.wald.high), field(p.likelihood_ratio.low),
                        field(p.likelihood_ratio.high));
  return text;
}

std::string to_latex(const comparison_model& model, const fit_result& result, const fit_options& options) {
  const bool ratio = has_ratio_intervals(result);
  const auto cell = [](double x, int digits) { return std::isnan(x) ? "--" : fmt::format("${:.{}f}$", x, digits); };
  const auto range = [](const interval& r) {
    return r.given() ? fmt::format("$[{:.3f}, {:.3f}]$", r.low, r.high) : "--";
  };
  std::string text = "% needs \\usepackage{booktabs}\n\\begin{tabular}{l";
  text += std::string(ratio ? 6 : 5, 'r') + "}\n\\toprule\n";
  text += fmt::format("{} & Estimate & Std.\\ error & $z$ & $p$ & {:g}\\,\\% Wald", model.items.empty() ? "" : "Item",
                      100 * options.level);
  text += std::string(ratio ? " & Likelihood ratio" : "") + " \\\\\n\\midrule\n";
  if (!model.items.empty() && options.predictors.empty())
    text += fmt::format("{} & $0$ & (reference){} \\\\\n", latex_escaped(printable(model.items.front(), 200)),
                        ratio ? " & & & &" : " & & &");
  for (const parameter_result& p : result.parameters) {
    const std::string small = !std::isnan(p.p) && p.p < 1e-4 ? "$<10^{-4}$" : cell(p.p, 4);
    text += fmt::format("{} & {} & {} & {} & {} & {}", latex_escaped(printable(p.name, 200)), cell(p.estimate, 4),
                        cell(p.std_error, 4), cell(p.z, 2), small, range(p.wald));
    text += (ratio ? " & " + range(p.likelihood_ratio) : "") + " \\\\\n";
  }
  text += "\\bottomrule\n\\end{tabular}\n";
  text += fmt::format("% {}; log-likelihood {:.6f}, {:g} comparisons\n", verdict_text(result), result.log_likelihood,
                      model.comparisons());
  return text;
}

}  // namespace rto::sim
