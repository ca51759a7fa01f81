// SPDX-License-Identifier: Apache-2.0
// Guards, actions and the table. An action does three things at most: note facts, start or stop
// work through d->ops, choose a backoff. Everything else about a protocol is behind the ops.
#include "lifecycle.h"

// --- guards ---

static bool
is_enrolled(const struct device *d)
{
	return d->enrolled && d->has_identity;
}

static bool
knows_root(const struct device *d)
{
	return d->ops->has_trust(d);
}

// A device that keeps its session by itself goes on for as long as it takes.
static bool
may_try_again(const struct device *d)
{
	return d->tries_left > 0 || (d->phase == PHASE_NONE && d->keep_session);
}

static bool
can_connect(const struct device *d)
{
	return d->ops->can_connect(d);
}

static bool
has_session(const struct device *d)
{
	return d->session_up;
}

static bool
keeps_session(const struct device *d)
{
	return d->keep_session;
}

static bool
has_tunnel_config(const struct device *d)
{
	return d->ops->has_tunnel_config(d);
}

static bool
has_tunnel(const struct device *d)
{
	return d->tunnel_up;
}

// --- actions ---

static void
fetch_root(struct device *d)
{
	d->tries++;
	d->ops->fetch_root(d);
}

static void
enroll(struct device *d)
{
	d->tries = d->tries ? d->tries : 1;
	d->ops->enroll(d, false);
}

static void
enroll_again(struct device *d)
{
	d->tries++;
	d->ops->enroll(d, true);
}

static void
store(struct device *d)
{
	d->ops->store(d);
}

static void
adopt(struct device *d)
{
	d->enrolled = true;
	d->has_identity = true;
}

// Decorrelated jitter: anything between the base and three times the last wait, so that a crowd
// that failed together does not come back together. A Retry-After is a floor.
static void
choose_backoff(struct device *d)
{
	const struct device_limits *l = d->limits;
	d->tries_left -= d->tries_left > 0;
	uint64_t last = d->backoff_ms > l->backoff_base_ms ? d->backoff_ms : l->backoff_base_ms;
	uint64_t wait = l->backoff_base_ms + rng_below(d->rng, 3 * last - l->backoff_base_ms + 1);
	wait = wait < l->backoff_cap_ms ? wait : l->backoff_cap_ms;
	d->backoff_ms = (uint32_t)wait;
	uint32_t asked = d->failure ? d->failure->retry_after_ms : 0;
	asked = asked < l->retry_after_cap_ms ? asked : l->retry_after_cap_ms;
	if (asked > wait)
		d->wait_ms = asked + (uint32_t)rng_below(d->rng, l->backoff_base_ms + 1);
}

static void
time_out(struct device *d)
{
	static const enum layer layer_of[ST_COUNT] = {
		[ST_TRUSTING] = LAYER_HTTP,	[ST_ENROLLING] = LAYER_HTTP,
		[ST_STORING] = LAYER_FLASH,	[ST_CONNECTING] = LAYER_MQTT,
		[ST_PUBLISHING] = LAYER_MQTT,	[ST_HANDSHAKING] = LAYER_WIREGUARD,
		[ST_PINGING] = LAYER_WIREGUARD, [ST_RENEWING] = LAYER_HTTP,
		[ST_LEAVING] = LAYER_HTTP,
	};
	device_fail(d, layer_of[d->state], "timeout", 0, "no answer in %u ms while %s (%s)",
		    d->armed_ms, dev_state_name(d->state), dev_state_text(d->state));
	d->ops->explain_timeout(d);
	d->ops->cancel(d);
}

static void
time_out_and_back_off(struct device *d)
{
	time_out(d);
	choose_backoff(d);
}

static void
give_up(struct device *d)
{
	d->phase_failed = true;
}

static void
time_out_and_give_up(struct device *d)
{
	time_out(d);
	give_up(d);
}

static void
open_session(struct device *d)
{
	d->session_up = false; // the new session takes the place of one that is still open
	d->tries++;
	d->ops->connect(d);
}

static void
note_session(struct device *d)
{
	d->session_up = true;
}

