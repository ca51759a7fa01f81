// SPDX-License-Identifier: Apache-2.0
#include "runner/world.h"

#include <stdio.h>
#include <string.h>

#include "runner/jpath.h"
#include "runner/mem.h"
#include "runner/run.h"

enum {
	HTTP_TIMEOUT_MS = 5000,
	DEVICES_PAGE = 1000,
	DETAILS_MAX = 32,
};

struct world {
	struct run *run;
	json_t *document; // by system, what was fetched since world_forget
	json_t *hidden;	  // system -> why
};

typedef json_t *fetch_fn(struct world *w, struct why *why);

struct root {
	const char *name;
	fetch_fn *fetch; // new reference, NULL with why
};

struct world *
world_new(struct run *run)
{
	struct world *w = mem_new(sizeof(*w));
	w->run = run;
	w->document = json_object();
	w->hidden = json_object();
	return w;
}

void
world_free(struct world *w)
{
	if (!w)
		return;
	json_decref(w->document);
	json_decref(w->hidden);
	free(w);
}

void
world_forget(struct world *w)
{
	json_object_clear(w->document);
	json_object_clear(w->hidden);
}

static json_t *
get_json(struct world *w, const char *url, const char *bearer, int *status, struct why *why)
{
	SECRET_AUTO struct secret token = SECRET_NONE;
	if (bearer && secret_set(&token, BYTES_STR(bearer)) != ERR_OK)
		return NULL;
	const struct http_request request = {
		.method = "GET",
		.url = url,
		.tls = stack_tls_for(w->run->stack, url),
		.bearer = bearer ? &token : NULL,
		.timeout_ms = HTTP_TIMEOUT_MS,
		.answer_max = 64 << 20,
	};
	BENCH_ANSWER_AUTO struct bench_answer answer = {0};
	bench_http(w->run->bench, &request, &answer);
	*status = answer.status;
	if (answer.err != ERR_OK) {
		*why = answer.why;
		return NULL;
	}
	json_t *json = bench_answer_json(&answer);
	if (!json)
		why_set(why, ERR_SYNTAX, "%s: the answer is not JSON (status %d)", url,
			answer.status);
	return json;
}

static bool
is_running(const struct service *service)
{
	return service->state == SERVICE_READY || service->state == SERVICE_EXTERNAL;
}

// UNSUPPORTED: nobody can look at it, ever; WRONG_STATE: not now.
static void
note_unseen(const struct service *service, struct why *why)
{
	const char *name = service->spec->name;
	if (service->state == SERVICE_EXTERNAL)
		why_set(why, ERR_UNSUPPORTED, "%s is external and was given without %s", name,
			service->spec->admin_fact ? service->spec->admin_fact
						  : "BRIDGE_ADMIN_TOKEN");
	else if (service->state == SERVICE_OFF)
		why_set(why, ERR_UNSUPPORTED, "%s is not part of this stack", name);
	else
		why_set(why, ERR_WRONG_STATE, "%s is %s", name,
			service->state == SERVICE_PAUSED ? "stopped" : "not running");
}

static json_t *
fetch_mock(struct world *w, enum service_id id, struct why *why)
{
	struct service *service = &w->run->stack->services[id];
	const char *admin = stack_fact(w->run->stack, service->spec->admin_fact);
	int status;
	if (!admin || !is_running(service)) {
		note_unseen(service, why);
		return NULL;
	}
	AUTO(free) char *url = mem_printf("%s/state", admin);
	json_t *state = get_json(w, url, NULL, &status, why);
	if (!state || status == 200)
		return state;
	json_decref(state);
	why_set(why, ERR_UPSTREAM_FAULT, "%s answers %d", url, status);
	return NULL;
}

static json_t *
fetch_step_ca(struct world *w, struct why *why)
{
	return fetch_mock(w, SERVICE_STEP_CA, why);
}

static json_t *
fetch_hawkbit(struct world *w, struct why *why)
{
	return fetch_mock(w, SERVICE_HAWKBIT, why);
}

static json_t *
fetch_thingsboard(struct world *w, struct why *why)
{
	return fetch_mock(w, SERVICE_THINGSBOARD, why);
}

// GET with the admin token. 404 counts as "nothing".
static json_t *
ask_bridge(struct world *w, const char *path, struct why *why)
{
	struct stack *s = w->run->stack;
	const char *url = stack_fact(s, "BRIDGE_URL");
	const char *token = stack_fact(s, "BRIDGE_ADMIN_TOKEN");
	const struct service *bridge = &s->services[SERVICE_BRIDGE];
	int status;
	if (!url || !token || !is_running(bridge)) {
		note_unseen(bridge, why);
		return NULL;
	}
	AUTO(free) char *full = mem_printf("%s%s", url, path);
	json_t *answer = get_json(w, full, token, &status, why);
	if (!answer || status == 200)
		return answer;
	json_decref(answer);
	why_set(why, ERR_UPSTREAM_FAULT, "%s answers %d", full, status);
	return NULL;
}

