// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "pki/der.h"
#include "pki/pem.h"

// Lengths on both sides of each step of X.690 section 8.1.3.
Test(der, lengths_round_trip)
{
	static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 70000};
	uint8_t *content = calloc(1, 70000);
	for (size_t i = 0; i < N_ELEMENTS(lengths); i++) {
		BUF_AUTO struct buf out;
		buf_init(&out, 80000);
		struct der_writer w = DER_WRITER(&out);
		size_t outer = der_open(&w, DER_SEQUENCE);
		der_put(&w, DER_OCTET_STRING, BYTES(content, lengths[i]));
		der_close(&w, outer);
		cr_assert(w.err == ERR_OK);
		struct bytes in = buf_bytes(&out);
		struct bytes seq;
		struct bytes value;
		cr_assert(der_expect(&in, DER_SEQUENCE, &seq) == ERR_OK, "length %zu", lengths[i]);
		cr_assert(in.n == 0);
		cr_assert(der_expect(&seq, DER_OCTET_STRING, &value) == ERR_OK);
		cr_assert(value.n == lengths[i] && seq.n == 0);
	}
	free(content);
}

Test(der, writer_stops_at_the_maximum)
{
	BUF_AUTO struct buf out;
	buf_init(&out, 8);
	struct der_writer w = DER_WRITER(&out);
	size_t outer = der_open(&w, DER_SEQUENCE);
	der_put(&w, DER_OCTET_STRING, BYTES("0123456789", 10));
	der_close(&w, outer);
	cr_assert(w.err == ERR_TOO_LARGE);
}

Test(der, unsigned_integers_stay_positive_and_short)
{
	static const struct {
		uint8_t in[3];
		size_t n_in;
		uint8_t out[5];
		size_t n_out;
	} rows[] = {
		{{0},	      0, {2, 1, 0},	    3},
		{{0, 0},	 2, {2, 1, 0},       3},
		{{0x7f},	 1, {2, 1, 0x7f},	  3},
		{{0x80},	 1, {2, 2, 0, 0x80}, 4},
		{{0, 0, 0x80}, 3, {2, 2, 0, 0x80}, 4},
		{{0, 1, 2},    3, {2, 2, 1, 2},    4},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		BUF_AUTO struct buf out;
		buf_init(&out, 16);
		struct der_writer w = DER_WRITER(&out);
		der_put_uint(&w, BYTES(rows[i].in, rows[i].n_in));
		cr_expect(bytes_equal(buf_bytes(&out), BYTES(rows[i].out, rows[i].n_out)),
			  "row %zu", i);
	}
}

Test(der, texts_take_the_narrowest_type)
{
	static const struct {
		const char *text;
		int tag; // 0: refused
	} rows[] = {
		{"dev-1",		  DER_PRINTABLE_STRING},
		{"a (b) c'+,./:=?",  DER_PRINTABLE_STRING},
		{"dev_1",		  DER_UTF8_STRING	 },
		{"*.example.org",	  DER_UTF8_STRING	 },
		{"ger\xc3\xa4t",	 DER_UTF8_STRING	},
		{"\xf0\x9f\x94\x91", DER_UTF8_STRING	    },
		{"bad\xff",	    0		     },
		{"\xc3",		 0			  },
		{"\xc0\xaf",	     0		      },
		{"\xed\xa0\x80",	 0			  },
		{"\xf4\x90\x80\x80", 0		      },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		BUF_AUTO struct buf out;
		buf_init(&out, 64);
		struct der_writer w = DER_WRITER(&out);
		der_put_text(&w, rows[i].text);
		bool good = w.err == ERR_OK;
		cr_expect(good == (rows[i].tag != 0), "row %zu", i);
		if (rows[i].tag && out.len)
			cr_expect(eq(int, out.data[0], rows[i].tag), "row %zu", i);
	}
}

