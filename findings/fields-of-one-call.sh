#!/bin/bash
# A plugin of the Rust SDK that is called for several fields at once returns overwritten values.
#
# Seen with falco_plugin 0.5.1, whose memory for the results is a bump allocator: the memory of a number is given back as
# soon as it was written, and the next field gets it. The plugin interface has calls for several fields; a host that uses
# them reads 2 and 2 where the plugin returned 1 and 2. Called for one field at a time, it returns the right values.
set -eu
command -v cargo >/dev/null || { echo "cargo is not installed"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'T'
[package]
name = "two"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[dependencies]
falco_plugin = "=0.5.1"
[workspace]
T
cat > "$folder/src/lib.rs" <<'R'
use falco_plugin::anyhow::Error;
use falco_plugin::base::Plugin;
use falco_plugin::event::events::RawEvent;
use falco_plugin::extract::{field, ExtractFieldInfo, ExtractPlugin, ExtractRequest};
use falco_plugin::tables::TablesInput;
use falco_plugin::{extract_plugin, plugin};
use std::ffi::CStr;

struct Two;

impl Plugin for Two {
    const NAME: &'static CStr = c"two";
    const PLUGIN_VERSION: &'static CStr = c"0.1.0";
    const DESCRIPTION: &'static CStr = c"Two numbers.";
    const CONTACT: &'static CStr = c"nobody@example.com";
    type ConfigType = ();

    fn new(_: Option<&TablesInput>, _: ()) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Two {
    fn one(&mut self, _: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(1)
    }

    fn two(&mut self, _: ExtractRequest<Self>) -> Result<u64, Error> {
        Ok(2)
    }
}

impl ExtractPlugin for Two {
    type Event<'a> = RawEvent<'a>;
    type ExtractContext = ();
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[field("two.one", &Self::one), field("two.two", &Self::two)];
}

plugin!(Two);
extract_plugin!(Two);
R
cargo build --quiet --manifest-path "$folder/Cargo.toml" --target-dir "$folder/target" 2> "$folder/log" ||
    { echo "falco_plugin 0.5.1 cannot be built: $(tail -n 1 "$folder/log")"; exit 77; }
python3 - "$folder/target/debug/libtwo.so" <<'P'
import ctypes, struct, sys
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int32, c_uint32, c_uint64, c_void_p

class Init(Structure):
    _fields_ = [("config", c_char_p), ("owner", c_void_p), ("error", c_void_p), ("tables", c_void_p), ("log", c_void_p)]

class Event(Structure):
    _fields_ = [("event", c_void_p), ("number", c_uint64), ("source", c_char_p)]

class Field(Structure):
    _fields_ = [("result", POINTER(c_uint64)), ("length", c_uint64), ("id", c_uint32), ("name", c_char_p),
                ("key", c_char_p), ("index", c_uint64), ("present", c_uint32), ("type", c_uint32), ("list", c_uint32)]

class Input(Structure):
    _fields_ = [("owner", c_void_p), ("error", c_void_p), ("count", c_uint32), ("fields", POINTER(Field)),
                ("reader", c_void_p * 4), ("reader_ext", c_void_p), ("offsets", c_void_p)]

plugin = ctypes.CDLL(sys.argv[1])
plugin.plugin_init.restype = c_void_p
error = CFUNCTYPE(c_char_p, c_void_p)(lambda owner: None)
log = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p, c_uint32)(lambda *line: None)
pointer = lambda function: ctypes.cast(function, c_void_p)
rc = c_int32(-9)
state = plugin.plugin_init(byref(Init(b"", None, pointer(error), None, pointer(log))), byref(rc))
assert rc.value == 0, "the plugin does not start"
event = struct.pack("<QQIHIIII1s", 1, 2**64 - 1, 39, 322, 2, 4, 1, 1, b"x")
nothing = ctypes.create_string_buffer(1024)

def extract(*numbers):
    names = [b"two.one", b"two.two"]
    fields = (Field * len(numbers))(*[Field(None, 0, number, names[number], None, 0, 0, 8, 0) for number in numbers])
    seen = Event(ctypes.cast(ctypes.c_char_p(event), c_void_p), 1, b"two")
    wanted = Input(None, pointer(error), len(numbers), fields, (c_void_p * 4)(), ctypes.addressof(nothing), None)
    assert plugin.plugin_extract_fields(c_void_p(state), byref(seen), byref(wanted)) == 0, "no values"
    return [field.result[0] for field in fields]

alone, together = [extract(0)[0], extract(1)[0]], extract(0, 1)
holds = alone == [1, 2] and together != [1, 2]
if not holds:
    print("changed: one at a time", alone, "and together", together)
sys.exit(not holds)
P
