// SPDX-License-Identifier: Apache-2.0
// The peers in a wg-quick file: what is not the device's keeps every byte.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "bridge/wireguard_edit.h"

#define KEY_A "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEY_B "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define KEY_C "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="
#define IP    0x0a080002 // 10.8.0.2

#define INTERFACE "[Interface]\nPrivateKey = x\nAddress = 10.8.0.1/24\n"
#define BLOCK_A	  "\n[Peer]\n# device: dev-1\nPublicKey = " KEY_A "\nAllowedIPs = 10.8.0.2/32\n"
#define BLOCK_B	  "\n[Peer]\n# device: dev-1\nPublicKey = " KEY_B "\nAllowedIPs = 10.8.0.2/32\n"
#define FOREIGN	  "\n[Peer]\n# laptop\nPublicKey = " KEY_C "\nAllowedIPs = 10.8.0.200/32, fd00::/64\n"

static char *
edited(const char *text, const struct wireguard_change *change, enum err want)
{
	AUTO(wireguard_edit_free) struct wireguard_edit *e = NULL;
	BUF_AUTO struct buf out;
	struct why why = {0};
	buf_init(&out, 1024 * 1024);
	cr_assert(wireguard_edit_new(&e, BYTES_STR(text), &why) == ERR_OK, "%s", why.text);
	enum err err = wireguard_edit_apply(e, change, &why);
	cr_expect(err == want, "%s: %s", err_name(err), why.text);
	cr_assert(wireguard_edit_render(&out, e) == ERR_OK);
	cr_expect(wireguard_edit_is_changed(e) == (strcmp((char *)out.data, text) != 0));
	return buf_steal_str(&out);
}

static void
expect_edit(const char *name, const char *before, const struct wireguard_change *change,
	    const char *after)
{
	AUTO(free) char *text = edited(before, change, ERR_OK);
	cr_expect(strcmp(text, after) == 0, "%s:\n%s\n--- wanted:\n%s", name, text, after);
	AUTO(free) char *again = edited(text, change, ERR_OK);
	cr_expect(strcmp(again, text) == 0, "%s: a second time changes it:\n%s", name, again);
}

Test(wireguard_edit, sets_the_device_s_block)
{
	static const struct {
		const char *name, *before, *after;
	} rows[] = {
		{"append",					       INTERFACE,			      INTERFACE BLOCK_B	       },
		{"append after others",					INTERFACE FOREIGN,		   INTERFACE FOREIGN BLOCK_B},
		{"empty file",					   "",
		 "[Peer]\n# device: dev-1\nPublicKey = " KEY_B "\nAllowedIPs = 10.8.0.2/32\n"					     },
		{"no final newline",				     "[Interface]\nPrivateKey = x",
		 "[Interface]\nPrivateKey = x\n" BLOCK_B									       },
		{"replace in place",				     INTERFACE BLOCK_A FOREIGN,		INTERFACE BLOCK_B FOREIGN},
		{"already so",					   INTERFACE BLOCK_B FOREIGN,		  INTERFACE BLOCK_B FOREIGN},
		{"twice",						INTERFACE BLOCK_A FOREIGN BLOCK_A,   INTERFACE BLOCK_B FOREIGN},
		{"old and right",					INTERFACE BLOCK_A FOREIGN BLOCK_B,   INTERFACE FOREIGN BLOCK_B},
		{"right and old",					INTERFACE BLOCK_B FOREIGN BLOCK_A,   INTERFACE BLOCK_B FOREIGN},
		{"a header only",					"[Peer]\n#device:dev-1",
		 "[Peer]\n#device:dev-1\nPublicKey = " KEY_B "\nAllowedIPs = 10.8.0.2/32\n"						   },
		{"odd spelling",
		 "[peer] # x\r\n  #  device:\tdev-1 \r\npublickey=" KEY_A
		 "\r\nallowedips=10.8.0.2\r\n",							       "[peer] # x\r\n  #  device:\tdev-1 \r\nPublicKey = " KEY_B
		 "\r\nAllowedIPs = 10.8.0.2/32\r\n"					   },
		{"CRLF",						 "[Interface]\r\nPrivateKey = x\r\n",
		 "[Interface]\r\nPrivateKey = x\r\n\r\n[Peer]\r\n# device: dev-1\r\nPublicKey = " KEY_B
		 "\r\nAllowedIPs = 10.8.0.2/32\r\n"										    },
		{"notes within the block stay, other keys go",
		 "[Peer]\n# device: dev-1\n# behind the shed\nPublicKey = " KEY_A
		 "\n\nPresharedKey = y\nAllowedIPs = 10.8.0.2/32\n# after\n",				 "[Peer]\n# device: dev-1\n# behind the shed\n\nPublicKey = " KEY_B
		 "\nAllowedIPs = 10.8.0.2/32\n# after\n"	},
		{"the remark of the next block is not this one's",
		 FOREIGN "# device: dev-1\n[Peer]\nPublicKey = " KEY_A "\n",
		 FOREIGN "# device: dev-1\n[Peer]\nPublicKey = " KEY_A "\n" BLOCK_B							   },
		{"another id that begins alike",
		 "[Peer]\n# device: dev-10\nPublicKey = " KEY_A "\n",
		 "[Peer]\n# device: dev-10\nPublicKey = " KEY_A "\n" BLOCK_B							    },
		{"an old block that lost its remark",
		 "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.8.0.2/32\n" FOREIGN,
		 "[Peer]\n# device: dev-1\nPublicKey = " KEY_B
		 "\nAllowedIPs = 10.8.0.2/32\n" FOREIGN										},
		{"its own block that lost its remark",
		 "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 10.8.0.2/32\n",
		 "[Peer]\n# device: dev-1\nPublicKey = " KEY_B "\nAllowedIPs = 10.8.0.2/32\n"					     },
		{"the old key with other addresses is not the device's",
		 "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.8.0.0/24\n",
		 "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.8.0.0/24\n" BLOCK_B						    },
	};
	const struct wireguard_change change = {"dev-1", KEY_B, IP, KEY_A};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		expect_edit(rows[i].name, rows[i].before, &change, rows[i].after);
}

