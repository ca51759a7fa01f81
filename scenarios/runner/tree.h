// SPDX-License-Identifier: Apache-2.0
// Folders with all that is in them.
#pragma once

#include "base/err.h"

// Makes the folder ours to write and delete in: it is new, empty, or was ours before (a marker file
// says so). ERR_CONFLICT when it holds something else.
enum err ERR_MUST_CHECK tree_claim(const char *path, struct why *why);
// Removes path, a file or a folder with everything below; links are not followed. What cannot be
// removed stays.
void tree_remove(const char *path);
