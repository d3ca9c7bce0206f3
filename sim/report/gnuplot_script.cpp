// The house style: one script a figure, explicit ranges and ticks, a palette that colour-blind readers can tell apart.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "sim/engine/check.hpp"
#include "sim/report/drawing.hpp"
#include "sim/report/legend.hpp"

namespace rto::sim {
namespace {

constexpr std::array point_types = {7, 5, 9, 13, 11, 6, 4};  // gnuplot's names of the signs of `curve_look`

// Pixels. A panel on a page is drawn a little smaller, so that its lettering can be read on a telephone.
constexpr int plot_height = 300, legend_line = 25, title_height = 40, label_height = 74, row_of_names = 24;
constexpr int left_margin = 84, right_margin = 20;

std::string in_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "'";
}

struct span {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool empty() const { return !(low <= high); }
  void include(double x, bool logarithmic) {
    if (!std::isfinite(x) || (logarithmic && x <= 0)) return;
    low = std::min(low, x);
    high = std::max(high, x);
  }
};

// The smallest distance of two bars; 1 with one bar.
double bar_distance(const panel& p) {
  std::vector<double> at;
  for (const series& s : p.curves) {
    if (s.style == mark::bars) at.insert(at.end(), s.x.begin(), s.x.end());
  }
  std::sort(at.begin(), at.end());
  double distance = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < at.size(); ++i) {
    if (at[i] > at[i - 1]) distance = std::min(distance, at[i] - at[i - 1]);
  }
  return std::isfinite(distance) ? distance : 1.0;
}

// The range of an axis: of the data with a margin, or as the figure says.
span range_of(const panel& p, const axis& a, bool horizontal) {
  span data;
  bool bars = false;
  for (const series& s : p.curves) {
    const bool measured = s.style != mark::bound && s.style != mark::prediction;
    for (const double v : horizontal ? s.x : s.y) data.include(v, a.logarithmic);
    // Intervals that reach far below a logarithmic axis must not squeeze what is measured.
    if (!horizontal && measured && !a.logarithmic) {
      for (const double v : s.low) data.include(v, false);
    }
    if (!horizontal && measured) {
      for (const double v : s.high) data.include(v, a.logarithmic);
    }
    bars = bars || s.style == mark::bars;
  }
  if (!horizontal && a.logarithmic) {
    const double floor = data.low / 10;
    for (const series& s : p.curves) {
      for (const double v : s.low) data.include(std::max(v, floor), true);
    }
  }
  if (data.empty()) data = {a.logarithmic ? 0.1 : 0.0, 1.0};
  // The margin is that of what is shown.
  if (a.minimum < data.high) data.low = std::max(data.low, a.minimum);
  if (a.maximum > data.low) data.high = std::min(data.high, a.maximum);
  if (bars && !horizontal && !a.logarithmic) data.include(0, false);
  if (bars && horizontal && !a.logarithmic) {  // room for half a bar at either end
    const double half = 0.5 * bar_distance(p);
    data = {data.low - half, data.high + half};
  }
  if (a.logarithmic) {
    const double margin = std::max(std::pow(data.high / data.low, 0.05), 1.1);
    data = {data.low / margin, data.high * margin};
  } else {
    double margin = 0.05 * (data.high - data.low);
    if (margin == 0) margin = data.high == 0 ? 1 : 0.1 * std::abs(data.high);
    // A quantity that starts at zero gets an axis that does.
    const bool from_zero = data.low == 0;
    data = {from_zero && !horizontal ? 0 : data.low - margin, data.high + margin};
  }
  if (!std::isnan(a.minimum)) data.low = a.minimum;
  if (!std::isnan(a.maximum)) data.high = a.maximum;
  return data;
}

// Whole numbers on a short axis want marks at whole numbers.
bool counts_steps(const panel& p, const axis& a, const span& range) {
  if (a.logarithmic || range.high - range.low > 12) return false;
  return std::all_of(p.curves.begin(), p.curves.end(), [](const series& s) {
    return std::all_of(s.x.begin(), s.x.end(), [](double x) { return std::nearbyint(x) == x; });
  });
}

// `^{..}` and `_{..}` become gnuplot's; every other sign stands for itself.
struct lettering {
  std::string text;
  bool enhanced = false;
};

