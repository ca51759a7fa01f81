// SPDX-License-Identifier: Apache-2.0
// One link: a libmosquitto client whose socket is a uv_poll_t. The library's callbacks only take
// notes; settle() acts on them once the library's call has returned, because acting may destroy the
// client.
#include "act_mqtt.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/clock.h"
#include "mqtt_pool.h"
#include "socketpair.h"

#define TELEMETRY_TOPIC "v1/devices/me/telemetry"

enum { LAST_READS = 64 };

static void settle(struct mqtt_link *link, int rc, int error);

// --- the library's callbacks: notes only ---

static void
on_connack(struct mosquitto *mosq, void *ctx, int code, int flags, const mosquitto_property *props)
{
	(void)mosq, (void)flags, (void)props;
	((struct mqtt_link *)ctx)->connack = code;
}

static void
on_puback(struct mosquitto *mosq, void *ctx, int mid, int code, const mosquitto_property *props)
{
	struct mqtt_link *link = ctx;
	(void)mosq, (void)props;
	if (mid == link->publish_mid)
		link->acked = code;
}

static void
on_library_log(struct mosquitto *mosq, void *ctx, int level, const char *text)
{
	struct mqtt_link *link = ctx;
	(void)mosq;
	if (level == MOSQ_LOG_ERR)
		snprintf(link->text, sizeof(link->text), "%s", text);
}

// --- the socket ---

static void
on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

// Frees the client and detaches the device; its socket closes.
static void
link_free(struct mqtt_link *link)
{
	struct mqtt_pool *p = link->pool;
	if (link->s)
		link->s->mqtt = NULL;
	if (link->has_poll)
		uv_poll_stop(&link->poll);
	mqtt_link_enter(link);
	mosquitto_destroy(link->mosq);
	mqtt_link_leave();
	mqtt_identity_fini(&link->identity);
	DL_DELETE(p->links, link);
	if (link->has_poll)
		uv_close((uv_handle_t *)&link->poll, on_poll_closed);
	else
		free(link);
	mqtt_pool_unref(p);
}

static int
socket_error(const struct mqtt_link *link)
{
	int error = 0;
	socklen_t n = sizeof(error);
	int fd = mosquitto_socket(link->mosq);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
		return 0;
	return error;
}

// The peer is gone, but an alert or CONNACK may still wait to be read. libmosquitto 2.0.11 does not
// notice the end of a connection while it shakes hands: it would ask again and again.
static int
read_to_the_end(struct mqtt_link *link)
{
	int rc = MOSQ_ERR_SUCCESS;
	for (int i = 0; !rc && i < LAST_READS && mosquitto_socket(link->mosq) >= 0; i++)
		rc = mosquitto_loop_read(link->mosq, 1);
	return rc ? rc : MOSQ_ERR_CONN_LOST;
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct mqtt_link *link = poll->data;
	int rc = MOSQ_ERR_SUCCESS;
	int error = status < 0 ? socket_error(link) : 0;
	errno = 0;
	mqtt_link_enter(link);
	if (status < 0 || (events & UV_DISCONNECT))
		rc = read_to_the_end(link);
	else if (events & UV_READABLE)
		rc = mosquitto_loop_read(link->mosq, 1);
	if (!rc && (events & UV_WRITABLE))
		rc = mosquitto_loop_write(link->mosq, 1);
	error = error ? error : errno;
	mqtt_link_leave();
	settle(link, rc, error);
}

// The library may have closed its socket; else waits for what it wants.
static bool
watch(struct mqtt_link *link)
{
	int fd = mosquitto_socket(link->mosq);
	if (fd < 0)
		return false;
	if (!link->has_poll) {
		if (uv_poll_init(link->pool->worker->loop, &link->poll, fd) != 0)
			return false;
		link->poll.data = link;
		link->has_poll = true;
	}
	int events =
		UV_READABLE | UV_DISCONNECT | (mosquitto_want_write(link->mosq) ? UV_WRITABLE : 0);
	if (events != link->polled)
		uv_poll_start(&link->poll, events, on_socket);
	link->polled = events;
	return true;
}

void
mqtt_link_misc(struct mqtt_link *link)
{
	if (link->connecting)
		return;
	mqtt_link_enter(link);
	int rc = mosquitto_loop_misc(link->mosq);
	mqtt_link_leave();
	settle(link, rc, 0);
}

// --- what came of it, in words ---

