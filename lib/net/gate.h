// SPDX-License-Identifier: Apache-2.0
// A UNIX socket on the loop through which curl reaches our own TLS. curl asks for a socket: it is
// given one that is bound to an automatic name, and the address of the gate to connect to. What
// arrives is recognised by that name. (CURL_SOCKOPT_ALREADY_CONNECTED would spare the gate, but
// curl 7.88.1 calls connect(2) regardless.)
#pragma once

#include <sys/un.h>
#include <uthash.h>
#include <uv.h>

#include "base/err.h"

enum {
	GATE_NAME_BYTES = 16, // the kernel's automatic names are 6 bytes long
};

struct gate;

// One socket that is on its way. Embedded by its owner.
struct gate_ticket {
	char name[GATE_NAME_BYTES];
	bool waiting; // not yet through, not forgotten
	UT_hash_handle hh;
};

// A ticket's socket came through; take_fd is non-blocking.
typedef void gate_fn(struct gate_ticket *ticket, int take_fd);

enum err ERR_MUST_CHECK gate_new(struct gate **out, uv_loop_t *loop, gate_fn *fn);
// Closes the socket now; the memory goes with the loop's next turns. NULL is fine.
void gate_free(struct gate *g);
// The library's end, to be connected to gate_address(); -1 when descriptors ran out.
int gate_open(struct gate *g, struct gate_ticket *ticket);
// The owner gives up; does nothing when the ticket is not waiting.
void gate_forget(struct gate *g, struct gate_ticket *ticket);
const struct sockaddr_un *gate_address(const struct gate *g);
