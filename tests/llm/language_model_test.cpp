#include "llm/model/language_model.hpp"

#include "fixtures.hpp"
#include "sim/io/file.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::sim::json;

namespace {

constexpr double logit_tolerance = 2e-4, log_probability_tolerance = 1e-5, gradient_tolerance = 1e-4;

/// log p(next token) of one row.
at::Tensor next_log_probabilities(const language_model& m, const token_ids& row) {
  const packed_rows packed = make_packed_rows(row);
  const at::Tensor log_p = at::log_softmax(m.logits(m.hidden_states(packed)), 1);
  const std::int64_t n = packed.tokens();
  return log_p.narrow(0, 0, n - 1).gather(1, packed.ids.narrow(0, 1, n - 1).unsqueeze(1)).squeeze(1);
}

std::vector<token_ids> rows_of(const json& rows) { return rows.get<std::vector<token_ids>>(); }

/// Mean negative log-likelihood of the completions.
at::Tensor completion_loss(const language_model& m, const json& sft, const forward_options& options = {}) {
  const std::vector<token_ids> rows = rows_of(sft.at("rows"));
  const packed_rows packed = make_packed_rows(rows);
  const at::Tensor log_p = at::log_softmax(m.logits(m.hidden_states(packed, options)), 1);
  const std::vector<std::int64_t> starts = packed.starts();
  std::vector<std::int64_t> before, token;
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (auto t = sft.at("prompt_lens")[r].get<std::int64_t>(); t < packed.lengths[r]; ++t) {
      before.push_back(starts[r] + t - 1);
      token.push_back(rows[r][static_cast<std::size_t>(t)]);
    }
  return -log_p.index_select(0, at::tensor(before)).gather(1, at::tensor(token).unsqueeze(1)).mean();
}

std::map<std::string, at::Tensor> gradients_of(const language_model& m) {
  std::map<std::string, at::Tensor> all;
  for (const named_parameter& p : m.parameters()) all[p.name] = p.tensor.grad();
  return all;
}

}  // namespace

TEST_CASE("logits equal the reference, whatever the padding there and however rows are packed here") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const json& forward = f.expected.at("forward");
    const std::vector<token_ids> rows = real_rows(forward.at("input_ids_right"), forward.at("attention_mask_right"));
    CHECK(rows == real_rows(forward.at("input_ids_left"), forward.at("attention_mask_left")));
    const packed_rows packed = make_packed_rows(rows);
    const at::Tensor together = m.logits(m.hidden_states(packed));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const at::Tensor alone = m.logits(m.hidden_states(make_packed_rows(rows[r])));
      const at::Tensor part = together.narrow(0, packed.starts()[r], packed.lengths[r]);
      for (std::int64_t t = 0; t < part.size(0); ++t) {
        const at::Tensor want = tensor_of(forward.at("logits_right")[r][static_cast<std::size_t>(t)]);
        CHECK(largest_difference(part[t], want) <= logit_tolerance);
        CHECK(largest_difference(alone[t], want) <= logit_tolerance);
      }
      CHECK(largest_difference(part[-1], tensor_of(forward.at("logits_left_last")[r])) <= logit_tolerance);
      const at::Tensor log_p = next_log_probabilities(m, rows[r]), want = tensor_of(forward.at("token_logprobs")[r]);
      CHECK(((log_p - want).abs() <= log_probability_tolerance * (1 + want.abs())).all().item<bool>());
    }
  }
}

TEST_CASE("a long row's logits, arg-max and loss equal the reference") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const json& want = f.expected.at("long");
    const auto row = want.at("row").get<token_ids>();
    const at::Tensor logits = m.logits(m.hidden_states(make_packed_rows(row)));
    CHECK(largest_difference(logits[-1], tensor_of(want.at("last_logits"))) <= logit_tolerance);
    CHECK(at::equal(logits.argmax(1), at::tensor(want.at("argmax_all").get<std::vector<std::int64_t>>())));
    const double loss = -next_log_probabilities(m, row).mean().item<double>(),
                 expected = want.at("mean_nll").get<double>();
    CHECK(std::abs(loss - expected) <= log_probability_tolerance * (1 + std::abs(expected)));
  }
}

TEST_CASE("parameters have the reference's names, shapes and number, and a tied head is listed once") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    std::map<std::string, std::vector<std::int64_t>> got, want;
    for (const named_parameter& p : m.parameters()) got[p.name] = p.tensor.sizes().vec();
    for (const auto& [name, shape] : f.expected.at("parameters").items())
      want[f.expected.at("arch") == "gpt_neox" && name == "lm_head.weight" ? "embed_out.weight" : name] =
          shape.get<std::vector<std::int64_t>>();
    CHECK(got == want);
    CHECK(m.parameter_count() == f.expected.at("n_parameters").get<std::int64_t>());
    CHECK(m.config().tied == f.expected.at("tied").get<bool>());
  }
}

