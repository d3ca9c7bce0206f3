#pragma once
// report.html: one self-contained page.
#include <string>
#include <vector>

#include "sim/engine/run.hpp"
#include "sim/io/markup.hpp"

namespace rto::sim {

/// A figure as it goes on the page: its panels one by one, so that they can stand beside or below each other, or else
/// the whole. Both are empty where gnuplot is missing.
struct drawn_figure {
  const figure* what;
  std::string svg = {};
  std::vector<std::string> panels = {};
};

/// The whole page. \param figures one list a claim, in order  \param threads of the run
std::string report_page(const run_result& run, const run_options& options,
                        const std::vector<std::vector<drawn_figure>>& figures);

}  // namespace rto::sim
