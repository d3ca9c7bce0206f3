// rto-llm report: runs and evaluations as one page.
#include <fmt/format.h>

#include <memory>

#include "llm/evaluation/run_page.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

struct report_options {
  std::vector<std::filesystem::path> runs, evaluations;
  std::filesystem::path output;
  std::string title = "Training from preferences";
};

int run_report(const report_options& o) {
  if (o.runs.empty() && o.evaluations.empty()) throw sim::user_error("expected runs, or --evaluation FILE");
  sim::write_file(o.output, run_page(o.title, o.runs, o.evaluations));
  return 0;
}

const sim::registered_command command{
    "report", "Write a page of training runs and evaluations: curves and tables", [](CLI::App& app) {
      auto o = std::make_shared<report_options>();
      app.add_option("RUN", o->runs, "Output folders of sft, reward, dpo");
      app.add_option("--evaluation", o->evaluations, "What evaluate --output wrote")->type_name("FILE");
      app.add_option("--output", o->output, "The page")->required()->type_name("FILE");
      app.add_option("--title", o->title, "Of the page")->capture_default_str();
      return [o] { return run_report(*o); };
    }};

}  // namespace
}  // namespace rto::llm
