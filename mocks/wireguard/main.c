// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "common/mock_main.h"
#include "wireguard/wireguard.h"

const char *argp_program_version = "mock-wireguard " PROVSIM_VERSION;

enum {
	OPT_LISTEN = 'l',
	OPT_UAPI = 'u',
	OPT_ADDRESS = 'a',
	OPT_PRIVATE_KEY = 'k',
};

struct args {
	struct mock_args common;
	struct addr listen;
	const char *uapi_path;
	struct ip_prefix address;
	const char *private_key_file;
};

static const struct argp_option options[] = {
	{"listen",									       OPT_LISTEN, "ADDR:PORT", 0,
	 "Where UDP datagrams are taken; port 0: the kernel chooses (default: 127.0.0.1:51820)", 0},
	{"uapi",									   OPT_UAPI, "PATH", 0,
	 "Serve the userspace API at this unix socket; /var/run/wireguard/NAME.sock makes "
	 "`wg show NAME` work (default: off)", 0},
	{"address", OPT_ADDRESS, "IP/LENGTH", 0,
	 "The server's address inside the tunnel; pings to it are answered (default: 10.8.0.1/24)", 0},
	{"private-key",										      OPT_PRIVATE_KEY, "FILE", 0,
	 "The server's private key, as `wg genkey` writes it (default: a new one)", 0},
	{0	  }
};

static const char doc[] =
	"A WireGuard server for tests: real handshakes and sessions over UDP, peers by `wg set`, an "
	"answer to pings on its tunnel address, and a count of every dropped datagram by its cause. "
	"Needs no rights and no network interface."
	"\v"
	"Examples:\n"
	"  mock-wireguard --uapi /var/run/wireguard/wgmock.sock --admin 127.0.0.1:51821\n"
	"  wg set wgmock peer PUBLICKEY allowed-ips 10.8.0.2/32\n"
	"  wg show wgmock\n"
	"  curl http://127.0.0.1:51821/state\n"
	"  curl -d '{\"on\":\"initiation\",\"when\":{\"first\":2},\"do\":{\"drop\":true}}' \\\n"
	"       http://127.0.0.1:51821/faults\n";

static void
set_defaults(struct args *args, struct argp_state *state)
{
	mock_args_parse_addr(&args->listen, "127.0.0.1:51820", "--listen", state);
	args->address = ip4_prefix(0x0a080001, 24);
	state->child_inputs[0] = &args->common;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		set_defaults(args, state);
		return 0;
	case OPT_LISTEN:
		mock_args_parse_addr(&args->listen, arg, "--listen", state);
		return 0;
	case OPT_UAPI:
		args->uapi_path = arg;
		return 0;
	case OPT_ADDRESS:
		if (ip_prefix_parse(&args->address, BYTES_STR(arg)) != ERR_OK ||
		    args->address.family != 4)
			argp_error(state,
				   "--address %s: must be an IPv4 address with its prefix "
				   "length, e.g. 10.8.0.1/24",
				   arg);
		return 0;
	case OPT_PRIVATE_KEY:
		args->private_key_file = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum err
read_key(struct wg_key *out, const char *path, struct why *why)
{
	SECRET_AUTO struct secret text = SECRET_NONE;
	enum err err = secret_from_file(&text, path, why);
	if (err) {
		why_prefix(why, "--private-key");
		return err;
	}
	if (wg_key_parse(out, BYTES(text.text, text.n)) != ERR_OK)
		return why_set(
			why, ERR_INPUT,
			"--private-key: %s: the first line is not a WireGuard key (44 base64 characters, "
			"as `wg genkey` writes it)",
			path);
	return ERR_OK;
}

static enum err
start(struct mock *m, struct why *why)
{
	const struct args *args = m->input;
	WG_KEY_AUTO struct wg_key key;
	char public_key[WG_KEY_CHARS + 1];
	struct wireguard *w = wireguard_new(m->loop);
	if (!w)
		return why_set(why, ERR_NOMEM, "out of memory");
	m->ctx = w;
	if (args->private_key_file)
		TRY(read_key(&key, args->private_key_file, why));
	const struct wireguard_options o = {
		.listen = args->listen,
		.uapi_path = args->uapi_path,
		.private_key = args->private_key_file ? &key : NULL,
		.address = args->address,
		.seed = m->args->seed,
		.log = &m->log,
		.faults = m->faults,
		.journal = m->journal,
	};
	TRY(wireguard_start(w, &o, why));
	mock_announce_addr(m, "X_UDP", wireguard_addr(w));
	if (args->uapi_path)
		mock_announce(m, "X_UAPI", args->uapi_path);
	wireguard_public_key(public_key, w);
	mock_announce(m, "X_PUBLIC_KEY", public_key);
	return ERR_OK;
}

static void
stop(struct mock *m)
{
	if (m->ctx)
		wireguard_stop(m->ctx);
}

static void
fini(struct mock *m)
{
	wireguard_free(m->ctx);
}

static const struct mock_program program = {
	.name = "mock-wireguard",
	.vocabulary = &server_vocabulary,
	.start = start,
	.stop = stop,
	.fini = fini,
	.state = wireguard_state,
	.reset = wireguard_reset,
};

int
main(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&mock_argp,	     0, "Common options:", 0},
		       {0}
	  };
	static const struct argp argp = {
		.options = options, .parser = parse, .doc = doc, .children = children};
	struct args args = {0};
	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	return mock_run(&program, &args.common, &args);
}
