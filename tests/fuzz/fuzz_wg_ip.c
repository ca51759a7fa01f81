// SPDX-License-Identifier: Apache-2.0
// Addresses as text, and packets as they come out of a tunnel.
#include "fuzz.h"
#include "wg/ip.h"
#include "wg/key.h"

static void
read_text(struct bytes text)
{
	struct ip_prefix prefix;
	struct ip_prefix again;
	char shown[IP_PREFIX_TEXT_BYTES];
	uint32_t address;
	uint32_t address_again;
	if (ip_prefix_parse(&prefix, text) == ERR_OK) {
		ip_prefix_print(shown, &prefix);
		FUZZ_CHECK(ip_prefix_parse(&again, BYTES_STR(shown)) == ERR_OK);
		FUZZ_CHECK(ip_prefix_equal(&prefix, &again));
		ip_prefix_mask(&again);
		FUZZ_CHECK(ip_prefix_contains(&again, prefix.family, prefix.addr));
	}
	if (ip4_parse(&address, text) == ERR_OK) {
		ip4_print(shown, address);
		FUZZ_CHECK(ip4_parse(&address_again, BYTES_STR(shown)) == ERR_OK);
		FUZZ_CHECK(address == address_again);
	}
}

static void
read_keys(struct bytes text)
{
	struct wg_key key;
	char base64[WG_KEY_CHARS + 1];
	char hex[WG_KEY_HEX_CHARS + 1];
	if (wg_key_parse(&key, text) == ERR_OK) {
		wg_key_print(base64, &key);
		FUZZ_CHECK(bytes_is(text, base64)); // there is one way to write a key
	}
	if (wg_key_parse_hex(&key, text) == ERR_OK) {
		struct wg_key again;
		wg_key_print_hex(hex, &key);
		FUZZ_CHECK(wg_key_parse_hex(&again, BYTES_STR(hex)) == ERR_OK);
		FUZZ_CHECK(wg_key_equal(&key, &again));
	}
}

static void
read_echo(struct bytes raw)
{
	struct ip_echo echo;
	struct ip_echo again;
	uint8_t out[2048];
	if (ip_echo_parse(&echo, raw) != ERR_OK)
		return;
	FUZZ_CHECK(echo.payload.n <= raw.n);
	if (ip_echo_size(echo.payload.n) > sizeof(out))
		return;
	ip_echo_build(out, &echo);
	FUZZ_CHECK(ip_echo_parse(&again, BYTES(out, ip_echo_size(echo.payload.n))) == ERR_OK);
	FUZZ_CHECK(again.id == echo.id && again.sequence == echo.sequence);
	FUZZ_CHECK(again.source == echo.source && again.destination == echo.destination);
	FUZZ_CHECK(again.is_reply == echo.is_reply && bytes_equal(again.payload, echo.payload));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes raw = BYTES(data, size);
	struct ip_packet packet;
	read_text(raw);
	read_keys(raw);
	if (ip_packet_parse(&packet, raw) == ERR_OK) {
		FUZZ_CHECK(packet.family == 4 || packet.family == 6);
		FUZZ_CHECK(packet.n <= size);
		read_echo(BYTES(data, packet.n));
	}
	read_echo(raw);
	return 0;
}
