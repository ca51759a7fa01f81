// SPDX-License-Identifier: Apache-2.0
#include "bridge/admin_cli.h"

#include <argp.h>
#include <ctype.h>
#include <string.h>
#include <sysexits.h>

#include "base/id.h"

enum {
	PATH_BYTES = 256,
	PAGE = 100,
};

// --- output ---

// What a device told about itself must not steer the terminal.
static void
put_text(FILE *out, const char *text, int width)
{
	int n = 0;
	for (; *text; text++, n++)
		fputc(iscntrl((unsigned char)*text) ? '?' : *text, out);
	fprintf(out, "%*s", n < width ? width - n : 0, "");
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text && *text ? text : "-";
}

static int
fail(const struct admin_options *o, enum err err, const struct why *why)
{
	fprintf(o->err, "iot-bridge admin: ");
	put_text(o->err, why->text[0] ? why->text : err_text(err), 0);
	fprintf(o->err, "\n");
	switch (err) {
	case ERR_NOT_FOUND:
		return ADMIN_NOT_FOUND;
	case ERR_UNAUTHORIZED:
	case ERR_FORBIDDEN:
		return ADMIN_REFUSED;
	case ERR_UPSTREAM_DOWN:
	case ERR_TLS:
	case ERR_TIMEOUT:
	case ERR_CLOSED:
		return ADMIN_UNREACHABLE;
	case ERR_UPSTREAM_FAULT:
	case ERR_RATE_LIMITED:
		return ADMIN_LATER;
	default:
		return ADMIN_FAILED;
	}
}

static int
put_json(const struct admin_options *o, const json_t *body)
{
	json_dumpf(body, o->out, JSON_INDENT(2));
	fputc('\n', o->out);
	return ADMIN_OK;
}

// --- list ---

struct column {
	const char *title;
	const char *key;
	int width;
};

static const struct column columns[] = {
	{"ID",       "id",	     28},
	{"STATE",	  "state",	   16},
	{"ADDRESS",  "wg_ip",	     16},
	{"TYPE",	 "device_type", 16},
	{"ENROLLED", "enrolled_at", 0 },
};

static void
put_row(FILE *out, const json_t *device)
{
	for (size_t i = 0; i < N_ELEMENTS(columns); i++) {
		const struct column *c = &columns[i];
		put_text(out, device ? text_of(device, c->key) : c->title,
			 c->width ? c->width - 1 : 0);
		fputc(c->width ? ' ' : '\n', out);
	}
}

// Pages are printed as they come; *first: nothing stands before.
static void
put_page(const struct admin_options *o, const json_t *body, bool *first)
{
	size_t i;
	json_t *device;
	if (*first && !o->json) {
		put_row(o->out, NULL);
		*first = false;
	}
	json_array_foreach (json_object_get(body, "devices"), i, device) {
		if (o->json) {
			fprintf(o->out, *first ? "\n" : ",\n");
			json_dumpf(device, o->out, JSON_COMPACT);
		} else {
			put_row(o->out, device);
		}
		*first = false;
	}
}

static enum err
list_pages(const struct admin_options *o, struct admin_client *c, bool *first, struct why *why)
{
	char cursor[DEVICE_ID_MAX + 1] = "";
	do {
		char path[PATH_BYTES];
		int status;
		json_auto_t *body = NULL;
		snprintf(path, sizeof(path), "/devices?limit=%d&cursor=%s&state=%s", PAGE, cursor,
			 o->state ? o->state : "");
		TRY(admin_client_call(c, "GET", path, &status, &body, why));
		put_page(o, body, first);
		const char *next = json_string_value(json_object_get(body, "next_cursor"));
		if (next && !device_id_is_valid(next))
			return why_set(why, ERR_SYNTAX, "the bridge sent a cursor that is none");
		snprintf(cursor, sizeof(cursor), "%s", next ? next : "");
	} while (cursor[0]);
	return ERR_OK;
}

