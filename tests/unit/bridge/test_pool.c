// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <string.h>

#include "bridge/pool.h"

Test(pool, knows_the_addresses_of_a_subnet)
{
	static const struct {
		const char *text, *first, *last;
		uint32_t size;
	} rows[] = {
		{"10.8.0.0/24",	"10.8.0.2",	    "10.8.0.254",	  253     },
		{"10.8.0.0/30",	"10.8.0.2",	    "10.8.0.2",	1	 },
		{"10.8.0.252/30",	  "10.8.0.254",	"10.8.0.254",     1       },
		{"10.0.0.0/8",       "10.0.0.2",	   "10.255.255.254", 16777213},
		{"172.16.0.0/12",	  "172.16.0.2",	"172.31.255.254", 1048573 },
		{"192.168.4.128/25", "192.168.4.130", "192.168.4.254",  125	  },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct pool p;
		struct why why = {0};
		char ip[IP4_TEXT_BYTES];
		cr_assert(pool_parse(&p, rows[i].text, &why) == ERR_OK, "%s", why.text);
		ip4_print(ip, pool_first(&p));
		cr_expect_str_eq(ip, rows[i].first, "%s", rows[i].text);
		ip4_print(ip, pool_last(&p));
		cr_expect_str_eq(ip, rows[i].last, "%s", rows[i].text);
		cr_expect(pool_size(&p) == rows[i].size, "%s", rows[i].text);
		cr_expect(!pool_is_assignable(&p, p.network));
		cr_expect(!pool_is_assignable(&p, p.server));
		cr_expect(!pool_is_assignable(&p, p.broadcast));
		cr_expect(!pool_is_assignable(&p, p.broadcast + 1));
		cr_expect(!pool_is_assignable(&p, p.network - 1));
		cr_expect(pool_is_assignable(&p, pool_first(&p)));
		cr_expect(pool_is_assignable(&p, pool_last(&p)));
	}
}

Test(pool, refuses_what_is_no_subnet_and_says_why)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"10.8.0.5/24",			"did you mean 10.8.0.0/24?"	   },
		{"10.8.0.0/31",			"prefix must be between 8 and 30"},
		{"10.8.0.0/32",			"prefix must be between 8 and 30"},
		{"10.0.0.0/7",		       "prefix must be between 8 and 30"},
		{"10.8.0.0",			     "write it like 10.8.0.0/24"	},
		{"10.8.0.0/",		      "write it like"		     },
		{"10.8.0.0/24 ",			 "write it like"			},
		{"10.8.0/24",		      "write it like"		     },
		{"10.8.0.256/24",		  "write it like"			 },
		{"010.8.0.0/24",			 "write it like"			},
		{"10..0.0/24",		       "write it like"		      },
		{"fd00::/64",		      "write it like"		     },
		{"",			      "write it like"		    },
		{"10.8.0.0/99999999999999999999", "write it like"			 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct pool p;
		struct why why = {0};
		cr_expect(pool_parse(&p, rows[i].text, &why) == ERR_INPUT, "%s", rows[i].text);
		cr_expect(strstr(why.text, rows[i].says) != NULL, "%s: %s", rows[i].text, why.text);
	}
}
