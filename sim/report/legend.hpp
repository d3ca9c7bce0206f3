#pragma once
// The legend of a figure: which colour and mark a curve has, on the plots and beside its name.
#include <string>
#include <vector>

#include "sim/engine/figure.hpp"

namespace rto::sim {

/// How a curve looks.
struct curve_look {
  std::string label = {};  // as in `series`: `^{..}` and `_{..}` are set high and low
  mark style = mark::line;
  const char* colour = "";
  int point = 0;  // place in the list of point signs: disc, square, triangles, diamond, ring, frame
};

/// True when one legend serves all panels of a figure of several: the labels of each are among those of one of them.
/// A label then has one colour in the whole figure.
bool shares_legend(const figure& f);

/// The looks of the curves of one panel, in order. Colours follow the order of the curves; a curve with `colour_of`
/// takes the colour of the curve it names.
std::vector<curve_look> looks_of(const figure& f, std::size_t i);

/// The legend that stands for all panels: the looks of the panel with the most labels. Curves without label are left
/// out; empty where there is one curve at most, which needs no legend.
std::vector<curve_look> shared_legend(const figure& f);
/// The legend of one panel, in the same way.
std::vector<curve_look> legend_of(const figure& f, std::size_t i);

/// A list of samples and names (HTML with inline SVG); empty for an empty legend.
std::string legend_html(const std::vector<curve_look>& legend);

/// A label as HTML: escaped, `^{..}` and `_{..}` as <sup> and <sub>.
std::string label_html(const std::string& label);

}  // namespace rto::sim
