// real-preferences: a token-wise linear reward learnt from what people preferred.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "rto/reward/confidence_set.hpp"
#include "sim/data/preference_corpus.hpp"
#include "sim/engine/claim.hpp"
#include "sim/fit/design.hpp"
#include "sim/io/error.hpp"
#include "sim/statistics/line_fit.hpp"
#include "sim/statistics/sample.hpp"
#include "sim/statistics/shuffle.hpp"

namespace {
using namespace rto::sim;
using rto::reward_estimate;

using features = std::vector<std::pair<int, double>>;  // columns may repeat: they add up

struct feature_map {
  std::size_t columns = 0, ngram = 0;

  // phi(s, a): the hashed 1- to n-grams that end in the token; ||phi|| <= sqrt(ngram), 1 after scaling. The state
  // enters through the last n - 1 tokens.
  features of_token(const std::vector<text_token>& tokens, std::size_t t) const {
    features phi;
    for (std::size_t n = 1; n <= ngram; ++n) {
      const hashed_feature f = hashed_ngram(tokens, t, n, columns);
      phi.emplace_back(f.column, f.sign / std::sqrt(static_cast<double>(ngram)));
    }
    return phi;
  }
  // Phi(tau): the sum over tokens.
  features token_wise(const tokenized_response& response) const {
    features sum;
    for (std::size_t t = 0; t < response.tokens.size(); ++t) {
      const features phi = of_token(response.tokens, t);
      sum.insert(sum.end(), phi.begin(), phi.end());
    }
    return sum;
  }
  // The sentence-level baseline: which of the same n-grams the response contains, scaled to norm one. Not a sum of
  // token rewards: saying a thing twice, or at greater length, counts no more.
  features sentence_level(const tokenized_response& response) const {
    std::map<int, double> present;
    for (std::size_t t = 0; t < response.tokens.size(); ++t) {
      for (std::size_t n = 1; n <= ngram; ++n) {
        const hashed_feature f = hashed_ngram(response.tokens, t, n, columns);
        present[f.column] = f.sign;
      }
    }
    const double scale = present.empty() ? 1.0 : 1.0 / std::sqrt(static_cast<double>(present.size()));
    features psi;
    for (const auto& [column, sign] : present) psi.emplace_back(column, sign * scale);
    return psi;
  }
};

template <class Map>
sparse_comparisons differences(const preference_corpus& corpus, std::span<const std::size_t> pairs, std::size_t columns,
                               Map of_response) {
  comparison_model model;
  model.x.columns = columns;
  std::vector<std::size_t> rows;
  for (const std::size_t k : pairs) {
    const preference_pair& pair = corpus.pairs[k];
    features x = of_response(corpus.responses[static_cast<std::size_t>(pair.preferred)]);
    for (const auto& [column, value] : of_response(corpus.responses[static_cast<std::size_t>(pair.other)]))
      x.emplace_back(column, -value);
    model.x.append(std::move(x));
    model.label.push_back(1.0);
    model.weight.push_back(1.0);
    rows.push_back(rows.size());
  }
  return comparisons_of(model, rows);
}

struct split {
  std::vector<std::size_t> train, validation, test;  // pairs
  std::vector<bool> test_cluster;
};

// Folds of clusters, the same for every replicate; within the other folds every fifth cluster validates. `share` of the
// training clusters are used.
split make_split(const preference_corpus& corpus, std::int64_t fold, std::int64_t folds, double share) {
  std::vector<int> order(static_cast<std::size_t>(corpus.clusters));
  std::iota(order.begin(), order.end(), 0);
  stream rng(0x7265616c);
  shuffle(order, rng);
  enum : char { unused, train, validation, test };
  std::vector<char> part(order.size(), unused);
  std::vector<int> training;
  std::size_t others = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto cluster = static_cast<std::size_t>(order[i]);
    if (static_cast<std::int64_t>(i) % folds == fold) {
      part[cluster] = test;
    } else if (others++ % 5 == 0) {
      part[cluster] = validation;
    } else {
      training.push_back(order[i]);
    }
  }
  training.resize(static_cast<std::size_t>(std::llround(share * static_cast<double>(training.size()))));
  for (const int cluster : training) part[static_cast<std::size_t>(cluster)] = train;
  split s;
  for (std::size_t k = 0; k < corpus.pairs.size(); ++k) {
    const char p = part[static_cast<std::size_t>(corpus.pairs[k].cluster)];
    if (p != unused) (p == train ? s.train : p == validation ? s.validation : s.test).push_back(k);
  }
  for (const char p : part) s.test_cluster.push_back(p == test);
  return s;
}

