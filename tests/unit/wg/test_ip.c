// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "vectors.h"
#include "wg/ip.h"

Test(ip, prefixes_are_read_and_printed)
{
	static const char *const rows[][2] = {
		{"10.8.0.2/32",	"10.8.0.2/32"	     },
		{"10.8.0.2",	     "10.8.0.2/32"	  },
		{"10.8.0.1/24",	"10.8.0.1/24"	     },
		{"0.0.0.0/0",	      "0.0.0.0/0"	 },
		{"::/0",		 "::/0"	       },
		{"fd00::2",	    "fd00::2/128"	 },
		{"FD00:0::1/64",	 "fd00::1/64"	     },
		{"::ffff:1.2.3.4/128", "::ffff:1.2.3.4/128"},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct ip_prefix p;
		char text[IP_PREFIX_TEXT_BYTES];
		cr_assert(ip_prefix_parse(&p, BYTES_STR(rows[i][0])) == ERR_OK, "%s", rows[i][0]);
		ip_prefix_print(text, &p);
		cr_expect_str_eq(text, rows[i][1]);
	}
}

Test(ip, what_is_no_prefix_is_refused)
{
	static const char *const bad[] = {
		"",
		"/",
		"10.8.0.2/",
		"10.8.0.2/33",
		"10.8.0/24",
		"10.8.0.2/-1",
		"10.8.0.2/ 8",
		"::/129",
		"10.8.0.2/8/8",
		"10.8.0.256",
		"fd00::g",
		"10.8.0.2/008x",
		"localhost",
		"[::1]/64",
		"10.8.0.2/1000",
		"1.2.3.4.5/8",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/1",
	};
	struct ip_prefix p;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		cr_expect(ip_prefix_parse(&p, BYTES_STR(bad[i])) == ERR_SYNTAX, "%s", bad[i]);
	cr_expect(ip_prefix_parse(&p, BYTES("10.0.0.1\0/8", 11)) == ERR_SYNTAX);
	cr_expect(ip_prefix_parse(&p, BYTES_NONE) == ERR_SYNTAX);
}

Test(ip, containment_and_masks_agree_for_every_length)
{
	struct ip_prefix all;
	cr_assert(ip_prefix_parse(&all, BYTES_STR("2001:db8:a5a5:5a5a:ffff:0:1234:9abc")) ==
		  ERR_OK);
	for (unsigned bits = 0; bits <= 128; bits++) {
		struct ip_prefix p = all;
		p.bits = (uint8_t)bits;
		ip_prefix_mask(&p);
		cr_expect(ip_prefix_contains(&p, 6, all.addr), "/%u", bits);
		for (unsigned flip = 0; flip < 128; flip++) {
			uint8_t other[16];
			memcpy(other, all.addr, 16);
			other[flip / 8] ^= (uint8_t)(0x80u >> (flip % 8));
			cr_expect(ip_prefix_contains(&p, 6, other) == (flip >= bits), "/%u, bit %u",
				  bits, flip);
		}
		cr_expect(!ip_prefix_contains(&p, 4, all.addr));
	}
}

Test(ip, ipv4_addresses_as_numbers)
{
	uint32_t a = 0;
	char text[IP4_TEXT_BYTES];
	cr_assert(ip4_parse(&a, BYTES_STR("10.8.0.2")) == ERR_OK);
	cr_expect(a == 0x0a080002);
	ip4_print(text, a);
	cr_expect_str_eq(text, "10.8.0.2");
	ip4_print(text, 0xffffffff);
	cr_expect_str_eq(text, "255.255.255.255");
	struct ip_prefix p = ip4_prefix(0x0a080002, 24);
	cr_expect(ip4_of_prefix(&p) == 0x0a080002);
	cr_expect(ip4_parse(&a, BYTES_STR("10.8.0.2/32")) == ERR_SYNTAX);
	cr_expect(ip4_parse(&a, BYTES_STR("::1")) == ERR_SYNTAX);
}

