/*
 * Peregrine: runtime detection as a library.
 *
 * Written by `cargo test -p peregrine-capi --test header` (UPDATE_HEADER=1); do not edit.
 * SPDX-License-Identifier: Apache-2.0
 */

#ifndef PEREGRINE_H
#define PEREGRINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The result of a call. Zero and the numbers below 100 are no errors.
 */
enum peregrine_status
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    /**
     * Done.
     */
    PEREGRINE_STATUS_OK = 0,
    /**
     * There is no more: the capture is at its end, the list is exhausted.
     */
    PEREGRINE_STATUS_END = 1,
    /**
     * Nothing just now: a live source has no event yet. Call again.
     */
    PEREGRINE_STATUS_IDLE = 2,
    /**
     * The event has no such value. The out-parameter is not written.
     */
    PEREGRINE_STATUS_MISSING = 3,
    /**
     * A pointer that must not be NULL is NULL.
     */
    PEREGRINE_STATUS_NULL_POINTER = 100,
    /**
     * An argument makes no sense: a struct's size, an enumeration's value, an index out of range.
     */
    PEREGRINE_STATUS_INVALID_ARGUMENT = 101,
    /**
     * Text that must be UTF-8 is not.
     */
    PEREGRINE_STATUS_INVALID_UTF8 = 102,
    /**
     * A handle that was freed, or that is none (seen in debug builds), or an event after the next one was asked for.
     */
    PEREGRINE_STATUS_INVALID_HANDLE = 103,
    /**
     * The operating system refused: a file is missing, a permission lacks.
     */
    PEREGRINE_STATUS_IO = 104,
    /**
     * A capture is damaged or no capture.
     */
    PEREGRINE_STATUS_FORMAT = 105,
    /**
     * A condition, a field or an output format does not compile.
     */
    PEREGRINE_STATUS_COMPILE = 106,
    /**
     * Rules do not load; the report says why.
     */
    PEREGRINE_STATUS_RULES = 107,
    /**
     * This library was built without it, or this machine cannot do it.
     */
    PEREGRINE_STATUS_UNSUPPORTED = 108,
    /**
     * A bug in the library. The call had no effect that can be relied on; the handle should be freed.
     */
    PEREGRINE_STATUS_PANIC = 109,
    /**
     * An event that was given in is not what it must be (JSON that does not parse).
     */
    PEREGRINE_STATUS_INVALID_EVENT = 110,
};
#ifndef __cplusplus
typedef int32_t peregrine_status;
#endif // __cplusplus

/**
 * What a value holds. Numbers are never reused.
 */
enum peregrine_value_kind
#ifdef __cplusplus
  : uint32_t
#endif // __cplusplus
 {
    /**
     * `as.boolean`.
     */
    PEREGRINE_VALUE_KIND_BOOL = 1,
    /**
     * `as.int64`.
     */
    PEREGRINE_VALUE_KIND_INT64 = 2,
    /**
     * `as.uint64`.
     */
    PEREGRINE_VALUE_KIND_UINT64 = 3,
    /**
     * `as.float64`.
     */
    PEREGRINE_VALUE_KIND_FLOAT64 = 4,
    /**
     * `as.bytes`: text or any bytes, without a NUL at the end.
     */
    PEREGRINE_VALUE_KIND_BYTES = 5,
    /**
     * `as.address`: an IP address; `prefix_len` of it is its full length.
     */
    PEREGRINE_VALUE_KIND_ADDRESS = 6,
    /**
     * `as.address`: an IP network.
     */
    PEREGRINE_VALUE_KIND_NETWORK = 7,
    /**
     * `as.list`: values of one kind.
     */
    PEREGRINE_VALUE_KIND_LIST = 8,
};
#ifndef __cplusplus
typedef uint32_t peregrine_value_kind;
#endif // __cplusplus

/**
 * A field with its argument, resolved once and asked many times. Opaque. It holds no event: any thread may use it for
 * the events of any inspector.
 */
typedef struct peregrine_field peregrine_field;

/**
 * Events of a source, in time order, with what is known of the machine. Opaque. To be used by one thread at a time.
 */
typedef struct peregrine_inspector peregrine_inspector;

/**
 * An event, lent until its inspector is asked for the next one. A plain value: copy it, do not free it. Using it after
 * the next event was asked for gives PEREGRINE_STATUS_INVALID_HANDLE.
 */
typedef struct peregrine_event {
    /**
     * The inspector that lends it.
     */
    const struct peregrine_inspector *inspector;
    /**
     * Which of its events this is.
     */
    uint64_t generation;
} peregrine_event;

