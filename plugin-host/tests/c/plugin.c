// A plugin for tests: counts. Every fault that a test wants is behind a macro; a function is taken away by renaming it
// (-Dplugin_open=gone).
#include "abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef API_VERSION
#define API_VERSION "3.0.0"
#endif
#ifndef NAME
#define NAME "counter"
#endif
#ifndef SOURCE
#define SOURCE "counter"
#endif
#ifndef ID
#define ID 999
#endif
#ifndef EVENT_ID
#define EVENT_ID 0
#endif
#ifndef EVENT_TYPE
#define EVENT_TYPE 322
#endif
#ifndef EVENT_PARAMETERS
#define EVENT_PARAMETERS 2
#endif
#ifndef LENGTH_ERROR
#define LENGTH_ERROR 0
#endif
#ifndef DATA_LENGTH_ERROR
#define DATA_LENGTH_ERROR 0
#endif
#ifndef RESULT_LENGTH
#define RESULT_LENGTH 1
#endif
// Whether every event has a time and is there at once, or the host is to set that of every second one, and to wait.
#ifndef TIMES
#define TIMES 0
#endif
#ifndef FIELDS
#define FIELDS                                                                                                       \
    "[{\"name\": \"counter.value\", \"type\": \"uint64\", \"desc\": \"The number.\", \"addOutput\": true},"           \
    " {\"name\": \"counter.text\", \"type\": \"string\", \"desc\": \"The number as text.\"},"                         \
    " {\"name\": \"counter.even\", \"type\": \"bool\", \"desc\": \"Whether it is even.\"},"                           \
    " {\"name\": \"counter.addr\", \"type\": \"ipaddr\", \"desc\": \"10.0.0.N, or ::N if odd.\"},"                    \
    " {\"name\": \"counter.net\", \"type\": \"ipnet\", \"desc\": \"As counter.addr.\"},"                              \
    " {\"name\": \"counter.took\", \"type\": \"reltime\", \"desc\": \"N seconds.\"},"                                 \
    " {\"name\": \"counter.at\", \"type\": \"abstime\", \"desc\": \"N seconds after 1970.\"},"                        \
    " {\"name\": \"counter.parts\", \"type\": \"string\", \"isList\": true, \"desc\": \"N texts.\"},"                 \
    " {\"name\": \"counter.plus\", \"type\": \"uint64\", \"arg\": {\"isRequired\": true, \"isIndex\": true},"         \
    "  \"desc\": \"The number and the index.\"},"                                                                     \
    " {\"name\": \"counter.with\", \"type\": \"string\", \"arg\": {\"isKey\": true}, \"desc\": \"Key and number.\"}]"
#endif

struct buffer {
    uint32_t length;
    const void *data;
};

struct tables {
    void *(*list)(void *owner, uint32_t *count);
    void *(*get)(void *owner, const char *name, uint32_t type);
};

struct init_input {
    const char *config;
    void *owner;
    const char *(*owner_error)(void *);
    const struct tables *tables;
    void (*log)(void *owner, const char *component, const char *message, uint32_t severity);
};

struct metric {
    const char *name;
    uint32_t type;
    union {
        uint64_t u64;
        double d;
    } value;
    uint32_t value_type;
};

static struct {
    char error[256], config[64];
    struct init_input input;
    uint64_t value, batches;
    char storage[64];
    uint64_t number;
    uint32_t truth;
    unsigned char address[16];
    struct buffer buffer;
    const char *texts[8];
    const char *one;
    struct metric metrics[2];
} state;

struct instance {
    uint64_t next, last;
    unsigned char memory[4][128];
    struct event *events[4];
};

const char *plugin_get_required_api_version(void) { return API_VERSION; }
const char *plugin_get_name(void) { return NAME; }
const char *plugin_get_description(void) { return "Counts."; }
const char *plugin_get_contact(void) { return "nobody@example.com"; }
#ifdef NULL_VERSION
const char *plugin_get_version(void) { return NULL; }
#else
const char *plugin_get_version(void) { return "1.2.3"; }
#endif
const char *plugin_get_last_error(void *s) {
    (void)s;
#ifdef NULL_RESULTS
    return NULL;
#endif
    return state.error;
}