static enum dev_event
connack_refused(struct mqtt_link *link)
{
	const char *words = link->mqtt5 ? mosquitto_reason_string(link->connack)
					: mosquitto_connack_string(link->connack);
	device_fail(&link->s->dev, LAYER_MQTT, "connack", link->connack,
		    "the broker answered CONNACK %d (%s)", link->connack, words);
	bool may_pass = link->connack == 3 || link->connack == MQTT_RC_SERVER_UNAVAILABLE ||
			link->connack == MQTT_RC_SERVER_BUSY ||
			link->connack == MQTT_RC_CONNECTION_RATE_EXCEEDED;
	return may_pass ? EV_RETRY : EV_REFUSED;
}

static enum dev_event
connect_failed(struct mqtt_link *link, int rc, int error)
{
	struct device *d = &link->s->dev;
	const struct mqtt_pool *p = link->pool;
	if (link->connack > 0)
		return connack_refused(link);
	if (link->verify_error != X509_V_OK) {
		device_fail(d, LAYER_TLS, "untrusted", 0, "the broker's certificate is refused: %s",
			    X509_verify_cert_error_string(link->verify_error));
		return EV_REFUSED;
	}
	if (link->alert >= 0) {
		device_fail(d, LAYER_TLS, "alert", link->alert,
			    "the broker ended the TLS connection with the alert '%s' (%d)",
			    SSL_alert_desc_string_long(link->alert), link->alert);
		return EV_REFUSED;
	}
	if (rc == MOSQ_ERR_TLS) {
		device_fail(d, LAYER_TLS, "handshake", 0, "the TLS handshake failed: %s",
			    link->text[0] ? link->text : mosquitto_strerror(rc));
		return EV_RETRY;
	}
	if (error == ECONNREFUSED) {
		device_fail(d, LAYER_MQTT, "connection-refused", 0,
			    "nobody listens at %s port %u: connection refused", p->host, p->port);
		return EV_RETRY;
	}
	device_fail(d, LAYER_MQTT, rc == MOSQ_ERR_EAI ? "dns" : "closed", 0,
		    "%s port %u: the connection ended without a CONNACK: %s", p->host, p->port,
		    error && error != EAGAIN ? strerror(error) : mosquitto_strerror(rc));
	return EV_RETRY;
}

static void
note_report(struct mqtt_link *link)
{
	struct mqtt_report *r = &link->s->mqtt_report;
	r->connack = link->connack;
	r->alert = link->alert;
	r->time_ms = ms_since(link->started_ns);
}

static void
settle_connecting(struct mqtt_link *link, bool alive, int rc, int error)
{
	struct sim_device *s = link->s;
	uint32_t attempt = link->attempt;
	if (link->connack < 0 && alive)
		return;
	note_report(link);
	enum dev_event event = EV_OK;
	if (link->connack == 0 && alive) {
		link->connecting = false;
		mqtt_identity_fini(&link->identity);
	} else {
		event = connect_failed(link, rc, error);
		link_free(link);
	}
	sim_device_done(s, event, attempt);
}

static void
settle_publish(struct mqtt_link *link)
{
	struct sim_device *s = link->s;
	int code = link->acked;
	link->acked = link->publish_mid = -1;
	if (code >= 0x80)
		device_fail(&s->dev, LAYER_MQTT, "puback", code,
			    "the broker refused the message: %s", mosquitto_reason_string(code));
	sim_device_done(s, code >= 0x80 ? EV_REFUSED : EV_OK, link->publish_attempt);
}

static void
lose(struct mqtt_link *link, int rc)
{
	struct sim_device *s = link->s;
	device_fail(&s->dev, LAYER_MQTT, "lost", 0, "the MQTT session ended: %s",
		    mosquitto_strerror(rc));
	link_free(link);
	(void)device_step(&s->dev, EV_LOST, 0);
}

static void
settle(struct mqtt_link *link, int rc, int error)
{
	bool alive = rc == MOSQ_ERR_SUCCESS && watch(link);
	if (!alive && link->has_poll)
		uv_poll_stop(&link->poll);
	if (link->connecting)
		settle_connecting(link, alive, rc ? rc : MOSQ_ERR_CONN_LOST, error);
	else if (!alive)
		lose(link, rc ? rc : MOSQ_ERR_CONN_LOST);
	else if (link->publish_mid >= 0 && link->acked >= 0)
		settle_publish(link);
}

// --- the acts ---

// NULL with why.
static struct mqtt_link *
link_new(struct sim_device *s, struct why *why)
{
	struct mqtt_pool *p = s->worker->mqtt;
	const struct sim_orders *orders = sim_device_orders_peek(s);
	struct mqtt_link *link = calloc(1, sizeof(*link));
	if (!link || mqtt_identity_make(&link->identity, orders, &s->identity, s->dev.id,
					clock_wall_s(), why)) {
		free(link);
		return NULL;
	}
	socketpair_refuse(true);
	link->mosq = mosquitto_new(s->dev.id, true, link);
	socketpair_refuse(false);
	if (!link->mosq) {
		mqtt_identity_fini(&link->identity);
		free(link);
		return NULL;
	}
	link->pool = p;
	p->refs++;
	DL_APPEND(p->links, link);
	link->s = s;
	link->mqtt5 = orders->mqtt5;
	link->connecting = true;
	link->attempt = s->dev.attempt;
	link->started_ns = clock_mono_ns();
	link->connack = link->alert = link->acked = link->publish_mid = -1;
	return link;
}