/**
 * Bytes that are lent. They are not ended by a NUL and need not be UTF-8: names and paths are what the kernel says.
 * How long they are valid stands at the call that gives them.
 */
typedef struct peregrine_bytes {
    /**
     * The first byte; never NULL, even where `len` is 0.
     */
    const uint8_t *data;
    /**
     * How many bytes.
     */
    size_t len;
} peregrine_bytes;

/**
 * The head of an event. Set `size` to `sizeof(peregrine_event_info)` before the call; a later version may know more
 * members, and fills only those that fit.
 */
typedef struct peregrine_event_info {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Its number in the stream, from 1. There are holes: some events change the state and are not shown.
     */
    uint64_t number;
    /**
     * Nanoseconds since 1970.
     */
    uint64_t timestamp;
    /**
     * The thread, in the host's first pid namespace; -1 when there is none.
     */
    int64_t tid;
    /**
     * The name of its type, such as `openat`; a constant that is never freed.
     */
    struct peregrine_bytes name;
    /**
     * Its code in the schema.
     */
    uint16_t code;
    /**
     * The processor.
     */
    uint16_t cpu;
    /**
     * How many parameters it has.
     */
    uint32_t nparams;
} peregrine_event_info;

/**
 * An IP address, or a network.
 */
typedef struct peregrine_address {
    /**
     * The address in network byte order; an IPv4 address fills the first four bytes.
     */
    uint8_t octets[16];
    /**
     * 4 or 6.
     */
    uint8_t version;
    /**
     * The bits of the mask: 0 to 32 or 128.
     */
    uint8_t prefix_len;
} peregrine_address;

/**
 * Several values, lent as long as the value that holds them.
 */
typedef struct peregrine_list {
    /**
     * The first value; never NULL, even where `len` is 0.
     */
    const struct peregrine_value *items;
    /**
     * How many.
     */
    size_t len;
} peregrine_list;

/**
 * One of these, as the `kind` of the value says.
 */
typedef union peregrine_value_data {
    /**
     * For `PEREGRINE_VALUE_KIND_BOOL`.
     */
    bool boolean;
    /**
     * For `PEREGRINE_VALUE_KIND_INT64`.
     */
    int64_t int64;
    /**
     * For `PEREGRINE_VALUE_KIND_UINT64`.
     */
    uint64_t uint64;
    /**
     * For `PEREGRINE_VALUE_KIND_FLOAT64`.
     */
    double float64;
    /**
     * For `PEREGRINE_VALUE_KIND_BYTES`.
     */
    struct peregrine_bytes bytes;
    /**
     * For `PEREGRINE_VALUE_KIND_ADDRESS` and `_NETWORK`.
     */
    struct peregrine_address address;
    /**
     * For `PEREGRINE_VALUE_KIND_LIST`.
     */
    struct peregrine_list list;
} peregrine_value_data;

/**
 * A typed value. What it points at is lent until the inspector that gave it is asked for its next event.
 */
typedef struct peregrine_value {
    /**
     * Which member of `as` holds it.
     */
    peregrine_value_kind kind;
    /**
     * The value.
     */
    union peregrine_value_data as;
} peregrine_value;

/**
 * One parameter of an event.
 */
typedef struct peregrine_param {
    /**
     * Its name, such as `flags`; a constant.
     */
    struct peregrine_bytes name;
    /**
     * The name of its type, such as `FSPATH`; a constant.
     */
    struct peregrine_bytes type_name;
    /**
     * Its bytes as the driver wrote them, lent with the event.
     */
    struct peregrine_bytes raw;
    /**
     * Its value; only meaningful if `has_value` is set.
     */
    struct peregrine_value value;
    /**
     * Whether it has a value: an empty parameter has none.
     */
    bool has_value;
} peregrine_param;

/**
 * A thread as the inspector knows it. Numbers are -1 where they are not known. What it points at is lent until the
 * inspector is asked for its next event. Set `size` to `sizeof(peregrine_thread)` before the call.
 */