#ifndef EVENT_SCHEMA
#define EVENT_SCHEMA "4.0.0"
#endif
const char *plugin_get_required_event_schema_version(void *s) {
    (void)s;
    return EVENT_SCHEMA;
}

#ifdef SCHEMA
#ifndef SCHEMA_TEXT
#define SCHEMA_TEXT "{\"type\": \"object\"}"
#endif
const char *plugin_get_init_schema(uint32_t *type) {
    *type = 1;
    return SCHEMA_TEXT;
}
#endif

void *plugin_init(const struct init_input *input, rc *result) {
    state.input = *input;
    snprintf(state.config, sizeof state.config, "%s", input->config);
    *result = SUCCESS;
    if (strcmp(input->config, "refuse") == 0) {
        snprintf(state.error, sizeof state.error, "the configuration is 'refuse'");
        *result = FAILURE;
        return NULL;
    }
    if (strcmp(input->config, "table") == 0) {
        uint32_t count = 7;
        if (!input->tables || !input->tables->list(input->owner, &count) || count != 0) {
            snprintf(state.error, sizeof state.error, "%u tables", count);
            *result = FAILURE;
        } else if (!input->tables->get(input->owner, "threads", 4)) {
            snprintf(state.error, sizeof state.error, "no table: %s", input->owner_error(input->owner));
            *result = FAILURE;
        }
        return &state;
    }
    input->log(input->owner, "start", "initialized", 6);
    input->log(input->owner, NULL, NULL, 99);
    return &state;
}

void plugin_destroy(void *s) { (void)s; }

// For the test of calls that come too late.
void counter_log_late(void) { state.input.log(state.input.owner, "late", "too late", 3); }

rc plugin_set_config(void *s, const char *const *input) {
    (void)s;
    if (strcmp(*input, "refuse") == 0) {
        snprintf(state.error, sizeof state.error, "no change to 'refuse'");
        return FAILURE;
    }
    snprintf(state.config, sizeof state.config, "%s", *input);
    return SUCCESS;
}

#ifdef HOLD_METRICS
static volatile int released;
// Ends the call for metrics.
void counter_release(void) { released = 1; }
#endif

struct metric *plugin_get_metrics(void *s, uint32_t *count) {
    (void)s;
#ifdef HOLD_METRICS
    while (!released) usleep(100);
#endif
#ifdef NULL_RESULTS
    *count = 2;
    return NULL;
#endif
    state.metrics[0] = (struct metric){"batches", 0, {.u64 = state.batches}, 2};
    state.metrics[1] = (struct metric){"half", 1, {.d = 0.5}, 4};
    *count = 2;
    return state.metrics;
}

#ifndef NO_SOURCE
uint32_t plugin_get_id(void) { return ID; }
const char *plugin_get_event_source(void) { return SOURCE; }

void *plugin_open(void *s, const char *params, rc *result) {
    (void)s;
    if (params[0] == 'x') {
        snprintf(state.error, sizeof state.error, "cannot open %s", params);
        *result = FAILURE;
        return NULL;
    }
    struct instance *instance = calloc(1, sizeof *instance);
    instance->last = strtoull(params, NULL, 10);
    *result = SUCCESS;
    return instance;
}

void plugin_close(void *s, void *instance) {
    (void)s;
    free(instance);
}

const char *plugin_list_open_params(void *s, rc *result) {
    (void)s;
#ifdef FAIL_PARAMS
    snprintf(state.error, sizeof state.error, "no idea");
    *result = FAILURE;
    return NULL;
#endif
    *result = SUCCESS;
#ifdef NULL_RESULTS
    return NULL;
#endif
    return "[{\"value\": \"10\", \"desc\": \"ten events\"}, {\"value\": \"20\"}]";
}

const char *plugin_get_progress(void *s, void *i, uint32_t *percent) {
    (void)s;
    struct instance *instance = i;
    *percent = instance->last ? instance->next * 10000 / instance->last : 0;
    return NULL;
}

static void put(unsigned char *at, uint32_t number) { memcpy(at, &number, 4); }

