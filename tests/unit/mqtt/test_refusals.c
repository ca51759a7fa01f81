// SPDX-License-Identifier: Apache-2.0
// What the standard forbids, and the reason code each of it is refused with.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "mqtt/packet.h"

#include "vectors.h"

struct refusal {
	const char *name;
	enum mqtt_version version;
	const char *hex;
	enum mqtt_reason reason;
};

#define MALFORMED MQTT_REASON_MALFORMED_PACKET
#define PROTOCOL  MQTT_REASON_PROTOCOL_ERROR

static const struct refusal refusals[] = {
	// fixed header
	{"type 0",			    MQTT_V311, "00 00",						    MALFORMED			},
	{"flags on PINGREQ",		     MQTT_V311, "c1 00",						    MALFORMED			  },
	{"SUBSCRIBE without its flags",	MQTT_V311, "80 06  0001  0001 23 00",				      MALFORMED		       },
	{"SUBSCRIBE with DUP after 3.1",	 MQTT_V311, "8a 06  0001  0001 23 00",				       MALFORMED			},
	{"length of five bytes",		 MQTT_V311, "30 80808080 01",					      MALFORMED		       },
	{"length padded in 5",		       MQTT_V5,	"c0 8000",						   MALFORMED			    },
	{"HTTP",			      MQTT_V311, "47 45 54",						 MALFORMED			 },
	{"TLS hello",			 MQTT_V311, "16 03 01 02",						MALFORMED			 },
	{"AUTH before 5",			  MQTT_V311, "f0 00",						    PROTOCOL			      },
	{"bytes after the end",		MQTT_V311, "c0 01 00",						       MALFORMED			},
 // CONNECT
	{"protocol name",			  MQTT_V311, "10 0d  0004 4d515458 04 02 0000  0001 63",
	 MQTT_REASON_UNSUPPORTED_VERSION													    },
	{"level 6",			   MQTT_V311, "10 0d  0004 4d515454 06 02 0000  0001 63",
	 MQTT_REASON_UNSUPPORTED_VERSION													    },
	{"level 4 with the 3.1 name",	      MQTT_V311, "10 0f  0006 4d5149736470 04 02 0000  0001 63",
	 MQTT_REASON_UNSUPPORTED_VERSION													    },
	{"reserved connect flag",		  MQTT_V311, "10 0d  0004 4d515454 04 03 0000  0001 63",		 MALFORMED			  },
	{"will QoS without will",		  MQTT_V311, "10 0d  0004 4d515454 04 0a 0000  0001 63",		 MALFORMED			  },
	{"will retain without will",	     MQTT_V311, "10 0d  0004 4d515454 04 22 0000  0001 63",
	 MALFORMED																  },
	{"will QoS 3",			MQTT_V311, "10 13  0004 4d515454 04 1e 0000  0001 63 0001 77 0001 78",
	 MALFORMED																  },
	{"will topic with wildcard",	     MQTT_V311,
	 "10 13  0004 4d515454 04 06 0000  0001 63 0001 23 0001 78",						 MQTT_REASON_TOPIC_NAME_INVALID },
	{"password without user",		  MQTT_V311, "10 10  0004 4d515454 04 42 0000  0001 63 0001 70",
	 MALFORMED																  },
	{"client id not UTF-8",		MQTT_V311, "10 0d  0004 4d515454 04 02 0000  0001 ff",		       MALFORMED			},
	{"client id with NUL",		       MQTT_V311, "10 0d  0004 4d515454 04 02 0000  0001 00",		      MALFORMED		       },
	{"client id with surrogate",	     MQTT_V311, "10 0f  0004 4d515454 04 02 0000  0003 eda080",
	 MALFORMED																  },
	{"client id overlong UTF-8",	     MQTT_V311, "10 0e  0004 4d515454 04 02 0000  0002 c0af",
	 MALFORMED																  },
	{"empty client id in 3.1",		   MQTT_V31,  "10 0e  0006 4d5149736470 03 02 0000  0000",
	 MQTT_REASON_CLIENT_ID_NOT_VALID													    },
	{"client id of 24 in 3.1",		   MQTT_V31,
	 "10 26  0006 4d5149736470 03 02 0000  0018 "
	 "616161616161616161616161616161616161616161616161",							 MQTT_REASON_CLIENT_ID_NOT_VALID},
	{"user name missing",		      MQTT_V311, "10 0d  0004 4d515454 04 82 0000  0001 63",		     MALFORMED		      },
	{"connect cut",			MQTT_V311, "10 0a  0004 4d515454 04 02 0000",			      MALFORMED		       },
	{"connect with a tail",		MQTT_V311, "10 0e  0004 4d515454 04 02 0000  0001 63 00",
	 MALFORMED																  },
 // properties
	{"property length past the end",	 MQTT_V5,	  "10 0e  0004 4d515454 05 02 0000  7f  0001 63",
	 MALFORMED																  },
	{"unknown property",		     MQTT_V5,   "10 10  0004 4d515454 05 02 0000  02 7e 00  0001 63",
	 MALFORMED																  },
	{"receive maximum 0",		      MQTT_V5,   "10 11  0004 4d515454 05 02 0000  03 21 0000  0001 63",
	 PROTOCOL																   },
	{"receive maximum twice",		  MQTT_V5,
	 "10 14  0004 4d515454 05 02 0000  06 21 0001 21 0001  0001 63",						 PROTOCOL			 },
	{"flag property of 2",		       MQTT_V5,	"10 10  0004 4d515454 05 02 0000  02 17 02  0001 63",
	 PROTOCOL																   },
	{"property of another packet",	       MQTT_V5,
	 "10 11  0004 4d515454 05 02 0000  03 23 0001  0001 63",							 PROTOCOL			 },
	{"auth data without method",	     MQTT_V5,
	 "10 12  0004 4d515454 05 02 0000  04 16 0001 61  0001 63",						    PROTOCOL			    },
	{"property varint padded",		   MQTT_V5,   "10 0f  0004 4d515454 05 02 0000  8000  0001 63",
	 MALFORMED																  },
 // PUBLISH
	{"QoS 3",			     MQTT_V311, "36 05  0001 61 0001",					    MALFORMED			     },
	{"DUP with QoS 0",			   MQTT_V311, "38 03  0001 61",						MALFORMED			 },
	{"packet id 0",			MQTT_V311, "32 05  0001 61 0000",					  PROTOCOL			  },
	{"packet id missing",		      MQTT_V311, "32 03  0001 61",					   MALFORMED			    },
	{"wildcard in a name",		       MQTT_V311, "30 03  0001 2b",					    MQTT_REASON_TOPIC_NAME_INVALID },
	{"empty name",			MQTT_V311, "30 02  0000",						 MQTT_REASON_TOPIC_NAME_INVALID },
	{"empty name without alias",	     MQTT_V5,   "30 03  0000 00",						PROTOCOL			},
	{"alias 0",			   MQTT_V5,   "30 06  0000 03 23 0000",				       MQTT_REASON_TOPIC_ALIAS_INVALID},
	{"topic past the end",		       MQTT_V311, "30 03  0005 61",					    MALFORMED			     },
 // the others
	{"no filter",			 MQTT_V311, "82 02  0001",						PROTOCOL			},
	{"subscription QoS 3",		       MQTT_V311, "82 06  0001  0001 23 03",				     MALFORMED		      },
	{"subscription reserved bits",	       MQTT_V311, "82 06  0001  0001 23 04",				     MALFORMED		      },
	{"retain handling 3",		      MQTT_V5,   "82 07  0001 00  0001 23 30",				     MALFORMED		      },
	{"no-local on a share",		MQTT_V5,	 "82 10  0001 00  000a 2473686172652f672f74 04",		 PROTOCOL			 },
	{"filter with # inside",		 MQTT_V311, "82 08  0001  0003 232f61 00",
	 MQTT_REASON_TOPIC_FILTER_INVALID													   },
	{"options missing",		    MQTT_V311, "82 05  0001  0001 23",				       MALFORMED			},
	{"subscription id 0",		      MQTT_V5,   "82 09  0001  02 0b 00  0001 23 00",			    PROTOCOL			    },
	{"unsubscribe without filter",	       MQTT_V311, "a2 02  0001",						 PROTOCOL			 },
	{"puback of three bytes before 5",	   MQTT_V311, "40 03  0001 00",						MALFORMED			 },
	{"puback with a reason not its own",  MQTT_V5,   "40 03  0001 8e",						PROTOCOL			},
	{"disconnect with a body before 5",   MQTT_V311, "e0 01  00",						    MALFORMED			     },
	{"disconnect with an unknown reason", MQTT_V5,   "e0 01  42",						    PROTOCOL			    },
	{"auth without method",		MQTT_V5,	 "f0 02  18 00",						 PROTOCOL			 },
	{"connack with reserved code",	       MQTT_V311, "20 02  00 06",						  MALFORMED			   },
	{"connack with reserved flags",	MQTT_V311, "20 02  02 00",						   MALFORMED			    },
	{"suback with QoS 3",		      MQTT_V311, "90 03  0001  03",					    PROTOCOL			    },
};