// Sums of independent observations, kept small.
struct tally {
  double n = 0, sum = 0, squares = 0;
  void add(double x) { n += 1, sum += x, squares += x * x; }
  json to_json() const { return {n, sum, squares}; }
};

// Mean and t interval of the tallies of all folds.
std::pair<estimate, double> pooled(const cell_outcomes& cell, const std::string& name) {
  double n = 0, sum = 0, squares = 0;
  for (const json& r : cell.replicates) {
    const json& t = r.at(name);
    n += t[0].get<double>(), sum += t[1].get<double>(), squares += t[2].get<double>();
  }
  if (n < 2) return {{}, n};
  const double m = sum / n;
  return {mean_interval(m, std::max(0.0, (squares - n * m * m) / (n - 1)), n), n};
}

struct choice {
  dense_matrix theta;
  double bound = 0, validation = -std::numeric_limits<double>::infinity();
};

// The norm bound B = scale / (root mean square of ||x_i||) that predicts the validation pairs best.
choice choose_bound(const sparse_comparisons& train, const sparse_comparisons& validation,
                    const std::vector<double>& scales, const replicate_context& context) {
  double squares = 0;
  for (Eigen::Index k = 0; k < train.features.nonZeros(); ++k) squares += std::pow(train.features.valuePtr()[k], 2);
  const double typical = std::sqrt(squares / static_cast<double>(train.size()));
  choice best;
  for (const double scale : scales) {
    if (context.stopped()) throw interruption{};
    rto::reward_mle_options options;
    options.bound = scale / typical;
    options.tolerance = 1e-6;
    const reward_estimate<dense_matrix> fit = maximum_likelihood(train, options);
    const dense_matrix margin = validation.features * fit.theta;
    double value = 0;
    for (Eigen::Index i = 0; i < margin.rows(); ++i)
      value -=
          margin(i, 0) > 0 ? std::log1p(std::exp(-margin(i, 0))) : std::log1p(std::exp(margin(i, 0))) - margin(i, 0);
    if (value > best.validation) best = {fit.theta, options.bound, value};
  }
  return best;
}

// Share of each test cluster's pairs that are ordered right; half where the margin is 0.
std::map<int, double> accuracy_of(const preference_corpus& corpus, const std::vector<std::size_t>& pairs,
                                  const std::vector<double>& margins) {
  std::map<int, std::pair<double, double>> counts;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& [right, all] = counts[corpus.pairs[pairs[i]].cluster];
    right += margins[i] > 0 ? 1.0 : margins[i] < 0 ? 0.0 : 0.5;
    all += 1;
  }
  std::map<int, double> accuracy;
  for (const auto& [cluster, c] : counts) accuracy[cluster] = c.first / c.second;
  return accuracy;
}

std::vector<double> margins_of(const sparse_comparisons& set, const dense_matrix& theta) {
  const dense_matrix m = set.features * theta;
  return {m.data(), m.data() + m.size()};
}

// Probability that a token in error scores higher than one that is not (ties count half): the area under the curve.
double area_under_curve(const std::vector<double>& score, const std::vector<bool>& positive) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] < score[b]; });
  double below = 0, area = 0, positives = 0;
  for (std::size_t i = 0; i < order.size();) {
    double here_positive = 0, here_negative = 0;
    const double value = score[order[i]];
    for (; i < order.size() && score[order[i]] == value; ++i) (positive[order[i]] ? here_positive : here_negative) += 1;
    area += here_positive * (below + 0.5 * here_negative);
    below += here_negative;
    positives += here_positive;
  }
  return area / (positives * below);
}

