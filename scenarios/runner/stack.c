// SPDX-License-Identifier: Apache-2.0
#include "runner/stack.h"

#include <errno.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/file.h"
#include "runner/mem.h"
#include "runner/tree.h"
#include "stepca/stepca.h"
#include "wg/key.h"

enum {
	SECRET_BYTES = 18,
	HTTP_TIMEOUT_MS = 10000,
	STOP_GRACE_MS = 5000,
};

static char *
random_secret(void)
{
	uint8_t bytes[SECRET_BYTES];
	char *text = mem_new(HEX_CHARS(SECRET_BYTES) + 1);
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		abort();
	hex_encode(text, BYTES(bytes, sizeof(bytes)));
	return text;
}

// Given from outside, or a new one.
static char *
secret_for(const struct words *given, const char *fact)
{
	const char *value = words_get_env(given, fact);
	return value ? mem_dup(value) : random_secret();
}

void
stack_trouble(struct stack *s, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	char *longer = s->trouble ? mem_printf("%s\n%s", s->trouble, text) : mem_dup(text);
	free(s->trouble);
	free(text);
	s->trouble = longer;
}

const char *
stack_fact(const struct stack *s, const char *name)
{
	return words_get_env(&s->facts, name);
}

struct tls_client *
stack_tls_for(const struct stack *s, const char *url)
{
	return strncmp(url, "https:", 6) == 0 ? s->tls : NULL;
}

void
stack_set_fact(struct stack *s, const char *name, const char *fmt, ...)
{
	char *value = NULL;
	va_list args;
	va_start(args, fmt);
	if (vasprintf(&value, fmt, args) < 0)
		abort();
	va_end(args);
	words_set_env(&s->facts, name, value);
	free(value);
}

struct service *
stack_service(struct stack *s, const char *name)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (strcmp(s->services[i].spec->name, name) == 0)
			return &s->services[i];
	return NULL;
}

static bool
is_without(const struct node *config, const char *name)
{
	const struct node *without = node_get(config, "without");
	if (!without)
		return false;
	if (without->type == NODE_TEXT)
		return strcmp(without->text, name) == 0;
	for (size_t i = 0; i < without->n; i++)
		if (strcmp(without->items[i]->text, name) == 0)
			return true;
	return false;
}

// A bridge from outside talks to its own systems: what was not given with it is not there.
static enum service_state
first_state(const struct stack *s, const struct service_spec *spec)
{
	if (spec->url_fact && stack_fact(s, spec->url_fact))
		return SERVICE_EXTERNAL;
	bool outside = stack_fact(s, "BRIDGE_URL") && spec->url_fact;
	return outside || is_without(s->config, spec->name) ? SERVICE_OFF : SERVICE_ENDED;
}

static enum err
make_folders(struct stack *s, struct why *why)
{
	static const char *const inner[] = {"logs", "devices", "state"};
	for (size_t i = 0; i < N_ELEMENTS(inner); i++) {
		AUTO(free) char *path = mem_printf("%s/%s", s->dir, inner[i]);
		TRY(file_make_dirs(path, 0755, why));
	}
	// Short, because sockets stand in it: sun_path holds 107 characters.
	const char *base = getenv("XDG_RUNTIME_DIR");
	AUTO(free)
	char *path =
		mem_printf("%s/provsim-XXXXXX", base && *base && strlen(base) < 60 ? base : "/tmp");
	if (!mkdtemp(path))
		return why_set(why, ERR_IO, "%s: %s", path, strerror(errno));
	s->private_dir = mem_dup(path);
	AUTO(free) char *ca = mem_printf("%s/step-ca", s->private_dir);
	return file_make_dirs(ca, 0700, why);
}

