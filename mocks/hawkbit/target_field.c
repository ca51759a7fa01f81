// SPDX-License-Identifier: Apache-2.0
#include "hawkbit/target_field.h"

#include <strings.h>

#define TEXT(x)	  ((struct target_value){.text = (x)})
#define NUMBER(x) ((struct target_value){.is_number = true, .number = (int64_t)(x)})

#define READER(name, expression)                                                                   \
	static struct target_value read_##name(const struct target *t, const char *key)            \
	{                                                                                          \
		(void)t;                                                                           \
		(void)key;                                                                         \
		return expression;                                                                 \
	}

READER(id, NUMBER(t->id))
READER(controller_id, TEXT(t->controller_id))
READER(name, TEXT(t->name))
READER(description, TEXT(t->description))
READER(created_at, NUMBER(t->created_at))
READER(created_by, TEXT(t->created_by))
READER(modified_at, NUMBER(t->last_modified_at))
READER(modified_by, TEXT(t->last_modified_by))
READER(update_status, TEXT(update_status_name(t->update_status)))
READER(address, TEXT(t->address))
READER(group, TEXT(t->group))
READER(request_at, NUMBER(t->last_request_at))
READER(attribute, TEXT(json_string_value(json_object_get(t->attributes, key))))
READER(metadata, TEXT(json_string_value(json_object_get(t->metadata, key))))
// Distribution sets, tags and types: known to hawkBit, and no target has one.
READER(none, TEXT(NULL))

static const struct target_field fields[] = {
	{"id",		      read_id,		true,  false, true },
	{"controllerId",		 read_controller_id, false, false, true },
	{"name",		    read_name,	    false, false, true },
	{"description",		read_description,	  false, false, true },
	{"createdAt",		      read_created_at,    true,  false, true },
	{"createdBy",		      read_created_by,    false, false, true },
	{"lastModifiedAt",	   read_modified_at,   true,  false, true },
	{"lastModifiedBy",	   read_modified_by,   false, false, true },
	{"updateStatus",		 read_update_status, false, false, true },
	{"ipAddress",		      read_none,		 false, false, true },
	{"address",		    read_address,	  false, false, true },
	{"group",		   read_group,	      false, false, true },
	{"lastControllerRequestAt", read_request_at,    true,  false, true },
	{"attribute",		      read_attribute,     false, true,  false},
	{"metadata",		     read_metadata,	    false, true,	 false},
	{"assignedDS",	       read_none,	  false, true,  false},
	{"installedDS",		read_none,	   false, true,	false},
	{"tag",		     read_none,	   false, false, false},
	{"type",		    read_none,	    false, false, false},
};

const struct target_field *
target_field_find(const char *name, const char **key)
{
	const char *dot = strchr(name, '.');
	size_t n = dot ? (size_t)(dot - name) : strlen(name);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct target_field *f = &fields[i];
		if (strlen(f->name) != n || strncasecmp(f->name, name, n) != 0)
			continue;
		if (f->has_key != (dot != NULL && dot[1] != 0))
			return NULL;
		*key = dot ? dot + 1 : NULL;
		return f;
	}
	return NULL;
}
