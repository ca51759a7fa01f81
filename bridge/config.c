// SPDX-License-Identifier: Apache-2.0
#include "bridge/config.h"

#include <stdarg.h>

#include "base/nearest.h"
#include "bridge/config_types.h"

static const char *const unknown_devices_choices[] = {"provision", "ignore", NULL};
static const char *const reenroll_choices[] = {"allow", "deny", NULL};

#define AT(field) .offset = offsetof(struct config, field)

// clang-format off
static const struct config_row table[] = {
	{"BRIDGE_LISTEN", CONFIG_ADDR, AT(listen_text), .fallback = "127.0.0.1:8443",
	 .help = "Where the API listens; port 0 lets the kernel choose."},
	{"BRIDGE_TLS", CONFIG_TLS, AT(tls), .fallback = "auto",
	 .help = "auto: the bridge gets its own certificate from step-ca and renews it. off: plain HTTP, "
		 "for a proxy in front."},
	{"BRIDGE_TLS_NAMES", CONFIG_STRING, AT(tls_names), .fallback = "localhost,127.0.0.1",
	 .help = "Names and addresses in the bridge's own certificate, beside the host of BRIDGE_LISTEN."},
	{"BRIDGE_DB", CONFIG_DB, AT(db_path),
	 .help = "Where devices, certificates and open tasks are kept: a SQLite file (default bridge.db in "
		 "WG_DATA_DIR) or postgresql://user:password@host:port/database, which several bridges may "
		 "share. Its user makes the schema iot_bridge there."},
	{"BRIDGE_ADMIN_TOKEN", CONFIG_SECRET, AT(admin_token),
	 .help = "Bearer token of the admin calls (list, show and decommission devices). Unset: they answer "
		 "404."},
	{"BRIDGE_WEBHOOK_TOKEN", CONFIG_SECRET, AT(webhook_token),
	 .help = "Bearer token that POST /webhooks/thingsboard must carry. Unset: none is asked for."},
	{"STEP_CA_URL", CONFIG_URL, AT(step_ca_url), .required = true,
	 .help = "The tenant's step-ca; its host must be one of the CA's dnsNames."},
	{"STEP_CA_FINGERPRINT", CONFIG_FINGERPRINT, AT(step_ca_fingerprint), .required = true,
	 .help = "SHA-256 of the root's certificate, or of the Sub-CA's: either pins."},
	{"STEP_CA_PROVISIONER_NAME", CONFIG_STRING, AT(step_ca_provisioner), .fallback = "iot-bridge",
	 .help = "Name of the JWK provisioner at step-ca."},
	{"STEP_CA_PROVISIONER_PASSWORD", CONFIG_SECRET, AT(step_ca_password), .required = true,
	 .help = "Opens the provisioner's encrypted key."},
	{"STEP_CA_TIMEOUT", CONFIG_SECONDS, AT(step_ca_timeout_ms), .fallback = "10", .min = 1,
	 .max = 300, .help = "What one certificate may take at step-ca, all retries included."},
	{"HAWKBIT_URL", CONFIG_URL, AT(hawkbit_url),
	 .help = "The hawkBit server. Unset: no update targets are made."},
	{"HAWKBIT_USER", CONFIG_STRING, AT(hawkbit_user), .needed_by = "HAWKBIT_URL",
	 .help = "User of hawkBit's Management API."},
	{"HAWKBIT_PASSWORD", CONFIG_SECRET, AT(hawkbit_password), .needed_by = "HAWKBIT_URL",
	 .help = "Password of that user."},
	{"HAWKBIT_CA_FILE", CONFIG_STRING, AT(hawkbit_ca_file),
	 .help = "PEM roots that verify hawkBit over https; default: the system's."},
	{"THINGSBOARD_URL", CONFIG_URL, AT(thingsboard_url),
	 .help = "The ThingsBoard server. Unset: no attributes are written there."},
	{"THINGSBOARD_USER", CONFIG_STRING, AT(thingsboard_user), .needed_by = "THINGSBOARD_URL",
	 .help = "Tenant administrator."},
	{"THINGSBOARD_PASSWORD", CONFIG_SECRET, AT(thingsboard_password),
	 .needed_by = "THINGSBOARD_URL", .help = "Password of that user."},
	{"THINGSBOARD_CA_FILE", CONFIG_STRING, AT(thingsboard_ca_file),
	 .help = "PEM roots that verify ThingsBoard over https; default: the system's."},
	{"WG_SUBNET", CONFIG_SUBNET, AT(wg_subnet), .required = true,
	 .help = "Devices get their tunnel addresses from here; the first address is the server's."},
	{"WG_SERVER_ENDPOINT", CONFIG_ENDPOINT, AT(wg_server_endpoint), .required = true,
	 .help = "Where devices reach the WireGuard server."},
	{"WG_SERVER_PUBLIC_KEY", CONFIG_WG_KEY, AT(wg_server_public_key), .required = true,
	 .help = "The WireGuard server's public key."},
	{"WG_SERVER", CONFIG_WG_SERVER, AT(wg_server),
	 .help = "How peers get into the WireGuard server. Unset: they are only recorded."},
	{"WG_DATA_DIR", CONFIG_STRING, AT(wg_data_dir), .fallback = "/var/lib/iot-bridge",
	 .help = "Folder of cdm_peers.json, and of the database unless BRIDGE_DB says otherwise."},
	{"WEBHOOK_UNKNOWN_DEVICES", CONFIG_CHOICE, AT(unknown_devices), .fallback = "provision",
	 .choices = unknown_devices_choices,
	 .help = "What a first-connect event of a device does that never enrolled here."},
	{"ENROLL_ALLOWLIST", CONFIG_STRING, AT(enroll_allowlist),
	 .help = "File with the device ids that may enroll, one a line, # for remarks; read at start and on "
		 "SIGHUP. Unset: every id may."},
	{"ENROLL_REENROLL", CONFIG_CHOICE, AT(reenroll), .fallback = "allow",
	 .choices = reenroll_choices,
	 .help = "Whether a device that is enrolled may enroll again."},
	{"ENROLL_RATE", CONFIG_COUNT, AT(enroll_rate), .fallback = "0", .max = 100000,
	 .help = "Enrollments per second that are accepted, with a burst of one second's worth; 0: no "
		 "limit."},
};
// clang-format on

