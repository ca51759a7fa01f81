// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <errno.h>

#include "vectors.h"
#include "wg/uapi.h"

#define KEY_A "d89e3bad79437dbed9f843418304f460ff05c7fe81fe4a9577a804cb9367ff66"
#define KEY_B "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a"

static enum err
parse(struct wg_uapi_device *d, const char *text, struct why *why)
{
	enum wg_uapi_operation op;
	return wg_uapi_request_parse(&op, d, BYTES_STR(text), why);
}

Test(uapi, messages_end_with_an_empty_line)
{
	cr_expect(wg_uapi_message_size(BYTES_NONE) == 0);
	cr_expect(wg_uapi_message_size(BYTES_STR("get=1\n")) == 0);
	cr_expect(wg_uapi_message_size(BYTES_STR("get=1\n\n")) == 7);
	cr_expect(wg_uapi_message_size(BYTES_STR("get=1\n\nset=1\n\n")) == 7);
	cr_expect(wg_uapi_message_size(BYTES_STR("\n")) == 1);
}

Test(uapi, a_set_request_of_wg_is_read)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	struct why why = {0};
	enum wg_uapi_operation op = WG_UAPI_GET;
	struct bytes text = BYTES_STR(
		"set=1\nprivate_key=" KEY_A "\nlisten_port=51820\nfwmark=7\nreplace_peers=true\n"
		"public_key=" KEY_B "\npreshared_key=" KEY_A "\nendpoint=127.0.0.1:5000\n"
		"persistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
		"allowed_ip=10.8.0.2/32\nallowed_ip=fd00::/64\n"
		"public_key=" KEY_A "\nremove=true\n\n");
	cr_assert(wg_uapi_request_parse(&op, &d, text, &why) == ERR_OK, "%s", why.text);
	cr_expect(op == WG_UAPI_SET);
	cr_expect(d.has_private_key && d.has_listen_port && d.listen_port == 51820);
	cr_expect(d.has_fwmark && d.fwmark == 7 && d.replace_peers);
	cr_assert(d.n_peers == 2);
	struct wg_uapi_peer *p = &d.peers[0];
	cr_expect(p->has_preshared_key && p->has_endpoint && p->has_keepalive);
	cr_expect_str_eq(p->endpoint, "127.0.0.1:5000");
	cr_expect(p->keepalive_s == 25 && p->replace_allowed_ips && !p->remove);
	cr_assert(p->n_allowed_ips == 2);
	cr_expect(p->allowed_ips[1].family == 6);
	cr_expect(d.peers[1].remove && d.peers[1].n_allowed_ips == 0);
}

Test(uapi, get_is_read)
{
	struct wg_uapi_device d;
	enum wg_uapi_operation op = WG_UAPI_SET;
	cr_assert(wg_uapi_request_parse(&op, &d, BYTES_STR("get=1\n\n"), NULL) == ERR_OK);
	cr_expect(op == WG_UAPI_GET);
}

