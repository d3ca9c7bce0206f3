#pragma once
// The look that the pages of rto-llm share.
#include <string>

namespace rto::llm {

/// A self-contained page. \param title plain text  \param body HTML
std::string html_page(const std::string& title, const std::string& body);

}  // namespace rto::llm
