// SPDX-License-Identifier: Apache-2.0
// A wg-quick file as a device gets it from a bridge.
#include "fuzz.h"
#include "wg/conf.h"

static void
check_round_trip(const struct wg_conf *c)
{
	WG_CONF_AUTO struct wg_conf again;
	BUF_AUTO struct buf first;
	BUF_AUTO struct buf second;
	struct why why = {0};
	buf_init(&first, WG_CONF_BYTES_MAX);
	buf_init(&second, WG_CONF_BYTES_MAX);
	enum err err = wg_conf_render(&first, c);
	FUZZ_CHECK((err == ERR_OK) == (c->public_key_state == WG_CONF_KEY_PRESENT));
	if (err)
		return;
	FUZZ_CHECK(wg_conf_parse(&again, buf_bytes(&first), &why) == ERR_OK);
	FUZZ_CHECK(again.n_unknown == 0);
	FUZZ_CHECK(wg_conf_render(&second, &again) == ERR_OK);
	FUZZ_CHECK(fuzz_buf_is(&second, buf_bytes(&first)));
}

static void
check_substitution(struct bytes text)
{
	struct wg_key key = {
		.b = {1, 2, 3}
	      };
	BUF_AUTO struct buf out;
	struct why why = {0};
	buf_init(&out, 2 * WG_CONF_BYTES_MAX);
	enum err err = wg_conf_substitute(&out, text, &key, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err)
		FUZZ_CHECK(out.len == text.n - (sizeof(WG_CONF_PLACEHOLDER) - 1) + WG_KEY_CHARS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = BYTES(data, size);
	WG_CONF_AUTO struct wg_conf c;
	struct why why = {0};
	char host[WG_CONF_ENDPOINT_BYTES];
	uint16_t port;
	enum err err = wg_conf_parse(&c, text, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err) {
		err = wg_conf_check(&c, &why);
		FUZZ_CHECK_WHY(err, why);
		if (!err)
			FUZZ_CHECK(wg_endpoint_split(host, &port, BYTES_STR(c.endpoint)) == ERR_OK);
		check_round_trip(&c);
	}
	if (wg_endpoint_split(host, &port, text) == ERR_OK)
		FUZZ_CHECK(strlen(host) < size && port != 0);
	check_substitution(text);
	return 0;
}
