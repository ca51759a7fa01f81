// SPDX-License-Identifier: Apache-2.0
// Folders with all that is in them.
#pragma once

// Removes path and everything below; links are not followed. What cannot be removed stays.
void tree_remove(const char *path);
