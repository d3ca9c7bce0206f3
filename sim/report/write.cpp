// Writes the files of a report.
#include <oneapi/tbb/parallel_for.h>

#include "sim/io/file.hpp"
#include "sim/report/drawing.hpp"
#include "sim/report/page.hpp"
#include "sim/report/report.hpp"

namespace rto::sim {

std::filesystem::path write_report(const run_result& run, const run_options& options) {
  make_folder(options.out);
  std::vector<std::vector<drawn_figure>> figures(run.claims.size());
  std::vector<drawn_figure*> all;
  for (std::size_t i = 0; i < run.claims.size(); ++i) {
    for (const figure& f : run.claims[i].concluded.figures) figures[i].push_back({&f});
  }
  for (auto& list : figures) {
    for (drawn_figure& f : list) all.push_back(&f);
  }
  tbb::parallel_for(std::size_t{0}, all.size(), [&](std::size_t i) {
    all[i]->svg = figure_svg(*all[i]->what);
    all[i]->panels = panel_svgs(*all[i]->what);
  });

  std::vector<std::string> pdfs(all.size());
  if (options.pdf) tbb::parallel_for(std::size_t{0}, all.size(), [&](std::size_t i) { pdfs[i] = pdf_of(all[i]->svg); });

  // Everything is made before anything is written; the page comes last, so that it never shows more than there is.
  const std::string page = report_page(run, options, figures);
  const std::string results = results_json(run, options).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  for (std::size_t i = 0; i < all.size(); ++i) {
    const drawn_figure* f = all[i];
    if (options.pdf && !f->svg.empty()) {
      if (pdfs[i].empty()) throw user_error(f->what->id + ".pdf: rsvg-convert could not make it of the SVG");
      write_file(options.out / (f->what->id + ".pdf"), pdfs[i]);
    }
    if (!f->svg.empty())
      write_file(options.out / (f->what->id + ".svg"), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + f->svg + "\n");
    if (!f->what->panels.empty()) write_file(options.out / (f->what->id + ".csv"), figure_csv(*f->what));
  }
  write_file(options.out / "results.json", results);
  write_file(options.out / "report.html", page);
  return options.out / "report.html";
}

}  // namespace rto::sim
