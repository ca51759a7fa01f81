// SPDX-License-Identifier: Apache-2.0
// The bridge's way to a WireGuard server, from a command line:
//	wg_backend SERVER set DEVICE KEY IP [REMOVE...]
//	wg_backend SERVER remove DEVICE IP KEY...
//	wg_backend SERVER peers			prints "key device ip" lines
// Exits with 1 and says why when the server does not take it.
#include <stdio.h>

#include "bridge/wireguard.h"
#include "wg/ip.h"

static struct why result = {.err = ERR_COUNT};

static void
keep_why(const struct why *why, void *ctx)
{
	(void)ctx;
	result = *why;
}

static void
print_peers(const struct why *why, struct wireguard_peer *peers, size_t n, void *ctx)
{
	(void)ctx;
	result = *why;
	for (size_t i = 0; i < n; i++) {
		char ip[IP4_TEXT_BYTES];
		ip4_print(ip, peers[i].ip);
		printf("%s %s %s\n", peers[i].public_key,
		       peers[i].device[0] ? peers[i].device : "-", ip);
	}
}

static enum err
begin(struct wireguard *w, int argc, char **argv)
{
	char remove[1024] = "";
	struct wireguard_change change = {.remove = remove};
	if (strcmp(argv[2], "peers") == 0)
		return wireguard_get_peers(w, print_peers, NULL);
	bool sets = strcmp(argv[2], "set") == 0;
	int ip = sets ? 5 : 4;
	if (argc <= ip)
		return ERR_INPUT;
	change.device = argv[3];
	if (sets)
		change.public_key = argv[4];
	TRY(ip4_parse(&change.ip, BYTES_STR(argv[ip])));
	for (int i = ip + 1; i < argc; i++) {
		size_t n = strlen(remove);
		snprintf(remove + n, sizeof(remove) - n, " %s", argv[i]);
	}
	return wireguard_apply(w, &change, keep_why, NULL);
}

int
main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	struct log log = log_new("wg_backend", LOG_OFF);
	struct wireguard *w;
	if (argc < 3) {
		puts("usage: wg_backend SERVER set|remove|peers ...");
		return 2;
	}
	struct wireguard_options o = {.loop = loop, .log = &log, .server = argv[1]};
	if (wireguard_new(&w, &o, &result) != ERR_OK) {
		puts(result.text);
		return 1;
	}
	result = (struct why){.err = ERR_COUNT};
	enum err err = begin(w, argc, argv);
	if (err != ERR_OK)
		why_set(&result, err, "not a request: %s", err_text(err));
	while (result.err == ERR_COUNT)
		uv_run(loop, UV_RUN_ONCE);
	wireguard_free(w);
	uv_run(loop, UV_RUN_DEFAULT);
	if (result.err != ERR_OK)
		printf("%s: %s\n", err_name(result.err), result.text);
	return result.err != ERR_OK;
}
