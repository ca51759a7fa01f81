# SPDX-License-Identifier: Apache-2.0
# One interface target carries the house's warnings; every target links it.
add_library(house INTERFACE)
target_compile_definitions(house INTERFACE _GNU_SOURCE PROVSIM_VERSION="${PROJECT_VERSION}")
target_compile_options(house INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes
  -Wwrite-strings -Wundef -Wformat=2 -Wvla -Wnull-dereference -fno-common
  $<$<BOOL:${PROVSIM_WERROR}>:-Werror>)
target_include_directories(house INTERFACE ${CMAKE_SOURCE_DIR}/lib)