static int
start(struct mqtt_link *link)
{
	struct mosquitto *mosq = link->mosq;
	struct mqtt_pool *p = link->pool;
	mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION,
			     link->mqtt5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
	mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_int_option(mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
	mosquitto_void_option(mosq, MOSQ_OPT_SSL_CTX, p->ctx);
	mosquitto_connect_v5_callback_set(mosq, on_connack);
	mosquitto_publish_v5_callback_set(mosq, on_puback);
	mosquitto_log_callback_set(mosq, on_library_log);
	errno = 0;
	mqtt_link_enter(link);
	socketpair_refuse(true); // connecting makes the pair anew
	int rc = mosquitto_connect_async(mosq, p->host, p->port,
					 p->worker->config->mqtt_keepalive_s);
	socketpair_refuse(false);
	mqtt_link_leave();
	// On the same machine a refusal has come already; the library has read it and gone on.
	struct pollfd hup = {.fd = mosquitto_socket(mosq)};
	if (!rc && poll(&hup, 1, 0) == 1 && (hup.revents & POLLHUP)) {
		errno = ECONNREFUSED;
		rc = MOSQ_ERR_ERRNO;
	}
	return rc;
}

bool
mqtt_can_connect(const struct device *d)
{
	const struct sim_device *s = sim_device_of_const(d);
	const struct sim_orders *orders = sim_device_orders_peek(s);
	return d->has_identity || orders->chain == MQTT_CHAIN_NONE || orders->cert != MQTT_CERT_OWN;
}

void
act_connect(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	struct why why = {0};
	s->mqtt_report = (struct mqtt_report){.connack = -1, .alert = -1};
	if (s->mqtt)
		act_disconnect(d);
	if (!s->worker->mqtt) {
		device_fail(d, LAYER_USAGE, "not-configured", 0, "%s",
			    s->worker->config->mqtt_host ? "the root is not known yet: enroll first"
							 : "the broker's URL is not configured");
		device_post(d, EV_REFUSED);
		return;
	}
	struct mqtt_link *link = link_new(s, &why);
	if (!link) {
		device_fail(d, LAYER_MQTT, "internal", 0, "the MQTT client cannot be made: %s",
			    why.text);
		device_post(d, EV_REFUSED);
		return;
	}
	s->mqtt = link;
	int rc = start(link);
	int error = errno;
	if (rc == MOSQ_ERR_SUCCESS && watch(link))
		return;
	note_report(link);
	device_post(d, connect_failed(link, rc ? rc : MOSQ_ERR_CONN_LOST, error));
	link_free(link);
}

void
act_disconnect(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	if (!s->mqtt)
		return;
	if (!s->mqtt->connecting) {
		mqtt_link_enter(s->mqtt);
		mosquitto_disconnect(s->mqtt->mosq);
		mqtt_link_leave();
	}
	link_free(s->mqtt);
}

void
act_publish(struct device *d)
{
	struct sim_device *s = sim_device_of(d);
	struct mqtt_link *link = s->mqtt;
	const struct sim_orders *orders = sim_device_orders_peek(s);
	const char *payload = orders->payload ? orders->payload : "{}";
	int mid = -1;
	link->acked = -1;
	link->publish_attempt = d->attempt;
	mqtt_link_enter(link);
	int rc =
		mosquitto_publish(link->mosq, &mid, orders->topic ? orders->topic : TELEMETRY_TOPIC,
				  (int)strlen(payload), payload, orders->qos, false);
	mqtt_link_leave();
	link->publish_mid = mid;
	if (rc != MOSQ_ERR_SUCCESS) {
		device_fail(d, LAYER_MQTT, "publish", 0, "the message cannot be sent: %s",
			    mosquitto_strerror(rc));
		device_post(d, EV_REFUSED);
		return;
	}
	if (orders->qos == 0)
		device_post(d, EV_OK);
	(void)watch(link);
}

void
mqtt_cancel(struct sim_device *s)
{
	if (!s->mqtt)
		return;
	s->mqtt->publish_mid = -1;
	if (s->mqtt->connecting)
		link_free(s->mqtt);
}

void
mqtt_drop(struct sim_device *s)
{
	if (s->mqtt)
		link_free(s->mqtt);
}