// Variables that begin so are ours: one that the table does not know is a mistake.
static const char *const prefixes[] = {
	"BRIDGE_", "STEP_CA_", "HAWKBIT_", "WG_", "THINGSBOARD_", "ENROLL_", "WEBHOOK_",
};

struct problems {
	struct buf *text;
	size_t n;
};

static void problem(struct problems *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
problem(struct problems *p, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	p->n++;
	// A full buffer loses words, not the verdict: n counts on.
	if (buf_append_str(p->text, line) == ERR_OK && buf_append_str(p->text, "\n") == ERR_OK)
		return;
}

// The value of `name` in envp; an empty value counts as unset, as compose files write it.
static const char *
env_find(const char *const *envp, const char *name)
{
	size_t n = strlen(name);
	for (; *envp; envp++)
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return (*envp)[n + 1] ? *envp + n + 1 : NULL;
	return NULL;
}

// The value of a secret's NAME_FILE; NULL when there is none.
// What is or may hold a secret can come in a file.
static bool
has_file(const struct config_row *row)
{
	return row->kind == CONFIG_SECRET || row->kind == CONFIG_DB;
}

static const char *
env_find_file(const char *const *envp, const struct config_row *row)
{
	char name[64];
	if (!has_file(row))
		return NULL;
	snprintf(name, sizeof(name), "%s_FILE", row->name);
	return env_find(envp, name);
}

static void
load_secret_file(struct config *c, const struct config_row *row, const char *path,
		 struct problems *p)
{
	struct why why = {0};
	SECRET_AUTO struct secret s = SECRET_NONE;
	enum err err = secret_from_file(&s, path, &why);
	if (err == ERR_OK)
		err = config_row_parse(c, row, s.text, &why);
	if (err != ERR_OK)
		problem(p, "%s_FILE: %s", row->name, why.text);
}

static bool
may_hold_password(const char *url)
{
	return strchr(url, '@') || strstr(url, "password");
}

static void
load_row(struct config *c, const struct config_row *row, const char *const *envp,
	 struct problems *p)
{
	const char *text = env_find(envp, row->name);
	const char *file = env_find_file(envp, row);
	if (text && file) {
		problem(p, "%s and %s_FILE are both set: keep one of them", row->name, row->name);
		return;
	}
	if (file) {
		load_secret_file(c, row, file, p);
		return;
	}
	if (!text)
		text = row->fallback;
	if (!text) {
		if (row->required)
			problem(p, "%s is not set: %s", row->name, row->help);
		else if (row->needed_by && env_find(envp, row->needed_by))
			problem(p, "%s is not set, and %s needs it: %s", row->name, row->needed_by,
				row->help);
		return;
	}
	struct why why = {0};
	if (config_row_parse(c, row, text, &why) == ERR_OK)
		return;
	if (row->kind == CONFIG_SECRET || may_hold_password(text))
		problem(p, "%s: %s", row->name, why.text);
	else
		problem(p, "%s=%.200s: %s", row->name, text, why.text);
}

static bool
is_known(const char *name, size_t n)
{
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		size_t known = strlen(table[i].name);
		if (n >= known && strncmp(table[i].name, name, known) == 0 &&
		    (n == known || (has_file(&table[i]) && n == known + 5 &&
				    strncmp(name + known, "_FILE", 5) == 0)))
			return true;
	}
	return false;
}