Test(mqtt_refusals, each_has_its_reason)
{
	for (size_t i = 0; i < N_ELEMENTS(refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct bytes wire = vector_bytes(r->hex);
		AUTO(free) char *copy = NULL;
		struct mqtt_packet p;
		struct mqtt_fault fault = {0};
		enum err err = vector_decode(&p, &copy, wire, r->version, &fault);
		enum err want =
			r->reason == MQTT_REASON_UNSUPPORTED_VERSION ? ERR_UNSUPPORTED : ERR_SYNTAX;
		cr_expect(eq(int, err, want), "%s", r->name);
		cr_expect(eq(int, fault.reason, r->reason), "%s: %s", r->name,
			  fault.text ? fault.text : "accepted");
		free((void *)(uintptr_t)wire.p);
	}
}

Test(mqtt_refusals, oversize_is_told_from_the_header_alone)
{
	struct bytes wire = vector_bytes("30 818004");
	struct mqtt_frame frame;
	struct mqtt_fault fault = {0};
	cr_expect(eq(int, mqtt_frame_next(&frame, wire, 65536, &fault), ERR_TOO_LARGE));
	cr_expect(eq(int, fault.reason, MQTT_REASON_PACKET_TOO_LARGE));
	cr_expect(eq(int, mqtt_frame_next(&frame, wire, 65537, &fault), ERR_MORE));
	free((void *)(uintptr_t)wire.p);
}

// 3.1 repeats SUBSCRIBE and its kind with DUP set; 3.1 and 3.1.1 do not demand the shortest length.
Test(mqtt_refusals, older_versions_allow_what_5_forbids)
{
	static const struct vector rows[] = {
		{"DUP in 3.1",		       MQTT_V31,	 "8a 06  0001  0001 23 00"},
		{"length padded",		  MQTT_V311, "c0 8000"		      },
		{"reserved connect flag in 3.1", MQTT_V31,
		 "10 0f  0006 4d5149736470 03 03 0000  0001 63"		       },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct bytes wire = vector_bytes(rows[i].hex);
		AUTO(free) char *copy = NULL;
		struct mqtt_packet p;
		struct mqtt_fault fault = {0};
		cr_expect(eq(int, vector_decode(&p, &copy, wire, rows[i].version, &fault), ERR_OK),
			  "%s", rows[i].name);
		free((void *)(uintptr_t)wire.p);
	}
}

Test(mqtt_refusals, reasons_have_names)
{
	cr_expect(eq(str, (char *)(uintptr_t)mqtt_reason_text(0x87), "not authorized"));
	cr_expect(eq(str, (char *)(uintptr_t)mqtt_reason_text(0x42), "unknown reason"));
	cr_expect(eq(str, (char *)(uintptr_t)mqtt_type_name(MQTT_SUBACK), "SUBACK"));
	cr_expect(eq(str, (char *)(uintptr_t)mqtt_type_name((enum mqtt_type)0), "?"));
}