rc plugin_next_batch(void *s, void *i, uint32_t *count, struct event ***events) {
    (void)s;
    struct instance *instance = i;
    state.batches++;
    *count = 0;
#ifdef FAIL_BATCH
    snprintf(state.error, sizeof state.error, "the cable is out");
    return FAILURE;
#endif
#ifdef HANG
    for (;;) pause();
#endif
#ifdef NULL_BATCH
    *count = 3;
    *events = NULL;
    return SUCCESS;
#endif
    if (instance->next == instance->last) return END;
    if (instance->next % 8 == 4 && state.batches % 2 == 0 && !TIMES) return TIMEOUT;
    while (*count < 4 && instance->next < instance->last) {
        unsigned char *memory = instance->memory[*count];
        char text[24];
        uint32_t length = snprintf(text, sizeof text, "%llu", (unsigned long long)instance->next + 1);
        struct event event = {
            .time = instance->next % 2 && !TIMES ? UINT64_MAX : 1000000000u * (instance->next + 1), .thread = UINT64_MAX,
            .length = 38 + length + LENGTH_ERROR, .type = EVENT_TYPE, .parameters = EVENT_PARAMETERS,
        };
        memcpy(memory, &event, sizeof event);
        put(memory + 26, 4);
        put(memory + 30, length + DATA_LENGTH_ERROR);
        put(memory + 34, EVENT_ID);
        memcpy(memory + 38, text, length);
        instance->events[*count] = (struct event *)memory;
#ifdef NULL_EVENT
        if (instance->next == 1) instance->events[*count] = NULL;
#endif
        instance->next++;
        ++*count;
    }
    *events = instance->events;
    return SUCCESS;
}

const char *plugin_event_to_string(void *s, const struct event_input *input) {
    (void)s;
#ifdef NULL_RESULTS
    return NULL;
#endif
    snprintf(state.storage, sizeof state.storage, "event %llu of %s", (unsigned long long)input->number, input->source);
    return state.storage;
}
#endif

const char *plugin_get_fields(void) { return FIELDS; }
#ifdef FIELD_SOURCES
const char *plugin_get_extract_event_sources(void) { return FIELD_SOURCES; }
#endif

rc plugin_extract_fields(void *s, const struct event_input *input, const struct extract_input *in) {
    (void)s;
#ifdef HANG_EXTRACT
    for (;;) pause();
#endif
    const char *event = (const char *)input->event;
    uint32_t length;
    memcpy(&length, event + 30, 4);
    char text[32] = {0};
    memcpy(text, event + 38, length < 31 ? length : 31);
    uint64_t value = strtoull(text, NULL, 10);
#ifdef OFFSETS
    // Where the number is, in place of a value for all fields.
    static uint32_t starts[8], lengths[8];
    if (in->offsets && value % 5) {
        in->offsets->starts = starts;
        in->offsets->lengths = lengths;
        for (uint32_t i = 0; i < in->count && i < 8; i++) {
            starts[i] = value % 4 ? 38 : 0;
            lengths[i] = value % 4 == 0 ? 0 : value == 3 ? UINT32_MAX : length;
        }
    }
#endif
    for (uint32_t i = 0; i < in->count; i++) {
        struct field *field = &in->fields[i];
        const char *name = strchr(field->name, '.') + 1;
        field->result_length = RESULT_LENGTH;
#ifdef NULL_RESULT
        field->result = NULL;
        continue;
#endif
#ifdef FAIL_EXTRACT
        return FAILURE;
#endif
        field->result = &state.number;
        if (strcmp(name, "value") == 0) {
            state.number = value;
        } else if (strcmp(name, "plus") == 0) {
            state.number = value + field->index;
        } else if (strcmp(name, "took") == 0 || strcmp(name, "at") == 0) {
            state.number = value * 1000000000u;
        } else if (strcmp(name, "even") == 0) {
            state.truth = value % 2 == 0;
            field->result = &state.truth;
        } else if (strcmp(name, "addr") == 0 || strcmp(name, "net") == 0) {
            memset(state.address, 0, sizeof state.address);
            if (value % 2) {
                state.address[15] = value;
                state.buffer = (struct buffer){16, state.address};
            } else {
                state.address[0] = 10;
                state.address[3] = value;
                state.buffer = (struct buffer){4, state.address};
            }
            if (value == 9) state.buffer.length = 7;
            field->result = &state.buffer;
        } else if (strcmp(name, "parts") == 0) {
            for (int part = 0; part < 8; part++) state.texts[part] = part == 2 ? NULL : "part";
            field->result = state.texts;
            field->result_length = value < 8 ? value : 8;
        } else {
            const char *key = strcmp(name, "with") == 0 ? (field->present ? field->key : "none") : "";
            snprintf(state.storage, sizeof state.storage, "%s%s", key, text);
            state.one = state.storage;
            field->result = &state.one;
            // No value for every seventh.
            if (value % 7 == 0) field->result_length = 0;
        }
    }
    return SUCCESS;
}

