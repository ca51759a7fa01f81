// SPDX-License-Identifier: Apache-2.0
#include "hawkbit/target_view.h"

#include "base/encode.h"

static void
set_link(json_t *links, const char *name, const char *base_url, const char *id, const char *rest)
{
	json_object_set_new(
		links, name,
		json_pack("{s:o}", "href", json_sprintf("%s/targets/%s%s", base_url, id, rest)));
}

static json_t *
make_links(const struct target *t, enum target_view view, const char *base_url)
{
	BUF_AUTO struct buf id;
	buf_init(&id, 3 * strlen(t->controller_id) + 1);
	json_t *links = json_object();
	if (percent_encode(&id, t->controller_id) != ERR_OK)
		return links;
	const char *text = (const char *)id.data;
	set_link(links, "self", base_url, text, "");
	if (view == VIEW_ROW)
		return links;
	set_link(links, "assignedDS", base_url, text, "/assignedDS");
	set_link(links, "installedDS", base_url, text, "/installedDS");
	set_link(links, "attributes", base_url, text, "/attributes");
	set_link(links, "actions", base_url, text, "/actions?offset=0&limit=50&sort=id%3ADESC");
	set_link(links, "metadata", base_url, text, "/metadata");
	return links;
}

json_t *
target_to_json(const struct target *t, enum target_view view, const char *base_url, bool with_token)
{
	json_t *out =
		json_pack("{s:s, s:I, s:s, s:I, s:s, s:s*, s:s, s:s}", "createdBy", t->created_by,
			  "createdAt", (json_int_t)t->created_at, "lastModifiedBy",
			  t->last_modified_by, "lastModifiedAt", (json_int_t)t->last_modified_at,
			  "name", t->name, "description", t->description, "controllerId",
			  t->controller_id, "updateStatus", update_status_name(t->update_status));
	if (!out)
		return NULL;
	if (t->last_request_at)
		json_object_set_new(out, "lastControllerRequestAt",
				    json_integer(t->last_request_at));
	if (t->address)
		json_object_set_new(out, "address", json_string(t->address));
	if (t->group)
		json_object_set_new(out, "group", json_string(t->group));
	if (with_token)
		json_object_set_new(out, "securityToken", json_string(t->security_token));
	json_object_set_new(out, "requestAttributes", json_boolean(t->request_attributes));
	json_object_set_new(out, "_links", make_links(t, view, base_url));
	return out;
}
