// SPDX-License-Identifier: Apache-2.0
#include "step-ca/validity.h"

#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"

#define NS ((int64_t)NS_PER_S)

const struct validity_limits validity_defaults = {
	.min = 5 * SECONDS_PER_MINUTE,
	.max = 24 * SECONDS_PER_HOUR,
	.standard = 24 * SECONDS_PER_HOUR,
	.backdate = SECONDS_PER_MINUTE,
};

// --- RFC 3339 ---

// Exactly n digits.
static bool
take_digits(const char **p, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)**p))
			return false;
		*out = *out * 10 + (*(*p)++ - '0');
	}
	return true;
}

static bool
take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	++*p;
	return true;
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && is_leap(year));
}

// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
static int64_t
days_since_epoch(int year, int month, int day)
{
	int64_t y = year - 1;
	int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
	for (int m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days + day - 1;
}

static bool
take_date(const char **p, int64_t *days)
{
	int year;
	int month;
	int day;
	if (!take_digits(p, 4, &year) || !take_char(p, '-') || !take_digits(p, 2, &month) ||
	    !take_char(p, '-') || !take_digits(p, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	*days = year == 0 ? days_since_epoch(400, month, day) - 146097
			  : days_since_epoch(year, month, day);
	return true;
}

static bool
take_clock(const char **p, int64_t *seconds, int64_t *ns)
{
	int hour;
	int minute;
	int second;
	if (!take_digits(p, 2, &hour) || !take_char(p, ':') || !take_digits(p, 2, &minute) ||
	    !take_char(p, ':') || !take_digits(p, 2, &second) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	*seconds = (int64_t)hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE + second;
	*ns = 0;
	if (**p != '.')
		return true;
	++*p;
	if (!isdigit((unsigned char)**p))
		return false;
	for (int64_t unit = NS / 10; isdigit((unsigned char)**p); unit /= 10)
		*ns += (*(*p)++ - '0') * unit;
	return true;
}

static bool
take_zone(const char **p, int64_t *offset)
{
	int hours;
	int minutes;
	*offset = 0;
	if (take_char(p, 'Z'))
		return true;
	int sign = **p == '-' ? -1 : 1;
	if (!take_char(p, '+') && !take_char(p, '-'))
		return false;
	if (!take_digits(p, 2, &hours) || !take_char(p, ':') || !take_digits(p, 2, &minutes) ||
	    hours > 24 || minutes > 60)
		return false;
	*offset = sign * ((int64_t)hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE);
	return true;
}

static bool
parse_rfc3339(struct go_time *out, const char *text)
{
	int64_t days;
	int64_t seconds;
	int64_t ns;
	int64_t offset;
	if (!take_date(&text, &days) || !take_char(&text, 'T') ||
	    !take_clock(&text, &seconds, &ns) || !take_zone(&text, &offset) || *text)
		return false;
	*out = (struct go_time){GO_TIME_ABSOLUTE, days * 24 * SECONDS_PER_HOUR + seconds - offset,
				ns};
	return true;
}

// --- Go's time.ParseDuration ---

static bool
take_unit(const char **p, int64_t *ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
	// The longer ones first: "ms" is not "m".
		{"ns",	       1			},
		{"us",	       1000		   },
		{"\xc2\xb5s", 1000			  },
		{"\xce\xbcs", 1000			  },
		{"ms",	       1000000		      },
		{"s",	      NS			},
		{"m",	      SECONDS_PER_MINUTE * NS},
		{"h",	      SECONDS_PER_HOUR * NS  },
	};
	for (size_t i = 0; i < N_ELEMENTS(units); i++) {
		size_t n = strlen(units[i].name);
		if (strncmp(*p, units[i].name, n) != 0)
			continue;
		*p += n;
		*ns = units[i].ns;
		// A unit reaches up to the next number.
		return **p == '\0' || **p == '.' || isdigit((unsigned char)**p);
	}
	return false;
}

// "1", "1.5" or ".5": the whole part, and the fraction in billionths.
static bool
take_number(const char **p, int64_t *whole, int64_t *billionths)
{
	const char *start = *p;
	*whole = 0;
	*billionths = 0;
	for (; isdigit((unsigned char)**p); ++*p) {
		if (__builtin_mul_overflow(*whole, 10, whole) ||
		    __builtin_add_overflow(*whole, **p - '0', whole))
			return false;
	}
	bool any = *p > start;
	if (!take_char(p, '.'))
		return any;
	for (int64_t unit = NS / 10; isdigit((unsigned char)**p); unit /= 10, any = true)
		*billionths += (*(*p)++ - '0') * unit;
	return any;
}

// whole and fraction of a unit in nanoseconds, added to *total.
static bool
add_part(int64_t *total, int64_t whole, int64_t billionths, int64_t unit)
{
	int64_t ns;
	int64_t fraction = unit >= NS ? billionths * (unit / NS) : billionths * unit / NS;
	return !__builtin_mul_overflow(whole, unit, &ns) &&
	       !__builtin_add_overflow(ns, fraction, &ns) &&
	       !__builtin_add_overflow(*total, ns, total);
}

static bool
parse_duration(struct go_time *out, const char *text)
{
	int64_t total = 0;
	bool negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	if (*text == '\0')
		return false;
	if (strcmp(text, "0") == 0)
		text++;
	while (*text) {
		int64_t whole;
		int64_t billionths;
		int64_t unit;
		if (!take_number(&text, &whole, &billionths) || !take_unit(&text, &unit) ||
		    !add_part(&total, whole, billionths, unit))
			return false;
	}
	total = negative ? -total : total;
	int64_t ns = (total % NS + NS) % NS;
	// A distance of zero counts as absent, as in step-ca.
	*out = total ? (struct go_time){GO_TIME_RELATIVE, total / NS - (total % NS < 0), ns}
		     : (struct go_time){0};
	return true;
}

enum err
go_time_parse(struct go_time *out, const char *text)
{
	*out = (struct go_time){0};
	if (!text || !*text)
		return ERR_OK;
	return parse_rfc3339(out, text) || parse_duration(out, text) ? ERR_OK : ERR_SYNTAX;
}

// --- deciding ---

static struct go_time
later_by(struct go_time base, const struct go_time *distance)
{
	int64_t ns = base.ns + distance->ns;
	base.s += distance->s + ns / NS;
	base.ns = ns % NS;
	return base;
}

// The moment that `asked` means, counted from base; base itself when nothing was asked.
static struct go_time
resolve(const struct go_time *asked, struct go_time base)
{
	if (asked->kind == GO_TIME_ABSOLUTE)
		return *asked;
	return asked->kind == GO_TIME_RELATIVE ? later_by(base, asked) : base;
}

void
go_duration_format(char out[static GO_DURATION_BYTES], int64_t seconds)
{
	long long h = seconds / SECONDS_PER_HOUR;
	long long m = seconds / SECONDS_PER_MINUTE % 60;
	long long s = seconds % SECONDS_PER_MINUTE;
	// A Go duration is 64 bits of nanoseconds, and subtracting times stops at its end.
	if (seconds > INT64_MAX / NS)
		snprintf(out, GO_DURATION_BYTES, "2562047h47m16.854775807s");
	else if (h)
		snprintf(out, GO_DURATION_BYTES, "%lldh%lldm%llds", h, m, s);
	else if (m)
		snprintf(out, GO_DURATION_BYTES, "%lldm%llds", m, s);
	else
		snprintf(out, GO_DURATION_BYTES, "%llds", s);
}

// "2026-11-23 16:59:11 +0000 UTC", as Go prints a time. Times before 1970 show as its beginning.
static void
go_time_format(char out[static CLOCK_RFC3339_BYTES], int64_t s)
{
	char text[CLOCK_RFC3339_BYTES];
	clock_format_rfc3339(text, s > 0 ? (uint64_t)s * NS_PER_S : 0, 0);
	snprintf(out, CLOCK_RFC3339_BYTES, "%.10s %.8s +0000 UTC", text, text + 11);
}

static enum err
check(const struct validity *v, int64_t now, const struct validity_limits *limits, struct why *why)
{
	char a[CLOCK_RFC3339_BYTES];
	char b[CLOCK_RFC3339_BYTES];
	int64_t life = v->not_after - v->not_before;
	int64_t most = limits->max + limits->backdate;
	go_time_format(a, v->not_after);
	if (v->not_after < now)
		return why_set(why, ERR_SYNTAX, "notAfter cannot be in the past; na=%s", a);
	go_time_format(b, v->not_before);
	if (life < 0)
		return why_set(why, ERR_SYNTAX, "notAfter cannot be before notBefore; na=%s, nb=%s",
			       a, b);
	if (life >= limits->min && life <= most)
		return ERR_OK;
	go_duration_format(a, life);
	go_duration_format(b, life < limits->min ? limits->min : most);
	return why_set(why, ERR_FORBIDDEN,
		       "requested duration of %s is %s than the authorized %s certificate duration "
		       "of %s",
		       a, life < limits->min ? "less" : "more",
		       life < limits->min ? "minimum" : "maximum", b);
}

enum err
validity_decide(struct validity *out, const struct go_time *not_before,
		const struct go_time *not_after, uint64_t now_ns,
		const struct validity_limits *limits, struct why *why)
{
	const struct go_time now = {GO_TIME_ABSOLUTE, (int64_t)(now_ns / NS_PER_S),
				    (int64_t)(now_ns % NS_PER_S)};
	const struct go_time standard = {GO_TIME_RELATIVE, limits->standard, 0};
	bool given = not_before->kind != GO_TIME_UNSET;
	struct go_time from = resolve(not_before, now);
	struct go_time until =
		resolve(not_after->kind == GO_TIME_UNSET ? &standard : not_after, from);
	// Only a beginning of our own choice is backdated.
	*out = (struct validity){from.s - (given ? 0 : limits->backdate), until.s};
	return check(out, now.s, limits, why);
}
