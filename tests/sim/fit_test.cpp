// `rto-sim fit`: from files to estimates, against hand-computed and published ones.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "sim/fit/load.hpp"
#include "sim/fit/result.hpp"
#include "sim/io/error.hpp"
#include "support/catch.hpp"

using namespace rto::sim;

namespace {

class scratch_file {
 public:
  scratch_file(const std::string& name, std::string_view content) {
    std::string folder = (std::filesystem::temp_directory_path() / "rto-fit-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    std::ofstream(folder_ / name, std::ios::binary) << content;
    path_ = folder_ / name;
  }
  ~scratch_file() { std::filesystem::remove_all(folder_); }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path beside(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

 private:
  std::filesystem::path folder_, path_;
};

struct fitted {
  comparison_model model;
  fit_result result;
};

fitted fit_file(const fit_options& options) {
  fitted f{load_comparisons(options), {}};
  f.result = fit(f.model, options);
  return f;
}

fitted fit_text(std::string_view content, fit_options options = {}, const std::string& name = "t.csv") {
  const scratch_file file(name, content);
  options.data = file.path();
  return fit_file(options);
}

std::string complaint(std::string_view content, fit_options options = {}, const std::string& name = "t.csv") {
  try {
    fit_text(content, options, name);
  } catch (const user_error& error) {
    const std::string message = error.what();
    CHECK(message.find('\n') == std::string::npos);
    const std::size_t at = message.rfind(name);
    return at == std::string::npos ? message : message.substr(at);
  }
  return "no complaint";
}

const parameter_result& parameter(const fitted& f, const std::string& name) {
  for (const parameter_result& p : f.result.parameters) {
    if (p.name == name) return p;
  }
  FAIL("no parameter " << name);
  throw;
}

double logit(double p) { return std::log(p / (1 - p)); }

bool any_contains(const std::vector<std::string>& texts, const std::string& part) {
  return std::any_of(texts.begin(), texts.end(), [&](const auto& t) { return t.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("two items: the ability is the logit of the share of wins, the standard error that of a proportion's logit") {
  const fitted f = fit_text("item1,item2,wins1,wins2\nA,B,3,7\n");
  REQUIRE(f.result.parameters.size() == 1);
  const parameter_result& b = parameter(f, "B");
  CHECK(b.estimate == Approx(logit(0.7)).epsilon(1e-12));
  CHECK(b.std_error == Approx(std::sqrt(1.0 / 3 + 1.0 / 7)).epsilon(1e-12));
  CHECK(b.z == Approx(b.estimate / b.std_error).epsilon(1e-12));
  CHECK(b.wald.low == Approx(b.estimate - 1.959963984540054 * b.std_error).epsilon(1e-12));
  CHECK(f.result.log_likelihood == Approx(3 * std::log(0.3) + 7 * std::log(0.7)).epsilon(1e-12));
  CHECK(f.result.log_likelihood_at_zero == Approx(10 * std::log(0.5)).epsilon(1e-12));
  CHECK(f.model.log_binomial_constant == Approx(std::log(120.0)).epsilon(1e-12));
  CHECK(f.result.status == "interior");
  CHECK(f.result.exit_status() == 0);
  CHECK(f.result.separability == "not separable");
}

TEST_CASE("the likelihood-ratio interval ends where twice the log-likelihood has fallen by the chi-squared quantile") {
  fit_options options;
  options.likelihood_ratio = true;
  const fitted f = fit_text("item1,item2,wins1,wins2\nA,B,3,7\n", options);
  const interval range = f.result.parameters[0].likelihood_ratio;
  const auto value = [](double t) { return -7 * std::log1p(std::exp(-t)) - 3 * std::log1p(std::exp(t)); };
  for (const double end : {range.low, range.high})
    CHECK(2 * (f.result.log_likelihood - value(end)) == Approx(3.841458820694124).epsilon(1e-8));
  CHECK(range.low < logit(0.7));
  CHECK(range.high > logit(0.7));
  CHECK(f.result.test_of_zero ==
        Approx(2 * (7 * std::log(0.7) + 3 * std::log(0.3) - 10 * std::log(0.5))).epsilon(1e-12));
}

TEST_CASE("one table in five forms gives one estimate") {
  fit_options options;
  const double expected = logit(0.7);
  CHECK(parameter(fit_text("item1,item2,wins1,wins2\nA,B,2,5\nB,A,2,1\n"), "B").estimate == Approx(expected));
  CHECK(parameter(fit_text("winner,loser,count\nA,B,3\nB,A,7\n"), "B").estimate == Approx(expected));
  CHECK(parameter(fit_text("model_a;model_b;winner\nA;B;model_a\nB;A;A\nA;B;model_a\n" + std::string("B;A;model_a\n") +
                           "A;B;B\nA;B;model_b\nB;A;model_a\nB;A;1\nA;B;2\nA;B;b\n"),
                  "B")
            .estimate == Approx(expected));
  CHECK(parameter(fit_text("home\taway\thome_goals\taway_goals\nA\tB\t2\t1\nA\tB\t1\t0\nB\tA\t0\t3\n"
                           "A\tB\t0\t1\nA\tB\t0\t1\nA\tB\t0\t1\nA\tB\t0\t1\nB\tA\t2\t1\nB\tA\t2\t1\nB\tA\t2\t1\n",
                           {}, "t.tsv"),
                  "B")
            .estimate == Approx(expected));
  options.columns.label = "y";
  options.columns.weight = "n";
  CHECK(parameter(fit_text("x,y,n\n1,0.7,10\n", options), "x").estimate == Approx(expected));
}

TEST_CASE("ties count half for each or are dropped") {
  const std::string table = "item1,item2,wins1,wins2,ties\nA,B,2,5,4\n";
  CHECK(parameter(fit_text(table), "B").estimate == Approx(std::log(7.0 / 4.0)).epsilon(1e-12));
  fit_options options;
  options.ties = tie_rule::drop;
  CHECK(parameter(fit_text(table, options), "B").estimate == Approx(std::log(5.0 / 2.0)).epsilon(1e-12));
}

TEST_CASE("an order effect is the advantage of the first item") {
  fit_options options;
  options.order_effect = true;
  const fitted f = fit_text("home,away,home_wins,away_wins\nA,B,6,2\nB,A,6,2\n", options);
  CHECK(parameter(f, "B").estimate == Approx(0.0).margin(1e-12));
  CHECK(parameter(f, "order effect").estimate == Approx(std::log(3.0)).epsilon(1e-12));
}

TEST_CASE("the reference item is the first by name, or the one asked for") {
  const std::string table = "winner,loser,count\nC,B,3\nB,C,2\nB,A,2\nA,B,3\nA,C,1\nC,A,1\n";
  const fitted by_name = fit_text(table);
  CHECK(by_name.model.items == std::vector<std::string>{"A", "B", "C"});
  fit_options options;
  options.reference = "C";
  const fitted asked = fit_text(table, options);
  CHECK(asked.model.items == std::vector<std::string>{"C", "A", "B"});
  CHECK(parameter(asked, "A").estimate == Approx(-parameter(by_name, "C").estimate).margin(1e-10));
  CHECK(asked.result.log_likelihood == Approx(by_name.result.log_likelihood).epsilon(1e-12));
}

TEST_CASE("predictors of items give a linear model of their differences") {
  const scratch_file file("t.csv", "item1,item2,wins1,wins2\na,b,7,3\nb,c,7,3\n");
  fit_options options;
  options.data = file.path();
  options.predictors = file.beside("p.csv", "item,x\nc,0\nb,2\na,4\nunused,9\n");
  const fitted f = fit_file(options);
  REQUIRE(f.result.parameters.size() == 1);
  CHECK(parameter(f, "x").estimate == Approx(logit(0.7) / 2).epsilon(1e-12));

  options.predictors = file.beside("q.csv", "item,x\nc,0\nb,2\n");
  CHECK_THROWS_WITH(fit_file(options), Catch::Matchers::ContainsSubstring("q.csv: expected the item \"a\""));
  options.predictors = file.beside("r.csv", "item,x\nc,0\nb,2\na,no\n");
  CHECK_THROWS_WITH(fit_file(options), Catch::Matchers::ContainsSubstring("r.csv:4: column \"x\": expected a finite"));
}

TEST_CASE("separable contests have no maximum: said with status 3, and by the names of the items") {
  const fitted f = fit_text("winner,loser,count\nA,B,3\nB,A,2\nC,A,1\nC,B,2\n");
  CHECK(f.result.status == "not_attained");
  CHECK(f.result.separability == "separable");
  CHECK(f.result.exit_status() == 3);
  CHECK(std::isnan(parameter(f, "B").estimate));
  CHECK(any_contains(f.result.warnings, "Never lost to any other: C"));
  CHECK(any_contains(f.result.warnings, "Never won against any other: together A, B"));
  fit_options options;
  options.bound = 2;
  const fitted bounded = fit_text("winner,loser,count\nA,B,3\nB,A,2\nC,A,1\nC,B,2\n", options);
  CHECK(bounded.result.status == "boundary");
  CHECK(bounded.result.exit_status() == 0);
  CHECK(bounded.result.norm == Approx(2.0).epsilon(1e-10));
}

TEST_CASE("groups of items that never met are named, and the estimate is the one of least norm") {
  const fitted f = fit_text("winner,loser,count\nA,B,1\nB,A,1\nC,D,3\nD,C,1\n");
  CHECK(f.result.rank == 2);
  CHECK(f.result.converged);
  CHECK(parameter(f, "C").estimate == Approx(std::log(3.0) / 2).epsilon(1e-10));
  CHECK(parameter(f, "D").estimate == Approx(-std::log(3.0) / 2).epsilon(1e-10));
  CHECK(any_contains(f.result.warnings, "2 groups that never met"));
}

TEST_CASE("text pairs give style features, and held-out accuracy is the same for the same seed") {
  std::string lines;
  for (int i = 0; i < 60; ++i) {
    const std::string longer(static_cast<std::size_t>(10 + 7 * i % 31), 'x'),
        shorter(static_cast<std::size_t>(3 + i % 5), 'x');
    lines += "{\"chosen\": \"" + (i % 4 == 0 ? shorter : longer) + "?\", \"rejected\": \"" +
             (i % 4 == 0 ? longer : shorter) + (i % 3 == 0 ? "?" : "") + "\"}\n";
  }
  fit_options options;
  options.folds = 5;
  options.bound = 10;
  const fitted a = fit_text(lines, options, "t.jsonl"), b = fit_text(lines, options, "t.jsonl");
  CHECK(a.result.parameters.size() == 6);
  REQUIRE(a.result.held_out);
  CHECK(a.result.held_out->comparisons == 60);
  CHECK(a.result.held_out->fits == 5);
  CHECK(a.result.held_out->accuracy.value == b.result.held_out->accuracy.value);
  CHECK(a.result.held_out->accuracy.range.contains(a.result.held_out->accuracy.value));
  CHECK(a.result.held_out->accuracy.value > 0.5);
}

TEST_CASE("hashed n-grams are a sparse design of as many columns as buckets") {
  fit_options options;
  options.features = text_features::ngrams;
  options.buckets = 64;
  options.bound = 1;
  const fitted f = fit_text("{\"chosen\": \"the cat sat\", \"rejected\": \"the dog sat\"}\n", options, "t.jsonl");
  CHECK(f.model.x.columns == 64);
  CHECK(f.model.x.value.size() <= 6);  // cat, dog and the bigrams with them; "the" and "sat" cancel
  CHECK(f.result.status == "boundary");
}

TEST_CASE("bad contests are refused with file, line, column, expected and found") {
  const std::string head = "item1,item2,wins1,wins2\n";
  CHECK(complaint(head) == "t.csv: expected at least one row, found only a header");
  CHECK(complaint(head + "A,B,1\n") == "t.csv:2: expected 4 fields, found 3");
  CHECK(complaint(head + "A,B,-1,2\n") == "t.csv:2: column \"wins1\": expected a count >= 0, found -1");
  CHECK(complaint(head + "A,B,nan,2\n") == "t.csv:2: column \"wins1\": expected a finite number, found \"nan\"");
  CHECK(complaint(head + "A,B,1,inf\n") == "t.csv:2: column \"wins2\": expected a finite number, found \"inf\"");
  CHECK(complaint(head + "A,B,1e300,2\n") ==
        "t.csv:2: column \"wins1\": expected a count of at most 2^53, found 1e300");
  CHECK(complaint("x,y\n1,2\n1,-1e300\n") ==
        "t.csv:3: column \"y\": expected a number between -1e100 and 1e100, found -1e300");
  CHECK(complaint(head + "A,,1,2\n") == "t.csv:2: column \"item2\": expected the name of an item, found nothing");
  CHECK(complaint(head + "A,A,1,2\n") == "t.csv: expected at least two items, found only \"A\"");
  CHECK_THAT(complaint(head + "A,B,0,0\n"), Catch::Matchers::ContainsSubstring("expected at least one comparison"));
  CHECK_THAT(complaint("p,q,r\na,b,c\n"), Catch::Matchers::ContainsSubstring("(columns: p, q, r)"));
  CHECK_THAT(complaint("model_a,model_b,winner\nA,B,nobody\n"),
             Catch::Matchers::ContainsSubstring("t.csv:2: column \"winner\": expected \"model_a\", \"model_b\""));
  fit_options options;
  options.columns.item_1 = "nope";
  CHECK_THAT(complaint(head + "A,B,1,2\n", options),
             Catch::Matchers::ContainsSubstring("--item1: expected the name of a column, found \"nope\""));
  options = {};
  options.reference = "Z";
  CHECK_THAT(complaint(head + "A,B,1,2\n", options), Catch::Matchers::ContainsSubstring("found \"Z\""));
  options = {};
  options.columns.label = "y";
  CHECK(complaint("x,y\n1,1.5\n", options) == "t.csv:2: column \"y\": expected a label in [0, 1], found 1.5");
  CHECK_THAT(complaint("[{\"chosen\": 1}]", {}, "t.json"),
             Catch::Matchers::ContainsSubstring("expected JSON lines (one object a line) or a table"));
}

TEST_CASE("the outputs hold the numbers: JSON, CSV and LaTeX") {
  fit_options options;
  options.data = "t.csv";
  const fitted f = fit_text("item1,item2,wins1,wins2\nA & B,\"x,y\",3,7\n");
  const ordered_json document = to_json(f.model, f.result, options);
  CHECK(document["format"] == "rto-fit/1");
  CHECK(document["parameters"][0]["name"] == "x,y");
  CHECK(document["parameters"][0]["estimate"].get<double>() == f.result.parameters[0].estimate);
  CHECK(document["reference"] == "A & B");
  CHECK_THAT(to_csv(f.result), Catch::Matchers::ContainsSubstring("\n\"x,y\",0.847"));
  CHECK_THAT(to_latex(f.model, f.result, options), Catch::Matchers::ContainsSubstring("A \\& B & $0$"));
  CHECK_THAT(to_text(f.model, f.result, options), Catch::Matchers::ContainsSubstring("0.8473"));
}

TEST_CASE("every model of the reference fits is reproduced to 1e-8: estimates, standard errors, log-likelihoods") {
  std::filesystem::path folder;
  if (const char* data = std::getenv("RTO_DATA")) folder = std::filesystem::path(data) / "bradley-terry";
  if (const char* shared = std::getenv("RTO_SHARED"); shared != nullptr && !std::filesystem::exists(folder))
    folder = std::filesystem::path(shared) / "data" / "bradley-terry";
  if (!std::filesystem::exists(folder / "reference.json")) {
    std::cout << "SKIPPED: set RTO_DATA to compare with the reference fits (docs/data.md)\n";
    return;
  }
  std::map<std::string, fit_options> command;
  const auto set = [&](const std::string& name, const std::string& file, auto change) {
    fit_options options;
    options.data = folder / file;
    change(options);
    command[name] = options;
  };
  const auto springall = [](fit_options& o) {
    o.columns.item_1 = "col";
    o.columns.item_2 = "row";
    o.columns.wins_1 = "win";
    o.columns.wins_2 = "loss";
    o.columns.ties = "tie";
  };
  set("baseball1987/bt", "baseball1987.csv", [](fit_options&) {});
  set("baseball1987/bt+home", "baseball1987.csv", [](fit_options& o) { o.order_effect = true; });
  set("citations/bt", "citations.csv", [](fit_options&) {});
  set("springall/bt", "springall-contests.csv", springall);
  set("springall/linear", "springall-contests.csv", [&](fit_options& o) {
    springall(o);
    o.predictors = folder / "springall-predictors.csv";
  });
  set("pandalm-llms/bt ties=half", "pandalm-llms.csv", [](fit_options&) {});
  set("pandalm-llms/bt no ties", "pandalm-llms.csv", [](fit_options& o) { o.ties = tie_rule::drop; });
  set("epl-2015-16/bt+home ties=half", "epl-2015-16.csv", [](fit_options& o) { o.order_effect = true; });
  set("epl-2015-16/bt+home no draws", "epl-2015-16.csv", [](fit_options& o) {
    o.order_effect = true;
    o.ties = tie_rule::drop;
  });
  set("hh-features/linear", "hh-features.csv", [](fit_options&) {});

  const json references = read_json(folder / "reference.json");
  CHECK(references.size() == 10);
  for (const json& reference : references) {
    const std::string name = reference["dataset"].get<std::string>() + "/" + reference["model"].get<std::string>();
    INFO(name);
    REQUIRE(command.count(name) == 1);
    const fitted f = fit_file(command[name]);
    CHECK(f.result.exit_status() == 0);
    CHECK(f.result.separability == "not separable");
    CHECK(std::abs(f.result.log_likelihood - reference["loglik"].get<double>()) < 1e-8);
    CHECK(std::abs(f.result.log_likelihood_at_zero - reference["loglik_at_zero"].get<double>()) < 1e-8);
    CHECK(std::abs(f.result.log_likelihood + f.model.log_binomial_constant -
                   reference["loglik_with_binomial_constant"].get<double>()) < 1e-8);
    CHECK(f.model.comparisons() == Approx(reference["n_comparisons"].get<double>()).epsilon(1e-14));
    CHECK(f.model.rows() == reference["n_rows"].get<std::size_t>());
    const auto estimates = reference["estimate"].get<std::vector<double>>();
    const auto errors = reference["std_error"].get<std::vector<double>>();
    REQUIRE(f.result.parameters.size() == estimates.size());
    for (std::size_t j = 0; j < estimates.size(); ++j) {
      INFO(f.result.parameters[j].name);
      CHECK(std::abs(f.result.parameters[j].estimate - estimates[j]) < 1e-8);
      CHECK(std::abs(f.result.parameters[j].std_error - errors[j]) < 1e-8);
    }
  }
}
