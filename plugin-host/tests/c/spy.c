// A plugin that is another one, TARGET, and writes each call with its data to LOG. The capabilities are those of -DSOURCING,
// -DEXTRACTION, -DPARSING, -DASYNC and -DLISTENING, which the target must have.
#include "abi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *out(void) {
    static FILE *file;
    if (!file && !(file = fopen(LOG, "w"))) abort();
    return file;
}

static void *target(const char *name) {
    static void *library;
    if (!library && !(library = dlopen(TARGET, RTLD_NOW | RTLD_LOCAL))) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    return dlsym(library, name);
}

#define FORWARD(name, ...) ((__typeof__(name) *)target(#name))(__VA_ARGS__)
#define SAY(...) (fprintf(out(), __VA_ARGS__), fflush(out()))

static const char *or_null(const char *text) { return text ? text : "NULL"; }

// The event with its bytes; of the asynchronous ones not the id, which a host may set in a copy for itself.
static void say_event(const struct event_input *input) {
    const unsigned char *bytes = (const unsigned char *)input->event;
    SAY(" %llu %s type=%u time=%llu", (unsigned long long)input->number, or_null(input->source), input->event->type,
        (unsigned long long)input->event->time);
    for (uint32_t i = 8; i < input->event->length; i++)
        if (input->event->type != 402 || i < 38 || i >= 42) SAY("%s%02x", i == 8 ? " " : "", bytes[i]);
}

const char *plugin_get_required_api_version(void) { return FORWARD(plugin_get_required_api_version); }
const char *plugin_get_name(void) { return FORWARD(plugin_get_name); }
const char *plugin_get_description(void) { return FORWARD(plugin_get_description); }
const char *plugin_get_contact(void) { return FORWARD(plugin_get_contact); }
const char *plugin_get_version(void) { return FORWARD(plugin_get_version); }
const char *plugin_get_last_error(void *s) { return FORWARD(plugin_get_last_error, s); }

void *plugin_init(const void *input, rc *result) {
    SAY("init %s\n", or_null(*(const char *const *)input));
    return FORWARD(plugin_init, input, result);
}

void plugin_destroy(void *s) {
    SAY("destroy\n");
    FORWARD(plugin_destroy, s);
}

void *plugin_get_metrics(void *s, uint32_t *count) {
    SAY("get_metrics\n");
    return FORWARD(plugin_get_metrics, s, count);
}

#ifdef SOURCING
uint32_t plugin_get_id(void) { return FORWARD(plugin_get_id); }
const char *plugin_get_event_source(void) { return FORWARD(plugin_get_event_source); }

void *plugin_open(void *s, const char *params, rc *result) {
    SAY("open %s\n", params && *params ? params : "without parameters");
    return FORWARD(plugin_open, s, params && *params ? params : PARAMS, result);
}

void plugin_close(void *s, void *instance) {
    SAY("close\n");
    FORWARD(plugin_close, s, instance);
}

rc plugin_next_batch(void *s, void *instance, uint32_t *count, struct event ***events) {
    rc result = FORWARD(plugin_next_batch, s, instance, count, events);
    SAY("next_batch %d %u\n", result, *count);
    return result;
}

const char *plugin_event_to_string(void *s, const struct event_input *input) {
    SAY("event_to_string");
    say_event(input);
    SAY("\n");
    return FORWARD(plugin_event_to_string, s, input);
}
#endif

#ifdef EXTRACTION
const char *plugin_get_fields(void) { return FORWARD(plugin_get_fields); }

// One line for each field, whether they are requested together or one by one.
rc plugin_extract_fields(void *s, const struct event_input *input, const struct extract_input *in) {
    for (uint32_t i = 0; i < in->count; i++) {
        struct field *field = &in->fields[i];
        SAY("extract %u %s key=%s index=%llu present=%u type=%u list=%u", field->id, field->name, or_null(field->key),
            (unsigned long long)field->index, field->present, field->type, field->list);
        say_event(input);
        SAY("\n");
    }
    return FORWARD(plugin_extract_fields, s, input, in);
}
#endif

#ifdef PARSING
rc plugin_parse_event(void *s, const struct event_input *input, const void *in) {
    SAY("parse_event");
    say_event(input);
    SAY("\n");
    return FORWARD(plugin_parse_event, s, input, in);
}
#endif

#ifdef ASYNC
const char *plugin_get_async_event_sources(void) { return FORWARD(plugin_get_async_event_sources); }
const char *plugin_get_async_events(void) { return FORWARD(plugin_get_async_events); }

rc plugin_set_async_event_handler(void *s, void *owner, void *handler) {
    SAY("set_async_event_handler %s\n", handler ? "a function" : "NULL");
    return FORWARD(plugin_set_async_event_handler, s, owner, handler);
}
#endif

#ifdef LISTENING
rc plugin_capture_open(void *s, const void *input) {
    SAY("capture_open\n");
    return FORWARD(plugin_capture_open, s, input);
}

rc plugin_capture_close(void *s, const void *input) {
    SAY("capture_close\n");
    return FORWARD(plugin_capture_close, s, input);
}
#endif