Test(uapi, mistakes_name_line_and_key)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{"\n",						  "neither get=1 nor set=1"		},
		{"get=2\n\n",					   "neither get=1 nor set=1"	       },
		{"get=1\nx=1\n\n",				      "line 2: get=1 takes nothing"		},
		{"set=1\nlisten_port\n\n",				   "line 2 is not key=value"		    },
		{"set=1\nlisten_port=65536\n\n",			 "line 2: the value of listen_port"	   },
		{"set=1\ncolour=blue\n\n",				   "line 2: unknown device key \"colour\""},
		{"set=1\nallowed_ip=10.0.0.0/8\n\n",		     "line 2: unknown device key"		 },
		{"set=1\npublic_key=abc\n\n",			      "line 2: the value of public_key"      },
		{"set=1\npublic_key=" KEY_A "\ncolour=1\n\n",
		 "line 3: unknown peer key \"colour\""							 },
		{"set=1\npublic_key=" KEY_A "\nremove=yes\n\n",		"line 3: the value of remove"	     },
		{"set=1\npublic_key=" KEY_A "\nallowed_ip=1.2.3.4\n\n",
		 "line 3: the value of allowed_ip"							     },
		{"set=1\npublic_key=" KEY_A "\nendpoint=host:1\n\n",
		 "line 3: the value of endpoint"							       },
		{"set=1\npublic_key=" KEY_A "\nprotocol_version=2\n\n",
		 "line 3: the value of protocol_version"							},
		{"set=1\npublic_key=" KEY_A "\nrx_bytes=2\n\n",		"unknown peer key \"rx_bytes\""	       },
		{"set=1\nlisten_port=1\n",				   "does not end with an empty line"	    },
		{"set=1\nlisten_port=1",				 "the last line does not end"	     },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct wg_uapi_device d;
		struct why why = {0};
		cr_expect(parse(&d, rows[i].text, &why) != ERR_OK, "%s", rows[i].text);
		cr_expect(strstr(why.text, rows[i].says), "%s -> %s", rows[i].text, why.text);
		cr_expect(d.peers == NULL && d.n_peers == 0);
	}
}

Test(uapi, replace_allowed_ips_forgets_what_stood_before_it)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	cr_assert(parse(&d,
			"set=1\npublic_key=" KEY_A "\nallowed_ip=10.0.0.0/8\n"
			"replace_allowed_ips=true\nallowed_ip=11.0.0.0/8\n\n",
			NULL) == ERR_OK);
	cr_assert(d.n_peers == 1 && d.peers[0].n_allowed_ips == 1);
	cr_expect(d.peers[0].allowed_ips[0].addr[0] == 11);
}

Test(uapi, what_a_client_writes_a_server_reads)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device got;
	BUF_AUTO struct buf text;
	struct wg_key key = vector_key("S_i_pub");
	struct why why = {0};
	buf_init(&text, WG_UAPI_BYTES_MAX);
	wg_uapi_device_init(&d);
	d.replace_peers = true;
	for (unsigned i = 0; i < 1000; i++) {
		key.b[0] = (uint8_t)i;
		key.b[1] = (uint8_t)(i >> 8);
		struct wg_uapi_peer *p = wg_uapi_peer_add(&d, &key);
		cr_assert(p != NULL);
		p->remove = i % 10 == 9;
		p->replace_allowed_ips = true;
		p->has_keepalive = true;
		p->keepalive_s = (uint16_t)i;
		struct ip_prefix ip = ip4_prefix(0x0a080000 + i, 32);
		for (unsigned k = 0; k < i % 5; k++)
			cr_assert(wg_uapi_allowed_ip_add(p, &ip) == ERR_OK);
	}
	cr_assert(wg_uapi_set_render(&text, &d) == ERR_OK);
	cr_assert(wg_uapi_message_size(buf_bytes(&text)) == text.len);
	cr_assert(parse(&got, (char *)text.data, &why) == ERR_OK, "%s", why.text);
	cr_assert(got.n_peers == 1000 && got.replace_peers);
	for (unsigned i = 0; i < 1000; i++) {
		cr_expect(got.peers[i].remove == (i % 10 == 9));
		if (got.peers[i].remove)
			continue;
		cr_expect(got.peers[i].keepalive_s == i);
		cr_expect(got.peers[i].n_allowed_ips == i % 5);
	}
}

