// SPDX-License-Identifier: Apache-2.0
#include "prom.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct family {
	char name[PROM_TEXT];
	char type[16]; // "" = none yet
	size_t first;  // of its series
};

static struct family families[PROM_SERIES_MAX];
static size_t n_families;

static bool
bad(struct prom *p, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(p->error, sizeof(p->error), fmt, args);
	va_end(args);
	return false;
}

static size_t
name_length(const char *s, bool colon)
{
	size_t n = 0;
	if (isdigit((unsigned char)*s))
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_' || (colon && s[n] == ':'))
		n++;
	return n;
}

// Takes "name" at *s into out.
static bool
take_name(char out[static PROM_TEXT], const char **s, bool colon)
{
	size_t n = name_length(*s, colon);
	if (n == 0 || n >= PROM_TEXT)
		return false;
	memcpy(out, *s, n);
	out[n] = '\0';
	*s += n;
	return true;
}

static struct family *
find_family(const char *name)
{
	for (size_t i = 0; i < n_families; i++)
		if (strcmp(families[i].name, name) == 0)
			return &families[i];
	return NULL;
}

static bool
read_help(struct prom *p, const char *s)
{
	char name[PROM_TEXT];
	if (!take_name(name, &s, true) || *s++ != ' ' || !*s)
		return bad(p, "HELP without a name or text: %s", s);
	if (find_family(name))
		return bad(p, "family %s begins twice", name);
	for (; *s; s++)
		if (*s == '\\' && *++s != '\\' && *s != 'n')
			return bad(p, "bad escape in the HELP of %s", name);
	struct family *f = &families[n_families++];
	*f = (struct family){.first = p->n};
	memcpy(f->name, name, sizeof(name));
	return true;
}

static bool
read_type(struct prom *p, const char *s)
{
	char name[PROM_TEXT];
	struct family *f = n_families ? &families[n_families - 1] : NULL;
	if (!take_name(name, &s, true) || *s++ != ' ')
		return bad(p, "TYPE without a name");
	if (!f || strcmp(f->name, name) != 0 || f->type[0])
		return bad(p, "TYPE %s does not follow its HELP", name);
	if (strcmp(s, "counter") != 0 && strcmp(s, "gauge") != 0 && strcmp(s, "histogram") != 0)
		return bad(p, "%s: unknown type \"%s\"", name, s);
	size_t n = strlen(name);
	bool total = n > 6 && strcmp(name + n - 6, "_total") == 0;
	if (total != (strcmp(s, "counter") == 0))
		return bad(p, "%s: _total is the ending of counters", name);
	snprintf(f->type, sizeof(f->type), "%s", s);
	return true;
}

// Past the closing quote of a label value; NULL when it is malformed.
static const char *
skip_value(const char *s)
{
	for (; *s != '"'; s++) {
		if (!*s)
			return NULL;
		if (*s == '\\' && *++s != '\\' && *s != 'n' && *s != '"')
			return NULL;
	}
	return s + 1;
}

static bool
read_label(struct prom *p, struct prom_series *r, const char **s)
{
	char name[PROM_TEXT], seen[PROM_TEXT + 4];
	const char *start = *s;
	if (!take_name(name, s, false) || strncmp(*s, "=\"", 2) != 0)
		return bad(p, "%s: bad label name or no quote", r->name);
	const char *value = *s + 2;
	const char *end = skip_value(value);
	if (!end)
		return bad(p, "%s: bad value of label %s", r->name, name);
	*s = end;
	snprintf(seen, sizeof(seen), "%s=\"", name);
	if (strstr(r->labels, seen) || (r->le[0] && strcmp(name, "le") == 0))
		return bad(p, "%s: label %s twice", r->name, name);
	if (strcmp(name, "le") == 0) {
		snprintf(r->le, sizeof(r->le), "%.*s", (int)(end - 1 - value), value);
		return true;
	}
	size_t used = strlen(r->labels);
	int n = snprintf(r->labels + used, sizeof(r->labels) - used, "%s%.*s", used ? "," : "",
			 (int)(end - start), start);
	return (size_t)n < sizeof(r->labels) - used || bad(p, "%s: labels too long", r->name);
}

static bool
read_labels(struct prom *p, struct prom_series *r, const char **s)
{
	if (**s != '{')
		return true;
	do {
		++*s;
		if (!read_label(p, r, s))
			return false;
	} while (**s == ',');
	return *(*s)++ == '}' || bad(p, "%s: labels do not end", r->name);
}