const std::vector<std::string> span_scores{"reward", "pessimistic", "length", "rarity", "position"};

// AUC within each held-out answer that has both kinds of tokens: how well a score points at what people marked.
json point_at_errors(const preference_corpus& corpus, const split& s, const feature_map& map, const dense_matrix& theta,
                     const rto::regularized_covariance<dense_matrix>& covariance) {
  std::map<std::uint64_t, double> frequency;
  for (const std::size_t k : s.train) {
    for (const int r : {corpus.pairs[k].preferred, corpus.pairs[k].other}) {
      for (const text_token& token : corpus.responses[static_cast<std::size_t>(r)].tokens) frequency[token.digest] += 1;
    }
  }
  std::map<std::string, tally> tallies;
  for (std::size_t k = 0; k < corpus.marked.size(); ++k) {
    if (!s.test_cluster[static_cast<std::size_t>(corpus.marked_cluster[k])]) continue;
    const tokenized_response& response = corpus.responses[static_cast<std::size_t>(corpus.marked[k])];
    const auto wrong = std::count(response.in_error.begin(), response.in_error.end(), true);
    if (wrong == 0 || wrong == static_cast<std::ptrdiff_t>(response.in_error.size())) continue;
    const auto n = static_cast<Eigen::Index>(response.tokens.size());
    dense_matrix phi = dense_matrix::Zero(n, theta.rows());
    std::map<std::string, std::vector<double>> score;
    for (std::size_t t = 0; t < response.tokens.size(); ++t) {
      for (const auto& [column, value] : map.of_token(response.tokens, t))
        phi(static_cast<Eigen::Index>(t), column) += value;
      score["length"].push_back(static_cast<double>(response.tokens[t].end - response.tokens[t].begin));
      score["rarity"].push_back(-frequency[response.tokens[t].digest]);
      score["position"].push_back(static_cast<double>(t));
    }
    const dense_matrix reward = phi * theta;
    const dense_matrix whitened = covariance.factor.lower.triangularView<Eigen::Lower>().solve(phi.transpose());
    for (Eigen::Index t = 0; t < n; ++t) {
      score["reward"].push_back(-reward(t, 0));
      score["pessimistic"].push_back(whitened.col(t).norm() - reward(t, 0));
    }
    for (const std::string& name : span_scores) tallies[name].add(area_under_curve(score[name], response.in_error));
  }
  json outcome = json::object();
  for (const std::string& name : span_scores) outcome["auc_" + name] = tallies[name].to_json();
  return outcome;
}

std::vector<cell> plan(const settings& s) {
  std::vector<cell> cells;
  for (const std::string& data : s.texts("data")) {
    for (const double share : s.reals("share")) {
      cells.push_back({.point = {{"data", data},
                                 {"share", share},
                                 {"columns", s.integer("columns")},
                                 {"ngram", s.integer("ngram")},
                                 {"scales", s.reals("scales")},
                                 {"lambda", s.real("lambda")},
                                 {"folds", s.integer("folds")}},
                       .replicates = s.integer("folds")});
    }
  }
  return cells;
}