#ifdef ASYNC
#ifndef ASYNC_SOURCES
#define ASYNC_SOURCES "[]"
#endif
typedef rc (*handler)(void *owner, const struct event *event, char *error);
static handler late;
static void *adds_to;

const char *plugin_get_async_event_sources(void) { return ASYNC_SOURCES; }
const char *plugin_get_async_events(void) { return "[\"tick\"]"; }

// Sends an event whose length is a lie by that many bytes, and logs the error.
static rc emit_with(handler send, const char *name, const char *data, uint64_t time, uint16_t type, int lie) {
    unsigned char memory[256] = {0};
    char error[1024] = "";
    uint32_t lengths[3] = {4, strlen(name) + 1, 4}, length = sizeof(struct event) + 12 + 8 + lengths[1];
    struct event event = {
        .time = time, .thread = UINT64_MAX, .length = length + lie, .type = type, .parameters = 3};
    memcpy(memory, &event, sizeof event);
    memcpy(memory + 26, lengths, 12);
    memcpy(memory + 42, name, lengths[1]);
    memcpy(memory + 42 + lengths[1], data, 4);
    rc result = send(adds_to, (struct event *)memory, error);
    if (result != SUCCESS) state.input.log(state.input.owner, "async", error, 4);
    return result;
}

static rc emit(handler send, const char *name, uint64_t time, uint16_t type, int lie) {
    return emit_with(send, name, "data", time, type, lie);
}

rc plugin_set_async_event_handler(void *s, void *owner, handler send) {
    (void)s;
    if (!send) return SUCCESS;
    adds_to = owner;
    late = send;
    if (strcmp(state.config, "flood") == 0) {
        for (int i = 0; i < 1000000; i++) {
            char error[1024];
            struct { struct event head; uint32_t lengths[3]; char rest[13]; } __attribute__((packed)) event = {
                {1000000000u, UINT64_MAX, sizeof event, 402, 3}, {4, 5, 4},
                {0, 0, 0, 0, 't', 'i', 'c', 'k', 0, 'd', 'a', 't', 'a'}};
            if (send(adds_to, &event.head, error) != SUCCESS) state.batches++;
        }
        return SUCCESS;
    }
    if (strcmp(state.config, "broken") == 0) {
        send(adds_to, NULL, NULL);
        emit(send, "tick", 1, 402, -200);
        emit(send, "tick", 1, 402, 1 << 30);
        emit(send, "tick", 1, 402, -3);
        emit(send, "tick", 1, 322, 0);
        emit(send, "tock", 1, 402, 0);
        emit(send, "tick", UINT64_MAX - 1, 402, 0);
        snprintf(state.error, sizeof state.error, "no handler for me");
        return FAILURE;
    }
    if (strcmp(state.config, "early") == 0) {
        emit(send, "tick", 1, 402, 0);
        return emit(send, "tick", 2, 402, 0);
    }
    emit(send, "tick", 3500000000u, 402, 0);
    return emit(send, "tick", 2500000000u, 402, 0);
}

#ifdef DUMP
rc plugin_dump_state(void *s, void *owner, handler send) {
    (void)s;
    void *other = adds_to;
    adds_to = owner;
    rc result = emit_with(send, "tick", "kept", UINT64_MAX, 402, 0);
    adds_to = other;
    return result;
}
#endif

// For the test of events that come too late.
void counter_emit_late(void) { emit(late, "tick", 1, 402, 0); }
#endif

#ifdef PARSING
rc plugin_parse_event(void *s, const struct event_input *input, const void *in) {
    (void)s, (void)input, (void)in;
#ifdef FAIL_PARSE
    return FAILURE;
#endif
#ifdef COUNT_PARSED
    char text[64];
    snprintf(text, sizeof text, "event of type %u", input->event->type);
    state.input.log(state.input.owner, "parse", text, 6);
#endif
    return SUCCESS;
}
#endif
