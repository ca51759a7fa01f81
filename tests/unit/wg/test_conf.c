// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "vectors.h"
#include "wg/conf.h"

#define PRIVATE "gI6EdUSYvn8ugXOt8QQD6Yc+JyiZxIhp3GInSWRfWGE="
#define PUBLIC	"HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="
#define FULL                                                                                       \
	"[Interface]\nPrivateKey = " PRIVATE                                                       \
	"\nAddress = 10.8.0.2/24\n\n[Peer]\nPublicKey = " PUBLIC                                   \
	"\nEndpoint = vpn.example.com:51820\nAllowedIPs = 10.8.0.0/24\n"                           \
	"PersistentKeepalive = 25\n"

static enum err
parse(struct wg_conf *c, const char *text, struct why *why)
{
	return wg_conf_parse(c, BYTES_STR(text), why);
}

Test(conf, a_device_file_is_read)
{
	WG_CONF_AUTO struct wg_conf c;
	struct why why = {0};
	char key[WG_KEY_CHARS + 1];
	cr_assert(parse(&c, FULL, &why) == ERR_OK, "%s", why.text);
	cr_assert(wg_conf_check(&c, &why) == ERR_OK, "%s", why.text);
	wg_key_print(key, &c.private_key);
	cr_expect_str_eq(key, PRIVATE);
	wg_key_print(key, &c.public_key);
	cr_expect_str_eq(key, PUBLIC);
	cr_expect(c.n_addresses == 1 && ip4_of_prefix(&c.addresses[0]) == 0x0a080002);
	cr_expect(c.addresses[0].bits == 24);
	cr_expect(c.n_allowed_ips == 1 && c.allowed_ips[0].bits == 24);
	cr_expect_str_eq(c.endpoint, "vpn.example.com:51820");
	cr_expect(c.keepalive_s == 25 && !c.has_dns && c.n_unknown == 0);
}

// What wg and wg-quick accept: any case, blanks anywhere, comments, CRLF, lists and repetition.
Test(conf, the_formats_liberties_are_accepted)
{
	static const char text[] =
		"# Device: dev-1\r\n"
		"  [ interface ]\r\n"
		"privatekey=" PRIVATE "   # own\r\n"
		"ADDRESS = 10.8.0.2/24 , fd00::2/64\r\n"
		"Address = 10.9.0.2\r\n"
		"DNS = 10.8.0.1\r\nMTU=1380\nListenPort = 0\nPostUp = iptables -A x; echo [Peer]\n"
		"Table = off\nSaveConfig = true\n"
		"Colour = blue\nShape = round\n"
		"[PEER]\nPublicKey =" PUBLIC "\nPresharedKey = " PRIVATE "\n"
		"AllowedIPs = \nAllowedIPs = 0.0.0.0/0,::/0\n"
		"Endpoint = [fd00::1]:51820\nPersistentKeepalive = OFF";
	WG_CONF_AUTO struct wg_conf c;
	struct why why = {0};
	cr_assert(parse(&c, text, &why) == ERR_OK, "%s", why.text);
	cr_expect(wg_conf_check(&c, &why) == ERR_OK, "%s", why.text);
	cr_expect(c.n_addresses == 3 && c.addresses[1].family == 6 && c.addresses[2].bits == 32);
	cr_expect(c.has_dns && c.mtu == 1380 && c.keepalive_s == 0 && c.has_preshared_key);
	cr_expect(c.n_allowed_ips == 2 && c.allowed_ips[1].family == 6);
	cr_expect_str_eq(c.endpoint, "[fd00::1]:51820");
	cr_expect(c.n_unknown == 2);
	cr_expect_str_eq(c.first_unknown, "Colour");
}

Test(conf, placeholders_are_reported_and_no_error)
{
	WG_CONF_AUTO struct wg_conf c;
	struct why why = {0};
	cr_assert(parse(&c,
			"[Interface]\nPrivateKey = <REPLACE_WITH_DEVICE_PRIVATE_KEY>\n"
			"Address=10.8.0.2/32\n[Peer]\nPublicKey = " PUBLIC,
			&why) == ERR_OK);
	cr_expect(c.private_key_state == WG_CONF_KEY_PLACEHOLDER);
	cr_expect(wg_conf_check(&c, &why) == ERR_INPUT);
	cr_expect(strstr(why.text, "PrivateKey is still a placeholder"), "%s", why.text);
	cr_assert(parse(&c,
			"[Interface]\nPrivateKey = " PRIVATE "\n[Peer]\n"
			"PublicKey = <SERVER_PUBLIC_KEY from the server>\n",
			&why) == ERR_OK);
	cr_expect(c.public_key_state == WG_CONF_KEY_PLACEHOLDER);
	cr_expect(wg_conf_check(&c, &why) == ERR_INPUT);
	cr_expect(strstr(why.text, "WG_SERVER_PUBLIC_KEY"), "%s", why.text);
}

