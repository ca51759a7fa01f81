// SPDX-License-Identifier: Apache-2.0
// The lines of a wg-quick(8) file, told apart as wg(8) does: '#' begins a remark anywhere, blanks
// do not count, case neither.
#pragma once

#include "base/buf.h"
#include "base/id.h"

enum { WIREGUARD_LINE_COMPACT_BYTES = 160 }; // a line that matters is shorter

enum wireguard_line_kind {
	LINE_BLANK,
	LINE_COMMENT,
	LINE_MARKER,  // "# device: dev-1" with a valid id
	LINE_PEER,    // the header [Peer]
	LINE_SECTION, // another header
	LINE_KEY,     // anything else
};

struct wireguard_line {
	struct bytes text; // with its end
	enum wireguard_line_kind kind;
	struct bytes device;			    // of a marker
	char compact[WIREGUARD_LINE_COMPACT_BYTES]; // without blanks and remarks
	bool cut;				    // compact is not all of it
};

// Takes the first line off text; false when there is none. What out points to is text's.
bool wireguard_line_next(struct wireguard_line *out, struct bytes *text);
