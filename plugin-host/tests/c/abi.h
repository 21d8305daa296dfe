// What the plugins of the tests use of the plugin interface: results, the head of an event, and the inputs of calls.
#pragma once

#include <stdint.h>

typedef int32_t rc;
enum { SUCCESS = 0, FAILURE = 1, TIMEOUT = -1, END = 2 };

#pragma pack(push, 1)
struct event {
    uint64_t time, thread;
    uint32_t length;
    uint16_t type;
    uint32_t parameters;
};
#pragma pack(pop)

struct event_input {
    const struct event *event;
    uint64_t number;
    const char *source;
};

struct field {
    void *result;
    uint64_t result_length;
    uint32_t id;
    const char *name, *key;
    uint64_t index;
    uint32_t present, type, list;
};

struct extract_input {
    void *owner;
    const char *(*owner_error)(void *);
    uint32_t count;
    struct field *fields;
    void *reader[4], *reader_ext;
    struct {
        uint32_t *starts, *lengths;
    } *offsets;
};
