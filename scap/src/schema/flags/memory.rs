//! Names of flags in memory calls.

crate::schema::macros::flags! {
    PROT_FLAGS = "prot_flags" {
        PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_SEM = 8, PROT_GROWSDOWN = 0x10,
        PROT_GROWSUP = 0x20, PROT_SAO = 0x40, PROT_NONE = 0,
    }
    MMAP_FLAGS = "mmap_flags" {
        MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 4, MAP_ANONYMOUS = 8, MAP_32BIT = 0x10,
        MAP_RENAME = 0x20, MAP_NORESERVE = 0x40, MAP_POPULATE = 0x80, MAP_NONBLOCK = 0x100,
        MAP_GROWSDOWN = 0x200, MAP_DENYWRITE = 0x400, MAP_EXECUTABLE = 0x800, MAP_INHERIT = 0x1000,
        MAP_FILE = 0x2000, MAP_LOCKED = 0x4000,
    }
    PF_FLAGS = "pf_flags" {
        PROTECTION_VIOLATION = 1, PAGE_NOT_PRESENT = 2, WRITE_ACCESS = 4, READ_ACCESS = 8,
        USER_FAULT = 0x10, SUPERVISOR_FAULT = 0x20, RESERVED_PAGE = 0x40, INSTRUCTION_FETCH = 0x80,
    }
    MLOCKALL_FLAGS = "mlockall_flags" {
        MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4,
    }
    MLOCK2_FLAGS = "mlock2_flags" {
        MLOCK_ONFAULT = 1,
    }
}
