// SPDX-License-Identifier: Apache-2.0
// A provider of our own that passes the default provider's algorithms on, with two lists shortened:
// key managers and decoders. The default provider lives in a library context of its own, whose
// provider context the algorithms are given, so they see exactly what they would see without us.
#include "pki/fast_decode.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <string.h>

enum { LIST_MAX = 64 };

static struct {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *full;
	OSSL_PROVIDER *fast; // stays loaded as long as the process lives
	OSSL_ALGORITHM keymgmt[LIST_MAX];
	OSSL_ALGORITHM decoder[LIST_MAX];
} inner;

// First names of the algorithms that stay. MAC keys serve TLS 1.2's CBC suites.
static const char *const kept_keys[] = {"EC", "RSA", "RSA-PSS", "X25519", "ED25519", "HMAC", NULL};
static const char *const kept_decoders[] = {"EC",      "RSA", "RSA-PSS", "X25519",
					    "ED25519", "DER", NULL};

static bool
is_kept(const OSSL_ALGORITHM *a, const char *const *kept)
{
	size_t n = strcspn(a->algorithm_names, ":");
	for (; *kept; kept++) {
		if (strlen(*kept) == n && strncmp(a->algorithm_names, *kept, n) == 0)
			return true;
	}
	return false;
}

static bool
is_wanted(const OSSL_ALGORITHM *a, const char *const *kept)
{
	const char *props = a->property_definition ? a->property_definition : "";
	return is_kept(a, kept) && !strstr(props, "input=msblob") && !strstr(props, "input=pvk");
}

static void
fill(OSSL_ALGORITHM out[static LIST_MAX], int operation, const char *const *kept)
{
	int no_cache = 0;
	size_t n = 0;
	const OSSL_ALGORITHM *a = OSSL_PROVIDER_query_operation(inner.full, operation, &no_cache);
	for (; a && a->algorithm_names && n + 1 < LIST_MAX; a++) {
		if (is_wanted(a, kept))
			out[n++] = *a;
	}
	out[n] = (OSSL_ALGORITHM){0};
}

static const OSSL_ALGORITHM *
query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return inner.keymgmt;
	case OSSL_OP_DECODER:
		return inner.decoder;
	default:
		return OSSL_PROVIDER_query_operation(inner.full, operation, no_cache);
	}
}

static int
get_capabilities(void *provctx, const char *capability, OSSL_CALLBACK *cb, void *arg)
{
	(void)provctx;
	return OSSL_PROVIDER_get_capabilities(inner.full, capability, cb, arg);
}

static const OSSL_PARAM *
gettable_params(void *provctx)
{
	(void)provctx;
	return OSSL_PROVIDER_gettable_params(inner.full);
}

static int
get_params(void *provctx, OSSL_PARAM params[])
{
	(void)provctx;
	return OSSL_PROVIDER_get_params(inner.full, params);
}

static const OSSL_DISPATCH dispatch[] = {
	{OSSL_FUNC_PROVIDER_QUERY_OPERATION,  (void (*)(void))query		  },
	{OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))get_capabilities},
	{OSSL_FUNC_PROVIDER_GETTABLE_PARAMS,  (void (*)(void))gettable_params },
	{OSSL_FUNC_PROVIDER_GET_PARAMS,	(void (*)(void))get_params	  },
	{0,				   NULL			    },
};

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	      void **provctx)
{
	(void)handle;
	(void)in;
	*out = dispatch;
	*provctx = OSSL_PROVIDER_get0_provider_ctx(inner.full);
	return 1;
}

enum err
pki_use_fast_decoders(void)
{
	inner.context = OSSL_LIB_CTX_new();
	inner.full = inner.context ? OSSL_PROVIDER_load(inner.context, "default") : NULL;
	if (!inner.full)
		return ERR_CRYPTO;
	fill(inner.keymgmt, OSSL_OP_KEYMGMT, kept_keys);
	fill(inner.decoder, OSSL_OP_DECODER, kept_decoders);
	if (OSSL_PROVIDER_add_builtin(NULL, "default-fast", provider_init) != 1)
		return ERR_CRYPTO;
	inner.fast = OSSL_PROVIDER_load(NULL, "default-fast");
	return inner.fast ? ERR_OK : ERR_CRYPTO;
}
