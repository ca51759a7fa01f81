// SPDX-License-Identifier: Apache-2.0
// What must hold after every scenario, whatever it was about. Each check looks at the world once
// more; it is repeated for a grace time, because the systems' own retries may still be at work.
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "runner/jpath.h"
#include "runner/mem.h"
#include "runner/run.h"

enum {
	POLL_MS = 50,
	FINDINGS_MAX_BYTES = 8192,
	PEERS_FILE_MAX = 16 << 20,
};

// What a check found. hidden: it could not look; why says at what.
struct finding {
	struct buf text;
	bool violated;
	bool hidden;
	struct why why;
};

typedef void invariant_fn(struct run *run, struct finding *f);

struct invariant {
	const char *name;
	const char *doc;
	invariant_fn *check;
};

static void violated(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
violated(struct finding *f, const char *fmt, ...)
{
	char line[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	f->violated = true;
	// Enough is enough: the first findings tell the story.
	if (buf_printf(&f->text, "%s%s", f->text.len ? "; " : "", line) != ERR_OK)
		return;
}

static const json_t *
system_of(struct run *run, const char *name, const char *member, struct finding *f)
{
	const json_t *system = world_system(run->world, name, &f->why);
	if (!system)
		f->hidden = true;
	return member ? json_object_get(system, member) : system;
}

static const char *
text_of(const json_t *object, const char *path)
{
	return json_string_value(jpath_get(object, path));
}

static bool
is_gone(const json_t *bridge_device)
{
	const char *state = text_of(bridge_device, "state");
	return state && strcmp(state, "decommissioned") == 0;
}

// It was given a certificate and a peer, and nobody has begun to take them away.
static bool
is_enrolled(const json_t *bridge_device)
{
	const char *state = text_of(bridge_device, "state");
	return state && (strcmp(state, "enrolled") == 0 || strcmp(state, "provisioned") == 0);
}

// What somebody else runs may hold things of other people.
static bool
is_ours(struct run *run, enum service_id id, struct finding *f)
{
	if (run->stack->services[id].state != SERVICE_EXTERNAL)
		return true;
	f->hidden = true;
	why_set(&f->why, ERR_UNSUPPORTED, "%s is external", service_specs()[id].name);
	return false;
}

static void
address_unique(struct run *run, struct finding *f)
{
	const char *id;
	json_t *device;
	json_t *owners = json_object();
	json_object_foreach ((json_t *)(uintptr_t)system_of(run, "bridge", "devices", f), id,
			     device) {
		const char *ip = text_of(device, "wg_ip");
		if (!ip || is_gone(device))
			continue;
		json_t *first = json_object_get(owners, ip);
		if (first)
			violated(f, "%s and %s both have %s", id, json_string_value(first), ip);
		json_object_set_new(owners, ip, json_string(id));
	}
	json_decref(owners);
}

// The WireGuard server's peers and the bridge's devices are one to one, with the device's address
// only.
static void
peer_per_device(struct run *run, struct finding *f)
{
	const char *id;
	json_t *device, *peer;
	json_t *devices = (json_t *)(uintptr_t)system_of(run, "bridge", "devices", f);
	json_t *peers = (json_t *)(uintptr_t)system_of(run, "wireguard", "by_key", f);
	json_t *owners = json_object();
	if (f->hidden || !is_ours(run, SERVICE_WIREGUARD, f)) {
		json_decref(owners);
		return;
	}
	json_object_foreach (devices, id, device) {
		const char *key = text_of(device, "wg_public_key");
		const char *ip = text_of(device, "wg_ip");
		if (!key || !ip || is_gone(device))
			continue;
		if (json_object_get(owners, key))
			violated(f, "%s has the key of another device", id);
		json_object_set_new(owners, key, json_string(id));
		const json_t *allowed = json_object_get(json_object_get(peers, key), "allowed_ips");
		AUTO(free) char *want = mem_printf("%s/32", ip);
		const char *got = json_string_value(json_array_get(allowed, 0));
		if (!allowed && is_enrolled(device))
			violated(f, "%s has no peer at the server", id);
		else if (allowed &&
			 (json_array_size(allowed) != 1 || !got || strcmp(got, want) != 0))
			violated(f, "the peer of %s does not have exactly %s", id, want);
	}
	json_object_foreach (peers, id, peer) {
		if (!json_object_get(owners, id))
			violated(f, "the server has a peer (%.8s...) that belongs to no device",
				 id);
	}
	json_decref(owners);
}

static void
certificate_per_device(struct run *run, struct finding *f)
{
	const char *id;
	json_t *item;
	json_t *devices = (json_t *)(uintptr_t)system_of(run, "bridge", "devices", f);
	json_t *certs = (json_t *)(uintptr_t)system_of(run, "step-ca", "certificates", f);
	if (f->hidden)
		return;
	json_object_foreach (devices, id, item) {
		if (!is_enrolled(item))
			continue;
		const json_t *cert = json_object_get(certs, id);
		if (!cert)
			violated(f, "%s is enrolled and step-ca never issued it a certificate", id);
		else if (json_is_true(jpath_get(cert, "latest.revoked")))
			violated(f, "%s is enrolled and its latest certificate is revoked", id);
	}
	json_object_foreach (certs, id, item) {
		// The servers' own certificates.
		if (strcmp(id, "localhost") == 0 || strcmp(id, "127.0.0.1") == 0)
			continue;
		if (!json_object_get(devices, id) &&
		    !json_is_true(jpath_get(item, "latest.revoked")))
			violated(
				f,
				"step-ca has a live certificate for %s, whom the bridge does not know",
				id);
	}
}

// Whatever carries a device's id in another system has a device behind it.
static void
no_strangers(struct run *run, struct finding *f, const char *system, const char *member,
	     const char *what)
{
	const char *id;
	json_t *item;
	json_t *devices = (json_t *)(uintptr_t)system_of(run, "bridge", "devices", f);
	json_t *items = (json_t *)(uintptr_t)system_of(run, system, member, f);
	if (f->hidden)
		return;
	json_object_foreach (items, id, item) {
		const json_t *device = json_object_get(devices, id);
		if (!device)
			violated(f, "there is a %s for %s, whom the bridge does not know", what,
				 id);
		else if (is_gone(device))
			violated(f, "there is a %s for %s, who is decommissioned", what, id);
	}
}

static void
target_has_device(struct run *run, struct finding *f)
{
	no_strangers(run, f, "hawkbit", "targets", "hawkBit target");
}

static void
thingsboard_device_known(struct run *run, struct finding *f)
{
	no_strangers(run, f, "thingsboard", "devices", "ThingsBoard device");
}

static void
decommissioned_left_nothing(struct run *run, struct finding *f)
{
	const char *id, *trace;
	json_t *yes, *value;
	json_t *traces = (json_t *)(uintptr_t)system_of(run, "traces", NULL, f);
	json_object_foreach (run->decommissioned, id, yes) {
		json_object_foreach (json_object_get(traces, id), trace, value) {
			violated(f, "%s was decommissioned and still has a %s", id, trace);
		}
	}
}

static bool
holds_fresh_identity(const json_t *device)
{
	return json_integer_value(jpath_get(device, "reply.status")) == 200;
}

static void
device_key_is_peer_key(struct run *run, struct finding *f)
{
	const char *id;
	json_t *device;
	json_t *known = (json_t *)(uintptr_t)system_of(run, "bridge", "devices", f);
	if (f->hidden)
		return;
	json_object_foreach (run->devices, id, device) {
		const char *mine = text_of(device, "wg.public_key");
		const char *theirs = text_of(json_object_get(known, id), "wg_public_key");
		if (!holds_fresh_identity(device) || !mine ||
		    json_object_get(run->decommissioned, id))
			continue;
		if (!theirs || strcmp(mine, theirs) != 0)
			violated(f, "%s holds another WireGuard key than the bridge knows", id);
	}
}

static void
certificate_fits_device(struct run *run, struct finding *f)
{
	const char *id;
	json_t *device;
	json_object_foreach (run->devices, id, device) {
		const char *cn = text_of(device, "cert.subject.cn");
		const char *chain = text_of(device, "cert.chain");
		if (!holds_fresh_identity(device) || !cn)
			continue;
		if (strcmp(cn, id) != 0)
			violated(f, "the certificate of %s says CN=%s", id, cn);
		if (!json_is_true(jpath_get(device, "cert.key_matches")))
			violated(f, "the certificate of %s is for another key", id);
		if (!chain || strcmp(chain, "verifies") != 0)
			violated(f, "the chain of %s: %s", id, chain ? chain : "missing");
	}
}

static void
tokens_used_once(struct run *run, struct finding *f)
{
	const json_t *tokens = system_of(run, "step-ca", "tokens", f);
	json_int_t replayed =
		json_integer_value(json_object_get(tokens, "replayed")) - run->replayed_before;
	if (replayed)
		violated(f, "%lld one-time tokens were used again", (long long)replayed);
}

// cdm_peers.json says what the bridge says.
static void
peers_file_agrees(struct run *run, struct finding *f)
{
	const char *id, *no_file = "{}";
	json_t *device, *entry;
	BUF_AUTO struct buf text;
	AUTO(free) char *path = mem_printf("%s/state/cdm_peers.json", run->stack->dir);
	json_t *devices = (json_t *)(uintptr_t)system_of(run, "bridge", "devices", f);
	buf_init(&text, PEERS_FILE_MAX);
	if (f->hidden || !is_ours(run, SERVICE_BRIDGE, f))
		return;
	enum err err = file_read(&text, path, NULL);
	json_t *file = json_loads(err == ERR_OK ? (char *)text.data : no_file, 0, NULL);
	if (!file)
		violated(f, "cdm_peers.json is not JSON");
	json_object_foreach (devices, id, device) {
		const char *ip = text_of(device, "wg_ip");
		const char *written = json_string_value(json_object_get(file, id));
		if (ip && !is_gone(device) && (!written || strcmp(written, ip) != 0))
			violated(f, "cdm_peers.json has %s for %s, the bridge %s",
				 written ? written : "nothing", id, ip);
	}
	json_object_foreach (file, id, entry) {
		device = json_object_get(devices, id);
		if (!device || is_gone(device))
			violated(f, "cdm_peers.json still has an entry for %s", id);
	}
	json_decref(file);
}

static const struct invariant invariants[] = {
	{"address-unique",		   "no two devices have the same tunnel address",		  address_unique	},
	{"peer-per-device",		    "devices and WireGuard peers are one to one",		  peer_per_device	 },
	{"certificate-per-device",
	 "no live certificate without a device, no enrolled device without one",		      certificate_per_device},
	{"target-has-device",	      "every hawkBit target belongs to a device of the bridge",
	 target_has_device												  },
	{"thingsboard-device-known",    "every ThingsBoard device belongs to a device of the bridge",
	 thingsboard_device_known											   },
	{"decommissioned-left-nothing", "after decommissioning nothing is left in any system",
	 decommissioned_left_nothing											},
	{"device-key-is-peer-key",	   "the bridge knows the key that the device holds",
	 device_key_is_peer_key											     },
	{"certificate-fits-device",	    "CN, key and chain of a device's certificate are its own",
	 certificate_fits_device											    },
	{"tokens-used-once",	     "no one-time token reaches step-ca twice",			tokens_used_once	},
	{"peers-file-agrees",	      "cdm_peers.json says what the bridge says",			  peers_file_agrees	   },
};

static void
look(struct run *run, const struct invariant *invariant, struct finding *f)
{
	f->violated = f->hidden = false;
	f->why = (struct why){0};
	buf_clear(&f->text);
	invariant->check(run, f);
}

static const struct node *
skip_reason(const struct run *run, const struct invariant *invariant)
{
	return node_get(node_get(run->instance->root, "skip-invariants"), invariant->name);
}

static void
judge(struct run *run, const struct invariant *invariant, const struct finding *f)
{
	const struct node *reason = skip_reason(run, invariant);
	if (f->violated && reason)
		run_note(run, "%s is broken here on purpose: %s", invariant->name,
			 reason->type == NODE_TEXT ? reason->text : "");
	else if (f->violated)
		run_find(run, VERDICT_FAILED, run->instance->root->at,
			 "invariant %s (%s) does not hold: %.*s", invariant->name, invariant->doc,
			 (int)f->text.len, (const char *)f->text.data);
	else if (f->hidden && (f->why.err == ERR_UNSUPPORTED || f->why.err == ERR_WRONG_STATE))
		run_note(run, "%s not checked: %s", invariant->name, f->why.text);
	else if (f->hidden)
		run_find(run, VERDICT_BROKEN, run->instance->root->at,
			 "invariant %s cannot be checked: %s", invariant->name, f->why.text);
}

void
invariants_check(struct run *run, uint64_t grace_ms)
{
	uint64_t deadline = bench_deadline(grace_ms);
	world_forget(run->world);
	for (size_t i = 0; i < N_ELEMENTS(invariants); i++) {
		struct finding f = {0};
		buf_init(&f.text, FINDINGS_MAX_BYTES);
		look(run, &invariants[i], &f);
		while (f.violated && !skip_reason(run, &invariants[i]) &&
		       clock_mono_ns() < deadline &&
		       bench_wait(run->bench, NULL, NULL, bench_deadline(POLL_MS)) !=
			       ERR_CANCELLED) {
			world_forget(run->world);
			look(run, &invariants[i], &f);
		}
		judge(run, &invariants[i], &f);
		buf_fini(&f.text);
	}
}