typedef struct peregrine_thread {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * The thread, its process and its parent, in the host's pid namespace.
     */
    int64_t tid;
    /**
     * The process.
     */
    int64_t pid;
    /**
     * The thread that it is a child of.
     */
    int64_t ptid;
    /**
     * The session.
     */
    int64_t sid;
    /**
     * The process group, in the host's pid namespace.
     */
    int64_t pgid;
    /**
     * The thread, in its own pid namespace.
     */
    int64_t vtid;
    /**
     * The process, in its own pid namespace.
     */
    int64_t vpid;
    /**
     * Effective user; UINT32_MAX unknown.
     */
    uint32_t uid;
    /**
     * Effective group; UINT32_MAX unknown.
     */
    uint32_t gid;
    /**
     * The user who logged in; UINT32_MAX unset.
     */
    uint32_t loginuid;
    /**
     * The terminal; 0 none.
     */
    uint32_t tty;
    /**
     * When it was cloned, in nanoseconds since 1970; 0 unknown.
     */
    uint64_t clone_ts;
    /**
     * The name that the kernel shows.
     */
    struct peregrine_bytes comm;
    /**
     * The first argument.
     */
    struct peregrine_bytes exe;
    /**
     * The path of the executable, resolved.
     */
    struct peregrine_bytes exepath;
    /**
     * The working directory, ended by a slash.
     */
    struct peregrine_bytes cwd;
    /**
     * The container; empty on the host.
     */
    struct peregrine_bytes container_id;
    /**
     * The arguments after the first, each of kind PEREGRINE_VALUE_KIND_BYTES.
     */
    struct peregrine_list args;
} peregrine_thread;

/**
 * A descriptor. What it points at is lent until the inspector is asked for its next event.
 */
typedef struct peregrine_fd {
    /**
     * Its number.
     */
    int64_t num;
    /**
     * Inode; 0 unknown.
     */
    uint64_t ino;
    /**
     * A path, a pair of addresses, a label.
     */
    struct peregrine_bytes name;
    /**
     * The type as rules write it, such as `file` or `ipv4`; empty where there is none. A constant.
     */
    struct peregrine_bytes type_name;
    /**
     * Flags of `open`, as the schema numbers them.
     */
    uint32_t open_flags;
    /**
     * Device number; 0 unknown.
     */
    uint32_t dev;
} peregrine_fd;

/**
 * The descriptors of a process.
 */
typedef struct peregrine_fd_list {
    /**
     * The first descriptor; never NULL, even where `len` is 0.
     */
    const struct peregrine_fd *items;
    /**
     * How many.
     */
    size_t len;
} peregrine_fd_list;

/**
 * What an inspector's source delivered and lost. Set `size` to `sizeof(peregrine_stats)` before the call.
 */
typedef struct peregrine_stats {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Events seen by the source, delivered or not.
     */
    uint64_t seen;
    /**
     * Events delivered.
     */
    uint64_t delivered;
    /**
     * Events lost for any cause.
     */
    uint64_t dropped;
    /**
     * Blocks of a capture that were skipped because their type is not known.
     */
    uint64_t unknown;
} peregrine_stats;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The message of the last call of this thread that failed: UTF-8, ended by a NUL, "" if none did. The library owns
 * it; it is valid until the next failing call of this thread.
 */
const char *peregrine_last_error(void);

/**
 * Says when, where and what an event is.
 *
 * @param event the event
 * @param out   receives the head; set its `size` first
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_event_describe(struct peregrine_event event, struct peregrine_event_info *out);

/**
 * Gives one parameter.
 *
 * @param event the event
 * @param index its index, from 0
 * @param out   receives the parameter
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if the event has no such parameter
 */
peregrine_status peregrine_event_param(struct peregrine_event event,
                                       uint32_t index,
                                       struct peregrine_param *out);

/**
 * Resolves a field, such as `proc.name`, `proc.aname[2]` or `evt.arg.flags`.
 *
 * @param name the field, UTF-8
 * @param out  receives a field that the caller owns and gives back with peregrine_field_free()
 * @return PEREGRINE_STATUS_OK, _COMPILE if there is no such field or its argument is wrong
 */
peregrine_status peregrine_field_new(const char *name, struct peregrine_field **out);

/**
 * Gives a field back. NULL is fine.
 */
void peregrine_field_free(struct peregrine_field *field);

/**
 * The name of the type of a field's values, such as `CHARBUF`: a constant.
 *
 * @param field the field
 * @param out   receives the name
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_field_type(const struct peregrine_field *field, struct peregrine_bytes *out);

/**
 * The value of a field of an event.
 *
 * @param event the event
 * @param field the field
 * @param out   receives the value; what it points at is lent until the next event is asked for, or the field is freed
 * @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value
 */
peregrine_status peregrine_event_value(struct peregrine_event event,
                                       const struct peregrine_field *field,
                                       struct peregrine_value *out);

/**
 * The text of a field of an event, as an output format prints it.
 *
 * @param event the event
 * @param field the field
 * @param out   receives the text, lent until the next event is asked for, or the field is freed
 * @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value
 */
