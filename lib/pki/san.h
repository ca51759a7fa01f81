// SPDX-License-Identifier: Apache-2.0
// Subject alternative names as typed text (RFC 5280 section 4.2.1.6), shared by CSRs and
// certificates.
#pragma once

#include "base/buf.h"
#include "pki/ossl.h"

// In the order in which step-ca writes them.
enum san_type { SAN_DNS, SAN_EMAIL, SAN_IP, SAN_URI, SAN_TYPES };

struct san {
	enum san_type type;
	char *text; // IP addresses as text ("10.8.0.1", "fd00::1")
};

struct san_list {
	struct san *items;
	size_t n;
	size_t n_other; // names of types that have no text form here (otherName, dirName, ...); not
			// in items
};

void san_list_init(struct san_list *l);
void san_list_fini(struct san_list *l);
#define SAN_LIST_AUTO __attribute__((cleanup(san_list_fini)))
// Copies text; an IP address in its canonical form. ERR_INPUT when an IP address does not parse or
// another type is not ASCII.
enum err ERR_MUST_CHECK san_list_add(struct san_list *l, enum san_type type, const char *text);
// dNSName, or iPAddress when text is an IP literal.
enum err ERR_MUST_CHECK san_list_add_host(struct san_list *l, const char *text);
// True when both hold the same names of every type, order and duplicates aside.
bool san_list_equal(const struct san_list *a, const struct san_list *b);
// "dns", "email", "ip", "uri"
const char *san_type_name(enum san_type type);

// GeneralNames DER (the value of the extension), appended, in the order of the list.
enum err ERR_MUST_CHECK san_list_to_der(struct buf *out, const struct san_list *l);
// Reads a GeneralNames DER from an untrusted peer and appends to l. ERR_SYNTAX.
enum err ERR_MUST_CHECK san_list_from_der(struct san_list *l, struct bytes der);