lettering gnuplot_label(const std::string& label) {
  if (label.find("^{") == std::string::npos && label.find("_{") == std::string::npos) return {in_quotes(label)};
  std::string out;
  std::size_t end = 0;  // of the script being copied
  for (std::size_t i = 0; i < label.size(); ++i) {
    if ((label[i] == '^' || label[i] == '_') && label.compare(i + 1, 1, "{") == 0 && label.find('}', i) != label.npos) {
      end = label.find('}', i);
      out += label[i++];
      out += '{';
    } else if (i == end && end != 0) {
      out += '}';
    } else {
      if (std::string_view("^_@&~{}\\").find(label[i]) != std::string_view::npos) out += '\\';
      out += label[i];
    }
  }
  return {in_quotes(out), true};
}

std::string with_mode(const std::string& label) {
  const lettering l = gnuplot_label(label);
  return l.text + (l.enhanced ? " enhanced" : " noenhanced");
}

// A tick of a logarithmic axis. All ticks of an axis are written in one way.
std::string tick_label(double t, bool plain) {
  if (plain || t == 1 || t == 10 || t == 100) return in_quotes(fmt::format("{:.6g}", t));
  const double exponent = std::floor(std::log10(t) + 1e-9), mantissa = t / std::pow(10, exponent);
  if (std::abs(mantissa - 1) < 1e-9) return fmt::format("'10^{{{:.0f}}}'", exponent);
  return fmt::format("'{:.3g}·10^{{{:.0f}}}'", mantissa, exponent);
}

// The smallest round step of marks whose labels have room beside each other on `pixels`.
double roomy_step(const span& range, double pixels) {
  const double width = range.high - range.low;
  double power = std::pow(10, std::floor(std::log10(width / 20)));
  for (;; power *= 10) {
    for (const double m : {1.0, 2.0, 5.0}) {
      std::size_t longest = 0;
      double marks = 0;
      for (double k = std::ceil(range.low / (m * power) - 1e-9); k * m * power <= range.high + 1e-9 * width;
           ++k, ++marks)
        longest = std::max(longest, fmt::format("{:.6g}", k * m * power).size());
      if (marks <= 8 && marks * (8.0 * static_cast<double>(longest) + 14) <= pixels) return m * power;
    }
  }
}

// `pixels`: the length of a horizontal axis, 0 for a vertical one, whose labels have room enough.
std::string axis_script(const axis& a, const char* name, const span& range, bool whole, double pixels = 0) {
  std::string text = fmt::format("set {0}label {1}\nset {0}range [{2:.10g}:{3:.10g}]\n", name, with_mode(a.label),
                                 range.low, range.high);
  if (!a.logarithmic)
    return text + fmt::format("unset logscale {0}\nset {0}tics norotate {1}\nset format {0} '%.6g'\n", name,
                              whole        ? "1"
                              : pixels > 0 ? fmt::format("{:.10g}", roomy_step(range, pixels))
                                           : "autofreq");
  text += fmt::format("set logscale {0} 10\nunset m{0}tics\n", name);
  const std::vector<double> marks = logarithmic_ticks(range.low, range.high);
  const bool plain = std::all_of(marks.begin(), marks.end(), [](double t) { return t >= 0.0009 && t < 20001; });
  std::string ticks;
  for (const double t : marks) ticks += fmt::format("{}{} {:.10g}", ticks.empty() ? "" : ", ", tick_label(t, plain), t);
  return text + fmt::format("set {}tics norotate ({})\n", name, ticks);
}

// The axis down the side of a panel whose places have names; the first one stands on top.
std::string names_script(const std::vector<std::string>& names) {
  std::string ticks;
  for (std::size_t i = 0; i < names.size(); ++i)
    ticks += fmt::format("{}{} {}", i == 0 ? "" : ", ", gnuplot_label(names[i]).text, i + 1);
  return fmt::format("unset logscale y\nset yrange [{}:0.4]\nset ytics norotate ({})\n",
                     static_cast<double>(names.size()) + 0.6, ticks);
}

std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// How the labels of a panel go into columns.
struct legend_layout {
  int columns = 1, lines = 0;  // no lines: one curve needs no legend
};

legend_layout layout_of(const std::vector<curve_look>& legend, int width) {
  if (legend.empty()) return {};
  std::size_t longest = 0;
  for (const curve_look& l : legend) longest = std::max(longest, letters(l.label));
  const double column = 92 + 8.6 * static_cast<double>(longest);  // sample and letters, pixels
  const int labelled = static_cast<int>(legend.size());
  const int fit = std::max(1, static_cast<int>((width - 60) / column));
  const int columns = std::min({fit, labelled, 4});
  const int lines = (labelled + columns - 1) / columns;
  return {(labelled + lines - 1) / lines, lines};
}

