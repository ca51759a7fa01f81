// SPDX-License-Identifier: Apache-2.0
// PEM (RFC 7468): tolerant reading as Go and OpenSSL do it, one form of writing.
#pragma once

#include "base/buf.h"

struct pem_block {
	struct bytes label; // "CERTIFICATE"; points into the text
	struct buf der;	    // decoded; initialised by the caller with its maximum
};

// Finds the next block in *text and moves *text behind it. Text between blocks, CRLF, blanks and
// header lines are skipped. ERR_NOT_FOUND: no BEGIN line is left. ERR_SYNTAX: a block without its
// END line, or bad base64.
enum err ERR_MUST_CHECK pem_next(struct pem_block *block, struct bytes *text);
// Appends `der` between BEGIN/END label, 64 columns, final newline.
enum err ERR_MUST_CHECK pem_write(struct buf *out, const char *label, struct bytes der);