Test(conf, mistakes_name_line_key_and_value)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{"Address = 1.2.3.4",		      "line 1: Address stands before any section"	 },
		{"[Interface]\nAddress = 10.8.0.0/33",  "line 2: Address: \"10.8.0.0/33\" is not a"	  },
		{"[Interface]\nAddress = 10.8.0.2/24,", "line 2: Address"				 },
		{"[Interface]\nPrivateKey = abc",	  "line 2: PrivateKey: the value is not 44"	   },
		{"[Interface]\n\nhello",		 "line 3: \"hello\" is neither"		       },
		{"[Interfaces]",			 "line 1: unknown section [Interfaces]"	       },
		{"[Peer]\nPublicKey = abc",		    "line 2: PublicKey: \"abc\" is not 44"		  },
		{"[Peer]\nEndpoint = 10.0.0.1",		"line 2: Endpoint: \"10.0.0.1\" is not host:port"},
		{"[Peer]\nEndpoint = a b:0",	     "line 2: Endpoint"			       },
		{"[Peer]\nPersistentKeepalive = 65536",
		 "line 2: PersistentKeepalive: \"65536\" is not"						},
		{"[Peer]\nPersistentKeepalive = -1",    "line 2: PersistentKeepalive: \"-1\""		  },
		{"[Peer]\n[Interface]\n[Peer]",		"line 3: a second [Peer]"			 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct wg_conf c;
		struct why why = {0};
		cr_expect(parse(&c, rows[i].text, &why) != ERR_OK, "%s", rows[i].text);
		cr_expect(strstr(why.text, rows[i].says), "%s -> %s", rows[i].text, why.text);
	}
}

Test(conf, secrets_are_not_quoted_in_errors)
{
	struct wg_conf c;
	struct why why = {0};
	cr_assert(parse(&c, "[Interface]\nPrivateKey = " PRIVATE "x\n", &why) == ERR_SYNTAX);
	cr_expect(!strstr(why.text, "gI6EdU"), "%s", why.text);
	cr_assert(parse(&c, "[Peer]\nPresharedKey = " PRIVATE "x\n", &why) == ERR_SYNTAX);
	cr_expect(!strstr(why.text, "gI6EdU"), "%s", why.text);
}

Test(conf, what_a_tunnel_lacks_is_named)
{
	static const char *const lines[] = {"PrivateKey", "Address", "PublicKey", "Endpoint",
					    "AllowedIPs"};
	for (size_t i = 0; i < N_ELEMENTS(lines); i++) {
		char text[] = FULL;
		char *at = strstr(text, lines[i]);
		cr_assert(at != NULL);
		*at = '#';
		struct wg_conf c;
		struct why why = {0};
		cr_assert(parse(&c, text, &why) == ERR_OK, "%s", why.text);
		cr_expect(wg_conf_check(&c, &why) == ERR_INPUT);
		cr_expect(strstr(why.text, lines[i]) && strstr(why.text, "missing"), "%s",
			  why.text);
	}
}

Test(conf, hostile_text_is_survived)
{
	static const char full[] = FULL;
	struct wg_conf c;
	for (size_t n = 0; n < sizeof(full); n++) {
		uint8_t *exact = malloc(n ? n : 1);
		memcpy(exact, full, n);
		enum err err = wg_conf_parse(&c, BYTES(exact, n), NULL);
		cr_expect(err == ERR_OK || err == ERR_SYNTAX, "cut at %zu", n);
		for (size_t at = 0; at < n && n % 16 == 0; at++) {
			exact[at] ^= 0x80;
			err = wg_conf_parse(&c, BYTES(exact, n), NULL);
			cr_expect(err != ERR_INTERNAL);
			exact[at] ^= 0x80;
		}
		free(exact);
	}
	cr_expect(wg_conf_parse(&c, BYTES("[Peer]\nEnd\0point = a:1\n", 22), NULL) == ERR_SYNTAX);
	cr_expect(wg_conf_parse(&c, BYTES_NONE, NULL) == ERR_OK);
	BUF_AUTO struct buf many;
	buf_init(&many, 100000);
	cr_assert(buf_append_str(&many, "[Peer]\nAllowedIPs = ::/0") == ERR_OK);
	for (int i = 0; i < 40; i++)
		cr_assert(buf_append_str(&many, ",10.0.0.0/8") == ERR_OK);
	struct why why = {0};
	cr_expect(wg_conf_parse(&c, buf_bytes(&many), &why) == ERR_TOO_LARGE);
	cr_expect(strstr(why.text, "too many entries"), "%s", why.text);
	while (many.len <= WG_CONF_BYTES_MAX)
		cr_assert(buf_append_str(&many, "# more\n") == ERR_OK);
	cr_expect(wg_conf_parse(&c, buf_bytes(&many), &why) == ERR_TOO_LARGE);
}