peregrine_status peregrine_event_text(struct peregrine_event event,
                                      const struct peregrine_field *field,
                                      struct peregrine_bytes *out);

/**
 * The value of a field by its name: for a question asked once. Resolve the field for one asked of every event.
 *
 * @param event the event
 * @param name  the field, UTF-8
 * @param out   receives the value, lent until the next event is asked for
 * @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value, _COMPILE if there is no such field
 */
peregrine_status peregrine_event_value_by_name(struct peregrine_event event,
                                               const char *name,
                                               struct peregrine_value *out);

/**
 * Opens a capture file, compressed or not, of any version, and reads the state that it begins with.
 *
 * @param path the file's name, UTF-8
 * @param out  receives an inspector that the caller owns and gives back with peregrine_inspector_free()
 * @return PEREGRINE_STATUS_OK, _IO if the file cannot be read, _FORMAT if it is no capture
 */
peregrine_status peregrine_inspector_open_file(const char *path, struct peregrine_inspector **out);

/**
 * Opens a capture that is in memory. The bytes are copied.
 *
 * @param data the first byte of the capture
 * @param len  how many bytes
 * @param out  receives an inspector that the caller owns and gives back with peregrine_inspector_free()
 * @return PEREGRINE_STATUS_OK, _FORMAT if it is no capture
 */
peregrine_status peregrine_inspector_open_memory(const uint8_t *data,
                                                 size_t len,
                                                 struct peregrine_inspector **out);

/**
 * Moves to the next event. The event before, and all that was lent with it, is void from here on.
 *
 * @param inspector the inspector
 * @param out       receives the event, lent until the next call
 * @return PEREGRINE_STATUS_OK; _END when there is no more; _IDLE when a live source has nothing just now; an error
 *         when the source is broken, after which every further call gives _END
 */
peregrine_status peregrine_inspector_next(struct peregrine_inspector *inspector,
                                          struct peregrine_event *out);

/**
 * How far a capture file was read.
 *
 * @param inspector the inspector
 * @param position  receives the bytes read so far
 * @param size      receives the size of the file
 * @return PEREGRINE_STATUS_OK, or _MISSING if the source is not a file
 */
peregrine_status peregrine_inspector_progress(const struct peregrine_inspector *inspector,
                                              uint64_t *position,
                                              uint64_t *size);

/**
 * Gives an inspector back. NULL is fine. Its events, and all that was lent with them, are void.
 */
void peregrine_inspector_free(struct peregrine_inspector *inspector);

/**
 * The thread that an event belongs to.
 *
 * @param event the event
 * @param out   receives the thread; set its `size` first
 * @return PEREGRINE_STATUS_OK, _MISSING for events of the capture itself
 */
peregrine_status peregrine_event_thread(struct peregrine_event event, struct peregrine_thread *out);

/**
 * A thread by its tid, in the host's pid namespace, as it is after the current event.
 *
 * @param inspector the inspector
 * @param tid       the thread
 * @param out       receives the thread; set its `size` first
 * @return PEREGRINE_STATUS_OK, _MISSING if there is no such thread
 */
peregrine_status peregrine_inspector_thread(const struct peregrine_inspector *inspector,
                                            int64_t tid,
                                            struct peregrine_thread *out);

/**
 * The descriptors that a thread sees, in no particular order.
 *
 * @param inspector the inspector
 * @param tid       the thread, in the host's pid namespace
 * @param out       receives the list, lent until the next event is asked for
 * @return PEREGRINE_STATUS_OK, _MISSING if there is no such thread
 */
peregrine_status peregrine_inspector_fds(const struct peregrine_inspector *inspector,
                                         int64_t tid,
                                         struct peregrine_fd_list *out);

/**
 * How many threads the inspector knows.
 *
 * @param inspector the inspector
 * @param out       receives the number
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_inspector_thread_count(const struct peregrine_inspector *inspector, uint64_t *out);

/**
 * What an inspector's source delivered and lost so far.
 *
 * @param inspector the inspector
 * @param out       receives the numbers; set its `size` first
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_inspector_stats(const struct peregrine_inspector *inspector,
                                           struct peregrine_stats *out);

/**
 * The name of a status, such as `PEREGRINE_STATUS_OK`, as a constant string. Never NULL.
 */
const char *peregrine_status_name(int32_t status);

/**
 * The version of the library, such as `0.1.0`, as a constant string.
 */
const char *peregrine_version(void);

/**
 * The version of the event schema that the library knows, such as `4.5.1`, as a constant string.
 */
const char *peregrine_schema_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PEREGRINE_H */
