// SPDX-License-Identifier: Apache-2.0
// Packets worked out by hand from OASIS mqtt-v3.1.1, mqtt-v5.0 and the MQTT 3.1 text, in the one
// form that our encoder also writes. Blanks are for the reader.
#pragma once

#include "mqtt/packet.h"

struct vector {
	const char *name;
	enum mqtt_version version;
	const char *hex;
};

static const struct vector vectors[] = {
	// 3.1.1, 3.1: clean session, keep alive 60, client id "dev-1"
	{"connect 3.1.1",		  MQTT_V311, "10 11  0004 4d515454 04 02 003c  0005 6465762d31"    },
	{"connect 3.1",		MQTT_V31,  "10 13  0006 4d5149736470 03 02 003c  0005 6465762d31"},
 // user "u", password "pw", will "w" = "x" QoS 1 retained
	{"connect 3.1.1 all",	      MQTT_V311,
	 "10 1a  0004 4d515454 04 ee 0000  0001 63  0001 77 0001 78  0001 75  0002 7077"		},
 // session expiry 10, receive maximum 20; will delay 5; password without user name
	{"connect 5",		      MQTT_V5,
	 "10 25  0004 4d515454 05 46 001e  08 11 0000000a 21 0014  0000"
	 "  05 18 00000005  0001 77  0000  0003 707764"					       },
	{"connect 5 user property", MQTT_V5,
	 "10 15  0004 4d515454 05 02 0000  07 26 0001 61 0001 62  0001 63"				  },
	{"connack",		    MQTT_V311, "20 02  00 00"					     },
	{"connack refused",	    MQTT_V311, "20 02  01 05"					     },
	{"connack 5",		      MQTT_V5,   "20 03  00 87  00"					 },
	{"connack 5 properties",	 MQTT_V5,	  "20 0c  00 00  09 24 01 27 00010000 25 00"	    },
	{"publish QoS 0",		  MQTT_V311, "30 07  0003 612f62  6869"			       },
	{"publish QoS 1",		  MQTT_V311, "3b 09  0003 612f62  000a  6869"			     },
	{"publish QoS 2",		  MQTT_V311, "34 07  0003 612f62  ffff"			       },
	{"publish 5 alias",	    MQTT_V5,   "32 0a  0000 0001  03 23 0007  7b7d"			 },
	{"publish 5",		      MQTT_V5,   "30 08  0003 612f62  00  6869"			     },
	{"puback",		   MQTT_V311, "40 02  000a"					   },
	{"puback 5 reason",	    MQTT_V5,   "40 03  000a 99"					     },
	{"puback 5 reason string",  MQTT_V5,   "40 09  000a 99  05 1f 0002 6e6f"		     },
	{"pubrec",		   MQTT_V311, "50 02  0001"					   },
	{"pubrel",		   MQTT_V311, "62 02  0001"					   },
	{"pubcomp 5",		      MQTT_V5,   "70 03  0001 92"				       },
	{"subscribe",		      MQTT_V311, "82 0b  0001  0001 23 00  0002 2b2f 01"		},
	{"subscribe 5",		MQTT_V5,	 "82 0a  0001  03 0b 8001  0001 23 2d"		      },
	{"suback",		   MQTT_V311, "90 05  0001  00 01 80"				     },
	{"suback 5",		     MQTT_V5,   "90 05  0001  00  01 8f"			      },
	{"unsubscribe",		MQTT_V311, "a2 05  0002  0001 23"				 },
	{"unsuback",		     MQTT_V311, "b0 02  0002"					     },
	{"unsuback 5",	       MQTT_V5,	"b0 04  0002  00  11"				     },
	{"pingreq",		    MQTT_V311, "c0 00"					       },
	{"pingresp",		     MQTT_V311, "d0 00"					       },
	{"disconnect",	       MQTT_V311, "e0 00"					       },
	{"disconnect 5",		 MQTT_V5,	  "e0 01  8e"					     },
	{"disconnect 5 properties", MQTT_V5,   "e0 07  04  05 11 00000000"				},
	{"auth",		    MQTT_V5,	  "f0 08  18  06 15 0003 616263"			},
};

// The bytes that hex text with blanks stands for; the caller frees them.
static inline struct bytes
vector_bytes(const char *hex)
{
	uint8_t *out = malloc(strlen(hex) / 2 + 1);
	size_t n = 0;
	unsigned half = 0;
	unsigned value = 0;
	for (; out && *hex; hex++) {
		if (*hex == ' ')
			continue;
		value = value << 4 | (unsigned)(*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
		if (++half % 2 == 0)
			out[n++] = (uint8_t)value;
	}
	return BYTES(out, n);
}

// Decodes the first packet from an exact heap copy, so that a read past the end shows under ASan.
// The copy goes to *copy; the packet borrows from it.
static inline enum err
vector_decode(struct mqtt_packet *out, char **copy, struct bytes wire, enum mqtt_version version,
	      struct mqtt_fault *fault)
{
	*copy = malloc(wire.n ? wire.n : 1);
	memcpy(*copy, wire.p, wire.n);
	struct mqtt_frame frame;
	enum err err = mqtt_frame_next(&frame, BYTES(*copy, wire.n), MQTT_REMAINING_MAX, fault);
	return err == ERR_OK ? mqtt_decode(out, &frame, version, fault) : err;
}