std::string cell(double x, bool logarithmic) {
  return std::isfinite(x) && !(logarithmic && x <= 0) ? fmt::format("{:.12g}", x) : "NaN";
}

bool sideways(const panel& p) { return !p.x.names.empty(); }

// Height of the axes, pixels.
int height_of_axes(const panel& p, int usual) {
  return sideways(p) ? std::max(usual, row_of_names * static_cast<int>(p.x.names.size())) : usual;
}

int left_of_axes(const panel& p) {
  std::size_t longest = 0;
  for (const std::string& name : p.x.names) longest = std::max(longest, letters(name));
  return sideways(p) ? static_cast<int>(24 + 7.4 * static_cast<double>(longest)) : left_margin;
}

// Where the axes of a panel stand in the picture, and how large that is; pixels from above and from the left.
struct frame {
  int width = 0, height = 0;
  double left = 0, right = 0, top = 0, bottom = 0;  // of the axes
};

void require_equal_lengths(const figure& f, const series& s) {
  const bool interval = !s.low.empty() || !s.high.empty();
  if (s.x.size() != s.y.size() || (interval && (s.low.size() != s.y.size() || s.high.size() != s.y.size())))
    throw std::invalid_argument(fmt::format(
        "rto::sim::gnuplot_script: x, y, low and high of equal length in series \"{}\" of {}, got {}, {}, {}, {}",
        s.label, f.id, s.x.size(), s.y.size(), s.low.size(), s.high.size()));
}

// The curves as gnuplot takes them: blocks of data, and the words after `plot`. `legend`: their names belong to it.
struct plotted {
  std::string blocks = {}, words = {};
};

plotted plot_curves(const figure& f, std::size_t i, bool legend) {
  const panel& p = f.panels[i];
  const std::vector<curve_look> looks = looks_of(f, i);
  const bool side = sideways(p);
  // Points and bars of one place stand beside each other.
  const auto stands = [](const series& s) { return s.style == mark::points || s.style == mark::bars; };
  const auto standing = static_cast<double>(std::count_if(p.curves.begin(), p.curves.end(), stands));
  double stood = 0;
  plotted out;
  std::vector<std::string> bands, curves;
  for (std::size_t k = 0; k < p.curves.size(); ++k) {
    const series& s = p.curves[k];
    require_equal_lengths(f, s);
    const bool interval = !s.low.empty();
    const std::string block = fmt::format("$p{}s{}", i, k);
    out.blocks += block + " << EOD\n";
    const double floor = p.y.logarithmic ? 1e-300 : -std::numeric_limits<double>::infinity();
    const double shift = side && stands(s) ? (stood++ - (standing - 1) / 2) * 0.8 / standing : 0;
    for (std::size_t j = 0; j < s.x.size(); ++j) {
      const std::string x = cell(s.x[j] + shift, p.x.logarithmic), y = cell(s.y[j], p.y.logarithmic);
      out.blocks += side ? y + ' ' + x : x + ' ' + y;
      if (interval)
        out.blocks += ' ' + cell(std::max(s.low[j], floor), p.y.logarithmic) + ' ' + cell(s.high[j], p.y.logarithmic);
      out.blocks += '\n';
    }
    out.blocks += "EOD\n";
    const char* colour = looks[k].colour;
    const lettering label = gnuplot_label(s.label);
    const std::string title = !legend || s.label.empty() || p.curves.size() == 1
                                  ? "notitle"
                                  : "title " + label.text + (label.enhanced ? "" : " noenhanced");
    const std::string points =
        fmt::format("pointtype {} pointsize 0.55 linecolor rgb '{}'",
                    point_types[static_cast<std::size_t>(looks[k].point) % point_types.size()], colour);
    // Intervals as bars with caps. Gnuplot's own error bars would leave a gap round the point.
    const auto interval_bars = [&](const char* ink) {
      return fmt::format(
          "{} using {} with vectors heads size graph 0.008,90 fixed linewidth 1.5 linecolor rgb '{}' notitle", block,
          side ? "3:2:($4-$3):(0)" : "1:3:(0):($4-$3)", ink);
    };
    switch (s.style) {
      case mark::line:
        if (interval)
          bands.push_back(fmt::format(
              "{} using 1:3:4 with filledcurves linecolor rgb '{}' fillstyle transparent solid 0.18 noborder notitle",
              block, colour));
        curves.push_back(fmt::format("{} using 1:2 with linespoints linewidth 2 {} {}", block, points, title));
        break;
      case mark::points:
        if (interval) curves.push_back(interval_bars(colour));
        curves.push_back(fmt::format("{} using 1:2 with points {} {}", block, points, title));
        break;
      case mark::prediction:
        curves.push_back(fmt::format("{} using 1:2 with lines linewidth 2 dashtype (9,5) linecolor rgb '{}' {}", block,
                                     colour, title));
        break;
      case mark::bound:
        curves.push_back(fmt::format("{} using 1:2 with lines linewidth 2 dashtype (2,4) linecolor rgb '{}' {}", block,
                                     colour, title));
        break;
      case mark::steps:
        curves.push_back(
            fmt::format("{} using 1:2 with steps linewidth 2 linecolor rgb '{}' {}", block, colour, title));
        break;
      case mark::bars: {
        const double half = 0.35 / standing;
        curves.push_back(
            side ? fmt::format("{0} using 1:2:(0):1:($2-{1:.3f}):($2+{1:.3f}) with boxxyerror linecolor rgb '{2}' {3}",
                               block, half, colour, title)
                 : fmt::format("{} using 1:2 with boxes linecolor rgb '{}' {}", block, colour, title));
        if (interval) curves.push_back(interval_bars("#333333"));
        break;
      }
    }
  }
  bands.insert(bands.end(), curves.begin(), curves.end());
  for (const std::string& one : bands) out.words += (out.words.empty() ? "" : ", \\\n  ") + one;
  if (out.words.empty()) out.words = "NaN notitle";
  return out;
}

