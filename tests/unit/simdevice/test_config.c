// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "config.h"
#include "hint.h"

#define FP64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct sim_config c;

static void
setup(void)
{
	sim_config_init(&c);
}

static void
teardown(void)
{
	sim_config_fini(&c);
}

TestSuite(config, .init = setup, .fini = teardown);

Test(config, urls)
{
	static const struct {
		const char *url;
		const char *kept; // NULL = refused
	} rows[] = {
		{"https://bridge:8443",	"https://bridge:8443"  },
		{"https://bridge:8443/",	 "https://bridge:8443"  },
		{"http://127.0.0.1:8080",  "http://127.0.0.1:8080"},
		{"https://bridge/prefix/", "https://bridge/prefix"},
		{"https://",		     NULL			 },
		{"https:///",	      NULL			  },
		{"bridge:8443",		NULL		    },
		{"ftp://bridge",		 NULL		     },
		{"https://bridge/?x=1",	NULL		    },
		{"https://bri dge",	    NULL			},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct why why = {0};
		enum err err = sim_config_set_url(&c.bridge, "--bridge", rows[i].url, &why);
		cr_expect(eq(int, err == ERR_OK, rows[i].kept != NULL), "%s", rows[i].url);
		if (rows[i].kept)
			cr_expect(eq(str, c.bridge, (char *)(uintptr_t)rows[i].kept));
		else
			cr_expect(strstr(why.text, "--bridge") != NULL, "%s", why.text);
	}
}

Test(config, fingerprints)
{
	struct why why = {0};
	cr_expect(eq(int, sim_config_set_fingerprint(&c, FP64, &why), ERR_OK));
	cr_expect(eq(int,
		     sim_config_set_fingerprint(
			     &c,
			     "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:"
			     "EF:01:23:45:67:89:AB:CD:EF",
			     &why),
		     ERR_OK),
		  "openssl's form");
	cr_expect(eq(str, c.fingerprint, (char *)(uintptr_t)FP64));
	cr_expect(eq(int, sim_config_set_fingerprint(&c, FP64 "0", &why), ERR_INPUT));
	cr_expect(eq(int, sim_config_set_fingerprint(&c, "abc", &why), ERR_INPUT));
	cr_expect(eq(int, sim_config_set_fingerprint(&c, "", &why), ERR_INPUT));
	cr_expect(eq(int, sim_config_set_fingerprint(&c, "zz" FP64, &why), ERR_INPUT));
}

Test(config, mqtt_urls)
{
	static const struct {
		const char *url;
		const char *host; // NULL = refused
		uint16_t port;
	} rows[] = {
		{"mqtts://broker:1884",	"broker",	  1884 },
		{"mqtts://broker",	   "broker",    8883 },
		{"mqtts://127.0.0.1:40001/", "127.0.0.1", 40001},
		{"mqtts://[::1]:8884",       "::1",	      8884 },
		{"mqtts://[::1]",		  "::1",	 8883 },
		{"mqtt://broker",		  NULL,	0	 },
		{"mqtts://",		     NULL,	   0    },
		{"mqtts://broker:0",	     NULL,	   0    },
		{"mqtts://broker:99999",	 NULL,	       0	},
		{"mqtts://broker:8883/path", NULL,	   0    },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct why why = {0};
		enum err err = sim_config_set_mqtt(&c, rows[i].url, &why);
		cr_expect(eq(int, err == ERR_OK, rows[i].host != NULL), "%s: %s", rows[i].url,
			  why.text);
		if (err || !rows[i].host)
			continue;
		cr_expect(eq(str, c.mqtt_host, (char *)(uintptr_t)rows[i].host));
		cr_expect(eq(int, c.mqtt_port, rows[i].port));
	}
}

Test(config, hints_name_the_runbook_rows)
{
	static const struct {
		enum dev_phase phase;
		struct failure failure;
		const char *words;
	} rows[] = {
		{PHASE_ENROLL,
		 {.layer = LAYER_HTTP, .kind = "invalid-csr", .code = 422},
		 "422 on POST"							       },
		{PHASE_ENROLL,
		 {.layer = LAYER_HTTP, .kind = "ca-unreachable", .code = 503},
		 "STEP_CA_URL"							       },
		{PHASE_ENROLL,
		 {.layer = LAYER_HTTP, .kind = "wg-subnet-exhausted", .code = 503},
		 "WG_SUBNET"								 },
		{PHASE_ENROLL,
		 {.layer = LAYER_TLS, .kind = "fingerprint-mismatch"},
		 "--fingerprint"							     },
		{PHASE_CONNECT,
		 {.layer = LAYER_MQTT, .kind = "connack", .code = 5},
		 "MQTT CONNREFUSED"							  },
		{PHASE_CONNECT,
		 {.layer = LAYER_TLS, .kind = "alert", .code = 46},
		 "MQTT CONNREFUSED"							  },
		{PHASE_TUNNEL,
		 {.layer = LAYER_WIREGUARD, .kind = "no-answer"},
		 "WG_SERVER_PUBLIC_KEY"						      },
		{PHASE_RENEW,   {.layer = LAYER_HTTP, .kind = "http-500", .code = 500}, "log"},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		cr_expect(strstr(hint_for(rows[i].phase, &rows[i].failure), rows[i].words) != NULL,
			  "%s: %s", rows[i].failure.kind,
			  hint_for(rows[i].phase, &rows[i].failure));
}