static bool
belongs(const struct family *f, const struct prom_series *r)
{
	size_t n = strlen(f->name);
	if (strcmp(f->type, "histogram") != 0)
		return strcmp(f->name, r->name) == 0 && !r->le[0];
	if (strncmp(f->name, r->name, n) != 0)
		return false;
	const char *suffix = r->name + n;
	if (strcmp(suffix, "_bucket") == 0)
		return r->le[0] != '\0';
	return !r->le[0] && (strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0);
}

static bool
read_sample(struct prom *p, const char *s)
{
	struct family *f = n_families ? &families[n_families - 1] : NULL;
	struct prom_series *r = &p->series[p->n];
	*r = (struct prom_series){0};
	if (!take_name(r->name, &s, true) || !read_labels(p, r, &s))
		return p->error[0] ? false : bad(p, "bad sample: %s", s);
	char *end;
	if (*s++ != ' ' || !*s || isspace((unsigned char)*s))
		return bad(p, "%s: one space must stand before the value", r->name);
	r->value = strtod(s, &end);
	if (*end)
		return bad(p, "%s: bad value \"%s\"", r->name, s);
	if (!f || !f->type[0] || !belongs(f, r))
		return bad(p, "%s%s does not belong to the family above", r->name, r->le);
	if (strcmp(f->type, "gauge") != 0 && !(r->value >= 0))
		return bad(p, "%s: negative", r->name);
	for (size_t i = f->first; i < p->n; i++)
		if (strcmp(p->series[i].name, r->name) == 0 &&
		    strcmp(p->series[i].labels, r->labels) == 0 &&
		    strcmp(p->series[i].le, r->le) == 0)
			return bad(p, "%s{%s} twice", r->name, r->labels);
	return ++p->n < PROM_SERIES_MAX || bad(p, "too many series");
}

static double
find(const struct prom *p, const char *name, const char *suffix, const char *labels, const char *le)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < p->n; i++) {
		const struct prom_series *r = &p->series[i];
		if (strncmp(r->name, name, n) == 0 && strcmp(r->name + n, suffix) == 0 &&
		    strcmp(r->labels, labels) == 0 && strcmp(r->le, le) == 0)
			return r->value;
	}
	return NAN;
}

static bool
check_histogram(struct prom *p, const struct family *f, size_t end)
{
	const struct prom_series *before = NULL;
	for (size_t i = f->first; i < end; i++) {
		const struct prom_series *r = &p->series[i];
		if (!r->le[0])
			continue;
		bool same = before && strcmp(before->labels, r->labels) == 0;
		if (same &&
		    (strtod(before->le, NULL) >= strtod(r->le, NULL) || before->value > r->value))
			return bad(p, "%s{%s}: buckets do not grow", f->name, r->labels);
		before = r;
		double all = find(p, f->name, "_bucket", r->labels, "+Inf");
		if (!(all == find(p, f->name, "_count", r->labels, "")) ||
		    isnan(find(p, f->name, "_sum", r->labels, "")))
			return bad(p, "%s{%s}: +Inf, _count and _sum do not fit", f->name,
				   r->labels);
	}
	return true;
}

static bool
read_line(struct prom *p, const char *line)
{
	if (strncmp(line, "# HELP ", 7) == 0)
		return read_help(p, line + 7);
	if (strncmp(line, "# TYPE ", 7) == 0)
		return read_type(p, line + 7);
	return read_sample(p, line);
}

bool
prom_parse(struct prom *p, const char *text)
{
	n_families = 0;
	p->n = 0;
	p->error[0] = '\0';
	while (*text) {
		char line[2048];
		size_t n = strcspn(text, "\n");
		if (text[n] != '\n' || n == 0 || n >= sizeof(line))
			return bad(p, "an empty, endless or unended line: %.80s", text);
		memcpy(line, text, n);
		line[n] = '\0';
		if (!read_line(p, line))
			return false;
		text += n + 1;
	}
	for (size_t i = 0; i < n_families; i++) {
		size_t end = i + 1 < n_families ? families[i + 1].first : p->n;
		if (!families[i].type[0])
			return bad(p, "%s has no TYPE", families[i].name);
		if (strcmp(families[i].type, "histogram") == 0 &&
		    !check_histogram(p, &families[i], end))
			return false;
	}
	return true;
}

double
prom_value(const struct prom *p, const char *series)
{
	char name[PROM_TEXT], labels[PROM_TEXT] = "";
	const char *brace = strchr(series, '{');
	snprintf(name, sizeof(name), "%.*s", brace ? (int)(brace - series) : PROM_TEXT - 1, series);
	if (brace)
		snprintf(labels, sizeof(labels), "%.*s", (int)strlen(brace) - 2, brace + 1);
	return find(p, name, "", labels, "");
}
