#include "test.h"

static peregrine_inspector *open_containers(void)
{
	const char *path = getenv("PEREGRINE_TEST_CONTAINERS");
	peregrine_inspector *inspector = NULL;
	CHECK(path != NULL);
	CHECK_OK(peregrine_inspector_open_file(path, NULL, &inspector));
	return inspector;
}

/* The text of a field of the next event; "-" where there is none, "" at the end. */
static const char *next_text(peregrine_inspector *inspector, const char *field)
{
	static char text[256];
	peregrine_event event;
	peregrine_bytes bytes;

	if (peregrine_inspector_next(inspector, &event) != PEREGRINE_STATUS_OK)
		return "";
	if (peregrine_event_text_by_name(event, field, &bytes) != PEREGRINE_STATUS_OK)
		return "-";
	CHECK(snprintf(text, sizeof text, "%.*s", (int)bytes.len, (const char *)bytes.data) < (int)sizeof text);
	return text;
}

/* An engine that knows a container from the second query on. */
struct knowledge {
	peregrine_container container;
	int questions;
};

static const peregrine_container *ask(void *userdata, peregrine_bytes id)
{
	struct knowledge *knowledge = userdata;
	CHECK(equals(id, "0123456789ab"));
	return ++knowledge->questions < 2 ? NULL : &knowledge->container;
}

static void asks_who_knows(void)
{
	peregrine_label labels[] = {{"app", "shop"}, {"io.kubernetes.pod.name", "shop-1"}};
	peregrine_mount mounts[] = {{.source = "/data", .dest = "/srv", .mode = "rw", .rdwr = true}};
	struct knowledge knowledge = {.container = {.size = sizeof(peregrine_container),
						    .id = "0123456789ab",
						    .name = "shop",
						    .image = "nginx:1.27",
						    .labels = labels,
						    .nlabels = 2,
						    .mounts = mounts,
						    .nmounts = 1,
						    .privileged = true}};
	peregrine_inspector *inspector = open_containers();
	peregrine_event event;
	peregrine_bytes text;

	CHECK_OK(peregrine_inspector_set_container_callback(inspector, ask, &knowledge));
	CHECK(strcmp(next_text(inspector, "container.id"), "host") == 0 && knowledge.questions == 0);
	CHECK(strcmp(next_text(inspector, "container.id"), "0123456789ab") == 0 && knowledge.questions == 1);
	CHECK(strcmp(next_text(inspector, "container.image"), "nginx:1.27") != 0 && knowledge.questions == 1);
	/* Two seconds later it is queried again, and known from then on. */
	CHECK(strcmp(next_text(inspector, "container.image"), "nginx:1.27") == 0 && knowledge.questions == 2);
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_OK(peregrine_event_text_by_name(event, "container.name", &text));
	CHECK(equals(text, "shop"));
	CHECK_OK(peregrine_event_text_by_name(event, "container.privileged", &text));
	CHECK(equals(text, "true"));
	CHECK_OK(peregrine_event_text_by_name(event, "container.mount.dest[/data]", &text));
	CHECK(equals(text, "/srv"));
	CHECK(knowledge.questions == 2);
	peregrine_inspector_free(inspector);
}

static void takes_descriptions(void)
{
	peregrine_container shop = {.size = sizeof shop, .id = "0123456789ab", .name = "shop"};
	const uint8_t *id = (const uint8_t *)"0123456789ab";
	peregrine_inspector *inspector = open_containers();
	peregrine_event event;
	peregrine_bytes text;

	CHECK_OK(peregrine_inspector_insert_container(inspector, &shop));
	CHECK(strcmp(next_text(inspector, "container.name"), "host") == 0);
	CHECK(strcmp(next_text(inspector, "container.name"), "shop") == 0);
	shop.name = "store";
	CHECK_OK(peregrine_inspector_insert_container(inspector, &shop));
	CHECK(strcmp(next_text(inspector, "container.name"), "store") == 0);
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_OK(peregrine_inspector_remove_container(inspector, id, 12));
	CHECK_STATUS(peregrine_inspector_remove_container(inspector, id, 12), PEREGRINE_STATUS_MISSING);
	/* Values borrowed from the event may be gone. */
	CHECK_STATUS(peregrine_event_text_by_name(event, "container.name", &text), PEREGRINE_STATUS_INVALID_HANDLE);
	CHECK(strcmp(next_text(inspector, "container.name"), "store") != 0);
	peregrine_inspector_free(inspector);
}

static const peregrine_container *mislead(void *userdata, peregrine_bytes id)
{
	static const peregrine_container other = {.size = sizeof other, .id = "another", .name = "wrong"};
	static const peregrine_container nothing;
	(void)id;
	return (*(int *)userdata)++ == 0 ? &other : &nothing;
}

static void rejects_invalid_arguments(void)
{
	peregrine_container container = {.size = sizeof container};
	peregrine_inspector *inspector = open_containers();
	int calls = 0;

	CHECK_STATUS(peregrine_inspector_insert_container(inspector, &container), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_insert_container(inspector, NULL), PEREGRINE_STATUS_NULL_POINTER);
	container.id = "x";
	container.nlabels = 1;
	CHECK_STATUS(peregrine_inspector_insert_container(inspector, &container), PEREGRINE_STATUS_NULL_POINTER);
	container.nlabels = 0;
	container.name = "\xff";
	CHECK_STATUS(peregrine_inspector_insert_container(inspector, &container), PEREGRINE_STATUS_INVALID_UTF8);
	container.size = 8;
	CHECK_STATUS(peregrine_inspector_insert_container(inspector, &container), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_inspector_remove_container(inspector, NULL, 3), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_set_container_callback(NULL, NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);

	/* A callback that returns another container, or none at all, is not believed. */
	CHECK_OK(peregrine_inspector_set_container_callback(inspector, mislead, &calls));
	for (int i = 0; i < 5; i++)
		CHECK(strcmp(next_text(inspector, "container.name"), "wrong") != 0);
	CHECK(calls == 3);
	CHECK_OK(peregrine_inspector_set_container_callback(inspector, NULL, NULL));
	peregrine_inspector_free(inspector);
}

RUN({"asks_who_knows", asks_who_knows}, {"takes_descriptions", takes_descriptions}, {"rejects_invalid_arguments", rejects_invalid_arguments})
