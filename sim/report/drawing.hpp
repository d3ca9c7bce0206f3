#pragma once
// Figures drawn in the house style by gnuplot, called as a program.
#include <string>
#include <vector>

#include "sim/engine/figure.hpp"

namespace rto::sim {

/// True when gnuplot can be run.
bool gnuplot_available();

/// The figure as one <svg> element that scales with its container. Its ids begin with the figure's own id, so that
/// several fit on one page. Empty when gnuplot is not there or fails; a drawing made by code is returned as it is.
std::string figure_svg(const figure& f);

/// Each panel of a figure as an <svg> element of its own, without title and legend, for a page that writes those and
/// arranges the panels by its width. Empty where `figure_svg` is, and for a drawing.
std::vector<std::string> panel_svgs(const figure& f);

/// True when rsvg-convert (of librsvg) can be run, which makes the PDF files.
bool pdf_available();

/// A drawing as a PDF file: vectors and text, fonts inside. Empty when rsvg-convert is not there or fails.
std::string pdf_of(const std::string& svg);

/// The gnuplot script behind a figure. \throws std::invalid_argument when a curve's vectors differ in length
std::string gnuplot_script(const figure& f);
/// Of one panel by itself, without title and legend.
std::string gnuplot_script(const figure& f, std::size_t i);

/// The figure's numbers: panel, series, x, y, low, high.
std::string figure_csv(const figure& f);

/// Marks on a logarithmic axis from `low` to `high`, both positive: powers of ten, 1-3 or 1-2-5 steps on a shorter
/// axis, and on one too short for three of those round marks at equal distances. Three marks at least, eight at most.
std::vector<double> logarithmic_ticks(double low, double high);

}  // namespace rto::sim
