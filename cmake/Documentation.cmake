# `cmake --build ... --target rto_docs`: the API reference, in docs/html of the build folder, where Doxygen is installed.
find_package(Doxygen QUIET)
if(NOT DOXYGEN_FOUND)
  return()
endif()

# The commands of rto's doc comments that Doxygen does not have itself.
set(DOXYGEN_ALIASES "source=\\par Source:^^" "gradient=\\par Gradient:^^" "cost=\\par Cost:^^" "assumes=\\par Assumes:^^")
set(DOXYGEN_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/docs")
set(DOXYGEN_STRIP_FROM_PATH "${PROJECT_SOURCE_DIR}/include")
set(DOXYGEN_EXTRACT_ALL YES)
set(DOXYGEN_MACRO_EXPANSION YES)
set(DOXYGEN_EXCLUDE_SYMBOLS "rto::detail*")
set(DOXYGEN_USE_MDFILE_AS_MAINPAGE "${PROJECT_SOURCE_DIR}/README.md")
set(DOXYGEN_GENERATE_TREEVIEW YES)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_WARN_IF_UNDOCUMENTED NO)
set(DOXYGEN_WARN_IF_INCOMPLETE_DOC NO) # a parameter whose name says it all needs no line

file(GLOB rto_pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/docs/*.md")
doxygen_add_docs(rto_docs "${PROJECT_SOURCE_DIR}/include" ${rto_pages} COMMENT "API reference in ${DOXYGEN_OUTPUT_DIRECTORY}/html")
