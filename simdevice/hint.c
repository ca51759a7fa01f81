// SPDX-License-Identifier: Apache-2.0
#include "hint.h"

#include <string.h>

// First row that fits. PHASE_NONE, LAYER_NONE and NULL fit everything; code 0 too.
static const struct {
	enum dev_phase phase;
	enum layer layer;
	const char *kind;
	int code;
	const char *text;
} hints[] = {
	{PHASE_NONE,    LAYER_USAGE,	  NULL,			0,   "see simdevice --help for what this phase needs"								   },
	{PHASE_ENROLL,  LAYER_TLS,	  "fingerprint-mismatch", 0,
	 "compare --fingerprint with the root of step-ca (step ca root | openssl x509 -noout -fingerprint -sha256)"								   },
	{PHASE_ENROLL,  LAYER_HTTP,	   "not-found",		404,
	 "the bridge does not know this root: compare --fingerprint with its STEP_CA_FINGERPRINT"											 },
	{PHASE_ENROLL,  LAYER_HTTP,	   NULL,			 422,
	 "runbook row '422 on POST /enroll': invalid CSR; re-generate the CSR with the correct CN (the device id)"								  },
	{PHASE_ENROLL,  LAYER_HTTP,	   "wg-subnet-exhausted",  0,
	 "no address is left: widen WG_SUBNET at the bridge or decommission devices"											       },
	{PHASE_ENROLL,  LAYER_HTTP,	   NULL,			 503,
	 "runbook row '503 on POST /enroll': step-ca unreachable; check STEP_CA_URL and the CA container's health"								  },
	{PHASE_ENROLL,  LAYER_HTTP,	   NULL,			 504,
	 "step-ca did not answer the bridge in time; check STEP_CA_URL and the CA container's health"										     },
	{PHASE_ENROLL,  LAYER_HTTP,	   NULL,			 502,
	 "step-ca refused the bridge: check STEP_CA_PROVISIONER_NAME and _PASSWORD, and the provisioner's claims"									 },
	{PHASE_ENROLL,  LAYER_HTTP,	   NULL,			 403,
	 "the bridge's policy forbids it: check ENROLL_ALLOWLIST and ENROLL_REENROLL"											      },
	{PHASE_ENROLL,  LAYER_HTTP,	   "untrusted-chain",      0,
	 "the bridge's step-ca does not belong to the pinned root: compare --fingerprint with STEP_CA_FINGERPRINT"								  },
	{PHASE_ENROLL,  LAYER_HTTP,	   "upstream_down",	    0,
	 "nothing answers at --bridge: check the URL and that the bridge runs"												     },
	{PHASE_ENROLL,  LAYER_TLS,	  NULL,			0,
	 "the bridge's certificate does not chain to the pinned root or names another host: check BRIDGE_TLS and --bridge"							  },
	{PHASE_ENROLL,  LAYER_FLASH,	    NULL,			  0,   "check that the folder of --dir can be written"								    },
	{PHASE_CONNECT, LAYER_TLS,	   "untrusted",		0,
	 "the broker's certificate does not chain to the pinned root or names another host: check its certificate and --mqtt"							     },
	{PHASE_CONNECT, LAYER_TLS,	   NULL,			 0,
	 "runbook row 'MQTT CONNREFUSED': ThingsBoard does not accept this certificate; check that its CA chain is loaded and complete"					       },
	{PHASE_CONNECT, LAYER_MQTT,	    "connack",	       0,
	 "runbook row 'MQTT CONNREFUSED': ThingsBoard does not accept mTLS for this device; check the device profile and the CA chain loaded"					     },
	{PHASE_CONNECT, LAYER_MQTT,	    NULL,			  0,
	 "runbook row 'MQTT CONNREFUSED': check --mqtt and that ThingsBoard's mqtts listener is up"										   },
	{PHASE_TUNNEL,  LAYER_WIREGUARD, "no-answer",	     0,
	 "runbook row 'WireGuard not connecting': server public key mismatch; verify WG_SERVER_PUBLIC_KEY and WG_SERVER_ENDPOINT at the bridge, and that the peer is on the server"},
	{PHASE_TUNNEL,  LAYER_WIREGUARD, "bad-response",		0,
	 "compare PresharedKey of this device with the server's peer"													      },
	{PHASE_TUNNEL,  LAYER_WIREGUARD, NULL,		      0,
	 "check the Endpoint in wg0.conf (WG_SERVER_ENDPOINT at the bridge)"												       },
	{PHASE_PING,    LAYER_NONE,	 NULL,		       0,
	 "the handshake worked, packets do not pass: check the peer's AllowedIPs on the server, and that it answers ICMP on its tunnel address"				       },
	{PHASE_RETIRE,  LAYER_HTTP,	   NULL,			 404,
	 "the device was never enrolled, or the bridge has no BRIDGE_ADMIN_TOKEN (its admin API is then off)"									     },
	{PHASE_RETIRE,  LAYER_HTTP,	   NULL,			 401, "compare --admin-token-file with BRIDGE_ADMIN_TOKEN"							  },
	{PHASE_RETIRE,  LAYER_HTTP,	   NULL,			 202,
	 "the bridge goes on by itself; GET /devices/{id} says which system it waits for"											  },
	{PHASE_NONE,    LAYER_NONE,	 NULL,		       0,	  "look at the log of the server that is named above"							     },
};

const char *
hint_for(enum dev_phase phase, const struct failure *f)
{
	size_t i = 0;
	for (; i < N_ELEMENTS(hints) - 1; i++) {
		bool fits = (hints[i].phase == PHASE_NONE || hints[i].phase == phase) &&
			    (hints[i].layer == LAYER_NONE || hints[i].layer == f->layer) &&
			    (!hints[i].kind || strcmp(hints[i].kind, f->kind) == 0) &&
			    (hints[i].code == 0 || hints[i].code == f->code);
		if (fits)
			break;
	}
	return hints[i].text;
}