std::string terminal(int width, int height) {
  return fmt::format(
      "set encoding utf8\n"
      "set terminal svg size {},{} dynamic enhanced font 'Helvetica,Arial,sans-serif,14' background rgb 'white'\n"
      "set border 3 linecolor rgb '#555555'\n"
      "set tics nomirror out scale 0.6 textcolor rgb '#333333'\n"
      "set grid linecolor rgb '#E4E4E4' linetype 1 linewidth 1\n"
      "set style fill solid 0.85 noborder\n"
      "set datafile missing 'NaN'\n",
      width, height);
}

// Axes, labels and curves of panel i in its frame; `key` is the command for the legend.
std::string panel_script(const figure& f, std::size_t i, const frame& at, const std::string& key) {
  const panel& p = f.panels[i];
  const plotted curves = plot_curves(f, i, key != "unset key");
  const double width = at.width, height = at.height;
  std::string text = curves.blocks;
  text +=
      fmt::format("set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\n", at.left / width, at.right / width);
  text += fmt::format("set tmargin at screen {:.5f}\nset bmargin at screen {:.5f}\n", 1 - at.top / height,
                      1 - at.bottom / height);
  const span values = range_of(p, p.y, false);
  if (sideways(p)) {
    text += axis_script(p.y, "x", values, false, at.right - at.left) + names_script(p.x.names) +
            "unset ylabel\nunset label 1\n";
  } else {
    const span x_range = range_of(p, p.x, true);
    text += axis_script(p.x, "x", x_range, counts_steps(p, p.x, x_range), at.right - at.left) +
            axis_script(p.y, "y", values, false);
    // Gnuplot takes '10^{12}' for seven letters wide, puts its own label left of that, and off the picture.
    text += fmt::format("unset ylabel\nset label 1 {} at screen {:.5f}, screen {:.5f} center rotate by 90 {}\n",
                        gnuplot_label(p.y.label).text, (at.left - left_margin + 14) / width,
                        1 - (at.top + at.bottom) / 2 / height,
                        gnuplot_label(p.y.label).enhanced ? "enhanced" : "noenhanced");
  }
  text += fmt::format("{}\nset boxwidth {:.10g} absolute\n", key, 0.7 * bar_distance(p));
  return text + "plot " + curves.words + "\n";
}

// The step of round marks that is at most `x`: 1, 2 or 5 times a power of ten.
double round_step(double x) {
  const double power = std::pow(10, std::floor(std::log10(x) + 1e-9));
  for (const double m : {5.0, 2.0, 1.0})
    if (m * power <= x * (1 + 1e-9)) return m * power;
  return power;
}

}  // namespace

