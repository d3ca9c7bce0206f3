# cmake --install: the headers and the files that let find_package(rto) work, with COMPONENTS torch where the LibTorch
# back end is switched on. No flags are exported.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Headers only, but for the kernels of the component torch, which say themselves for what they are.
set(rto_install_cmakedir "${CMAKE_INSTALL_DATADIR}/cmake/rto")

install(TARGETS rto EXPORT rtoTargets FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT rto_development)
install(EXPORT rtoTargets NAMESPACE rto:: DESTINATION "${rto_install_cmakedir}" COMPONENT rto_development)
if(TARGET rto_torch)
  install(TARGETS rto_torch rto_torch_cpu_kernels EXPORT rtoTorchTargets
          FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT rto_development
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT rto_development)
  if(TARGET rto_torch_kernels)
    install(TARGETS rto_torch_kernels EXPORT rtoTorchTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT rto_development)
  endif()
  install(EXPORT rtoTorchTargets NAMESPACE rto:: DESTINATION "${rto_install_cmakedir}" COMPONENT rto_development)
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/rtoTorch.cmake" DESTINATION "${rto_install_cmakedir}" COMPONENT rto_development)
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/rtoConfig.cmake.in" "${PROJECT_BINARY_DIR}/rtoConfig.cmake"
                              INSTALL_DESTINATION "${rto_install_cmakedir}")
# Header-only, so the architecture of the machine that installed it does not matter; before 1.0 a minor version may break.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/rtoConfigVersion.cmake" COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/rtoConfig.cmake" "${PROJECT_BINARY_DIR}/rtoConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/rtoDependencies.cmake" DESTINATION "${rto_install_cmakedir}" COMPONENT rto_development)