Test(wireguard_edit, removes_the_device_s_blocks)
{
	static const struct {
		const char *name, *before, *after;
	} rows[] = {
		{"one",					 INTERFACE BLOCK_A FOREIGN,					   INTERFACE FOREIGN},
		{"all",					 INTERFACE BLOCK_A FOREIGN BLOCK_B,				   INTERFACE FOREIGN},
		{"none",					INTERFACE FOREIGN,					    INTERFACE FOREIGN},
		{"everything",				  "[Peer]\n# device: dev-1\n",				    ""		      },
		{"without remark",				   "[Peer]\nPublicKey=" KEY_A "\nAllowedIPs=10.8.0.2\n" FOREIGN,
		 FOREIGN														       },
		{"the key alone does not make it the device's",
		 "[Peer]\nPublicKey=" KEY_A "\nAllowedIPs=10.8.0.2, 10.8.0.9\n",
		 "[Peer]\nPublicKey=" KEY_A "\nAllowedIPs=10.8.0.2, 10.8.0.9\n"								       },
		{"nor another's remark",
		 "[Peer]\n# device: dev-2\nPublicKey=" KEY_A "\nAllowedIPs=10.8.0.2/32\n",
		 "[Peer]\n# device: dev-2\nPublicKey=" KEY_A "\nAllowedIPs=10.8.0.2/32\n"							 },
		{"what follows the last key stays",		    BLOCK_A "# end\n",					       "# end\n"	},
	};
	const struct wireguard_change change = {"dev-1", NULL, IP, KEY_A " " KEY_B};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		expect_edit(rows[i].name, rows[i].before, &change, rows[i].after);
}

Test(wireguard_edit, takes_no_key_from_somebody_else)
{
	static const char *const files[] = {
		"[Peer]\n# device: dev-2\nPublicKey = " KEY_A "\nAllowedIPs = 10.8.0.2/32\n",
		"[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.8.0.99/32\n" BLOCK_B,
		"[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.8.0.2/32\nAllowedIPs = ::/0\n",
	};
	const struct wireguard_change change = {"dev-1", KEY_A, IP, ""};
	for (size_t i = 0; i < N_ELEMENTS(files); i++) {
		AUTO(free) char *text = edited(files[i], &change, ERR_CONFLICT);
		cr_expect_str_eq(text, files[i]);
	}
}

Test(wireguard_edit, lists_peers)
{
	static const char text[] = INTERFACE BLOCK_A FOREIGN
		"[Peer]\nPublicKey = broken\n"
		"[Peer]\n# device: dev-2\nPublicKey = " KEY_B " # twice\n[Peer]\nPublicKey = " KEY_B
		"\nAllowedIPs=10.8.0.3\n";
	AUTO(wireguard_edit_free) struct wireguard_edit *e = NULL;
	struct wireguard_peer *peers;
	size_t n;
	cr_assert(wireguard_edit_new(&e, BYTES_STR(text), NULL) == ERR_OK);
	cr_assert(wireguard_edit_peers(&peers, &n, e) == ERR_OK);
	cr_assert(n == 4);
	struct wireguard_peer *a = wireguard_find_peer(peers, n, KEY_A);
	cr_expect(a && a->ip == IP && strcmp(a->device, "dev-1") == 0);
	struct wireguard_peer *c = wireguard_find_peer(peers, n, KEY_C);
	cr_expect(c && c->ip == 0 && c->device[0] == '\0');
	struct wireguard_peer *b = wireguard_find_peer(peers, n, KEY_B);
	cr_expect(b && b->ip == 0, "a key that is there twice has no address to rely on");
	free(peers);
}

