# SPDX-License-Identifier: Apache-2.0
# One line a target; sources are listed, never globbed.

# house_library(name SOURCES a.c ... [DEPS target ...])
function(house_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC house ${ARG_DEPS})
endfunction()

# house_program(name SOURCES a.c ... [DEPS target ...])
function(house_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE house ${ARG_DEPS})
  install(TARGETS ${name} RUNTIME)
endfunction()

# house_test(dotted.name SOURCES a.c ... [DEPS target ...] [RUNNER script]): one Criterion program, one
# ctest. The runner starts the program given to it, or exits with 77 when what it needs is missing.
# Criterion swallows LeakSanitizer's exit code unless it aborts, hence abort_on_error.
function(house_test name)
  cmake_parse_arguments(ARG "" "RUNNER" "SOURCES;DEPS" ${ARGN})
  string(REPLACE "." "_" target "test_${name}")
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE house PkgConfig::CRITERION ${ARG_DEPS})
  # Criterion's own macros store ints in bit-fields and take strings as char *. On the sources,
  # because options of a target stand before those of `house`.
  set_source_files_properties(${ARG_SOURCES} PROPERTIES
    COMPILE_OPTIONS "-Wno-conversion;-Wno-write-strings;-Wno-cast-qual")
  target_compile_definitions(${target} PRIVATE TEST_DATA_DIR="${CMAKE_SOURCE_DIR}/tests/data")
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${ARG_RUNNER} $<TARGET_FILE:${target}>)
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120 SKIP_RETURN_CODE 77
    ENVIRONMENT "ASAN_OPTIONS=abort_on_error=1:detect_leaks=1;UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")
endfunction()