static void
check_unknown(const char *entry, struct problems *p)
{
	const char *names[N_ELEMENTS(table)];
	size_t n = strcspn(entry, "=");
	bool ours = false;
	for (size_t i = 0; i < N_ELEMENTS(prefixes); i++)
		ours = ours || strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0;
	if (!ours || is_known(entry, n))
		return;
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)n, entry);
	for (size_t i = 0; i < N_ELEMENTS(table); i++)
		names[i] = table[i].name;
	const char *meant = nearest_name(name, names, N_ELEMENTS(names));
	if (meant)
		problem(p, "%s is not a variable of the bridge: did you mean %s?", name, meant);
	else
		problem(p, "%s is not a variable of the bridge: see --help-config", name);
}

static void
derive_db_path(struct config *c, struct problems *p)
{
	BUF_AUTO struct buf path;
	buf_init(&path, 4096);
	if (c->db_path || !c->wg_data_dir)
		return;
	if (buf_printf(&path, "%s/bridge.db", c->wg_data_dir) == ERR_OK)
		c->db_path = buf_steal_str(&path);
	else
		problem(p, "WG_DATA_DIR: the path is too long");
}

size_t
config_load(struct config *c, const char *const *envp, struct buf *problems)
{
	struct problems p = {.text = problems};
	*c = (struct config){0};
	for (size_t i = 0; envp[i]; i++)
		check_unknown(envp[i], &p);
	for (size_t i = 0; i < N_ELEMENTS(table); i++)
		load_row(c, &table[i], envp, &p);
	derive_db_path(c, &p);
	if (c->step_ca_url && strncmp(c->step_ca_url, "https://", 8) != 0)
		problem(&p, "STEP_CA_URL=%s: step-ca speaks https only", c->step_ca_url);
	return p.n;
}

void
config_fini(struct config *c)
{
	for (size_t i = 0; i < N_ELEMENTS(table); i++)
		config_row_fini(c, &table[i]);
}

// Writes text word-wrapped, each line after `indent` blanks.
static void
print_wrapped(FILE *out, const char *text, size_t indent)
{
	size_t column = 0;
	while (*text) {
		size_t n = strcspn(text, " ");
		if (column + 1 + n > 92 - indent && column > 0)
			column = 0;
		if (column == 0)
			fprintf(out, "\n%*s", (int)indent, "");
		else
			fputc(' ', out);
		fprintf(out, "%.*s", (int)n, text);
		column += n + 1;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
print_help_row(FILE *out, const struct config_row *row)
{
	fprintf(out, "%s  (%s", row->name, row->choices ? "" : config_kind_form(row->kind));
	for (size_t i = 0; row->choices && row->choices[i]; i++)
		fprintf(out, "%s%s", i ? " | " : "", row->choices[i]);
	if (row->kind == CONFIG_SECONDS || row->kind == CONFIG_COUNT)
		fprintf(out, ", %u-%u", row->min, row->max);
	if (row->required)
		fprintf(out, "; required");
	if (row->needed_by)
		fprintf(out, "; required with %s", row->needed_by);
	if (row->fallback)
		fprintf(out, "; default %s", row->fallback);
	fprintf(out, ")");
	print_wrapped(out, row->help, 4);
}

void
config_print_help(FILE *out)
{
	fprintf(out,
		"The bridge is configured by environment variables. A secret can also be given as\n"
		"NAME_FILE, the path of a file whose first line is its value.\n\n");
	for (size_t i = 0; i < N_ELEMENTS(table); i++)
		print_help_row(out, &table[i]);
}

void
config_print_values(FILE *out, const struct config *c)
{
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		BUF_AUTO struct buf text;
		buf_init(&text, 16 * 1024);
		if (config_row_show(&text, c, &table[i]) == ERR_OK)
			fprintf(out, "%s=%s\n", table[i].name, (const char *)text.data);
	}
}
