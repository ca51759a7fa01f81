// SPDX-License-Identifier: Apache-2.0
#include "bridge/enroll_input.h"

#include "bridge/store.h"

const struct enroll_dialect enroll_dialect_runbook = {
	.name = "runbook",
	.request = {.csr = "csr_pem", .wg_public_key = "wg_public_key"},
	.reply = { .device_id = "device_id",
		    .certificate = "cert",
		    .ca_chain = "ca_chain",
		    .wg_conf = "wg",
		    .wg_ip = "wg_ip"},
};

const struct enroll_dialect enroll_dialect_cdm = {
	.name = "cdm",
	.request = {.csr = "csr",
		    .device_name = "device_name",
		    .device_type = "device_type",
		    .wg_public_key = "wg_public_key"},
	.reply = {.certificate = "certificate",
		    .ca_chain = "ca_chain",
		    .wg_conf = "wireguard_config",
		    .wg_ip = "wireguard_ip"	 },
};

const struct enroll_dialect enroll_dialect_native = {
	.name = "native",
	.request = {.device_id = "device_id", .csr = "csr", .device_type = "device_type"},
	.reply = {.certificate = "certificate",			.ca_chain = "ca_chain"	      },
};

void
enroll_input_fini(struct enroll_input *in)
{
	json_decref(in->body);
	*in = (struct enroll_input){0};
}

// Reads a string member; `name` NULL: the dialect has none. JSON null counts as absent, as the
// original's clients write it.
static enum err
read_field(const char **out, const json_t *body, const char *name, bool required, struct why *why)
{
	const json_t *value = name ? json_object_get(body, name) : NULL;
	*out = NULL;
	if (!value || json_is_null(value)) {
		if (name && required)
			return why_set(why, ERR_INPUT, "the field \"%s\" is missing", name);
		return ERR_OK;
	}
	if (!json_is_string(value))
		return why_set(why, ERR_INPUT, "the field \"%s\" must be a string", name);
	if (strlen(json_string_value(value)) != json_string_length(value))
		return why_set(why, ERR_INPUT, "the field \"%s\" holds a NUL character", name);
	*out = json_string_value(value);
	return ERR_OK;
}

static const struct enroll_dialect *
choose_dialect(const json_t *body, const char *path_id)
{
	if (!path_id)
		return &enroll_dialect_native;
	if (!json_object_get(body, enroll_dialect_runbook.request.csr) &&
	    json_object_get(body, enroll_dialect_cdm.request.csr))
		return &enroll_dialect_cdm;
	return &enroll_dialect_runbook;
}

static enum err
read_fields(struct enroll_input *in, const char *path_id, struct why *why)
{
	const struct enroll_dialect *d = in->dialect;
	const char *device_name;
	TRY(read_field(&in->device_id, in->body, d->request.device_id, true, why));
	if (path_id)
		in->device_id = path_id;
	TRY(read_field(&in->csr, in->body, d->request.csr, true, why));
	TRY(read_field(&device_name, in->body, d->request.device_name, true, why));
	TRY(read_field(&in->device_type, in->body, d->request.device_type, false, why));
	if (in->device_type && strlen(in->device_type) > DEVICE_TYPE_CHARS)
		return why_set(why, ERR_INPUT, "the field \"%s\" is longer than %d characters",
			       d->request.device_type, DEVICE_TYPE_CHARS);
	return read_field(&in->wg_public_key, in->body, d->request.wg_public_key, false, why);
}

enum err
enroll_input_parse(struct enroll_input *out, const char *path_id, struct bytes body,
		   enum problem *problem, struct why *why)
{
	json_error_t error;
	*out = (struct enroll_input){0};
	*problem = PROBLEM_BAD_JSON;
	if (body.n == 0)
		return why_set(why, ERR_SYNTAX, "the body is empty");
	out->body = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &error);
	if (!out->body) {
		if (json_error_code(&error) == json_error_duplicate_key) {
			*problem = PROBLEM_INVALID_REQUEST;
			return why_set(why, ERR_INPUT, "a field is there twice: %s", error.text);
		}
		return why_set(why, ERR_SYNTAX, "the body is not JSON: line %d, column %d: %s",
			       error.line, error.column, error.text);
	}
	*problem = PROBLEM_INVALID_REQUEST;
	if (!json_is_object(out->body))
		return why_set(why, ERR_INPUT, "the body must be a JSON object");
	out->dialect = choose_dialect(out->body, path_id);
	return read_fields(out, path_id, why);
}

json_t *
enroll_reply_body(const struct enroll_dialect *dialect, const struct enroll_result *r)
{
	const struct {
		const char *name;
		const char *value;
	} fields[] = {
		{dialect->reply.device_id,   r->device_id  },
		{dialect->reply.certificate, r->certificate},
		{dialect->reply.ca_chain,	  r->ca_chain   },
		{dialect->reply.wg_conf,	 r->wg_conf	   },
		{dialect->reply.wg_ip,       r->wg_ip      },
	};
	json_t *body = json_object();
	for (size_t i = 0; body && i < N_ELEMENTS(fields); i++) {
		if (!fields[i].name)
			continue;
		if (json_object_set_new_nocheck(body, fields[i].name,
						json_string_nocheck(fields[i].value)) != 0) {
			json_decref(body);
			return NULL;
		}
	}
	return body;
}