// The list as a map by id, all pages.
static json_t *
fetch_bridge_devices(struct world *w, struct why *why)
{
	json_t *devices = json_object();
	AUTO(free) char *cursor = NULL;
	do {
		AUTO(free)
		char *path = mem_printf("/devices?limit=%d%s%s", DEVICES_PAGE,
					cursor ? "&cursor=" : "", cursor ? cursor : "");
		json_t *page = ask_bridge(w, path, why);
		size_t i;
		json_t *device;
		if (!page) {
			json_decref(devices);
			return NULL;
		}
		json_array_foreach (json_object_get(page, "devices"), i, device) {
			const char *id = json_string_value(json_object_get(device, "id"));
			if (id)
				json_object_set(devices, id, device);
		}
		const char *next = json_string_value(json_object_get(page, "next_cursor"));
		free(cursor);
		cursor = next ? mem_dup(next) : NULL;
		json_decref(page);
	} while (cursor);
	return devices;
}

// The list has no certificates and tasks; a handful of devices is asked for one by one.
static void
add_details(struct world *w, json_t *devices)
{
	const char *id;
	json_t *device;
	if (json_object_size(devices) > DETAILS_MAX)
		return;
	json_object_foreach (devices, id, device) {
		struct why ignored = {0};
		AUTO(free) char *path = mem_printf("/devices/%s", id);
		json_t *details = ask_bridge(w, path, &ignored);
		if (details)
			json_object_update(device, details);
		json_decref(details);
	}
}

static json_t *
fetch_bridge(struct world *w, struct why *why)
{
	json_t *devices = fetch_bridge_devices(w, why);
	if (devices)
		add_details(w, devices);
	return devices ? json_pack("{s:o}", "devices", devices) : NULL;
}

// Peers are known by their keys; who is who the bridge knows, or else the device.
static json_t *
fetch_wireguard(struct world *w, struct why *why)
{
	json_t *state = fetch_mock(w, SERVICE_WIREGUARD, why);
	json_t *peers = json_object_get(state, "peers");
	const json_t *bridge = world_system(w, "bridge", NULL);
	const char *id;
	json_t *device;
	if (!peers)
		return state;
	json_t *by_id = json_object();
	json_object_foreach (w->run->devices, id, device) {
		const char *key = json_string_value(jpath_get(device, "wg.public_key"));
		json_t *peer = key ? json_object_get(peers, key) : NULL;
		if (peer)
			json_object_set(by_id, id, peer);
	}
	json_object_foreach (json_object_get(bridge, "devices"), id, device) {
		const char *key = json_string_value(json_object_get(device, "wg_public_key"));
		json_t *peer = key ? json_object_get(peers, key) : NULL;
		if (peer)
			json_object_set(by_id, id, peer);
	}
	json_object_set(state, "by_key", peers);
	json_object_set_new(state, "peers", by_id);
	return state;
}

static json_t *
fetch_devices(struct world *w, struct why *why)
{
	(void)why;
	return json_deep_copy(w->run->devices);
}

// Where an id has left something that is alive.
static void
add_traces(struct world *w, json_t *traces, const char *id)
{
	static const struct {
		const char *trace, *system, *path;
	} places[] = {
		{"thingsboard_device", "thingsboard", "devices"},
		{"hawkbit_target",	   "hawkbit",     "targets"},
		{"wireguard_peer",	   "wireguard",	"peers"  },
	};
	json_t *mine = json_object();
	for (size_t i = 0; i < N_ELEMENTS(places); i++) {
		const json_t *map =
			json_object_get(world_system(w, places[i].system, NULL), places[i].path);
		json_t *found = json_object_get(map, id);
		if (found)
			json_object_set(mine, places[i].trace, found);
	}
	const json_t *cert = json_object_get(
		json_object_get(world_system(w, "step-ca", NULL), "certificates"), id);
	json_t *latest = json_object_get(cert, "latest");
	if (latest && !json_is_true(json_object_get(latest, "revoked")))
		json_object_set(mine, "certificate", latest);
	const json_t *record =
		json_object_get(json_object_get(world_system(w, "bridge", NULL), "devices"), id);
	json_t *ip = json_object_get(record, "wg_ip");
	if (json_is_string(ip))
		json_object_set(mine, "address", ip);
	json_object_set_new(traces, id, mine);
}

