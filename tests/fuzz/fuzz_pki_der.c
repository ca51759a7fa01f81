// SPDX-License-Identifier: Apache-2.0
// DER from strangers: items, names, alternative names, public keys; PEM around it.
#include "fuzz.h"
#include "pki/der.h"
#include "pki/key.h"
#include "pki/name.h"
#include "pki/pem.h"
#include "pki/san.h"

enum { DEPTH_MAX = 32 };

static void
walk(struct bytes in, int depth)
{
	struct der_item item;
	while (der_read(&in, &item) == ERR_OK) {
		FUZZ_CHECK(item.whole.n >= item.value.n + 2);
		FUZZ_CHECK(item.value.p + item.value.n == item.whole.p + item.whole.n);
		if ((item.tag & 0x20) && depth < DEPTH_MAX)
			walk(item.value, depth + 1);
	}
}

static void
read_names(struct bytes der)
{
	SAN_LIST_AUTO struct san_list sans;
	SAN_LIST_AUTO struct san_list again;
	BUF_AUTO struct buf out;
	char *cn = NULL;
	size_t n_cn = 0;
	buf_init(&out, 64 * 1024);
	san_list_init(&sans);
	san_list_init(&again);
	if (san_list_from_der(&sans, der) == ERR_OK && sans.n && !sans.n_other) {
		FUZZ_CHECK(san_list_to_der(&out, &sans) == ERR_OK);
		FUZZ_CHECK(san_list_from_der(&again, buf_bytes(&out)) == ERR_OK);
		FUZZ_CHECK(san_list_equal(&sans, &again));
	}
	if (name_read_cn(&cn, &n_cn, der) == ERR_OK)
		FUZZ_CHECK((cn != NULL) == (n_cn > 0));
	free(cn);
}

static void
read_pem(struct bytes text)
{
	size_t before = text.n + 1;
	for (;;) {
		struct pem_block block = {0};
		BUF_AUTO struct buf written;
		buf_init(&block.der, 64 * 1024);
		buf_init(&written, 128 * 1024);
		enum err err = pem_next(&block, &text);
		if (!err) {
			FUZZ_CHECK(text.n < before);
			FUZZ_CHECK(pem_write(&written, "X", buf_bytes(&block.der)) == ERR_OK);
		}
		buf_fini(&block.der);
		before = text.n;
		if (err)
			return;
	}
}

static void
read_key(struct bytes der)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	BUF_AUTO struct buf out;
	struct why why = {0};
	buf_init(&out, 64 * 1024);
	enum err err = key_public_from_der(&key, der, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err) {
		uint8_t point[P256_POINT_BYTES];
		FUZZ_CHECK(key_public_to_der(&out, key) == ERR_OK);
		// A key that came as a compressed or hybrid point keeps that form.
		FUZZ_CHECK(key_p256_point(point, key) != ERR_OK || key_is_p256(key));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	walk(in, 0);
	read_names(in);
	read_pem(in);
	read_key(in);
	return 0;
}