// The server keeps its key over restarts.
static enum err
write_wireguard_key(struct stack *s, struct why *why)
{
	WG_KEY_AUTO struct wg_key private_key = {0};
	struct wg_key public_key;
	char text[WG_KEY_CHARS + 2] = {0};
	AUTO(free) char *path = mem_printf("%s/wg-server.key", s->private_dir);
	TRY(wg_key_generate(&private_key, &public_key));
	wg_key_print(text, &private_key);
	text[WG_KEY_CHARS] = '\n';
	enum err err = file_replace_nosync(path, BYTES_STR(text), 0600, why);
	explicit_bzero(text, sizeof(text));
	return err;
}

enum err
stack_new(struct stack **out, const struct stack_options *o, struct why *why)
{
	struct stack *s = mem_new(sizeof(*s));
	*out = s;
	s->bench = o->bench;
	s->config = o->config;
	s->bin_dir = o->bin_dir;
	s->dir = mem_dup(o->dir);
	s->seed = o->seed;
	s->child_log_level = o->child_log_level;
	s->control_fd = -1;
	for (size_t i = 0; o->given && i < o->given->n; i++)
		words_add(&s->facts, "%s", o->given->items[i]);
	s->secrets = (struct stack_secrets){
		.provisioner_password = secret_for(&s->facts, "STEP_CA_PROVISIONER_PASSWORD"),
		.admin_token = secret_for(&s->facts, "BRIDGE_ADMIN_TOKEN"),
		.webhook_token = secret_for(&s->facts, "BRIDGE_WEBHOOK_TOKEN"),
		.hawkbit_password = secret_for(&s->facts, "HAWKBIT_PASSWORD"),
		.thingsboard_password = secret_for(&s->facts, "THINGSBOARD_PASSWORD"),
	};
	for (size_t i = 0; i < SERVICES; i++) {
		struct service *service = &s->services[i];
		service->spec = &service_specs()[i];
		service->stack = s;
		service->state = first_state(s, service->spec);
		service->log_path = mem_printf("%s/logs/%s.log", s->dir, service->spec->name);
	}
	TRY(make_folders(s, why));
	return write_wireguard_key(s, why);
}

static bool
is_ours(const struct stack *s, enum service_id id)
{
	return s->services[id].state != SERVICE_OFF && s->services[id].state != SERVICE_EXTERNAL;
}

// Launches all of them, then waits for all of them.
static enum err
start_together(struct stack *s, const enum service_id *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_ours(s, ids[i]))
			TRY(service_launch(&s->services[ids[i]]));
	for (size_t i = 0; i < n; i++)
		if (is_ours(s, ids[i]))
			TRY(service_await(&s->services[ids[i]]));
	return ERR_OK;
}

// ThingsBoard needs the bridge's address and the bridge ThingsBoard's: this one is told afterwards.
static enum err
connect_webhook(struct stack *s)
{
	const char *admin = stack_fact(s, "THINGSBOARD_ADMIN_URL");
	const char *bridge = stack_fact(s, "BRIDGE_URL");
	if (!admin || !bridge || !is_ours(s, SERVICE_THINGSBOARD))
		return ERR_OK;
	AUTO(free) char *url = mem_printf("%s/webhook", admin);
	AUTO(free) char *target = mem_printf("%s/webhooks/thingsboard", bridge);
	AUTO(free) char *root = mem_printf("%s/root.pem", s->private_dir);
	json_t *json = json_pack("{s:s,s:s,s:s}", "url", target, "ca_file", root, "token",
				 s->secrets.webhook_token);
	AUTO(free) char *body = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	const struct http_request request = {
		.method = "PUT",
		.url = url,
		.content_type = "application/json",
		.body = BYTES_STR(body),
		.timeout_ms = HTTP_TIMEOUT_MS,
	};
	BENCH_ANSWER_AUTO struct bench_answer answer = {0};
	bench_http(s->bench, &request, &answer);
	if (answer.err == ERR_CANCELLED)
		return answer.err;
	if (answer.err == ERR_OK && answer.status / 100 == 2)
		return ERR_OK;
	stack_trouble(s, "thingsboard does not take the webhook's address: %s",
		      answer.err == ERR_OK ? answer.body : answer.why.text);
	return ERR_UPSTREAM_REFUSED;
}

