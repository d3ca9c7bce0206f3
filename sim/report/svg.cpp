#include "sim/report/svg.hpp"

#include <fmt/format.h>

#include "sim/io/markup.hpp"

namespace rto::sim {

std::string svg_letters(const std::string& text, double size) {
  std::string out, plain;
  const auto flush = [&] {
    out += escaped(plain);
    plain.clear();
  };
  double shift = 0;  // of the baseline, to be undone
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool script = (text[i] == '_' || text[i] == '^') && i + 1 < text.size() && text[i + 1] == '{';
    const std::size_t end = script ? text.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      if (shift != 0) {  // back to the line: SVG has no reset
        flush();
        out += fmt::format("<tspan dy=\"{:.2f}\">", -shift);
        std::size_t stop = i;
        while (stop < text.size() && !((text[stop] == '_' || text[stop] == '^') && text.compare(stop + 1, 1, "{") == 0))
          ++stop;
        out += escaped(text.substr(i, stop - i)) + "</tspan>";
        i = stop - 1;
        shift = 0;
        continue;
      }
      plain += text[i];
      continue;
    }
    flush();
    const double target = text[i] == '_' ? 0.28 * size : -0.38 * size;
    out += fmt::format("<tspan dy=\"{:.2f}\" font-size=\"{:.2f}\">{}</tspan>", target - shift, 0.74 * size,
                       escaped(text.substr(i + 2, end - i - 2)));
    shift = target;
    i = end;
  }
  flush();
  return out;
}

svg_drawing::svg_drawing(double width, double height) : width_(width), height_(height) {}

void svg_drawing::rectangle(double x, double y, double width, double height, const char* fill, const char* stroke,
                            double radius) {
  body_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"{:.1f}\" fill=\"{}\" stroke=\"{}\" "
      "stroke-width=\"1.4\"/>\n",
      x, y, width, height, radius, fill, stroke);
}

void svg_drawing::text(double x, double y, const std::string& words, const lettering& how) {
  body_ += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:.1f}\" text-anchor=\"{}\" font-weight=\"{}\"{} "
      "fill=\"{}\" xml:space=\"preserve\">{}</text>\n",
      x, y, how.size, how.anchor, how.weight, how.italic ? " font-style=\"italic\"" : "", how.colour,
      svg_letters(words, how.size));
}

void svg_drawing::path(const std::string& d, const char* colour, double width, bool head, const char* dashes) {
  body_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:.1f}\"{}{}/>\n", d, colour, width,
                       dashes == nullptr ? "" : fmt::format(" stroke-dasharray=\"{}\"", dashes),
                       head ? " marker-end=\"url(#ARROW)\"" : "");
}

void svg_drawing::circle(double x, double y, double radius, const char* fill, const char* stroke, double width) {
  body_ += fmt::format(
      "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"{:.1f}\"/>\n", x, y,
      radius, fill, stroke, width);
}

std::string svg_drawing::finish(const std::string& id) const {
  std::string body = body_;
  for (std::size_t at = body.find("#ARROW"); at != std::string::npos; at = body.find("#ARROW", at))
    body.replace(at, 6, "#" + id + "-arrow");
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"Helvetica, Arial, "
      "'Liberation Sans', sans-serif\">\n"
      "<defs><marker id=\"{2}-arrow\" viewBox=\"0 0 10 10\" refX=\"8.5\" refY=\"5\" markerWidth=\"6.5\" "
      "markerHeight=\"6.5\" "
      "orient=\"auto-start-reverse\"><path d=\"M 0 0.6 L 10 5 L 0 9.4 z\" fill=\"context-stroke\"/></marker></defs>\n"
      "<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"#ffffff\"/>\n{3}</svg>",
      width_, height_, id, body);
}

}  // namespace rto::sim
