// A plugin for tests: uses state tables in every wrong way, and logs what came of it.
#include "abi.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { S64 = 4, U64 = 8, STRING = 9, TABLE = 10 };

union data {
    int64_t s64;
    uint64_t u64;
    const char *text;
    void *table;
};

struct fields {
    const void *(*list)(void *table, uint32_t *count);
    void *(*get)(void *table, const char *name, uint32_t type);
    void *(*add)(void *table, const char *name, uint32_t type);
};

struct reader {
    const char *(*name)(void *table);
    uint64_t (*size)(void *table);
    void *(*entry)(void *table, const union data *key);
    rc (*read)(void *table, void *entry, const void *field, union data *out);
    void (*release)(void *table, void *entry);
    uint32_t (*iterate)(void *table, uint32_t (*each)(void *state, void *entry), void *state);
};

struct writer {
    rc (*clear)(void *table);
    rc (*erase)(void *table, const union data *key);
    void *(*create)(void *table);
    void (*destroy)(void *table, void *entry);
    void *(*add)(void *table, const union data *key, void *entry);
    rc (*write)(void *table, void *entry, const void *field, const union data *in);
};

struct tables {
    void *(*list)(void *owner, uint32_t *count);
    void *(*get)(void *owner, const char *name, uint32_t type);
    rc (*add)(void *owner, const void *table);
    struct fields old;
    struct fields *fields;
    struct reader *reader;
    struct writer *writer;
};

struct init_input {
    const char *config;
    void *owner;
    const char *(*error)(void *owner);
    const struct tables *tables;
    void (*log)(void *owner, const char *component, const char *message, uint32_t severity);
};

struct parse_input {
    void *owner;
    const char *(*error)(void *owner);
    void *old_reader[4], *old_writer[6];
    struct reader *reader;
    struct writer *writer;
};

static struct {
    struct init_input input;
    struct tables tables;
    void *threads, *comm, *added, *fds, *name;
    void *kept, *kept_sub;
    int step;
} state;

// Logs whether something went well, and if not, why.
static void tell(const char *what, int well) {
    char line[256];
    const char *error = well ? "done" : state.input.error(state.input.owner);
    snprintf(line, sizeof line, "%s: %s", what, error ? error : "no reason");
    state.input.log(state.input.owner, NULL, line, 6);
}

const char *plugin_get_required_api_version(void) { return "3.6.0"; }
const char *plugin_get_name(void) { return "tables"; }
const char *plugin_get_description(void) { return "Misuses tables."; }
const char *plugin_get_contact(void) { return "nobody@example.com"; }
const char *plugin_get_version(void) { return "0.1.0"; }
const char *plugin_get_last_error(void *s) {
    (void)s;
    return "";
}

void *plugin_init(const struct init_input *input, rc *result) {
    state.input = *input;
    state.tables = *input->tables;
    struct fields *fields = state.tables.fields;
    *result = 0;
    tell("table of another type of keys", state.tables.get(input->owner, "threads", U64) != NULL);
    tell("table of no name", state.tables.get(input->owner, NULL, S64) != NULL);
    tell("table of an unknown name", state.tables.get(input->owner, "cats", S64) != NULL);
    tell("null as a table", state.tables.add(input->owner, NULL) == 0);
    state.threads = state.tables.get(input->owner, "threads", S64);
    tell("threads", state.threads != NULL);
    state.comm = fields->get(state.threads, "comm", STRING);
    state.fds = fields->get(state.threads, "file_descriptors", TABLE);
    tell("field of another type", fields->get(state.threads, "comm", U64) != NULL);
    tell("field of an unknown name", fields->get(state.threads, "cat", U64) != NULL);
    tell("field of no table", fields->get(&state, "comm", STRING) != NULL);
    state.added = fields->add(state.threads, "count", U64);
    tell("same field again", fields->add(state.threads, "count", U64) == state.added);
    tell("same field of another type", fields->add(state.threads, "count", STRING) != NULL);
    tell("field of tables", fields->add(state.threads, "more", TABLE) != NULL);
    union data key = {.s64 = 7}, out;
    tell("entry before the first event", state.tables.reader->entry(state.threads, &key) != NULL);
    void *made = state.tables.writer->create(state.threads);
    tell("table of a new entry", state.tables.reader->read(state.threads, made, state.fds, &out) == 0);
    state.name = fields->get(out.table, "name", STRING);
    tell("field of that table", state.name != NULL);
    tell("new field of that table", fields->add(out.table, "more", U64) != NULL);
    tell("new thread", state.tables.writer->add(state.threads, &key, made) != NULL);
    state.tables.writer->destroy(state.threads, made);
    tell("destroyed entry", state.tables.reader->read(state.threads, made, state.comm, &out) == 0);
    return &state;
}