static enum err
start_in_order(struct stack *s, struct why *why)
{
	static const enum service_id first[] = {SERVICE_STEP_CA, SERVICE_HAWKBIT, SERVICE_WIREGUARD,
						SERVICE_SIMDEVICE};
	static const enum service_id second[] = {SERVICE_THINGSBOARD};
	static const enum service_id third[] = {SERVICE_BRIDGE};
	TRY(start_together(s, first, N_ELEMENTS(first)));
	if (stack_fact(s, "STEP_CA_URL") && stack_fact(s, "STEP_CA_FINGERPRINT"))
		TRY(trust_load(s, why));
	if (is_ours(s, SERVICE_THINGSBOARD))
		TRY(trust_issue_broker(s, why));
	TRY(start_together(s, second, N_ELEMENTS(second)));
	TRY(start_together(s, third, N_ELEMENTS(third)));
	return connect_webhook(s);
}

enum err
stack_start(struct stack *s)
{
	struct why why = {0};
	enum err err = start_in_order(s, &why);
	if (why.text[0])
		stack_trouble(s, "%s", why.text);
	if (err != ERR_OK && !s->trouble)
		stack_trouble(s, "%s", err_text(err));
	return err;
}

static bool
all_have_ended(void *ctx)
{
	const struct stack *s = ctx;
	for (size_t i = 0; i < SERVICES; i++)
		if (s->services[i].child)
			return false;
	return true;
}

void
stack_stop(struct stack *s)
{
	// All at once, then one by one with force: nobody waits for the slowest of several.
	for (size_t i = 0; i < SERVICES; i++) {
		struct service *service = &s->services[i];
		service->end_expected = true;
		service->ended_by_stack |= service->child != NULL;
		if (service->child)
			child_terminate(service->child, STOP_GRACE_MS);
	}
	if (bench_wait_through(s->bench, all_have_ended, s, bench_deadline(STOP_GRACE_MS + 5000)) !=
	    ERR_OK)
		for (size_t i = 0; i < SERVICES; i++)
			service_end(&s->services[i], SIGKILL);
	fd_close(&s->control_fd);
	child_reap_orphans();
}

static void
free_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void
stack_free(struct stack *s)
{
	if (!s)
		return;
	stack_stop(s);
	for (size_t i = 0; i < SERVICES; i++)
		service_fini(&s->services[i]);
	if (s->ca)
		stepca_free(s->ca);
	tls_client_unref(s->tls);
	if (s->private_dir)
		tree_remove(s->private_dir);
	free_secret(s->secrets.provisioner_password);
	free_secret(s->secrets.admin_token);
	free_secret(s->secrets.webhook_token);
	free_secret(s->secrets.hawkbit_password);
	free_secret(s->secrets.thingsboard_password);
	secret_fini(&s->ca_password);
	words_fini(&s->facts);
	free(s->private_dir);
	free(s->root_pem);
	free(s->trouble);
	free(s->dir);
	free(s);
}

struct service *
stack_find_dead(struct stack *s)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (s->services[i].state == SERVICE_ENDED && s->services[i].starts &&
		    !s->services[i].end_expected)
			return &s->services[i];
	return NULL;
}

const struct service *
stack_find_unclean(const struct stack *s, size_t *at)
{
	for (; *at < SERVICES; ++*at) {
		const struct service *service = &s->services[*at];
		const struct child_status *last = &service->last;
		// Whoever does not handle SIGTERM ends by it, and that is clean.
		bool clean = last->code == 0 || last->signal == SIGTERM;
		if (service->ended_by_stack && last->ended && !clean)
			return &s->services[(*at)++];
	}
	return NULL;
}
