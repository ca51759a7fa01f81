// SPDX-License-Identifier: Apache-2.0
// Clients that never finish. libmicrohttpd's timeout starts anew with every byte, so one byte now
// and then would hold a connection for ever. Here each connection that owes us a request stands in
// one list, oldest first, from the moment it opened or got its last answer; whoever is at the front
// for too long is cut off. All wait equally long, so the list is in order by itself.
#include <sys/socket.h>
#include <utlist.h>

#include "base/clock.h"
#include "net/http_internal.h"

static void on_deadline(uv_timer_t *timer);

static uint64_t
left_ms(const struct http_server *s, const struct http_connection *c)
{
	uint64_t age_ms = (clock_mono_ns() - c->since_ns) / NS_PER_MS;
	return age_ms < s->request_deadline_ms ? s->request_deadline_ms - age_ms : 0;
}

static void
arm(struct http_server *s)
{
	if (s->owing && !s->closing && !uv_is_active((uv_handle_t *)&s->deadline))
		uv_timer_start(&s->deadline, on_deadline, left_ms(s, s->owing) + 1, 0);
}

void
http_deadline_begin(struct http_connection *c)
{
	if (!c || c->owes)
		return;
	c->since_ns = clock_mono_ns();
	c->owes = true;
	DL_APPEND(c->server->owing, c);
	arm(c->server);
}

// The timer stays: it finds out when it comes.
void
http_deadline_end(struct http_connection *c)
{
	if (!c || !c->owes)
		return;
	c->owes = false;
	DL_DELETE(c->server->owing, c);
}

// libmicrohttpd has no call for it, but it closes what has come to its end; for TLS this is one end
// of a relay, which follows.
static void
cut_off(struct http_connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	http_deadline_end(c);
	log_debug(c->server->o.log, "http.cut_off", KV_STR("why", "the request does not end"));
	if (info)
		shutdown(info->connect_fd, SHUT_RDWR);
}

static void
on_deadline(uv_timer_t *timer)
{
	struct http_server *s = timer->data;
	while (s->owing && left_ms(s, s->owing) == 0)
		cut_off(s->owing);
	http_server_kick(s);
	arm(s);
}

struct http_connection *
http_connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

void
http_connection_notify(void *cls, struct MHD_Connection *connection, void **context,
		       enum MHD_ConnectionNotificationCode code)
{
	struct http_connection *c = *context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		http_deadline_end(c);
		free(c);
		*context = NULL;
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return; // it lives without a deadline
	c->server = cls;
	c->connection = connection;
	*context = c;
	http_deadline_begin(c);
}