TEST_CASE("gradients of the completion loss equal the reference, also where layers are computed again") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const json& sft = f.expected.at("sft");
    language_model m = f.model();
    m.require_gradients(true);
    const at::Tensor loss = completion_loss(m, sft);
    const double want = sft.at("loss").get<double>();
    CHECK(std::abs(loss.item<double>() - want) <= log_probability_tolerance * (1 + want));
    loss.backward();
    const auto gradients = gradients_of(m);
    for (const auto& [reference, norm] : sft.at("grad_norm_tensor").items()) {
      INFO(reference);
      const std::string name = gradients.contains(reference) ? reference : "embed_out.weight";
      CHECK(gradients.at(name).norm().item<double>() ==
            Approx(norm.get<double>()).epsilon(gradient_tolerance).margin(1e-6));
    }
    language_model again = f.model();
    again.require_gradients(true);
    completion_loss(again, sft, {.recompute = true}).backward();
    for (const auto& [name, gradient] : gradients_of(again)) {
      INFO(name);
      CHECK(at::equal(gradient, gradients.at(name)));
    }
  }
}

TEST_CASE("a row's numbers do not depend on the rows beside it") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const auto row = f.expected.at("long").at("row").get<token_ids>();
    const auto part = [&](std::size_t from, std::size_t n) {
      return token_ids(row.begin() + from, row.begin() + from + n);
    };
    const std::vector<token_ids> one{part(0, 9), part(9, 9), part(20, 5)}, other{part(30, 9), part(9, 9), part(60, 5)};
    const at::Tensor a = m.hidden_states(make_packed_rows(one)), b = m.hidden_states(make_packed_rows(other));
    CHECK(at::equal(a.narrow(0, 9, 9), b.narrow(0, 9, 9)));
    CHECK_FALSE(at::equal(a.narrow(0, 0, 9), b.narrow(0, 0, 9)));
  }
}

TEST_CASE("scores of a sequence classifier equal the reference at every position") {
  for (const fixture& f : fixtures()) {
    if (!f.has("rm")) continue;
    INFO(f.name());
    const language_model m = f.model("rm");
    CHECK(m.config().labels == 1);
    const json& rm = f.expected.at("rm");
    const std::vector<token_ids> rows = rows_of(rm.at("rows"));
    const packed_rows packed = make_packed_rows(rows);
    const at::Tensor scores = m.scores(m.hidden_states(packed));
    for (std::size_t r = 0; r < rows.size(); ++r)
      CHECK(largest_difference(scores.narrow(0, packed.starts()[r], packed.lengths[r]),
                               tensor_of(rm.at("values_all_positions")[r])) <= 2e-5);
    CHECK(largest_difference(scores.index_select(0, packed.last_tokens()), tensor_of(rm.at("scores"))) <= 2e-5);
    CHECK_THROWS_AS(m.head_weight(), std::invalid_argument);
  }
}

TEST_CASE("the configurations of transformers 4 and 5 give the same model") {
  const auto folder = std::filesystem::temp_directory_path() / "rto_config_dialects";
  for (const fixture& f : fixtures()) {
    if (!std::filesystem::exists(f.folder() / "config.v4.json")) continue;
    INFO(f.name());
    std::filesystem::remove_all(folder);
    std::filesystem::copy(f.folder(), folder);
    std::filesystem::copy_file(folder / "config.v4.json", folder / "config.json",
                               std::filesystem::copy_options::overwrite_existing);
    const language_model four = language_model::load(folder), five = f.model();
    const packed_rows row = make_packed_rows(f.expected.at("long").at("row").get<token_ids>());
    CHECK(at::equal(four.hidden_states(row), five.hidden_states(row)));
  }
}