Test(wireguard_edit, too_many_peers_are_refused)
{
	BUF_AUTO struct buf text;
	struct wireguard_edit *e;
	struct why why = {0};
	buf_init(&text, WIREGUARD_EDIT_BYTES_MAX);
	for (int i = 0; i <= WIREGUARD_EDIT_PEERS_MAX; i++)
		cr_assert(buf_append_str(&text, "[Peer]\n") == ERR_OK);
	cr_expect(wireguard_edit_new(&e, buf_bytes(&text), &why) == ERR_TOO_LARGE);
	cr_expect(strstr(why.text, "500000") != NULL, "%s", why.text);
}

// --- random files against a model ---

enum { DEVICES = 12, ITEMS = 64, ITEM_BYTES = 400 };

// The model's file: texts in a row, some of which are a device's block.
struct model {
	const char *eol;
	struct item {
		int device; // -1: not ours
		char text[ITEM_BYTES];
	} items[ITEMS];
	size_t n;
};

static const char *
model_key(unsigned n)
{
	static char texts[4][WG_KEY_CHARS + 1];
	static unsigned next;
	char *out = texts[next++ % N_ELEMENTS(texts)];
	struct wg_key key = {
		{(uint8_t)n, (uint8_t)(n >> 8), 7}
	  };
	wg_key_print(out, &key);
	return out;
}

static void
write_own(char out[static ITEM_BYTES], int device, unsigned key, const char *eol)
{
	snprintf(out, ITEM_BYTES,
		 "%s[Peer]%s# device: dev-%d%sPublicKey = %s%sAllowedIPs = 10.8.1.%d/32%s", eol,
		 eol, device, eol, model_key(key), eol, device, eol);
}

static void
write_foreign(char out[static ITEM_BYTES], struct rng *r, const char *eol)
{
	static const char *const texts[] = {
		"# device: dev-1\n",
		"\n",
		"   \t\n",
		"# --- plant two ---\n\n\n",
		"[Interface]\nPrivateKey = secret#x\nPostUp = iptables -A FORWARD -i %i\n",
		"\n[Peer]\n# Anna's laptop\n#device: none of yours!\nPublicKey=@\nAllowedIPs = ::/0\n",
		"[Peer]\nPublicKey = @\nEndpoint = [fd00::1]:51820\nAllowedIPs=10.8.1.1/32,10.8.1.2\n",
		"[Peer]\n[Peer]\n\n[Strange]\n# device: dev-2\n= =\n",
		"[Peer]\nPublicKey\nPublicKey = zu kurz\n\xff\xfe\x01\n",
		"\n[Peer]\n# device: other-fleet\nPublicKey = @\nAllowedIPs = 10.8.1.3/32\n\n\n",
	};
	size_t n = 0;
	bool first = true; // the file's first line decides how new ones end
	for (const char *p = texts[rng_below(r, N_ELEMENTS(texts))]; *p; p++) {
		const char *add = (char[]){*p, '\0'};
		if (*p == '@')
			add = model_key(1000 + (unsigned)rng_below(r, 5));
		if (*p == '\n') {
			add = first || rng_below(r, 20) ? eol : "\n";
			first = false;
		}
		n += (size_t)snprintf(out + n, ITEM_BYTES - n, "%s", add);
	}
}

static struct item *
model_find(struct model *m, int device)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].device == device)
			return &m->items[i];
	return NULL;
}

static void
model_apply(struct model *m, int device, bool set, unsigned key)
{
	struct item *item = model_find(m, device);
	if (!item && !set)
		return;
	if (!item) {
		item = &m->items[m->n++];
		item->device = device;
	}
	write_own(item->text, device, key, m->eol);
	if (!set) {
		memmove(item, item + 1, (size_t)(m->items + m->n - item - 1) * sizeof(*item));
		m->n--;
	}
}