json replicate(const json& point, replicate_context& context) {
  const std::filesystem::path folder = context.data.value();
  const bool marked = point["data"] == "qa-feedback";
  const preference_corpus corpus = marked ? load_qa_feedback(folder) : load_harmless_base(folder);
  const split s =
      make_split(corpus, context.replicate, point["folds"].get<std::int64_t>(), point["share"].get<double>());
  if (s.train.empty() || s.validation.empty() || s.test.empty())
    throw user_error("real-preferences: expected pairs in every part of the split, found too few in the data");
  const feature_map map{point["columns"].get<std::size_t>(), point["ngram"].get<std::size_t>()};
  const auto scales = point["scales"].get<std::vector<double>>();

  json outcome = {{"n", s.train.size()}};
  std::map<std::string, std::map<int, double>> accuracy;
  dense_matrix theta;
  rto::regularized_covariance<dense_matrix> covariance;
  for (const std::string kind : {"token", "sentence"}) {
    const auto of = [&](const tokenized_response& r) {
      return kind == "token" ? map.token_wise(r) : map.sentence_level(r);
    };
    const sparse_comparisons train = differences(corpus, s.train, map.columns, of);
    const sparse_comparisons validation = differences(corpus, s.validation, map.columns, of);
    const sparse_comparisons test = differences(corpus, s.test, map.columns, of);
    const choice best = choose_bound(train, validation, scales, context);
    accuracy[kind] = accuracy_of(corpus, s.test, margins_of(test, best.theta));
    if (kind != "token") continue;
    theta = best.theta;
    // How uncertain the reward differences of unseen pairs are: ||x||_{Sigma_D^-1}, and the provable width.
    covariance = rto::make_regularized_covariance(train.features, point["lambda"].get<double>());
    const dense_matrix columns = dense_matrix(test.features).transpose();
    const dense_matrix whitened = covariance.factor.lower.triangularView<Eigen::Lower>().solve(columns);
    tally norms;
    for (Eigen::Index i = 0; i < whitened.cols(); ++i) norms.add(whitened.col(i).norm());
    outcome["uncertainty"] = norms.to_json();
    double longest = 0;
    for (Eigen::Index i = 0; i < train.features.rows(); ++i) longest = std::max(longest, train.features.row(i).norm());
    outcome["largest_difference"] = best.bound * longest;  // of any theta allowed, on any training pair
    outcome["radius"] = rto::confidence_radius({.rank = static_cast<std::int64_t>(map.columns),
                                                .max_row_norm = longest,
                                                .bound = best.bound,
                                                .lambda = point["lambda"].get<double>(),
                                                .delta = 0.05});
    outcome["bound"] = best.bound;
  }
  std::vector<double> margins;  // of the baseline by length: the direction that the training pairs prefer
  double longer = 0;
  const auto length_difference = [&](std::size_t k) {
    const auto length = [&](int r) {
      return static_cast<double>(corpus.responses[static_cast<std::size_t>(r)].tokens.size());
    };
    return length(corpus.pairs[k].preferred) - length(corpus.pairs[k].other);
  };
  for (const std::size_t k : s.train) longer += length_difference(k) > 0 ? 1 : length_difference(k) < 0 ? -1 : 0;
  for (const std::size_t k : s.test) margins.push_back(longer >= 0 ? length_difference(k) : -length_difference(k));
  accuracy["length"] = accuracy_of(corpus, s.test, margins);

  tally token, sentence, length, difference;
  for (const auto& [cluster, value] : accuracy["token"]) {
    token.add(value);
    sentence.add(accuracy["sentence"][cluster]);
    length.add(accuracy["length"][cluster]);
    difference.add(value - accuracy["sentence"][cluster]);
  }
  outcome["token"] = token.to_json();
  outcome["sentence"] = sentence.to_json();
  outcome["length"] = length.to_json();
  outcome["difference"] = difference.to_json();
  if (marked) outcome.update(point_at_errors(corpus, s, map, theta, covariance));
  return outcome;
}

std::string shown(const estimate& e) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", e.value, e.range.low, e.range.high);
}

// A one-sided statement about an estimate: holds when its whole interval is on the right side.
check above(std::string id, std::string tested, double threshold, const estimate& measured, double n) {
  check c;
  c.id = std::move(id);
  c.tested = std::move(tested);
  c.predicted = quantity(threshold, fmt::format("above {:g}", threshold));
  c.measured = measured.value;
  c.range = measured.range;
  c.n = n;
  c.result = measured.range.given() && measured.range.low > threshold ? verdict::holds : verdict::inconclusive;
  return c;
}

