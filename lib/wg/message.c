// SPDX-License-Identifier: Apache-2.0
#include "wg/message.h"

#include "wg/crypto.h"

static const struct {
	const char *name;
	size_t n;
	bool is_minimum;
	size_t receiver_at;
} messages[WG_MESSAGE_COUNT] = {
	[WG_MESSAGE_NONE] = {"none",	     0,			false, 0},
	[WG_MESSAGE_INITIATION] = {"initiation", WG_INITIATION_BYTES,   false, 0},
	[WG_MESSAGE_RESPONSE] = {"response",   WG_RESPONSE_BYTES,	false, 8},
	[WG_MESSAGE_COOKIE] = {"cookie",	 WG_COOKIE_REPLY_BYTES, false, 4},
	[WG_MESSAGE_TRANSPORT] = {"transport",  WG_KEEPALIVE_BYTES,	   true,	 4},
};

static const char *const drop_names[WG_DROP_COUNT] = {
#define X(id, name) [WG_DROP_##id] = name,
	WG_DROP_TABLE(X)
#undef X
};

const char *
wg_drop_name(enum wg_drop drop)
{
	return (unsigned)drop < WG_DROP_COUNT ? drop_names[drop] : "unknown";
}

const char *
wg_message_name(enum wg_message type)
{
	return (unsigned)type < WG_MESSAGE_COUNT ? messages[type].name : "unknown";
}

enum wg_message
wg_message_type(struct bytes datagram)
{
	if (datagram.n < 4)
		return WG_MESSAGE_NONE;
	uint32_t type = wg_get_le32(datagram.p);
	if (type == WG_MESSAGE_NONE || type >= WG_MESSAGE_COUNT)
		return WG_MESSAGE_NONE;
	bool fits = messages[type].is_minimum ? datagram.n >= messages[type].n
					      : datagram.n == messages[type].n;
	return fits ? (enum wg_message)type : WG_MESSAGE_NONE;
}

uint32_t
wg_message_receiver(struct bytes datagram)
{
	return wg_get_le32(datagram.p + messages[datagram.p[0]].receiver_at);
}

uint32_t
wg_message_sender(struct bytes datagram)
{
	return wg_get_le32(datagram.p + 4);
}
