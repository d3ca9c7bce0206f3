// Writes the files of a report.
#include "sim/io/file.hpp"
#include "sim/report/report.hpp"

namespace rto::sim {

std::filesystem::path write_report(const run_result& run, const run_options& options) {
  make_folder(options.out);
  write_file(options.out / "results.json",
             results_json(run, options).dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  return options.out / "report.html";
}

}  // namespace rto::sim
