// SPDX-License-Identifier: Apache-2.0
// libmosquitto makes a socketpair for every client, to wake its own loop. Ours is another loop: the
// pair would cost two descriptors a client, and bytes pile up in it that nobody reads. The library
// carries on without it when it cannot be had, so this program's own socketpair(2) says no while it
// is told to (performance: 1 descriptor a client instead of 3).
#pragma once

#include <stdbool.h>

// For the calling thread.
void socketpair_refuse(bool refuse);