static void
note_loss(struct device *d)
{
	d->session_up = false;
}

static void
lose_and_back_off(struct device *d)
{
	note_loss(d);
	d->tries = 0;
	choose_backoff(d);
}

static void
lose_and_give_up(struct device *d)
{
	note_loss(d);
	give_up(d);
}

static void
close_session(struct device *d)
{
	d->session_up = false;
	d->ops->disconnect(d);
}

static void
publish(struct device *d)
{
	d->ops->publish(d);
}

static void
handshake(struct device *d)
{
	d->tunnel_up = false;
	d->tries++;
	d->ops->handshake(d);
}

static void
note_tunnel(struct device *d)
{
	d->tunnel_up = true;
}

static void
tunnel_failed(struct device *d)
{
	d->ops->tunnel_down(d);
	give_up(d);
}

static void
note_tunnel_loss(struct device *d)
{
	d->tunnel_up = false;
}

static void
ping(struct device *d)
{
	d->tries++;
	d->ops->ping(d);
}

static void
tunnel_down(struct device *d)
{
	d->tunnel_up = false;
	d->ops->tunnel_down(d);
}

static void
renew(struct device *d)
{
	d->tries++;
	d->ops->renew(d);
}

static void
forget(struct device *d)
{
	d->enrolled = false;
	d->ops->forget(d);
}

static void
retire(struct device *d)
{
	d->tries++;
	d->ops->retire(d);
}

static void
leave(struct device *d)
{
	d->session_up = false;
	d->tunnel_up = false;
	d->ops->cancel(d);
	d->ops->disconnect(d);
	d->ops->tunnel_down(d);
}

static void
stop(struct device *d)
{
	if (d->phase != PHASE_NONE) {
		device_fail(d, LAYER_USAGE, "stopped", 0, "the device was stopped in %s",
			    dev_state_name(d->state));
		give_up(d);
	}
	leave(d);
}

static void
reboot(struct device *d)
{
	if (d->phase != PHASE_NONE) {
		device_fail(d, LAYER_FLASH, "power-cut", 0, "the power was cut in %s",
			    dev_state_name(d->state));
		give_up(d);
	}
	leave(d);
	d->enrolled = false;
	d->has_identity = false;
	d->ops->reboot(d);
}

#define NO_GUARD				NULL, ""
#define IF(guard)				guard, #guard
#define DO(action)				action, #action
#define NOTHING					NULL, ""
#define RULE(state, event, guard, action, next) RULE_(state, event, guard, action, next)
#define RULE_(state, event, guard, guard_text, action, action_text, next)                          \
	{                                                                                          \
		ST_##state, EV_##event, guard, action, ST_##next, guard_text, action_text          \
	}

