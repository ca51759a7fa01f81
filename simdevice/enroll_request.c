// SPDX-License-Identifier: Apache-2.0
#include "enroll_request.h"

#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "pki/cert.h"

#define DEVICE_TYPE "simdevice"

static const char *const variants[CSR_VARIANT_COUNT] = {
#define X(id, name) [CSR_##id] = name,
	CSR_VARIANTS(X)
#undef X
};

enum err
csr_variant_parse(enum csr_variant *out, const char *name)
{
	for (size_t i = 0; i < CSR_VARIANT_COUNT; i++)
		if (strcmp(variants[i], name) == 0) {
			*out = (enum csr_variant)i;
			return ERR_OK;
		}
	return ERR_INPUT;
}

static enum err
make_wrong_cn(struct buf *out, EVP_PKEY *key, const char *cn)
{
	BUF_AUTO struct buf other;
	buf_init(&other, DEVICE_ID_MAX + 16);
	TRY(buf_printf(&other, "not-%s", cn));
	return csr_create_pem(out, key, &(struct csr_options){.cn = (const char *)other.data});
}

// The signature is the last thing in a PKCS#10 request: its last byte is part of s.
static enum err
make_bad_signature(struct buf *out, EVP_PKEY *key, const char *cn)
{
	BUF_AUTO struct buf der;
	buf_init(&der, CSR_MAX_BYTES);
	TRY(csr_create_der(&der, key, &(struct csr_options){.cn = cn}));
	der.data[der.len - 1] ^= 1;
	return pem_write(out, "CERTIFICATE REQUEST", buf_bytes(&der));
}

enum err
csr_variant_make(struct buf *out, enum csr_variant variant, EVP_PKEY *key, const char *cn)
{
	switch (variant) {
	case CSR_EMPTY:
		return buf_append_str(out, "");
	case CSR_NOT_PEM:
		return buf_append_str(out, "this is not a certificate request\n");
	case CSR_WRONG_CN:
		return make_wrong_cn(out, key, cn);
	case CSR_BAD_SIGNATURE:
		return make_bad_signature(out, key, cn);
	case CSR_TRUNCATED:
		TRY(csr_create_pem(out, key, &(struct csr_options){.cn = cn}));
		out->len /= 2;
		out->data[out->len] = '\0';
		return ERR_OK;
	default:
		return csr_create_pem(out, key, &(struct csr_options){.cn = cn});
	}
}

static enum err
put_member(struct buf *out, const char *name, const char *value)
{
	TRY(buf_printf(out, "%s\"%s\":\"", out->len > 1 ? "," : "", name));
	TRY(json_escape(out, BYTES_STR(value)));
	return buf_append_str(out, "\"");
}

enum err
enroll_request_body(struct buf *out, const struct enroll_request *r)
{
	TRY(buf_append_str(out, "{"));
	switch (r->dialect) {
	case DIALECT_RUNBOOK:
		TRY(put_member(out, "csr_pem", r->csr));
		break;
	case DIALECT_CDM:
		TRY(put_member(out, "csr", r->csr));
		TRY(put_member(out, "device_name", r->device_id));
		TRY(put_member(out, "device_type", DEVICE_TYPE));
		break;
	case DIALECT_NATIVE:
		TRY(put_member(out, "device_id", r->device_id));
		TRY(put_member(out, "device_type", DEVICE_TYPE));
		TRY(put_member(out, "csr", r->csr));
		break;
	}
	if (r->wg_public_key && r->dialect != DIALECT_NATIVE) {
		char text[WG_KEY_CHARS + 1];
		wg_key_print(text, r->wg_public_key);
		TRY(put_member(out, "wg_public_key", text));
	}
	return buf_append_str(out, "}");
}

enum err
enroll_request_path(struct buf *out, const struct enroll_request *r)
{
	if (r->dialect == DIALECT_NATIVE)
		return buf_append_str(out, "/v1/enroll");
	TRY(buf_append_str(out, "/devices/"));
	TRY(percent_encode(out, r->device_id));
	return buf_append_str(out, "/enroll");
}