std::vector<double> logarithmic_ticks(double low, double high) {
  std::vector<double> ticks;
  if (!(low > 0 && high > low)) return ticks;
  const double decades = std::log10(high / low);
  const int first = static_cast<int>(std::floor(std::log10(low))), last = static_cast<int>(std::ceil(std::log10(high)));
  const auto add = [&](double t) {
    if (t >= low * (1 - 1e-9) && t <= high * (1 + 1e-9)) ticks.push_back(t);
  };
  if (decades > 2.2) {
    const int step = std::max(1, static_cast<int>(std::ceil(decades / 7)));
    for (int e = first; e <= last; ++e) {
      if (e % step == 0) add(std::pow(10, e));
    }
    if (ticks.size() >= 3) return ticks;
    ticks.clear();
    for (int e = first; e <= last; ++e) {
      for (const double m : {1.0, 3.0}) add(m * std::pow(10, e));
    }
    return ticks;
  }
  for (int e = first; e <= last; ++e) {
    for (const double m : {1.0, 2.0, 5.0}) add(m * std::pow(10, e));
  }
  // A short axis: round marks at equal distances, as few as make three.
  for (double step = round_step(high - low); ticks.size() < 3; step = round_step(step * 0.99)) {
    ticks.clear();
    for (double k = std::ceil(low / step - 1e-9); k * step <= high * (1 + 1e-9); ++k) add(k * step);
  }
  return ticks;
}

std::string gnuplot_script(const figure& f) {
  const int panels = static_cast<int>(f.panels.size());
  const int columns = panels == 3 ? 3 : std::min(panels, 2), rows = columns == 0 ? 1 : (panels + columns - 1) / columns;
  const int panel_width = columns <= 1 ? 620 : columns == 2 ? 480 : 440;
  const int width = panel_width * std::max(columns, 1);
  const bool shared = shares_legend(f);
  const auto layout = [&](std::size_t i) {
    return shared ? layout_of(shared_legend(f), width) : layout_of(legend_of(f, i), panel_width);
  };
  int lines = 0, axes = 0;
  bool titled = false;
  for (std::size_t i = 0; i < f.panels.size(); ++i) {
    lines = std::max(lines, layout(i).lines);
    titled = titled || !f.panels[i].title.empty();
    axes = std::max(axes, height_of_axes(f.panels[i], plot_height));
  }
  const int legend = lines > 0 ? lines * legend_line + 10 : 0;
  const int above = titled ? title_height : 14, below = label_height + (shared ? 0 : legend);
  const int row_height = above + axes + below, height = rows * row_height + (shared ? legend : 0);
  // The legend that all share is written beside the panel that has all its curves.
  std::size_t keeper = 0;
  for (std::size_t i = 0; i < f.panels.size(); ++i)
    if (f.panels[i].curves.size() > f.panels[keeper].curves.size()) keeper = i;

  std::string text = terminal(width, height) + "set multiplot\n";
  for (int i = 0; i < panels; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const panel& p = f.panels[at];
    const double left = i % columns * panel_width, top = i / columns * row_height;
    const frame where{.width = width,
                      .height = height,
                      .left = left + left_of_axes(p),
                      .right = left + panel_width - right_margin,
                      .top = top + above,
                      .bottom = top + above + axes};
    text += p.title.empty() ? "unset title\n" : "set title " + with_mode(p.title) + " offset 0,-0.4\n";
    std::string key = "unset key";
    if (const legend_layout wanted = layout(at); wanted.lines > 0 && (!shared || at == keeper))
      key = fmt::format(
          "set key at screen {:.5f}, screen {:.5f} left top vertical maxcolumns {} maxrows {} Left reverse samplen 2.6 "
          "spacing 1.15 width 1 enhanced textcolor rgb '#222222'",
          ((shared ? 0 : left) + 60) / width,
          1 - static_cast<double>(shared ? rows * row_height : top + row_height - legend) / height, wanted.columns,
          wanted.lines);
    text += panel_script(f, at, where, key);
  }
  return text + "unset multiplot\n";
}

std::string gnuplot_script(const figure& f, std::size_t i) {
  // The narrower a panel stands on the page the fewer pixels it has here, so that its lettering stays as large.
  const std::size_t panels = f.panels.size();
  int axes = 0;
  for (const panel& p : f.panels) axes = std::max(axes, height_of_axes(p, panels == 1 ? 270 : panels == 3 ? 220 : 250));
  const int width = panels == 1 ? 520 : panels == 3 ? 370 : 440, above = 12, height = above + axes + label_height;
  const frame where{.width = width,
                    .height = height,
                    .left = static_cast<double>(left_of_axes(f.panels.at(i))),
                    .right = static_cast<double>(width - right_margin),
                    .top = above,
                    .bottom = static_cast<double>(above + axes)};
  return terminal(width, height) + panel_script(f, i, where, "unset key");
}

}  // namespace rto::sim
