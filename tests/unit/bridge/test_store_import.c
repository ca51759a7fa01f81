// SPDX-License-Identifier: Apache-2.0
// Taking over from the original bridge, whatever the database.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "store_fixture.h"

static struct fixture fx;

static void
setup(void)
{
	fx_init(&fx, "10.8.0.0/24");
}

static void
teardown(void)
{
	fx_fini(&fx);
}

TestSuite(store_import, .init = setup, .fini = teardown);

static void
expect_refused(enum err want, const char *says)
{
	struct why why = {0};
	enum err err = fx_open(&fx, &why);
	cr_expect(err == want, "%s: %s", err_name(err), why.text);
	cr_expect(strstr(why.text, says) != NULL, "%s", why.text);
}

static void
import_file(const char *text)
{
	snprintf(fx.import, sizeof(fx.import), "%.100s/cdm_peers.json", fx.folder);
	fx_write(&fx, fx.import, text);
}

Test(store_import, peers_of_the_original_bridge_are_taken_over_once)
{
	import_file("{\"device-001\": \"10.8.0.2\", \"device-007\": \"10.8.0.9\"}");
	fx_must_open(&fx);
	cr_assert(fx_get(&fx, "device-007") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.9");
	cr_expect(fx.r.device.state == DEVICE_ENROLLED);
	cr_assert(fx_reserve(&fx, "new") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.3");
	cr_assert(fx_reserve(&fx, "device-001") == ERR_OK);
	cr_expect_str_eq(fx_ip(&fx), "10.8.0.2");
	fx_close(&fx);
	import_file("{\"stranger\": \"10.8.0.77\"}");
	fx_must_open(&fx);
	cr_expect(fx_get(&fx, "stranger") == ERR_NOT_FOUND);
}

Test(store_import, a_file_that_cannot_be_taken_over_stops_the_start)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"{\"a\": \"10.8.0.2\",",			  "repair it or move it away"	     },
		{"[]",					 "not an object"		      },
		{"{\"a\": \"10.9.0.2\"}",			  "\"a\" has 10.9.0.2, which WG_SUBNET"},
		{"{\"a\": \"10.8.0.1\"}",			  "\"a\" has 10.8.0.1"		      },
		{"{\"a\": 5}",				 "\"a\" has no IPv4 address"	  },
		{"{\"../x\": \"10.8.0.2\"}",		     "\"../x\" is no device id"	       },
		{"{\"a\": \"10.8.0.2\", \"b\": \"10.8.0.2\"}", "both have 10.8.0.2"		   },
		{"{\"a\": \"10.8.0.2\", \"a\": \"10.8.0.3\"}", "duplicate"			  },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		import_file(rows[i].text);
		expect_refused(ERR_INPUT, rows[i].says);
	}
	// Nothing of it was kept.
	fx.import[0] = '\0';
	fx_must_open(&fx);
	cr_expect(fx_get(&fx, "a") == ERR_NOT_FOUND);
}