Test(uapi, what_a_server_answers_a_client_reads)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device got;
	BUF_AUTO struct buf text;
	struct wg_key key = vector_key("S_i_pub");
	struct why why = {0};
	buf_init(&text, WG_UAPI_BYTES_MAX);
	wg_uapi_device_init(&d);
	d.has_private_key = d.has_listen_port = true;
	d.private_key = vector_key("S_r_priv");
	d.listen_port = 51820;
	struct wg_uapi_peer *p = wg_uapi_peer_add(&d, &key);
	cr_assert(p != NULL);
	p->last_handshake_s = 1700000000;
	p->last_handshake_ns = 123456789;
	p->rx_bytes = UINT64_MAX;
	p->tx_bytes = 1;
	p->has_endpoint = true;
	strncpy(p->endpoint, "[::1]:5000", sizeof(p->endpoint) - 1);
	cr_assert(wg_uapi_get_answer_render(&text, &d) == ERR_OK);
	cr_assert(wg_uapi_get_answer_parse(&got, buf_bytes(&text), &why) == ERR_OK, "%s", why.text);
	cr_expect(got.has_private_key && wg_key_equal(&got.private_key, &d.private_key));
	cr_assert(got.n_peers == 1);
	cr_expect(wg_key_equal(&got.peers[0].public_key, &key));
	cr_expect(got.peers[0].last_handshake_s == 1700000000);
	cr_expect(got.peers[0].last_handshake_ns == 123456789);
	cr_expect(got.peers[0].rx_bytes == UINT64_MAX && got.peers[0].tx_bytes == 1);
	cr_expect_str_eq(got.peers[0].endpoint, "[::1]:5000");
}

Test(uapi, unknown_keys_of_a_newer_server_are_skipped)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	cr_assert(wg_uapi_get_answer_parse(
			  &d, BYTES_STR("jitter=9\npublic_key=" KEY_A "\nnew=1\nerrno=0\n\n"),
			  NULL) == ERR_OK);
	cr_expect(d.n_peers == 1);
}

Test(uapi, a_refusal_is_told)
{
	BUF_AUTO struct buf text;
	struct why why = {0};
	buf_init(&text, 4096);
	cr_assert(wg_uapi_status_render(&text, EINVAL) == ERR_OK);
	cr_expect_str_eq((char *)text.data, "errno=-22\n\n");
	cr_expect(wg_uapi_status_parse(buf_bytes(&text), &why) == ERR_UPSTREAM_REFUSED);
	cr_expect(strstr(why.text, "Invalid argument"), "%s", why.text);
	cr_expect(wg_uapi_status_parse(BYTES_STR("errno=22\n\n"), &why) == ERR_UPSTREAM_REFUSED);
	cr_expect(wg_uapi_status_parse(BYTES_STR("errno=0\n\n"), &why) == ERR_OK);
	cr_expect(wg_uapi_status_parse(BYTES_STR("\n"), &why) == ERR_SYNTAX);
	cr_expect(wg_uapi_status_parse(BYTES_STR("errno=x\n\n"), &why) == ERR_SYNTAX);
}

Test(uapi, hostile_text_is_survived)
{
	static const char full[] =
		"set=1\nprivate_key=" KEY_A "\nreplace_peers=true\npublic_key=" KEY_B
		"\nendpoint=[::1]:5000\nallowed_ip=10.8.0.2/32\npublic_key=" KEY_A
		"\nremove=true\n\n";
	size_t whole = sizeof(full) - 1;
	for (size_t n = 0; n <= whole; n++) {
		enum wg_uapi_operation op;
		struct wg_uapi_device d;
		uint8_t *exact = malloc(n ? n : 1);
		memcpy(exact, full, n);
		enum err err = wg_uapi_request_parse(&op, &d, BYTES(exact, n), NULL);
		cr_expect((err == ERR_OK) == (n == whole), "cut at %zu", n);
		wg_uapi_device_fini(&d);
		free(exact);
	}
	for (size_t bit = 0; bit < whole * 8; bit++) {
		enum wg_uapi_operation op;
		struct wg_uapi_device d;
		char copy[sizeof(full)];
		memcpy(copy, full, sizeof(full));
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << (bit % 8));
		enum err err = wg_uapi_request_parse(&op, &d, BYTES(copy, whole), NULL);
		cr_expect(err != ERR_INTERNAL && err != ERR_CRYPTO);
		wg_uapi_device_fini(&d);
	}
}