Test(ip, the_recorded_echo_is_read)
{
	BUF_AUTO struct buf raw;
	struct ip_echo echo;
	struct ip_packet packet;
	buf_init(&raw, 4096);
	vector_load(&raw, "inner_echo");
	cr_assert(ip_packet_parse(&packet, buf_bytes(&raw)) == ERR_OK);
	cr_expect(packet.family == 4 && packet.n == 84);
	cr_assert(ip_echo_parse(&echo, buf_bytes(&raw)) == ERR_OK);
	cr_expect(echo.source == 0x0a080002 && echo.destination == 0x0a080001);
	cr_expect(echo.id == 0x1234 && echo.sequence == 1);
	cr_expect(echo.payload.n == 56 && echo.payload.p[55] == 55);
}

Test(ip, every_flipped_bit_of_an_echo_is_noticed)
{
	BUF_AUTO struct buf raw;
	struct ip_echo echo;
	buf_init(&raw, 4096);
	vector_load(&raw, "inner_echo");
	for (size_t bit = 0; bit < raw.len * 8; bit++) {
		raw.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		cr_expect(ip_echo_parse(&echo, buf_bytes(&raw)) != ERR_OK, "bit %zu", bit);
		raw.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	for (size_t n = 0; n < raw.len; n++) {
		uint8_t *exact = malloc(n + 1); // so that ASan sees the end
		memcpy(exact, raw.data, n);
		exact = realloc(exact, n ? n : 1);
		cr_expect(ip_echo_parse(&echo, BYTES(exact, n)) == ERR_SYNTAX, "length %zu", n);
		free(exact);
	}
}

Test(ip, echoes_of_any_size_round_trip_behind_padding)
{
	uint8_t payload[1392];
	uint8_t packet[1420 + 16];
	for (size_t n = 0; n < sizeof(payload); n++)
		payload[n] = (uint8_t)(n * 7 + 1);
	for (size_t n = 0; n <= sizeof(payload); n++) {
		struct ip_echo want = {1, 2, n % 2 == 0, 0xfffe, (uint16_t)n, BYTES(payload, n)};
		struct ip_echo got;
		memset(packet, 0, sizeof(packet));
		ip_echo_build(packet, &want);
		cr_assert(ip_echo_parse(&got, BYTES(packet, ip_echo_size(n) + 16)) == ERR_OK);
		cr_expect(got.source == 1 && got.destination == 2 && got.id == 0xfffe);
		cr_expect(got.is_reply == want.is_reply && got.sequence == want.sequence);
		cr_expect(bytes_equal(got.payload, want.payload), "%zu bytes", n);
	}
}

Test(ip, other_sound_packets_are_told_apart_from_broken_ones)
{
	uint8_t packet[64] = {0};
	struct ip_echo echo = {0x01020304, 0x05060708, false, 1, 1, BYTES_NONE};
	struct ip_packet ip;
	ip_echo_build(packet, &echo);
	packet[0] = 0x46; // claims options that are not there: the checksum no longer fits
	cr_expect(ip_echo_parse(&echo, BYTES(packet, 28)) == ERR_SYNTAX);
	packet[0] = 0x44; // header shorter than a header
	cr_expect(ip_packet_parse(&ip, BYTES(packet, 28)) == ERR_SYNTAX);
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x60; // IPv6, no payload
	packet[8] = 0xfd;
	cr_assert(ip_packet_parse(&ip, BYTES(packet, 40)) == ERR_OK);
	cr_expect(ip.family == 6 && ip.n == 40 && ip.source[0] == 0xfd);
	cr_expect(ip_echo_parse(&echo, BYTES(packet, 40)) == ERR_UNSUPPORTED);
	cr_expect(ip_packet_parse(&ip, BYTES(packet, 39)) == ERR_SYNTAX);
	packet[5] = 1;
	cr_expect(ip_packet_parse(&ip, BYTES(packet, 40)) == ERR_SYNTAX);
	packet[0] = 0x50;
	cr_expect(ip_packet_parse(&ip, BYTES(packet, 40)) == ERR_SYNTAX);
}