static int
run_list(const struct admin_options *o, struct admin_client *c)
{
	struct why why = {0};
	bool first = true;
	if (o->json)
		fputc('[', o->out);
	enum err err = list_pages(o, c, &first, &why);
	if (err != ERR_OK)
		return fail(o, err, &why);
	if (o->json)
		fprintf(o->out, first ? "]\n" : "\n]\n");
	return ADMIN_OK;
}

// --- show ---

static void
put_members(FILE *out, const json_t *object, const char *const *keys)
{
	for (; *keys; keys++) {
		put_text(out, *keys, 20);
		put_text(out, text_of(object, *keys), 0);
		fputc('\n', out);
	}
}

static void
put_list(FILE *out, const char *title, const json_t *list, const char *const *keys)
{
	size_t i;
	json_t *item;
	fprintf(out, "%s\n", title);
	json_array_foreach (list, i, item) {
		fprintf(out, "  ");
		for (const char *const *key = keys; *key; key++) {
			put_text(out, text_of(item, *key), 0);
			fputs(key[1] ? "  " : "\n", out);
		}
	}
}

static int
run_show(const struct admin_options *o, struct admin_client *c)
{
	static const char *const members[] = {
		"id",	      "state",	    "wg_ip",	   "wg_public_key",  "device_type",
		"created_at", "updated_at", "enrolled_at", "provisioned_at", "decommissioned_at",
		NULL};
	static const char *const certificate[] = {"serial", "state", "not_after", NULL};
	static const char *const task[] = {"task", "status", "next_attempt_at", "error", NULL};
	char path[PATH_BYTES];
	struct why why = {0};
	json_auto_t *body = NULL;
	int status;
	snprintf(path, sizeof(path), "/devices/%s", o->id);
	enum err err = admin_client_call(c, "GET", path, &status, &body, &why);
	if (err != ERR_OK)
		return fail(o, err, &why);
	if (o->json)
		return put_json(o, body);
	put_members(o->out, body, members);
	put_list(o->out, "certificates", json_object_get(body, "certificates"), certificate);
	put_list(o->out, "tasks", json_object_get(body, "tasks"), task);
	return ADMIN_OK;
}

// --- decommission ---

static int
run_decommission(const struct admin_options *o, struct admin_client *c)
{
	static const char *const step[] = {"step", "status", "error", NULL};
	char path[PATH_BYTES];
	struct why why = {0};
	json_auto_t *body = NULL;
	int status;
	snprintf(path, sizeof(path), "/devices/%s%s", o->id, o->force ? "?force=true" : "");
	enum err err = admin_client_call(c, "DELETE", path, &status, &body, &why);
	if (err != ERR_OK)
		return fail(o, err, &why);
	if (o->json) {
		put_json(o, body);
	} else {
		fprintf(o->out, "%s: ", o->id);
		put_text(o->out, text_of(body, "status"), 0);
		put_list(o->out, "", json_object_get(body, "steps"), step);
	}
	return status == 202 ? ADMIN_LATER : ADMIN_OK;
}

// --- commands ---

static const struct command {
	const char *name;
	bool takes_id;
	int (*run)(const struct admin_options *o, struct admin_client *c);
} commands[] = {
	{"list",	 false, run_list	},
	{"show",	 true,  run_show	       },
	{"decommission", true,  run_decommission},
};

static int
usage(const struct admin_options *o, const char *text, const char *about)
{
	fprintf(o->err, "iot-bridge admin: ");
	fprintf(o->err, "%s%s%s", about, about[0] ? ": " : "", text);
	fprintf(o->err, "; see iot-bridge admin --help\n");
	return EX_USAGE;
}