conclusion conclude(const settings& s, const outcomes& results) {
  conclusion c;
  c.tested =
      "A reward that is linear in hashed token n-grams and adds up over tokens, learnt by (4.1) from pairs that people "
      "compared, against a sentence-level reward of the same n-grams (present or not, scaled to norm one). Folds by "
      "prompt; the norm bound is chosen on validation pairs.";
  table accuracy{.title = "Held-out accuracy (mean over prompts, 95 % interval)",
                 .header = {"data", "training pairs", "token-wise", "sentence-level", "longer or shorter"},
                 .rows = {},
                 .caption = "All training pairs of each fold. Chance is 0.5."};
  figure curves{.id = "real-preferences-curves",
                .title = "Accuracy and uncertainty against the number of comparisons",
                .caption =
                    "First: held-out accuracy, bands are 95 % intervals over prompts. Second: mean of "
                    "||x||<sub>&Sigma;<sub>D</sub><sup>-1</sup></sub> over held-out pairs.",
                .panels = {},
                .svg = {}};
  panel learning{.title = "accuracy",
                 .x = {.label = "training pairs", .logarithmic = true},
                 .y = {.label = "held-out accuracy"},
                 .curves = {}};
  panel uncertainty{.title = "uncertainty",
                    .x = {.label = "training pairs", .logarithmic = true},
                    .y = {.label = "mean norm of held-out differences", .logarithmic = true},
                    .curves = {}};
  for (const std::string& data : s.texts("data")) {
    const outcomes of_data = results.where({{"data", data}});
    std::map<std::string, series> curve;
    std::vector<double> n_values, norms;
    const cell_outcomes* full = nullptr;
    double full_n = 0;
    for (const cell_outcomes& cell : of_data.cells) {
      const double n = cell.mean("n");
      for (const std::string name : {"token", "sentence"}) {
        const estimate e = pooled(cell, name).first;
        series& line = curve[name];
        line.label = fmt::format("{} {}", data, name == "token" ? "token-wise" : "sentence-level");
        line.x.push_back(n), line.y.push_back(e.value);
        line.low.push_back(e.range.low), line.high.push_back(e.range.high);
      }
      n_values.push_back(n);
      norms.push_back(pooled(cell, "uncertainty").first.value);
      if (n > full_n) full = &cell, full_n = n;
    }
    if (full == nullptr) continue;
    for (auto& [name, line] : curve) learning.curves.push_back(line);
    uncertainty.curves.push_back({.label = data, .x = n_values, .y = norms, .low = {}, .high = {}});

    const auto [token, prompts] = pooled(*full, "token");
    const estimate sentence = pooled(*full, "sentence").first, length = pooled(*full, "length").first;
    accuracy.rows.push_back({data, fmt::format("{:.0f}", full_n), shown(token), shown(sentence), shown(length)});
    c.checks.push_back(above(data + "-accuracy",
                             "The token-wise reward orders held-out pairs of " + data + " better than chance.", 0.5,
                             token, prompts));
    c.checks.push_back(above(data + "-against-sentence",
                             "Its accuracy less that of the sentence-level reward: at most three points worse.", -0.03,
                             pooled(*full, "difference").first, prompts));
    if (n_values.size() >= 3) {
      const line_fit slope = fit_power_law(n_values, norms);
      check shrinks;
      shrinks.id = data + "-uncertainty";
      shrinks.tested =
          "Slope of the mean uncertainty of held-out differences against n, logarithmic: below 0. It "
          "is -1/2 once n is far above the number of columns, and steeper while n passes it.";
      shrinks.predicted = quantity(0.0, "below 0");
      shrinks.measured = slope.slope.value;
      shrinks.range = slope.slope.range;
      shrinks.n = static_cast<double>(n_values.size());
      shrinks.result = slope.slope.range.high < 0 ? verdict::holds : verdict::inconclusive;
      c.checks.push_back(shrinks);
    }
    c.notes.push_back(
        {.type = note::kind::remark,
         .title = "The provable width on " + data,
         .html = fmt::format(
             "With the radius of Lemma A.1 (explicit constants, &delta; = 0.05, the bound B that "
             "validation chose) the reward difference of a held-out pair is known to within &plusmn;{:.2g}, "
             "on average over pairs; no &theta; with ||&theta;|| &le; B gives a training pair a difference "
             "above {:.2g}. The factor 1/&gamma; grows like e<sup>B max ||x||</sup>: for whole texts the "
             "guarantee is empty at this n.",
             full->mean("radius") * pooled(*full, "uncertainty").first.value, full->mean("largest_difference"))});
    if (data != "qa-feedback") continue;
    table spans{.title = "Pointing at the error spans that people marked (AUC within an answer)",
                .header = {"score of a token", "AUC"},
                .rows = {},
                .caption =
                    "Mean over held-out answers with both kinds of tokens, 95 % interval; 0.5 is chance. The "
                    "rewards are fitted to preferences only and never see a span."};
    const std::map<std::string, std::string> words{{"reward", "minus token reward"},
                                                   {"pessimistic", "minus pessimistic token reward (radius 1)"},
                                                   {"length", "length of the token"},
                                                   {"rarity", "rarity in the training answers"},
                                                   {"position", "position in the answer"}};
    for (const std::string& name : span_scores)
      spans.rows.push_back({words.at(name), shown(pooled(*full, "auc_" + name).first)});
    const auto [auc, answers] = pooled(*full, "auc_reward");
    c.checks.push_back(above("qa-feedback-spans",
                             "Tokens inside human-marked error spans get lower rewards than the other tokens of the "
                             "answer (AUC).",
                             0.5, auc, answers));
    c.tables.push_back(spans);
    const bool null_result = !(auc.range.low > 0.5);
    const double best_baseline =
        std::max({pooled(*full, "auc_length").first.value, pooled(*full, "auc_rarity").first.value,
                  pooled(*full, "auc_position").first.value});
    c.notes.push_back(
        {.type = note::kind::finding,
         .title =
             null_result ? "A null result: the token rewards do not find the errors" : "Token rewards and error spans",
         .html = fmt::format(
             "The AUC of the token reward is {}; the best of the baselines without any preference data has {:.3f}. "
             "Preferences determine only sums over whole answers: rewards that differ by a potential "
             "&Psi;(s&prime;)&minus;&Psi;(s) fit equally well, so token-level credit is not identified by "
             "Bradley&ndash;Terry data alone, and {}",
             shown(auc), best_baseline,
             null_result ? "here the chosen features do not supply it either."
                         : "what there is comes from the choice of features.")});
  }
  curves.panels = {learning, uncertainty};
  c.figures.push_back(curves);
  c.tables.insert(c.tables.begin(), accuracy);
  return c;
}

