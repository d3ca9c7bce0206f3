#pragma once
// Drawings made by code: boxes, arrows and lettering in the colours of the plots.
#include <string>

namespace rto::sim {

/// Lettering with `_{..}` as subscript and `^{..}` as superscript; everything else literal. SVG tspans, escaped.
std::string svg_letters(const std::string& text, double size);

/// A drawing of `width` by `height` on white.
class svg_drawing {
 public:
  svg_drawing(double width, double height);

  struct lettering {
    double size = 13;
    const char* anchor = "middle";  // start, middle, end
    const char* weight = "normal";
    const char* colour = "#1d2430";
    bool italic = false;
  };

  void rectangle(double x, double y, double width, double height, const char* fill, const char* stroke,
                 double radius = 8);
  void text(double x, double y, const std::string& words, const lettering& how);
  /// A path in SVG's own words ("M 0 0 L 10 0"). `head` ends it with an arrow.
  void path(const std::string& d, const char* colour, double width, bool head, const char* dashes = nullptr);
  void circle(double x, double y, double radius, const char* fill, const char* stroke, double width);

  /// The complete <svg> element. \param id makes the ids inside unique on a page
  std::string finish(const std::string& id) const;

 private:
  double width_, height_;
  std::string body_;
};

}  // namespace rto::sim