TEST_CASE("a model goes through files, shards, copies and 16-bit types") {
  const auto folder = std::filesystem::temp_directory_path() / "rto_model_round_trip";
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const packed_rows row = make_packed_rows(f.expected.at("long").at("row").get<token_ids>());
    const at::Tensor want = m.hidden_states(row);
    for (const std::uint64_t shard : {std::uint64_t{20000}, std::uint64_t{5'000'000'000}}) {
      m.save(folder, {}, shard);
      CHECK(std::filesystem::exists(folder / "model.safetensors.index.json") == (shard == 20000));
      CHECK(std::filesystem::exists(folder / "model.safetensors") == (shard != 20000));
      CHECK(at::equal(language_model::load(folder).hidden_states(row), want));
    }
    m.save(folder, at::kBFloat16);
    CHECK(read_model_config(folder).dtype == "bfloat16");
    const language_model half = language_model::load(folder, {.dtype = at::kBFloat16}),
                         wide = language_model::load(folder);
    CHECK(half.dtype() == at::kBFloat16);
    CHECK(largest_difference(wide.hidden_states(row), half.hidden_states(row)) <
          0.08 * want.abs().max().item<double>());
    CHECK(at::equal(m.clone(at::kCPU, at::kBFloat16).clone(at::kCPU, at::kFloat).hidden_states(row),
                    wide.hidden_states(row)));
    language_model copy = m.clone();
    at::NoGradGuard no_gradients;
    for (named_parameter& p : copy.parameters()) p.tensor.zero_();
    CHECK(at::equal(m.hidden_states(row), want));
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("bf16 products over fp32 weights train the fp32 weights and follow their changes") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    language_model m = f.model();
    m.require_gradients(true);
    const json& sft = f.expected.at("sft");
    m.set_compute_type(at::kBFloat16);
    const at::Tensor loss = completion_loss(m, sft);
    const double want = sft.at("loss").get<double>();
    CHECK(loss.item<double>() == Approx(want).epsilon(0.02));
    loss.backward();
    double total = 0;
    for (const named_parameter& p : m.parameters()) {
      CHECK(p.tensor.grad().scalar_type() == at::kFloat);
      total += p.tensor.grad().square().sum().item<double>();
    }
    CHECK(std::sqrt(total) == Approx(sft.at("grad_norm").get<double>()).epsilon(0.05));
    const at::Tensor before = m.hidden_states(make_packed_rows(rows_of(sft.at("rows"))));
    {
      const at::NoGradGuard no_gradients;
      for (named_parameter& p : m.parameters()) p.tensor.sub_(p.tensor.grad(), 0.1);
    }
    CHECK(completion_loss(m, sft).item<double>() < want);
  }
}

TEST_CASE("a new model is a function of its seed and begins as its configuration says") {
  const fixture f = fixtures().front();
  const model_config c = read_model_config(f.folder());
  const language_model a = language_model::initialize(c, 1), b = language_model::initialize(c, 1),
                       other = language_model::initialize(c, 2);
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < a.parameters().size(); ++i) {
    const at::Tensor x = a.parameters()[i].tensor;
    CHECK(at::equal(x, b.parameters()[i].tensor));
    if (x.dim() < 2) continue;
    CHECK_FALSE(at::equal(x, other.parameters()[i].tensor));
    sum += x.square().sum().item<double>();
    count += static_cast<double>(x.numel());
  }
  // Standard error of the root mean square: deviation / sqrt(2 count); four of them.
  CHECK(std::abs(std::sqrt(sum / count) - c.initializer_range) < 4 * c.initializer_range / std::sqrt(2 * count));
}

TEST_CASE("what a model cannot compute is refused") {
  const fixture f = fixtures().front();
  const language_model m = f.model();
  CHECK_THROWS_AS(m.hidden_states(make_packed_rows(token_ids(static_cast<std::size_t>(m.config().context) + 1, 5))),
                  std::invalid_argument);
  CHECK_THROWS_AS(m.hidden_states(make_packed_rows(token_ids{m.config().vocabulary})), std::invalid_argument);
  CHECK_THROWS_AS(m.hidden_states(make_packed_rows(token_ids{-1})), std::invalid_argument);
  CHECK_THROWS_AS(make_packed_rows(token_ids{}), std::invalid_argument);
  CHECK_THROWS_AS(m.scores(m.hidden_states(make_packed_rows(token_ids{1}))), std::invalid_argument);
}

TEST_CASE("tokens that extend a cache, one by one or in pieces, give the numbers of the whole row") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const auto row = f.expected.at("long").at("row").get<token_ids>();
    const at::Tensor want = m.hidden_states(make_packed_rows(row));
    const double tolerance = 1e-5 * want.abs().max().item<double>();
    kv_cache cache(m.config(), 3, 96, at::kFloat);
    const auto part = [&](std::size_t from, std::size_t n) {
      return token_ids(row.begin() + from, row.begin() + from + n);
    };
    // Rows of other slots in between: a prompt, a piece beside a single token, single tokens.
    CHECK(largest_difference(m.extend(make_packed_rows(part(0, 30)), cache, {2}), want.narrow(0, 0, 30)) <= tolerance);
    const std::vector<token_ids> mixed{part(0, 4), part(30, 7)};
    CHECK(largest_difference(m.extend(make_packed_rows(mixed), cache, {0, 2}),
                             at::cat({want.narrow(0, 0, 4), want.narrow(0, 30, 7)})) <= tolerance);
    for (std::size_t t = 37; t < 60; ++t) {
      const std::vector<token_ids> two{part(t, 1), part(t - 33, 1)};
      const auto at = static_cast<std::int64_t>(t);
      CHECK(largest_difference(m.extend(make_packed_rows(two), cache, {2, 0}), at::stack({want[at], want[at - 33]})) <=
            tolerance);
    }
    CHECK(cache.lengths == std::vector<std::int64_t>{27, 0, 60});
  }
}
