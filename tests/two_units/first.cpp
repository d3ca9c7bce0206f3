#include <rto/rto.hpp>

const rto::version_number* version_seen_by_first_unit() { return &rto::version; }
