// SPDX-License-Identifier: Apache-2.0
#include "runner/value.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

// A decimal number without sign, exponent or "inf"; *rest is what follows it.
static enum err
leading_number(double *out, const char *text, const char **rest)
{
	size_t n = strspn(text, "0123456789");
	if (n == 0 || n > 18)
		return ERR_SYNTAX;
	if (text[n] == '.') {
		size_t decimals = strspn(text + n + 1, "0123456789");
		if (decimals == 0 || decimals > 18)
			return ERR_SYNTAX;
		n += 1 + decimals;
	}
	*out = strtod(text, NULL);
	*rest = text + n;
	return ERR_OK;
}

static enum err
with_unit(double *out, const char *text, const struct unit *units, size_t n)
{
	const char *rest;
	TRY(leading_number(out, text, &rest));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		*out *= units[i].factor;
		return ERR_OK;
	}
	return ERR_SYNTAX;
}

enum err
value_duration_ms(uint64_t *out, const char *text)
{
	static const struct unit units[] = {
		{"ms", 1	},
		   {"s",	 1000   },
		{"m",  60000  },
		      {"h",  3600000}
	    };
	double ms;
	TRY(with_unit(&ms, text, units, N_ELEMENTS(units)));
	if (ms > 1e15)
		return ERR_SYNTAX;
	*out = (uint64_t)ms;
	return ERR_OK;
}

enum err
value_bytes(double *out, const char *text)
{
	static const struct unit units[] = {
		{"B",   1	       },
		  {"KiB", 1024      },
		 {"MiB", 1048576	},
		   {"GiB", 1073741824}
	      };
	return with_unit(out, text, units, N_ELEMENTS(units));
}

enum err
value_int(int64_t *out, const char *text)
{
	const char *digits = text + (*text == '-');
	if (!*digits || strspn(digits, "0123456789") != strlen(digits))
		return ERR_SYNTAX;
	errno = 0;
	*out = strtoll(text, NULL, 10);
	return errno ? ERR_SYNTAX : ERR_OK;
}

enum err
value_number(double *out, const char *text)
{
	char *end;
	if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
		return ERR_SYNTAX;
	*out = strtod(text, &end);
	return *end || !isfinite(*out) ? ERR_SYNTAX : ERR_OK;
}

enum err
value_bool(bool *out, const char *text)
{
	*out = strcmp(text, "true") == 0;
	return *out || strcmp(text, "false") == 0 ? ERR_OK : ERR_SYNTAX;
}