// clang-format off
static const struct rule rules[] = {
	/*    state            event        guard                  action                    next */
	RULE(NEW,             BOOT,        NO_GUARD,              DO(reboot),               REST),
	// enrollment
	RULE(RESTING,         ENROLL,      IF(is_enrolled),       NOTHING,                  REST),
	RULE(RESTING,         ENROLL,      IF(knows_root),        DO(enroll),               ENROLLING),
	RULE(RESTING,         ENROLL,      NO_GUARD,              DO(fetch_root),           TRUSTING),
	RULE(TRUSTING,        OK,          NO_GUARD,              DO(enroll),               ENROLLING),
	RULE(TRUSTING,        RETRY,       IF(may_try_again),     DO(choose_backoff),       BACKOFF_ENROLL),
	RULE(TRUSTING,        RETRY,       NO_GUARD,              DO(give_up),              REST),
	RULE(TRUSTING,        REFUSED,     NO_GUARD,              DO(give_up),              REST),
	RULE(TRUSTING,        TIMEOUT,     IF(may_try_again),     DO(time_out_and_back_off), BACKOFF_ENROLL),
	RULE(TRUSTING,        TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	RULE(ENROLLING,       OK,          NO_GUARD,              DO(store),                STORING),
	RULE(ENROLLING,       RETRY,       IF(may_try_again),     DO(choose_backoff),       BACKOFF_ENROLL),
	RULE(ENROLLING,       RETRY,       NO_GUARD,              DO(give_up),              REST),
	RULE(ENROLLING,       REFUSED,     NO_GUARD,              DO(give_up),              REST),
	RULE(ENROLLING,       TIMEOUT,     IF(may_try_again),     DO(time_out_and_back_off), BACKOFF_ENROLL),
	RULE(ENROLLING,       TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	RULE(BACKOFF_ENROLL,  TIMEOUT,     IF(knows_root),        DO(enroll_again),         ENROLLING),
	RULE(BACKOFF_ENROLL,  TIMEOUT,     NO_GUARD,              DO(fetch_root),           TRUSTING),
	RULE(STORING,         OK,          NO_GUARD,              DO(adopt),                REST),
	RULE(STORING,         REFUSED,     NO_GUARD,              DO(give_up),              REST),
	RULE(STORING,         TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	RULE(RESTING,         FORGET,      NO_GUARD,              DO(forget),               REST),
	// MQTT
	RULE(RESTING,         CONNECT,     IF(can_connect),       DO(open_session),         CONNECTING),
	RULE(CONNECTING,      OK,          NO_GUARD,              DO(note_session),         REST),
	RULE(CONNECTING,      RETRY,       IF(may_try_again),     DO(choose_backoff),       BACKOFF_CONNECT),
	RULE(CONNECTING,      RETRY,       NO_GUARD,              DO(give_up),              REST),
	RULE(CONNECTING,      REFUSED,     NO_GUARD,              DO(give_up),              REST),
	RULE(CONNECTING,      TIMEOUT,     IF(may_try_again),     DO(time_out_and_back_off), BACKOFF_CONNECT),
	RULE(CONNECTING,      TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	RULE(BACKOFF_CONNECT, TIMEOUT,     NO_GUARD,              DO(open_session),         CONNECTING),
	RULE(RESTING,         PUBLISH,     IF(has_session),       DO(publish),              PUBLISHING),
	RULE(PUBLISHING,      OK,          NO_GUARD,              NOTHING,                  REST),
	RULE(PUBLISHING,      REFUSED,     NO_GUARD,              DO(give_up),              REST),
	RULE(PUBLISHING,      TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	RULE(PUBLISHING,      LOST,        NO_GUARD,              DO(lose_and_give_up),     REST),
	RULE(RESTING,         DISCONNECT,  IF(has_session),       DO(close_session),        REST),
	RULE(ONLINE,          LOST,        IF(keeps_session),     DO(lose_and_back_off),    BACKOFF_CONNECT),
	RULE(ONLINE,          LOST,        NO_GUARD,              DO(note_loss),            REST),
	RULE(REACHABLE,       LOST,        IF(keeps_session),     DO(lose_and_back_off),    BACKOFF_CONNECT),
	RULE(ANY,             LOST,        NO_GUARD,              DO(note_loss),            SAME),
	// WireGuard
	RULE(IDENTIFIED,      TUNNEL,      IF(has_tunnel_config), DO(handshake),            HANDSHAKING),
	RULE(HANDSHAKING,     OK,          NO_GUARD,              DO(note_tunnel),          REACHABLE),
	RULE(HANDSHAKING,     REFUSED,     NO_GUARD,              DO(tunnel_failed),        REST),
	RULE(HANDSHAKING,     TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	RULE(REACHABLE,       PING,        IF(has_tunnel),        DO(ping),                 PINGING),
	RULE(PINGING,         OK,          NO_GUARD,              NOTHING,                  REST),
	RULE(PINGING,         REFUSED,     NO_GUARD,              DO(give_up),              REST),
	RULE(PINGING,         TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	RULE(REACHABLE,       TUNNEL_DOWN, NO_GUARD,              DO(tunnel_down),          REST),
	RULE(REACHABLE,       TUNNEL_LOST, NO_GUARD,              DO(note_tunnel_loss),     REST),
	RULE(ANY,             TUNNEL_LOST, NO_GUARD,              DO(note_tunnel_loss),     SAME),
	// renewal
	RULE(IDENTIFIED,      RENEW,       NO_GUARD,              DO(renew),                RENEWING),
	RULE(RENEWING,        OK,          NO_GUARD,              DO(store),                STORING),
	RULE(RENEWING,        RETRY,       NO_GUARD,              DO(give_up),              REST),
	RULE(RENEWING,        REFUSED,     NO_GUARD,              DO(give_up),              REST),
	RULE(RENEWING,        TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	// the end
	RULE(RESTING,         RETIRE,      NO_GUARD,              DO(retire),               LEAVING),
	RULE(LEAVING,         OK,          NO_GUARD,              DO(leave),                RETIRED),
	RULE(LEAVING,         RETRY,       IF(may_try_again),     DO(choose_backoff),       BACKOFF_LEAVE),
	RULE(LEAVING,         RETRY,       NO_GUARD,              DO(give_up),              REST),
	RULE(LEAVING,         REFUSED,     NO_GUARD,              DO(give_up),              REST),
	RULE(LEAVING,         TIMEOUT,     IF(may_try_again),     DO(time_out_and_back_off), BACKOFF_LEAVE),
	RULE(LEAVING,         TIMEOUT,     NO_GUARD,              DO(time_out_and_give_up), REST),
	RULE(BACKOFF_LEAVE,   TIMEOUT,     NO_GUARD,              DO(retire),               LEAVING),
	RULE(ANY,             POWER_CUT,   NO_GUARD,              DO(reboot),               REST),
	RULE(ANY,             STOP,        NO_GUARD,              DO(stop),                 RETIRED),
};
// clang-format on

// The limit of a state that lasts; absent = for ever. BACKOFF states last d->backoff_ms.
static const struct {
	enum dev_state state;
	size_t offset;
} timeouts[] = {
	{ST_TRUSTING,    offsetof(struct device_limits, trust_ms)    },
	{ST_ENROLLING,   offsetof(struct device_limits, enroll_ms)	},
	{ST_STORING,     offsetof(struct device_limits, store_ms)    },
	{ST_CONNECTING,	offsetof(struct device_limits, connect_ms)  },
	{ST_PUBLISHING,	offsetof(struct device_limits, publish_ms)  },
	{ST_HANDSHAKING, offsetof(struct device_limits, handshake_ms)},
	{ST_PINGING,     offsetof(struct device_limits, ping_ms)	    },
	{ST_RENEWING,    offsetof(struct device_limits, renew_ms)    },
	{ST_LEAVING,     offsetof(struct device_limits, leave_ms)    },
};

uint32_t
lifecycle_timeout_ms(const struct device *d, enum dev_state s)
{
	if (dev_state_is_resting(s) || dev_state_is_final(s))
		return 0;
	if (d->wait_ms)
		return d->wait_ms;
	for (size_t i = 0; i < N_ELEMENTS(timeouts); i++)
		if (timeouts[i].state == s)
			return *(const uint32_t *)((const char *)d->limits + timeouts[i].offset);
	return d->backoff_ms ? d->backoff_ms : 1;
}

bool
lifecycle_covers(enum dev_state group, enum dev_state s)
{
	switch ((int)group) {
	case ST_ANY:
		return !dev_state_is_final(s);
	case ST_RESTING:
		return dev_state_is_resting(s);
	case ST_IDENTIFIED:
		return dev_state_is_resting(s) && s != ST_NEW;
	default:
		return group == s;
	}
}

static const struct rule *
find_in(const struct device *d, enum dev_event event, bool exact)
{
	for (size_t i = 0; i < N_ELEMENTS(rules); i++) {
		const struct rule *r = &rules[i];
		if (r->event != event || (r->state == d->state) != exact)
			continue;
		if (!exact && (r->state < ST_COUNT || !lifecycle_covers(r->state, d->state)))
			continue;
		if (!r->guard || r->guard(d))
			return r;
	}
	return NULL;
}

const struct rule *
lifecycle_find(const struct device *d, enum dev_event event)
{
	const struct rule *r = find_in(d, event, true);
	return r ? r : find_in(d, event, false);
}

const struct rule *
lifecycle_rules(size_t *n)
{
	*n = N_ELEMENTS(rules);
	return rules;
}