const registered_claim real_preferences{
    {.id = "real-preferences",
     .title = "A token-wise reward on human preferences",
     .statement =
         "The reward <i>r</i>(<i>s</i>,<i>a</i>) = &lang;&theta;, &phi;(<i>s</i>,<i>a</i>)&rang; of Assumption "
         "4.1, learnt by maximum likelihood (4.1) from real comparisons, predicts held-out preferences; its "
         "uncertainty shrinks with the data; how far it points at errors inside a text is measured.",
     .source = "Assumption 4.1 and (4.1) on HH-RLHF harmless-base (Bai et al. 2022) and QA-Feedback (Wu et al. 2023); "
               "not an experiment of the paper",
     .origin = claim_origin::own,
     .revision = 1,
     .needs_data = true,
     .schema =
         {texts("data", "data sets",
                {{"harmless-base", "qa-feedback"}, {"harmless-base", "qa-feedback"}, {"harmless-base", "qa-feedback"}},
                {"harmless-base", "qa-feedback"}),
          reals("share", "shares of the training prompts to use",
                {{0.25, 0.5, 1}, {0.125, 0.25, 0.5, 1}, {0.03125, 0.0625, 0.125, 0.25, 0.5, 1}}, {0.001, 1}),
          integer("columns", "hashed features d", {128, 256, 2048}, {8, 1 << 20}),
          integer("ngram", "longest n-gram, tokens", {2, 2, 2}, {1, 8}),
          reals("scales", "norm bounds B to choose from, times the typical ||x||",
                {{1, 4}, {0.5, 1, 2, 4}, {0.25, 0.5, 1, 2, 4, 8}}, {1e-6, 1e6}),
          real("lambda", "ridge of Sigma_D", {1, 1, 1}, {1e-12, 1e12}),
          integer("folds", "folds of prompts", {2, 5, 10}, {2, 100})},
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