Test(conf, rendering_is_the_contracts_text_and_reads_back)
{
	WG_CONF_AUTO struct wg_conf c;
	WG_CONF_AUTO struct wg_conf again;
	BUF_AUTO struct buf out;
	buf_init(&out, 4096);
	cr_assert(parse(&c, FULL, NULL) == ERR_OK);
	cr_assert(wg_conf_render(&out, &c) == ERR_OK);
	cr_expect_str_eq((char *)out.data, FULL);

	c.private_key_state = WG_CONF_KEY_ABSENT;
	c.mtu = 1380;
	c.has_preshared_key = true;
	buf_clear(&out);
	cr_assert(wg_conf_render(&out, &c) == ERR_OK);
	cr_expect(strstr((char *)out.data, "PrivateKey = " WG_CONF_PLACEHOLDER "\n"));
	cr_expect(!strstr((char *)out.data, PRIVATE));
	cr_assert(wg_conf_parse(&again, buf_bytes(&out), NULL) == ERR_OK);
	cr_expect(again.private_key_state == WG_CONF_KEY_PLACEHOLDER);
	cr_expect(again.mtu == 1380 && again.has_preshared_key);

	c.public_key_state = WG_CONF_KEY_PLACEHOLDER;
	cr_expect(wg_conf_render(&out, &c) == ERR_WRONG_STATE);
}

Test(conf, the_placeholder_is_replaced_exactly_once)
{
	BUF_AUTO struct buf out;
	struct wg_key key = vector_key("S_i_priv");
	struct why why = {0};
	WG_CONF_AUTO struct wg_conf c;
	static const char text[] = "[Interface]\r\nPrivateKey = " WG_CONF_PLACEHOLDER
				   "\r\n[Peer]\r\nPublicKey = " PUBLIC "\r\n";
	buf_init(&out, 4096);
	cr_assert(wg_conf_substitute(&out, BYTES_STR(text), &key, &why) == ERR_OK);
	cr_assert(wg_conf_parse(&c, buf_bytes(&out), &why) == ERR_OK, "%s", why.text);
	cr_expect(c.private_key_state == WG_CONF_KEY_PRESENT);
	cr_expect(wg_key_equal(&c.private_key, &key));
	cr_expect(out.len == sizeof(text) - 1 - strlen(WG_CONF_PLACEHOLDER) + WG_KEY_CHARS);

	buf_clear(&out);
	cr_expect(wg_conf_substitute(&out, BYTES_STR(FULL), &key, &why) == ERR_NOT_FOUND);
	cr_expect(strstr(why.text, "does not contain"));
	cr_expect(wg_conf_substitute(&out, BYTES_STR(WG_CONF_PLACEHOLDER WG_CONF_PLACEHOLDER), &key,
				     &why) == ERR_NOT_FOUND);
	cr_expect(strstr(why.text, "more than once"));
	cr_expect(wg_conf_substitute(&out, BYTES_NONE, &key, &why) == ERR_NOT_FOUND);
}

Test(conf, endpoints)
{
	static const struct {
		const char *text;
		const char *host; // NULL: refused
		uint16_t port;
	} rows[] = {
		{"10.0.0.1:51820", "10.0.0.1",  51820},
		{"localhost:1",	"localhost", 1    },
		{"[::1]:65535",	"::1",       65535},
		{"::1:51820",      NULL,	    0    },
		{"[::1]",	  NULL,	0	 },
		{"[]:1",		 NULL,	       0	},
		{"[10.0.0.1]:1",	 NULL,	       0	},
		{"[::1/64]:1",     NULL,	     0    },
		{":51820",	   NULL,	 0	  },
		{"host:",	  NULL,	0	 },
		{"host:0",	   NULL,	 0	  },
		{"host:65536",     NULL,	     0    },
		{"host:+1",	    NULL,	  0	   },
		{"ho st:1",	    NULL,	  0	   },
		{"",		     NULL,	   0    },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char host[WG_CONF_ENDPOINT_BYTES];
		uint16_t port = 0;
		enum err err = wg_endpoint_split(host, &port, BYTES_STR(rows[i].text));
		cr_expect((err == ERR_OK) == (rows[i].host != NULL), "%s", rows[i].text);
		if (rows[i].host && !err) {
			cr_expect_str_eq(host, rows[i].host);
			cr_expect(port == rows[i].port);
		}
	}
}
