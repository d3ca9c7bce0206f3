#pragma once
/// A claim of the paper as the simulator runs it. An experiment is ONE file, sim/experiments/<claim>.cpp, that
/// registers one claim:
///
///     #include "sim/engine/claim.hpp"
///     namespace {
///     using namespace rto::sim;
///
///     std::vector<cell> plan(const settings& s) {                  // the grid: one cell per point
///         std::vector<cell> cells;
///         for (double eta : s.reals("eta")) cells.push_back({.point = {{"eta", eta}}, .replicates =
///         s.integer("replicates")}); return cells;
///     }
///     json replicate(const json& point, replicate_context& context) {   // one replicate: numbers from one random
///     stream
///         boost::random::normal_distribution<double> normal;
///         const double u = normal(context.rng);
///         return {{"error", std::abs(...)}};
///     }
///     conclusion conclude(const settings& s, const outcomes& results) {  // all replicates -> checks, figures, tables,
///     notes
///         conclusion c;
///         c.checks.push_back(identity_check("gibbs", "...", results.maximum("error"), 1e-12, results.count()));
///         return c;
///     }
///     const registered_claim lemma_c1{{.id = "lem-C.1", .title = "...", ..., .plan = plan, .replicate = replicate,
///     .conclude = conclude}}; }  // namespace
///
/// Rules. (1) A replicate's outcome is a function of `point` and of `context.rng` only: no globals, clock, settings or
/// thread number. Whatever it depends on is in `point`, which with seed and code version is the key under which it is
/// kept and the name of its stream. (2) Keep a replicate short (below a few seconds) and its outcome small (numbers,
/// short lists): a kill loses at most one. (3) `conclude` is cheap, draws no random numbers, and depends on settings
/// and outcomes only. (4) Raise `revision` only to force a new run with the same program. (5) A bad combination of
/// settings: throw user_error from `plan`, in words that name the keys. (6) What the run shows and the paper does not
/// say is a note of kind `finding`, with a title that is a whole statement: the report collects these on its top, each
/// with a link to its claim (notes of kind `fails_as_printed` stand there too, by title).
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine/check.hpp"
#include "sim/engine/figure.hpp"
#include "sim/engine/setting.hpp"
#include "sim/engine/stream.hpp"
#include "sim/io/json.hpp"

namespace rto::sim {

/// One point of the grid and how many independent replicates it gets.
struct cell {
  json point{};
  std::int64_t replicates = 1;
};

/// What a replicate may use besides its point.
struct replicate_context {
  stream rng;
  std::int64_t replicate = 0;                      // its number; already part of the stream's key
  std::optional<std::filesystem::path> data;       // --data DIR, when given
  const std::atomic<bool>* interrupted = nullptr;  // becomes true on Ctrl-C

  /// To be asked now and then by a replicate that takes more than a second; it may then throw `interruption`.
  bool stopped() const { return interrupted != nullptr && interrupted->load(std::memory_order_relaxed); }
};

/// Thrown by a replicate that gave up because it was asked to stop. Nothing is stored for it.
struct interruption {};

/// The outcomes of one cell, in replicate order.
struct cell_outcomes {
  json point;
  std::vector<json> replicates;

  std::size_t count() const { return replicates.size(); }
  /// Field `name` of every replicate, in order. A dotted name descends: "oracle.bound". \throws std::logic_error when
  /// absent
  std::vector<double> values(const std::string& name) const;
  double maximum(const std::string& name) const;
  double sum(const std::string& name) const;
  double mean(const std::string& name) const;
};

/// The outcomes of all cells, in the order of the plan.
struct outcomes {
  std::vector<cell_outcomes> cells;

  /// Number of replicates in all cells.
  std::size_t count() const;
  /// Over all cells that have the field.
  std::vector<double> values(const std::string& name) const;
  double maximum(const std::string& name) const;
  double sum(const std::string& name) const;
  /// The cells whose point has these values: `where({{"kind", "needle"}, {"A", 4}})`.
  outcomes where(const json& fields) const;
  /// The cell of exactly this point. \throws std::logic_error
  const cell_outcomes& at(const json& point) const;
};

/// What a claim comes to. Texts are HTML (no external resources; formulas with <i>, <sub>, <sup> or MathML).
struct conclusion {
  std::string tested{};  // one or two sentences: what was tested
  std::vector<check> checks{};
  std::vector<figure> figures{};
  std::vector<table> tables{};
  std::vector<note> notes{};
  std::optional<verdict> overall{};  // of the claim; by default `combine` of the checks
};

/// What a verdict is about.
enum class claim_origin {
  stated,    // what the paper states
  analogue,  // what the paper measured on a language model, repeated where the exact answer is known: about that
             // repetition, not about the paper's own numbers
  own,       // a statement that the paper does not make
};

/// `stated`, `analogue`, `own`, as in results.json.
std::string to_text(claim_origin origin);

struct claim {
  std::string id{};         // "prop-3.2"
  std::string title{};      // "Token-level feedback needs exponentially fewer queries"
  std::string statement{};  // plain words and the formula, HTML
  std::string source{};     // "Proposition 3.2 (section 3.2); formula reconstructed from ..."
  claim_origin origin = claim_origin::stated;
  int revision = 1;
  bool needs_data = false;  // skipped with a hint without --data
  settings_schema schema{};
  std::function<std::vector<cell>(const settings&)> plan{};
  std::function<json(const json& point, replicate_context&)> replicate{};
  std::function<conclusion(const settings&, const outcomes&)> conclude{};
};

/// Adds a claim to the registry at start-up.
struct registered_claim {
  explicit registered_claim(claim c);
};

/// The part of the paper that a claim belongs to: "Theory", "Practice" or "Appendix"; "More" for an id that has no
/// place in `claim_order`.
std::string paper_part(const std::string& id);

/// All claims, in the order of the paper (see `claim_order` in claim.cpp; unknown ids last, alphabetically).
const std::vector<claim>& all_claims();
/// \throws user_error naming the known claims
const claim& find_claim(const std::string& id);

}  // namespace rto::sim
