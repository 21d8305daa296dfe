/* Prints the fields of every alert of a capture with their types, in a second thread: fields CAPTURE RULES */
#include <peregrine.h>
#include <pthread.h>
#include <stdio.h>

/* A queue of one alert between the thread that detects and the thread that prints. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	peregrine_alert *alert;
	bool done;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void print_value(peregrine_value value)
{
	switch (value.kind) {
	case PEREGRINE_VALUE_KIND_BOOL:
		printf("%s", value.as.boolean ? "true" : "false");
		break;
	case PEREGRINE_VALUE_KIND_INT64:
		printf("%lld", (long long)value.as.int64);
		break;
	case PEREGRINE_VALUE_KIND_UINT64:
		printf("%llu", (unsigned long long)value.as.uint64);
		break;
	case PEREGRINE_VALUE_KIND_FLOAT64:
		printf("%g", value.as.float64);
		break;
	case PEREGRINE_VALUE_KIND_BYTES:
		printf("\"%.*s\"", (int)value.as.bytes.len, (const char *)value.as.bytes.data);
		break;
	case PEREGRINE_VALUE_KIND_ADDRESS:
	case PEREGRINE_VALUE_KIND_NETWORK:
		for (int i = 0; i < (value.as.address.version == 4 ? 4 : 16); i++)
			printf("%s%u", i ? "." : "", value.as.address.octets[i]);
		break;
	case PEREGRINE_VALUE_KIND_LIST:
		for (size_t i = 0; i < value.as.list.len; i++) {
			printf("%s", i ? ", " : "[");
			print_value(value.as.list.items[i]);
		}
		printf("]");
		break;
	}
}

static void print_alert(const peregrine_alert *alert)
{
	peregrine_named_value field = {.size = sizeof field};

	printf("%s %.*s (event %llu)\n", peregrine_priority_name(alert->priority), (int)alert->rule.len,
	       (const char *)alert->rule.data, (unsigned long long)alert->event_number);
	for (size_t i = 0; peregrine_alert_field(alert, i, &field) == PEREGRINE_STATUS_OK; i++) {
		printf("  %.*s = ", (int)field.name.len, (const char *)field.name.data);
		if (field.has_value)
			print_value(field.value);
		else
			printf("(none)");
		printf("\n");
	}
}

static void *print_all(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&queue.lock);
		while (queue.alert == NULL && !queue.done)
			pthread_cond_wait(&queue.changed, &queue.lock);
		peregrine_alert *alert = queue.alert;
		queue.alert = NULL;
		pthread_cond_broadcast(&queue.changed);
		pthread_mutex_unlock(&queue.lock);
		if (alert == NULL)
			return NULL;
		print_alert(alert);
		peregrine_alert_free(alert);
	}
}

/* The alert ends with this call; its copy goes to the other thread. */
static void enqueue(void *userdata, const peregrine_alert *alert)
{
	peregrine_alert *copy = NULL;

	(void)userdata;
	if (peregrine_alert_clone(alert, &copy) != PEREGRINE_STATUS_OK)
		return;
	pthread_mutex_lock(&queue.lock);
	while (queue.alert != NULL)
		pthread_cond_wait(&queue.changed, &queue.lock);
	queue.alert = copy;
	pthread_cond_broadcast(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
}

int main(int argc, char **argv)
{
	peregrine_ruleset_builder *builder = NULL;
	peregrine_ruleset *ruleset = NULL;
	peregrine_engine *engine = NULL;
	peregrine_inspector *inspector = NULL;
	peregrine_event event;
	peregrine_status status = PEREGRINE_STATUS_OK;
	pthread_t printer;

	if (argc != 3) {
		fprintf(stderr, "usage: %s CAPTURE RULES\n", argv[0]);
		return 2;
	}
	if (peregrine_ruleset_builder_new(&builder) || peregrine_ruleset_builder_add_path(builder, argv[2]) ||
	    peregrine_ruleset_builder_build(builder, NULL, &ruleset) || peregrine_engine_new(ruleset, &engine) ||
	    peregrine_inspector_open_file(argv[1], NULL, &inspector)) {
		fprintf(stderr, "%s\n", peregrine_last_error());
		return 1;
	}
	if (pthread_create(&printer, NULL, print_all, NULL) != 0)
		return 1;
	while (status == PEREGRINE_STATUS_OK && (status = peregrine_inspector_next(inspector, &event)) == PEREGRINE_STATUS_OK)
		status = peregrine_engine_process(engine, event, enqueue, NULL);
	pthread_mutex_lock(&queue.lock);
	queue.done = true;
	pthread_cond_broadcast(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
	pthread_join(printer, NULL);
	if (status != PEREGRINE_STATUS_END)
		fprintf(stderr, "%s\n", peregrine_last_error());
	peregrine_inspector_free(inspector);
	peregrine_engine_free(engine);
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
	return status != PEREGRINE_STATUS_END;
}
