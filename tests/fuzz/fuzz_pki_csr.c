// SPDX-License-Identifier: Apache-2.0
// A certificate request as a device sends it to a bridge.
#include "fuzz.h"
#include "pki/csr.h"

static void
check_parts(const struct csr *csr, size_t size)
{
	FUZZ_CHECK(csr->key && csr->der.len <= size);
	FUZZ_CHECK((csr->cn != NULL) == (csr->n_cn > 0));
	FUZZ_CHECK(csr->info.p >= csr->der.data);
	FUZZ_CHECK(csr->signature.p + csr->signature.n <= csr->der.data + csr->der.len);
	for (size_t i = 0; i < csr->sans.n; i++)
		FUZZ_CHECK(csr->sans.items[i].text && csr->sans.items[i].type < SAN_TYPES);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = BYTES(data, size);
	AUTO(csr_free) struct csr *csr = NULL;
	AUTO(csr_free) struct csr *for_device = NULL;
	struct why why = {0};
	enum err err = csr_parse(&csr, text, &why);
	FUZZ_CHECK_WHY(err, why);
	FUZZ_CHECK((csr != NULL) == !err);
	enum err opened = csr_open_for_device(&for_device, text, "dev-1", &why);
	FUZZ_CHECK(!opened || (opened == ERR_INPUT && strncmp(why.text, "Invalid CSR: ", 13) == 0));
	FUZZ_CHECK_WHY(opened, why);
	if (err) {
		FUZZ_CHECK(opened);
		return 0;
	}
	check_parts(csr, size);
	enum err verified = csr_verify(csr, &why);
	FUZZ_CHECK_WHY(verified, why);
	err = csr_check_key(csr, &why);
	FUZZ_CHECK_WHY(err, why);
	// What a bridge signs is proven, has an accepted key and names the device.
	if (!opened)
		FUZZ_CHECK(!verified && !err && strcmp(csr->cn, "dev-1") == 0);
	return 0;
}