static json_t *
fetch_traces(struct world *w, struct why *why)
{
	static const struct {
		const char *system, *path;
	} sources[] = {
		{"thingsboard", "devices"	 },
		{"hawkbit",	    "targets"     },
		{"wireguard",   "peers"	     },
		{"step-ca",	    "certificates"},
		{"bridge",	   "devices"	    }
	     };
	json_t *traces = json_object();
	(void)why;
	for (size_t i = 0; i < N_ELEMENTS(sources); i++) {
		const char *id;
		json_t *ignored;
		json_t *map =
			json_object_get(world_system(w, sources[i].system, NULL), sources[i].path);
		json_object_foreach (map, id, ignored) {
			if (!json_object_get(traces, id))
				add_traces(w, traces, id);
		}
	}
	return traces;
}

static const struct root roots[] = {
	{"devices",	    fetch_devices	 },
	    {"bridge",      fetch_bridge	   },
	{"thingsboard", fetch_thingsboard},
	    {"hawkbit",	fetch_hawkbit    },
	{"wireguard",   fetch_wireguard  },
	    {"step-ca",	fetch_step_ca    },
	{"traces",	   fetch_traces     },
};

const json_t *
world_system(struct world *w, const char *name, struct why *why)
{
	json_t *there = json_object_get(w->document, name);
	json_t *hidden = json_object_get(w->hidden, name);
	struct why own = {0};
	if (there || hidden) {
		if (hidden)
			why_set(why, (enum err)json_integer_value(json_object_get(hidden, "err")),
				"%s", json_string_value(json_object_get(hidden, "text")));
		return there;
	}
	for (size_t i = 0; i < N_ELEMENTS(roots); i++)
		if (strcmp(roots[i].name, name) == 0)
			there = roots[i].fetch(w, &own);
	if (there) {
		json_object_set_new(w->document, name, there);
		return there;
	}
	json_object_set_new(w->hidden, name,
			    json_pack("{s:i,s:s}", "err", (int)own.err, "text", own.text));
	why_set(why, own.err, "%s", own.text);
	return NULL;
}

static const struct root *
root_of(const char *path)
{
	size_t n = strcspn(path, ".");
	for (size_t i = 0; i < N_ELEMENTS(roots); i++)
		if (strlen(roots[i].name) == n && strncmp(roots[i].name, path, n) == 0)
			return &roots[i];
	return NULL;
}

static const json_t *
saved_value(struct world *w, const char *path)
{
	const struct node *node = node_get(w->run->saved, path);
	if (!node)
		return NULL;
	json_t *value = node_to_json(node);
	AUTO(free) char *key = mem_printf("saved %s", path);
	json_object_set_new(w->document, key, value);
	return value;
}

static bool
is_member(const json_t *object, const char *path)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
		size_t n = strlen(key);
		if (strncmp(path, key, n) == 0 && (!path[n] || path[n] == '.'))
			return true;
	}
	return false;
}

// Members that a result may have; one that this result lacks is absent, not unknown.
static bool
is_result_path(const char *path)
{
	static const char *const members[] = {"reply",	 "error",    "cert",	 "csr",
					      "wg",	 "flash",    "attempts", "skipped",
					      "connack", "alert",    "time_ms",	 "handshake",
					      "sent",	 "received", "rtt_ms",	 "state"};
	size_t n = strcspn(path, ".");
	for (size_t i = 0; i < N_ELEMENTS(members); i++)
		if (strlen(members[i]) == n && strncmp(members[i], path, n) == 0)
			return true;
	return false;
}

enum world_sight
world_look(struct world *w, const char *path, const json_t **out, struct why *why)
{
	*out = saved_value(w, path);
	if (*out)
		return WORLD_SEEN;
	const struct root *root = root_of(path);
	if (root) {
		const json_t *system = world_system(w, root->name, why);
		const char *rest = path + strlen(root->name);
		*out = jpath_get(system, *rest ? rest + 1 : rest);
		return system ? WORLD_SEEN : WORLD_HIDDEN;
	}
	if (is_member(w->run->last, path) || is_result_path(path)) {
		*out = jpath_get(w->run->last, path);
		return WORLD_SEEN;
	}
	why_set(why, ERR_NOT_FOUND,
		"nothing is called '%.*s'; a path begins with reply, error or another part of the last result, "
		"devices, bridge, thingsboard, hawkbit, wireguard, step-ca, traces or a saved name",
		(int)strcspn(path, "."), path);
	return WORLD_UNKNOWN;
}
