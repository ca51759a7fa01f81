// SPDX-License-Identifier: Apache-2.0
// The little of DER (X.690) that requests and certificates need. The writer remembers its first
// error, so that a structure can be written without a check per field; the reader is strict,
// because what it reads comes from strangers.
#pragma once

#include "base/buf.h"

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80,	 // [n] primitive: DER_CONTEXT | n
	DER_CONTEXT_CONS = 0xa0, // [n] constructed
};

// --- writing ---
struct der_writer {
	struct buf *out;
	enum err err;
};

#define DER_WRITER(buf) ((struct der_writer){.out = (buf)})

// A constructed value: open, write the content, close with what open returned.
size_t der_open(struct der_writer *w, uint8_t tag);
void der_close(struct der_writer *w, size_t mark);
void der_put(struct der_writer *w, uint8_t tag, struct bytes value);
void der_put_raw(struct der_writer *w, struct bytes encoded);
// INTEGER from an unsigned big-endian number of any length.
void der_put_uint(struct der_writer *w, struct bytes big_endian);
void der_put_bool(struct der_writer *w, bool v);
// BIT STRING without unused bits.
void der_put_bits(struct der_writer *w, struct bytes bits);
// PrintableString if the text fits, else UTF8String, as Go writes names. ERR_INPUT: not UTF-8.
void der_put_text(struct der_writer *w, const char *text);

// --- reading ---
struct der_item {
	uint8_t tag;
	struct bytes value;
	struct bytes whole; // with tag and length
};

// Takes one item off the front of in. ERR_SYNTAX: cut off, multi-byte tag, indefinite or not the
// shortest length.
enum err ERR_MUST_CHECK der_read(struct bytes *in, struct der_item *item);
// The same when the tag must be this one; value may be NULL.
enum err ERR_MUST_CHECK der_expect(struct bytes *in, uint8_t tag, struct bytes *value);
// True when the next item has this tag.
bool der_next_is(struct bytes in, uint8_t tag);

// Contents of object identifiers.
extern const struct bytes oid_ec_public_key;	 // 1.2.840.10045.2.1
extern const struct bytes oid_prime256v1;	 // 1.2.840.10045.3.1.7
extern const struct bytes oid_ecdsa_sha256;	 // 1.2.840.10045.4.3.2
extern const struct bytes oid_extension_request; // 1.2.840.113549.1.9.14
extern const struct bytes oid_common_name;	 // 2.5.4.3
extern const struct bytes oid_organization;	 // 2.5.4.10
extern const struct bytes oid_subject_key_id;	 // 2.5.29.14
extern const struct bytes oid_key_usage;	 // 2.5.29.15
extern const struct bytes oid_subject_alt_name;	 // 2.5.29.17
extern const struct bytes oid_basic_constraints; // 2.5.29.19
extern const struct bytes oid_authority_key_id;	 // 2.5.29.35
extern const struct bytes oid_ext_key_usage;	 // 2.5.29.37
extern const struct bytes oid_server_auth;	 // 1.3.6.1.5.5.7.3.1
extern const struct bytes oid_client_auth;	 // 1.3.6.1.5.5.7.3.2
