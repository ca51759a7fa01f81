// SPDX-License-Identifier: Apache-2.0
// The WireGuard server's wg-quick file as the bridge edits it: whatever stands there, a device's
// peer gets in once, comes out again, and what is nobody's keeps its bytes.
#include "bridge/wireguard_edit.h"
#include "fuzz.h"

#define KEY "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

static const struct wireguard_change put = {"dev-1", KEY, 0x0a080005, ""};
static const struct wireguard_change take = {"dev-1", NULL, 0x0a080005, KEY};

// Applies the change to text; ERR_OK: *out is what comes out of it.
static enum err
edit(struct buf *out, bool *changed, struct bytes text, const struct wireguard_change *change)
{
	AUTO(wireguard_edit_free) struct wireguard_edit *e = NULL;
	struct why why = {0};
	FUZZ_CHECK(wireguard_edit_new(&e, text, &why) == ERR_OK);
	enum err err = change ? wireguard_edit_apply(e, change, &why) : ERR_OK;
	FUZZ_CHECK_WHY(err, why);
	*changed = wireguard_edit_is_changed(e);
	FUZZ_CHECK(!err || !*changed);
	buf_init(out, 1024 * 1024);
	FUZZ_CHECK(wireguard_edit_render(out, e) == ERR_OK);
	FUZZ_CHECK(*changed || fuzz_buf_is(out, text));
	return err;
}

static size_t
count_key(struct bytes text)
{
	AUTO(wireguard_edit_free) struct wireguard_edit *e = NULL;
	struct wireguard_peer *peers = NULL;
	size_t n = 0;
	size_t found = 0;
	FUZZ_CHECK(wireguard_edit_new(&e, text, NULL) == ERR_OK);
	FUZZ_CHECK(wireguard_edit_peers(&peers, &n, e) == ERR_OK);
	for (size_t i = 0; i < n; i++) {
		FUZZ_CHECK(i == 0 || strcmp(peers[i - 1].public_key, peers[i].public_key) <= 0);
		found += strcmp(peers[i].public_key, KEY) == 0;
	}
	free(peers);
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = BYTES(data, size);
	BUF_AUTO struct buf same;
	BUF_AUTO struct buf with;
	BUF_AUTO struct buf again;
	BUF_AUTO struct buf without;
	bool changed;
	(void)edit(&same, &changed, text, NULL);
	FUZZ_CHECK(!changed);
	enum err err = edit(&with, &changed, text, &put);
	buf_init(&again, 0);
	buf_init(&without, 0);
	if (err) {
		FUZZ_CHECK(err == ERR_CONFLICT);
		return 0;
	}
	FUZZ_CHECK(count_key(buf_bytes(&with)) == 1);
	FUZZ_CHECK(edit(&again, &changed, buf_bytes(&with), &put) == ERR_OK && !changed);
	FUZZ_CHECK(edit(&without, &changed, buf_bytes(&with), &take) == ERR_OK && changed);
	FUZZ_CHECK(count_key(buf_bytes(&without)) == 0);
	return 0;
}
