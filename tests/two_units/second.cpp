#include <rto/rto.hpp>

// Defined in the other translation unit.
const rto::version_number* version_seen_by_first_unit();

// A function or variable of a header that is not inline is defined in both units, and the link fails; an inline
// variable is one object with one address.
int main() { return version_seen_by_first_unit() == &rto::version ? 0 : 1; }
