// SPDX-License-Identifier: Apache-2.0
#include "base/encode.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "base/rng.h"

// RFC 4648 section 10.
static const struct {
	const char *plain;
	const char *base64;
	const char *base64url;
	const char *hex;
} vectors[] = {
	{"",	     "",	 "",	     ""	       },
	{"f",      "Zg==",     "Zg",	    "66"		},
	{"fo",     "Zm8=",     "Zm8",      "666f"	    },
	{"foo",	"Zm9v",	"Zm9v",	"666f6f"	},
	{"foob",	 "Zm9vYg==", "Zm9vYg",   "666f6f62"	 },
	{"fooba",  "Zm9vYmE=", "Zm9vYmE",	 "666f6f6261"  },
	{"foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"},
};

Test(encode, rfc4648_vectors)
{
	for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
		char out[32];
		uint8_t raw[16];
		struct bytes plain = BYTES_STR(vectors[i].plain);
		BUF_AUTO struct buf b;
		buf_init(&b, 64);
		base64_encode(out, plain);
		cr_expect(strcmp(out, vectors[i].base64) == 0, "%s", out);
		base64url_encode(out, plain);
		cr_expect(strcmp(out, vectors[i].base64url) == 0, "%s", out);
		hex_encode(out, plain);
		cr_expect(strcmp(out, vectors[i].hex) == 0, "%s", out);
		cr_expect(eq(int, base64_decode(&b, BYTES_STR(vectors[i].base64)), ERR_OK));
		cr_expect(bytes_equal(buf_bytes(&b), plain));
		buf_clear(&b);
		cr_expect(eq(int, base64url_decode(&b, BYTES_STR(vectors[i].base64url)), ERR_OK));
		cr_expect(bytes_equal(buf_bytes(&b), plain));
		cr_expect(eq(int, hex_decode(raw, plain.n, BYTES_STR(vectors[i].hex)), ERR_OK));
		cr_expect(bytes_equal(BYTES(raw, plain.n), plain));
	}
}

Test(encode, any_bytes_come_back)
{
	struct rng rng;
	rng_init(&rng, 3, 0);
	for (size_t n = 0; n < 300; n++) {
		uint8_t in[300];
		uint8_t raw[300];
		char text[HEX_CHARS(sizeof(in)) + 1];
		BUF_AUTO struct buf b;
		buf_init(&b, 1024);
		rng_fill(&rng, in, n);
		base64_encode(text, BYTES(in, n));
		cr_assert(eq(sz, strlen(text), BASE64_CHARS(n)));
		cr_assert(eq(int, base64_decode(&b, BYTES_STR(text)), ERR_OK));
		cr_assert(bytes_equal(buf_bytes(&b), BYTES(in, n)));
		buf_clear(&b);
		base64url_encode(text, BYTES(in, n));
		cr_assert(eq(int, base64url_decode(&b, BYTES_STR(text)), ERR_OK));
		cr_assert(bytes_equal(buf_bytes(&b), BYTES(in, n)));
		hex_encode(text, BYTES(in, n));
		cr_assert(eq(int, hex_decode(raw, n, BYTES_STR(text)), ERR_OK));
		cr_assert(bytes_equal(BYTES(raw, n), BYTES(in, n)));
	}
}

Test(encode, only_the_canonical_form_is_decoded)
{
	static const char *const bad64[] = {
		"Z",	    "Zg",   "Zg=",    "Zg===", "Zh==",
		"Zm9=",	    "====", "Zg==\n", " Zg==", "Z g=",
		"Zg==Zg==", "Zm-v", "Zm_v",   "=Zg=",  "Zm9v\xff\xff\xff\xff"};
	static const char *const bad_url[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v "};
	static const char *const bad_hex[] = {"6", "666", "6g66", "0x66", " 666", "66 6"};
	BUF_AUTO struct buf b;
	uint8_t raw[2];
	buf_init(&b, 64);
	for (size_t i = 0; i < N_ELEMENTS(bad64); i++)
		cr_expect(eq(int, base64_decode(&b, BYTES_STR(bad64[i])), ERR_SYNTAX), "%s",
			  bad64[i]);
	for (size_t i = 0; i < N_ELEMENTS(bad_url); i++)
		cr_expect(eq(int, base64url_decode(&b, BYTES_STR(bad_url[i])), ERR_SYNTAX), "%s",
			  bad_url[i]);
	for (size_t i = 0; i < N_ELEMENTS(bad_hex); i++)
		cr_expect(eq(int, hex_decode(raw, 2, BYTES_STR(bad_hex[i])), ERR_SYNTAX), "%s",
			  bad_hex[i]);
}

Test(encode, a_decoder_respects_the_buffers_maximum)
{
	BUF_AUTO struct buf b;
	buf_init(&b, 8);
	cr_expect(eq(int, base64_decode(&b, BYTES_STR("Zm9vYmFyZm9vYmFy")), ERR_TOO_LARGE));
}

Test(encode, percent_escapes)
{
	static const struct {
		const char *in;
		const char *want; // NULL: refused
	} rows[] = {
		{"",	     ""     },
		  {"dev-1",	    "dev-1"},
		      {"a%20b%2Fc", "a b/c"},
		{"%41%6a",	   "Aj"   },
		  {"+",		"+"	   },
		      {"%",	    NULL	},
		{"%4",	       NULL   },
		  {"%zz",	  NULL   },
		      {"a%00b",	NULL   },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char text[32];
		bool refused = !rows[i].want;
		snprintf(text, sizeof(text), "%s", rows[i].in);
		enum err err = percent_decode(text);
		cr_expect(eq(int, err, refused ? ERR_SYNTAX : ERR_OK), "%s", rows[i].in);
		cr_expect(refused || strcmp(text, rows[i].want) == 0, "%s -> %s", rows[i].in, text);
	}
}

Test(encode, percent_escapes_any_text_back_and_forth)
{
	char all[256];
	for (int c = 1; c < 256; c++)
		all[c - 1] = (char)c;
	all[255] = 0;
	BUF_AUTO struct buf b;
	buf_init(&b, 4096);
	cr_assert(eq(int, percent_encode(&b, all), ERR_OK));
	for (size_t i = 0; i < b.len; i++)
		cr_expect(
			strchr("%ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~",
			       b.data[i]) != NULL);
	cr_assert(eq(int, percent_decode((char *)b.data), ERR_OK));
	cr_expect(strcmp((char *)b.data, all) == 0);
}