static void
model_render(struct buf *out, const struct model *m)
{
	buf_clear(out);
	cr_assert(buf_reserve(out, 0) == ERR_OK);
	for (size_t i = 0; i < m->n; i++)
		cr_assert(buf_append_str(out, m->items[i].text) == ERR_OK);
}

static void
model_make(struct model *m, struct rng *r)
{
	*m = (struct model){.eol = rng_below(r, 3) ? "\n" : "\r\n"};
	size_t n = 1 + rng_below(r, 12);
	for (; m->n < n; m->n++) {
		struct item *item = &m->items[m->n];
		int device = (int)rng_below(r, DEVICES);
		item->device = m->n > 0 && rng_below(r, 2) && !model_find(m, device) ? device : -1;
		if (item->device >= 0)
			write_own(item->text, device, (unsigned)rng_below(r, 200), m->eol);
		else
			write_foreign(item->text, r, m->eol);
	}
}

Test(wireguard_edit, random_files_change_as_the_model_says)
{
	struct rng r;
	BUF_AUTO struct buf file, want, got;
	static struct model m;
	buf_init(&file, 1024 * 1024);
	buf_init(&want, 1024 * 1024);
	buf_init(&got, 1024 * 1024);
	for (unsigned round = 0; round < 3000; round++) {
		rng_init(&r, 7, round);
		model_make(&m, &r);
		for (int batch = 0; batch < 3; batch++) {
			AUTO(wireguard_edit_free) struct wireguard_edit *e = NULL;
			model_render(&file, &m);
			cr_assert(wireguard_edit_new(&e, buf_bytes(&file), NULL) == ERR_OK);
			for (size_t n = rng_below(&r, 6); n > 0; n--) {
				int device = (int)rng_below(&r, DEVICES);
				bool set = rng_below(&r, 3) > 0;
				// Keys are told apart by device, as devices' own are.
				unsigned key =
					200 + (unsigned)device * 8 + (unsigned)rng_below(&r, 8);
				char id[16];
				snprintf(id, sizeof(id), "dev-%d", device);
				const struct wireguard_change c = {id, set ? model_key(key) : NULL,
								   0x0a080100 + (uint32_t)device,
								   ""};
				struct why why = {0};
				cr_assert(wireguard_edit_apply(e, &c, &why) == ERR_OK, "%s",
					  why.text);
				model_apply(&m, device, set, key);
			}
			model_render(&want, &m);
			buf_clear(&got);
			cr_assert(wireguard_edit_render(&got, e) == ERR_OK);
			cr_assert(bytes_equal(buf_bytes(&got), buf_bytes(&want)),
				  "round %u\n--- file:\n%s\n--- got:\n%s\n--- want:\n%s", round,
				  file.data, got.data, want.data);
		}
	}
}

Test(wireguard_edit, random_bytes_stay_as_they_are)
{
	static const char *const words[] = {"[Peer]",	  "\n",		 "\r\n",      " ", "#",
					    "device:",	  "dev-1",	 "PublicKey", "=", KEY_A,
					    "AllowedIPs", "10.8.0.2/32", ",",	      "[", "]",
					    "\t",	  "\v"};
	struct rng r;
	BUF_AUTO struct buf file, got;
	buf_init(&file, 1024 * 1024);
	buf_init(&got, 1024 * 1024);
	rng_init(&r, 11, 0);
	for (unsigned round = 0; round < 5000; round++) {
		buf_clear(&file);
		for (size_t n = rng_below(&r, 40); n > 0; n--) {
			const char *word = words[rng_below(&r, N_ELEMENTS(words))];
			cr_assert((rng_below(&r, 8)
					   ? buf_append_str(&file, word)
					   : buf_put_u8(&file, (uint8_t)rng_u64(&r))) == ERR_OK);
		}
		AUTO(wireguard_edit_free) struct wireguard_edit *e = NULL;
		cr_assert(wireguard_edit_new(&e, buf_bytes(&file), NULL) == ERR_OK);
		buf_clear(&got);
		cr_assert(wireguard_edit_render(&got, e) == ERR_OK);
		cr_assert(bytes_equal(buf_bytes(&got), buf_bytes(&file)));
		const struct wireguard_change add = {"dev-x", KEY_B, IP, ""};
		const struct wireguard_change remove = {"dev-x", NULL, 0, ""};
		cr_assert(wireguard_edit_apply(e, &add, NULL) == ERR_OK);
		cr_assert(wireguard_edit_apply(e, &remove, NULL) == ERR_OK);
		buf_clear(&got);
		cr_assert(wireguard_edit_render(&got, e) == ERR_OK);
		cr_assert(bytes_equal(buf_bytes(&got), buf_bytes(&file)));
	}
}