Test(der, reader_refuses_what_is_not_der)
{
	static const struct {
		const char *name;
		uint8_t raw[8];
		size_t n;
	} rows[] = {
		{"empty",			  {0},				     0},
		{"tag only",			     {0x30},				     1},
		{"content cut off",		    {0x04, 2, 0xaa},			     3},
		{"indefinite length",	      {0x30, 0x80, 0, 0},			  4},
		{"length not the shortest",	    {0x04, 0x81, 1, 0xaa},		   4},
		{"length with a leading zero",    {0x04, 0x82, 0, 0x80, 0},		 5},
		{"length octets cut off",	  {0x04, 0x82, 1},			   3},
		{"length of five octets",	  {0x04, 0x85, 1, 1, 1, 1, 1},	       7},
		{"length near the top of size_t", {0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 0}, 7},
		{"tag of several octets",	  {0x1f, 1, 0},				3},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		uint8_t *copy = malloc(rows[i].n + 1); // its end is watched by the sanitizer
		copy = realloc(copy, rows[i].n ? rows[i].n : 1);
		memcpy(copy, rows[i].raw, rows[i].n);
		struct bytes in = BYTES(copy, rows[i].n);
		struct der_item item;
		cr_expect(der_read(&in, &item) == ERR_SYNTAX, "%s", rows[i].name);
		free(copy);
	}
}

static enum err
read_pem(const char *text, struct pem_block *block)
{
	struct bytes in = BYTES_STR(text);
	return pem_next(block, &in);
}

Test(pem, reads_what_others_write)
{
	static const char *const texts[] = {
		"-----BEGIN X-----\nAAEC\n-----END X-----\n",
		"-----BEGIN X-----\r\nAAEC\r\n-----END X-----",
		"leading text\n-----BEGIN X-----\nAA\nEC\n-----END X-----\ntrailing",
		"-----BEGIN X-----\nProc-Type: 4\nOther: y\n\n AAEC \t\n-----END X-----\n",
	};
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		struct pem_block block = {0};
		buf_init(&block.der, 16);
		cr_expect(read_pem(texts[i], &block) == ERR_OK, "text %zu", i);
		cr_expect(bytes_is(block.label, "X"), "text %zu", i);
		cr_expect(bytes_equal(buf_bytes(&block.der), BYTES("\0\1\2", 3)), "text %zu", i);
		buf_fini(&block.der);
	}
}

Test(pem, refuses_damage)
{
	static const struct {
		const char *text;
		enum err err;
	} rows[] = {
		{"",					     ERR_NOT_FOUND},
		{"AAEC\n",				       ERR_NOT_FOUND},
		{"-----END X-----\n",			      ERR_NOT_FOUND},
		{"x -----BEGIN X-----\nAAEC\n-----END X-----\n", ERR_NOT_FOUND},
		{"-----BEGIN X-----\nAAEC\n",		      ERR_SYNTAX	},
		{"-----BEGIN X-----\nAAEC\n-----END Y-----\n",   ERR_SYNTAX	 },
		{"-----BEGIN X-----\nAA*C\n-----END X-----\n",   ERR_SYNTAX	 },
		{"-----BEGIN X-----\nAAE\n-----END X-----\n",    ERR_SYNTAX	},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct pem_block block = {0};
		buf_init(&block.der, 16);
		cr_expect(read_pem(rows[i].text, &block) == rows[i].err, "row %zu", i);
		buf_fini(&block.der);
	}
}

Test(pem, writes_64_columns)
{
	uint8_t raw[100] = {0};
	BUF_AUTO struct buf out;
	buf_init(&out, 1000);
	cr_assert(pem_write(&out, "X", BYTES(raw, sizeof(raw))) == ERR_OK);
	const char *line = strchr((char *)out.data, '\n') + 1;
	cr_expect(eq(sz, strcspn(line, "\n"), 64));
	cr_expect(eq(str, (char *)out.data + out.len - 16, "-----END X-----\n"));
	struct pem_block block = {0};
	buf_init(&block.der, 200);
	cr_expect(read_pem((char *)out.data, &block) == ERR_OK);
	cr_expect(bytes_equal(buf_bytes(&block.der), BYTES(raw, sizeof(raw))));
	buf_fini(&block.der);
}
