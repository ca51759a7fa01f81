# SPDX-License-Identifier: Apache-2.0
# house_embed(target file.json symbol): the file's text as `const char symbol[]` and its length as
# `const size_t symbol_bytes`, in a generated source of the target. @PROJECT_VERSION@ is filled in.
# Run as a script (-DIN= -DOUT= -DSYMBOL= -DPROJECT_VERSION=) it writes that source.
if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)
  file(READ ${IN} text)
  string(REPLACE "@PROJECT_VERSION@" "${PROJECT_VERSION}" text "${text}")
  string(HEX "${text}" hex)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  file(WRITE ${OUT} "#include <stddef.h>\nextern const char ${SYMBOL}[];\nextern const size_t ${SYMBOL}_bytes;\n"
    "const char ${SYMBOL}[] = {${bytes}0};\nconst size_t ${SYMBOL}_bytes = sizeof(${SYMBOL}) - 1;\n")
  return()
endif()

set(HOUSE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(house_embed target file symbol)
  set(in ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${in} -DOUT=${out} -DSYMBOL=${symbol}
            -DPROJECT_VERSION=${PROJECT_VERSION} -P ${HOUSE_EMBED_SCRIPT}
    DEPENDS ${in} ${HOUSE_EMBED_SCRIPT} VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