static bool
is_word(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

int
admin_run(const struct admin_options *o)
{
	const struct command *command = NULL;
	struct why why = {0};
	for (size_t i = 0; o->command && i < N_ELEMENTS(commands); i++)
		if (strcmp(commands[i].name, o->command) == 0)
			command = &commands[i];
	if (!command)
		return usage(o, "say list, show or decommission", "");
	if (command->takes_id != (o->id != NULL))
		return usage(o, command->takes_id ? "which device?" : "takes no device id",
			     command->name);
	if (o->id && device_id_check(o->id, &why) != ERR_OK)
		return usage(o, why.text, command->name);
	if (o->state && !is_word(o->state))
		return usage(o, "--state takes the name of a state", command->name);
	if (!secret_is_set(o->client.token)) {
		fprintf(o->err, "iot-bridge admin: BRIDGE_ADMIN_TOKEN (or BRIDGE_ADMIN_TOKEN_FILE) "
				"is not set\n");
		return EX_CONFIG;
	}
	AUTO(admin_client_free) struct admin_client *c = NULL;
	enum err err = admin_client_new(&c, &o->client, &why);
	if (err == ERR_INPUT || err == ERR_IO)
		return usage(o, why.text, command->name);
	if (err != ERR_OK)
		return fail(o, err, &why);
	return command->run(o, c);
}

// --- command line ---

static const char doc[] =
	"Look at the devices of a running bridge and retire them.\v"
	"Commands:\n"
	"  list               all devices, a line each\n"
	"  show ID            one device with its certificates and tasks\n"
	"  decommission ID    revoke, delete everywhere, free the address; safe to repeat\n\n"
	"BRIDGE_ADMIN_TOKEN or BRIDGE_ADMIN_TOKEN_FILE is the bridge's admin token.\n\n"
	"Examples:\n"
	"  export BRIDGE_URL=https://bridge.example.com:8443 BRIDGE_ADMIN_TOKEN_FILE=/run/token\n"
	"  iot-bridge admin list --fingerprint 8f82d97e... --state enrolled\n"
	"  iot-bridge admin show device-001 --cacert root.crt --json\n\n"
	"Exit: 0 done, 1 refused, 64 usage, 66 no such device, 69 the bridge cannot be reached, 75 not yet "
	"(steps wait for a retry), 77 wrong token, 78 no token.";

enum {
	OPTION_URL = 1000,
	OPTION_CACERT,
	OPTION_FINGERPRINT,
	OPTION_STATE,
	OPTION_FORCE,
	OPTION_JSON,
};

// clang-format off
static const struct argp_option options[] = {
	{"url", OPTION_URL, "URL", 0, "The bridge; default BRIDGE_URL, else https://127.0.0.1:8443", 0},
	{"cacert", OPTION_CACERT, "FILE", 0, "PEM roots that verify the bridge; default: the system's", 0},
	{"fingerprint", OPTION_FINGERPRINT, "HEX", 0, "SHA-256 of the root, which the bridge hands out itself", 0},
	{"state", OPTION_STATE, "STATE", 0, "list: only devices in this state", 0},
	{"force", OPTION_FORCE, NULL, 0, "decommission: give up on systems that stay unreachable", 0},
	{"json", OPTION_JSON, NULL, 0, "Print JSON", 0},
	{0},
};
// clang-format on

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct admin_options *o = state->input;
	switch (key) {
	case OPTION_URL:
		o->client.url = arg;
		return 0;
	case OPTION_CACERT:
		o->client.cacert = arg;
		return 0;
	case OPTION_FINGERPRINT:
		o->client.fingerprint = arg;
		return 0;
	case OPTION_STATE:
		o->state = arg;
		return 0;
	case OPTION_FORCE:
		o->force = true;
		return 0;
	case OPTION_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			o->command = arg;
		else if (state->arg_num == 1)
			o->id = arg;
		else
			argp_error(state, "unexpected argument \"%s\"", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
admin_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "COMMAND [ID]", doc, NULL,
					 NULL,	  NULL};
	static char name[] = "iot-bridge admin";
	const char *url = getenv("BRIDGE_URL");
	SECRET_AUTO struct secret token = SECRET_NONE;
	struct why why = {0};
	struct admin_options o = {
		.client = {.url = url && *url ? url : "https://127.0.0.1:8443", .token = &token},
		.out = stdout,
		.err = stderr,
	};
	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (secret_from_env(&token, "BRIDGE_ADMIN_TOKEN", &why) != ERR_OK) {
		fprintf(o.err, "iot-bridge admin: %s\n", why.text);
		return EX_CONFIG;
	}
	return admin_run(&o);
}