void plugin_destroy(void *s) {
    (void)s;
    union data key = {.s64 = 7};
    tell("entry at the end", state.tables.reader->entry(state.threads, &key) != NULL);
}

static void *elsewhere(void *in) {
    union data key = {.s64 = 7};
    const struct parse_input *input = in;
    tell("entry in another thread", input->reader->entry(state.threads, &key) != NULL);
    return NULL;
}

static uint32_t stop(void *count, void *entry) {
    (void)entry;
    return ++*(int *)count < 1;
}

rc plugin_parse_event(void *s, const struct event_input *event, const struct parse_input *in) {
    (void)s;
    union data key = {.s64 = 7}, out, value = {.u64 = 41};
    const struct reader *reader = in->reader;
    const struct writer *writer = in->writer;
    if (event->number == 1) {
        void *entry = reader->entry(state.threads, &key);
        tell("entry", entry != NULL);
        tell("read", reader->read(state.threads, entry, state.comm, &out) == 0 && strcmp(out.text, "sh") == 0);
        tell("added field that was not written",
             reader->read(state.threads, entry, state.added, &out) == 0 && out.u64 == 0);
        tell("write", writer->write(state.threads, entry, state.added, &value) == 0);
        tell("read again", reader->read(state.threads, entry, state.added, &out) == 0 && out.u64 == 41);
        tell("write to a field of the inspector", writer->write(state.threads, entry, state.comm, &value) == 0);
        tell("write of null", writer->write(state.threads, entry, state.added, NULL) == 0);
        tell("read of a field of another table", reader->read(state.threads, entry, state.name, &out) == 0);
        tell("read of no field", reader->read(state.threads, entry, NULL, &out) == 0);
        tell("read of any number", reader->read(state.threads, entry, (void *)0x123456, &out) == 0);
        tell("read to null", reader->read(state.threads, entry, state.comm, NULL) == 0);
        tell("read of no entry", reader->read(state.threads, NULL, state.comm, &out) == 0);
        tell("table of files", reader->read(state.threads, entry, state.fds, &out) == 0);
        void *files = out.table;
        key.s64 = 0;
        void *file = reader->entry(files, &key);
        tell("file", reader->read(files, file, state.name, &out) == 0 && strcmp(out.text, "/dev/null") == 0);
        tell("file as a thread", reader->read(state.threads, file, state.comm, &out) == 0);
        key.s64 = 99;
        tell("file that is not open", reader->entry(files, &key) != NULL);
        tell("clear files", writer->clear(files) == 0);
        tell("clear threads", writer->clear(state.threads) == 0);
        tell("erase a thread", writer->erase(state.threads, &key) == 0);
        tell("no key", reader->entry(state.threads, NULL) != NULL);
        reader->release(state.threads, entry);
        tell("released entry", reader->read(state.threads, entry, state.comm, &out) == 0);
        reader->release(state.threads, entry);
        tell("file of a released entry", reader->read(files, file, state.name, &out) == 0);
        tell("size of the files of a released entry", reader->size(files) != UINT64_MAX);
        int count = 0;
        tell("iteration that is stopped", reader->iterate(state.threads, stop, &count) == 0 && count == 1);
        pthread_t thread;
        pthread_create(&thread, NULL, elsewhere, (void *)in);
        pthread_join(thread, NULL);
        key.s64 = 8;
        state.kept = reader->entry(state.threads, &key);
        tell("entry to keep", state.kept != NULL);
        int taken = 0;
        void *last = NULL;
        for (void *more; taken < 100000 && (more = reader->entry(state.threads, &key)); taken++) last = more;
        tell("entries without end", taken == 100000);
        reader->release(state.threads, last);
    }
    if (event->number == 4) {
        tell("kept entry", reader->read(state.threads, state.kept, state.comm, &out) == 0);
    }
    if (event->number == 6) {
        tell("kept entry of a thread that has ended",
             reader->read(state.threads, state.kept, state.comm, &out) == 0);
        tell("write to that", writer->write(state.threads, state.kept, state.added, &value) == 0);
    }
    return 0;
}
