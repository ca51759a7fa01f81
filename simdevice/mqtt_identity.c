// SPDX-License-Identifier: Apache-2.0
#include "mqtt_identity.h"

#define DAY_S (24 * 3600)

void
mqtt_identity_fini(struct mqtt_identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->leaf);
	x509_stack_free(id->chain);
	*id = (struct mqtt_identity){0};
}

static enum err
push(STACK_OF(X509) * chain, X509 *cert)
{
	return X509_add_cert(chain, cert, X509_ADD_FLAG_UP_REF) ? ERR_OK : ERR_NOMEM;
}

static enum err
copy_chain(struct mqtt_identity *out, enum mqtt_chain order, const STACK_OF(X509) * issuers)
{
	out->chain = sk_X509_new_null();
	if (!out->chain)
		return ERR_NOMEM;
	int n = order == MQTT_CHAIN_LEAF_ONLY ? 0 : sk_X509_num(issuers);
	for (int i = 0; i < n; i++)
		TRY(push(out->chain,
			 sk_X509_value(issuers, order == MQTT_CHAIN_REVERSED ? n - 1 - i : i)));
	return ERR_OK;
}

static enum err
take_own(struct mqtt_identity *out, enum mqtt_chain order, const struct identity *own)
{
	TRY(copy_chain(out, order, issuers_certs(own->issuers)));
	EVP_PKEY_up_ref(own->key);
	out->key = own->key;
	X509_up_ref(own->leaf);
	out->leaf = own->leaf;
	return ERR_OK;
}

// root -> Sub-CA, like the tenant's, but nobody's.
static enum err
make_issuers(STACK_OF(X509) * *out, struct cert_ca **sub, int64_t now)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *root_key = NULL;
	AUTO(EVP_PKEY_free) EVP_PKEY *sub_key = NULL;
	AUTO(X509_free) X509 *root = NULL;
	AUTO(X509_free) X509 *sub_cert = NULL;
	AUTO(cert_ca_free) struct cert_ca *ca = NULL;
	TRY(key_generate(&root_key));
	TRY(key_generate(&sub_key));
	struct cert_template t = {.cn = "Simulator Other Root CA",
				  .key = root_key,
				  .not_before = now - 400 * DAY_S,
				  .not_after = now + 400 * DAY_S,
				  .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
				  .is_ca = true,
				  .path_len = 1};
	TRY(cert_issue_root(&root, &t));
	TRY(cert_ca_new(&ca, root, root_key, NULL));
	t.cn = "Simulator Other Sub-CA";
	t.key = sub_key;
	t.path_len = 0;
	TRY(cert_issue(&sub_cert, ca, &t));
	TRY(cert_ca_new(sub, sub_cert, sub_key, NULL));
	*out = sk_X509_new_null();
	if (!*out)
		return ERR_NOMEM;
	return push(*out, sub_cert);
}

static enum err
make_other(struct mqtt_identity *out, const struct sim_orders *orders, const char *id, int64_t now)
{
	TRY(key_generate(&out->key));
	struct cert_template t = {.cn = id,
				  .key = out->key,
				  .not_before = now - 60,
				  .not_after = now + DAY_S,
				  .key_usage = KU_DIGITAL_SIGNATURE,
				  .ext_key_usage = XKU_SSL_SERVER | XKU_SSL_CLIENT};
	if (orders->cert == MQTT_CERT_EXPIRED) {
		t.not_before = now - 2 * DAY_S;
		t.not_after = now - DAY_S;
	} else if (orders->cert == MQTT_CERT_NOT_YET_VALID) {
		t.not_before = now + DAY_S;
		t.not_after = now + 2 * DAY_S;
	}
	AUTO(x509_stack_free) STACK_OF(X509) *issuers = NULL;
	AUTO(cert_ca_free) struct cert_ca *sub = NULL;
	if (orders->cert == MQTT_CERT_SELF_SIGNED) {
		TRY(cert_issue_root(&out->leaf, &t));
		return copy_chain(out, MQTT_CHAIN_LEAF_ONLY, NULL);
	}
	TRY(make_issuers(&issuers, &sub, now));
	TRY(cert_issue(&out->leaf, sub, &t));
	return copy_chain(out, orders->chain, issuers);
}

enum err
mqtt_identity_make(struct mqtt_identity *out, const struct sim_orders *orders,
		   const struct identity *own, const char *id, int64_t now, struct why *why)
{
	*out = (struct mqtt_identity){0};
	if (orders->chain == MQTT_CHAIN_NONE)
		return ERR_OK;
	enum err err = orders->cert == MQTT_CERT_OWN ? take_own(out, orders->chain, own)
						     : make_other(out, orders, id, now);
	if (err) {
		mqtt_identity_fini(out);
		return why_set(why, err, "the certificate to show cannot be made: %s",
			       err_text(err));
	}
	return ERR_OK;
}
